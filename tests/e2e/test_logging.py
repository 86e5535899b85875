"""What is written down: one id through every daemon, and no secret anywhere."""

import json
import re
import uuid

import pytest

from quintet import env

DAEMONS = ["auth", "catalog", "mailer", "monitor", "gateway"]
PASSWORD, NEW_PASSWORD = "canary-pass-4711", "canary-pass-0815"
TOKEN = re.compile(r"token=([\w-]{43})")


@pytest.fixture(scope="module")
def stack(start_stack, redis, smtp):
    return start_stack(DAEMONS, redis=redis, LOG_LEVEL="debug", AUTH_REQUIRE_VERIFIED="false",
                       **smtp.env())


class Run:
    """A user's whole life, and every secret of it."""

    def __init__(self, stack, smtp):
        self.stack, self.smtp = stack, smtp
        self.ident, self.trace = uuid.uuid4().hex, uuid.uuid4().hex
        self.secrets = {"password": PASSWORD, "new password": NEW_PASSWORD}
        self.live()

    def post(self, path, body, expected=200, token=None, **headers):
        status, value, answer = self.stack.http("POST", path, body, token, headers)
        assert status == expected, value
        return value, answer

    def link(self, to, nth):
        mail = self.smtp.wait_for(to, nth)[nth - 1]
        return TOKEN.search(mail.text)[1], mail

    def log_in(self, password, name):
        tokens, _ = self.post("/api/auth/login", {"username": "canary", "password": password})
        self.secrets |= {f"{name} {kind}": tokens[kind] for kind in ("access", "refresh")}
        return tokens

    def live(self):
        to = "canary@example.org"
        _, answer = self.post(
            "/api/auth/register",
            {"username": "canary", "email": to, "password": PASSWORD, "password2": PASSWORD},
            201, **{"X-Request-ID": self.ident,
                    "traceparent": f"00-{self.trace}-00f067aa0ba902b7-01"})
        self.answered = answer["X-Request-ID"]
        self.secrets["link of verification"], self.mail = self.link(to, 1)
        self.post("/api/auth/verify-email", {"token": self.secrets["link of verification"]})
        self.smtp.wait_for(to, 2)  # the welcome
        self.post("/api/auth/login", {"username": "canary", "password": "wrong-canary-1"}, 401)
        self.secrets["wrong password"] = "wrong-canary-1"
        tokens = self.log_in(PASSWORD, "first")
        fresh, _ = self.post("/api/auth/refresh", {"refresh": tokens["refresh"]})
        self.secrets |= {f"second {kind}": value for kind, value in fresh.items()}
        self.stack.http("GET", f"/api/products?token={PASSWORD}", token=fresh["access"])
        self.stack.http("GET", "/api/products", token="garbage-canary-token")
        self.secrets["bad token"] = "garbage-canary-token"
        self.stack.http("GET", "/api/products", headers={"Authorization": "Basic canary-basic",
                                                         "Cookie": "session=canary-cookie"})
        self.secrets |= {"basic": "canary-basic", "cookie": "canary-cookie"}
        self.post("/api/auth/forgot-password", {"email": to})
        self.secrets["link of reset"], _ = self.link(to, 3)
        page = f"/api/auth/reset-password?token={self.secrets['link of reset']}"
        self.stack.http("GET", page, headers={"Accept": "text/html"})
        self.post("/api/auth/reset-password",
                  {"token": self.secrets["link of reset"], "password": NEW_PASSWORD})
        last = self.log_in(NEW_PASSWORD, "last")
        self.post("/api/auth/logout", {}, token=last["access"])
        self.stack.http("GET", "/health")


@pytest.fixture(scope="module")
def run(stack, smtp):
    return Run(stack, smtp)


def lines_with(stack, daemon, ident):
    found = [json.loads(line) for line in stack.daemons[daemon].output().splitlines()
             if line.startswith("{")]
    return [line for line in found if line.get("request_id") == ident]


def test_one_id_is_in_the_logs_of_every_hop(stack, run):
    for daemon in ("gateway", "auth", "mailer"):
        env.wait_until(lambda d=daemon: lines_with(stack, d, run.ident), 10,
                       f"{daemon} tells of {run.ident}")
    (access,) = lines_with(stack, "gateway", run.ident)
    assert (access["route"], access["status"]) == ("/api/auth/register", 201)
    (called,) = lines_with(stack, "auth", run.ident)
    assert (called["method"], called["result"]) == ("auth.register", "ok")
    assert access["trace_id"] == called["trace_id"] == run.trace
    assert any(line["msg"] == "sent" for line in lines_with(stack, "mailer", run.ident))


def test_and_in_the_answer_the_job_and_the_mail(stack, run):
    assert run.answered == run.ident
    jobs = stack.database.query(
        "select encode(request_id, 'hex'), encode(trace_id, 'hex') from job"
        " order by event_created_at limit 1", schema="mailer")
    assert [tuple(row) for row in jobs] == [(run.ident, run.trace)]
    assert run.mail.message["X-Request-ID"] == run.ident


def test_the_access_log_is_one_line_a_request(stack, run):
    for line in stack.daemons["gateway"].output().splitlines():
        if '"msg":"request"' not in line:
            continue
        said = json.loads(line)
        assert {"time", "client", "method", "route", "status", "duration_us",
                "request_id"} <= set(said)
        assert "?" not in said["route"]
        assert not {"query", "headers", "body", "authorization"} & set(said)


def test_no_secret_is_in_any_log(stack, run):
    for daemon in stack.daemons.values():
        text = daemon.output()
        assert text, f"{daemon.name} does log"
        leaks = [what for what, secret in run.secrets.items() if secret in text]
        assert not leaks, f"{daemon.name} wrote down: {leaks}"
        assert "Bearer " not in text


def test_no_secret_is_in_any_figure(stack, run):
    for daemon in DAEMONS:
        text = stack.ops(daemon, "/metrics")[1]
        assert "process_cpu_seconds_total" in text
        assert not [what for what, secret in run.secrets.items() if secret in text]
        assert "canary@example.org" not in text


def test_levels_by_area(stack, run):
    stack.restart("gateway", LOG_LEVEL="info,http=warn")
    before = len(stack.daemons["gateway"].output())
    stack.http("GET", "/api/products")
    said = stack.daemons["gateway"].output()[before:]
    assert '"area":"http"' not in said
    stack.restart("gateway", LOG_LEVEL="warn,http=info")
    before = len(stack.daemons["gateway"].output())
    stack.http("GET", "/api/products")
    # The line is written at the end of the turn that answers.
    env.wait_until(lambda: '"msg":"request"' in stack.daemons["gateway"].output()[before:], 5,
                   "the access log's line")
