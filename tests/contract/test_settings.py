"""Settings that cannot be used: `check-config` and a start judge them alike, 78 and a sentence
that names the setting; whatever check-config lets pass does not end a start."""

import socket
import subprocess
import time

import pytest
from quintet import env
from quintet.stack import SERVICES, Stack

CONFIG = 78
NOWHERE = "/nowhere/at/all"

LISTEN = ["7001", "127.0.0.1", "localhost:x", "127.0.0.1:70000", "300.1.1.1:80", "a host:80"]
BIND = ["127.0.0.1:7001", "tcp://127.0.0.1", "tcp://127.0.0.1:x", "tcp://127.0.0.1:65536",
        "tcp://no.such.host:7001", "ipc:///tmp/x", "tcp://[::1:7001"]
PEERS = ["auth:7001", "tcp://auth", "tcp://auth:0", "tcp://auth:70000", "http://auth:7001",
         "tcp://auth:7001,auth", ",", "tcp://" + ",tcp://".join(f"h{n}:1" for n in range(99))]
URL = ["example.com", "ftp://example.com", "http://", "http://:80", "https://a b", "https://a/?x",
       "https://a/\"b", "https://a@b", "javascript:alert(1)"]
INT = ["x", "-1", "99999999999999999999"]

SHARED = {
    "LOG_LEVEL": ["loud", "info,db=loud", "info,=debug"], "LOG_FORMAT": ["xml"],
    "MONITOR_TELEMETRY": PEERS, "DRAIN_DELAY_MS": [*INT, "60001"],
    "SHUTDOWN_TIMEOUT_MS": [*INT, "300001"], "@_RPC_LISTEN": BIND, "@_OPS_LISTEN": LISTEN,
    "KEYS_DIR": [NOWHERE], "KEYS_PUBLIC_DIR": [NOWHERE],
}
DATABASE = {"POSTGRES_PORT": ["x", "0", "65536", "5432,x"], "POSTGRES_SSLMODE": ["on", "Require"],
            "POSTGRES_PASSWORD_FILE": [NOWHERE]}
HS256 = {"DJANGO_SECRET_KEY": ["x" * 31, "insecure-secret"], "DJANGO_SECRET_KEY_FILE": [NOWHERE],
         "JWT_ALGORITHM": ["none", "RS256", "HS256"]}  # the last without a secret
BAD = {
    "gateway": SHARED | HS256 | {
        "GATEWAY_HTTP_LISTEN": LISTEN, "AUTH_ENDPOINT": PEERS, "AUTH_EVENTS": PEERS,
        "CATALOG_ENDPOINT": PEERS, "PUBLIC_URL": URL,
        "REDIS_URL": ["redis", "rediss://h", "redis://h:0", "redis://h/x", "unix://run/x"],
        "RATE_LIMIT_EXEMPT": ["10.0.0.0/33", "everybody", "10.0.0.0/8;::1"],
        "CORS_ALLOWED_ORIGINS": ["shop.example", "https://shop.example/", "https://*.example"],
        "TRUSTED_PROXIES": ["10.0.0.0/99", "a host", "10.0.0.0/8,http://proxy"],
        "GATEWAY_BODY_MAX": ["1", "x", "9999999999"], "REVOCATION_MAX": ["1"],
        **{f"RATE_LIMIT_{name}": ["20", "20/w", "0/m", "20/m,", "20/m;200/h", "many", "-1/s",
                                  "1/m,2/h,3/d", "9999999/s", "1/2d"]
           for name in ("REGISTER", "LOGIN", "REFRESH", "VERIFY", "RESET", "MAIL", "READ",
                        "WRITE")}},
    "auth": SHARED | DATABASE | HS256 | {
        "AUTH_EVENTS_LISTEN": BIND, "PUBLIC_URL": URL, "AUTH_PASSWORD_BLOCKLIST": [NOWHERE, "/"],
        "AUTH_REFRESH_ROTATION": ["maybe"], "AUTH_ARGON2_MEMORY_KIB": ["1", "x"],
        "AUTH_AUDIT_DAYS": ["0", "3661", "x"]},
    "catalog": SHARED | DATABASE | {"AUTH_ENDPOINT": PEERS, "AUTH_EVENTS": PEERS,
                                    "CATALOG_IDEMPOTENCY_HOURS": ["0", "x"]},
    "mailer": SHARED | DATABASE | {
        "AUTH_ENDPOINT": PEERS, "AUTH_EVENTS": PEERS, "EMAIL_BACKEND": ["pigeon"],
        "EMAIL_HOST": ["smtp.example.com/x", "a b", "x@y"], "EMAIL_PORT": ["0", "x", "65536"],
        "EMAIL_FILE_PATH": [NOWHERE, "/dev/null"], "EMAIL_SSL_CAFILE": [NOWHERE, "/"],
        "DEFAULT_FROM_EMAIL": ["nobody", "a@b@c", "Shop <a b@c.example>", "a@b\r\nBcc: c@d"],
        "MAILER_SEND_TIMEOUT_MS": ["60000", "x"], "EMAIL_USE_SSL": ["true", "maybe"],
        "EMAIL_HOST_USER": ["me"], "EMAIL_HOST_PASSWORD_FILE": [NOWHERE],
        "MAILER_TEMPLATES_DIR": ["{broken}"]},
    "monitor": SHARED | DATABASE | {
        "MONITOR_HTTP_LISTEN": LISTEN, "MONITOR_TELEMETRY_LISTEN": BIND, "MAILER_ENDPOINT": PEERS,
        "AUTH_ENDPOINT": PEERS, "MONITOR_URL_PREFIX": ["ops", "/ops/", "/o ps", "//x", "/"],
        "MONITOR_TRUSTED_PROXIES": ["10.0.0.0/99", "a host"],
        "MONITOR_BASIC_AUTH": ["nobody", ":x", "a:", "a:b,c", ",".join(["a:b"] * 65)],
        "MONITOR_READ_ONLY": ["perhaps"], "MONITOR_SESSION_MAX": ["1"]},
}
SMTP = {"EMAIL_BACKEND": "smtp"}
BESIDE = {"DJANGO_SECRET_KEY": {"JWT_ALGORITHM": "HS256"}, "EMAIL_USE_SSL": SMTP,
          "EMAIL_HOST_USER": SMTP, "MAILER_SEND_TIMEOUT_MS": SMTP}

GOOD_SHARED = [
    {"LOG_LEVEL": "warn,db=debug", "MONITOR_TELEMETRY": "none", "DRAIN_DELAY_MS": "0"},
    {"MONITOR_TELEMETRY": "tcp://monitor:7104, tcp://[::1]:7104,", "LOG_FORMAT": "TEXT"}]
GOOD_DATABASE = [{"POSTGRES_PORT": "5432,5433", "POSTGRES_SSLMODE": "verify-full"},
                 {"POSTGRES_HOST": "/tmp", "POSTGRES_SSLMODE": "disable"}]
GOOD = {
    "gateway": [
        {"PUBLIC_URL": "https://api.example:8443/shop/", "REDIS_URL": "redis://:pw@redis:6380/2",
         "RATE_LIMIT_LOGIN": "off", "RATE_LIMIT_READ": "1/s, 5/90m", "TRUSTED_PROXIES": "proxy, ::1",
         "CORS_ALLOWED_ORIGINS": "https://a.example, http://localhost:3000",
         "RATE_LIMIT_EXEMPT": "10.0.0.0/8, ::1", "GATEWAY_HTTP_LISTEN": "[::1]:0",
         "JWT_ALGORITHM": "hs256", "DJANGO_SECRET_KEY": "x" * 32, "ALLOWED_HOSTS": "*"},
        {"PUBLIC_URL": "http://[::1]:8000", "REDIS_URL": "unix:///run/redis.sock?db=1",
         "CORS_ALLOWED_ORIGINS": "*", "GATEWAY_HTTP_LISTEN": "localhost:0",
         "AUTH_ENDPOINT": "tcp://auth:7001,tcp://auth-2:7001"}],
    "auth": [{"AUTH_EVENTS_LISTEN": "tcp://*:*", "PUBLIC_URL": "https://api.example",
              "AUTH_PASSWORD_BLOCKLIST": "/etc/services", "JWT_ALGORITHM": "HS256",
              "DJANGO_SECRET_KEY": "é" * 16},
             {"AUTH_EVENTS_LISTEN": "tcp://lo:0", "AUTH_REFRESH_ROTATION": "OFF"}],
    "catalog": [{"AUTH_EVENTS": "tcp://auth:7101"}, {}],
    "mailer": [{"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
                "EMAIL_HOST": "smtp.example.com", "EMAIL_HOST_USER": "a@b",
                "EMAIL_HOST_PASSWORD": "x", "DEFAULT_FROM_EMAIL": "Der Laden <shop@bücher.example>",
                "EMAIL_SSL_CAFILE": "/etc/ssl/certs/ca-certificates.crt"},
               {"EMAIL_BACKEND": "console", "EMAIL_HOST": "::1", "EMAIL_USE_SSL": "true"}],
    "monitor": [{"MONITOR_URL_PREFIX": "/ops/flower", "MONITOR_BASIC_AUTH": "a:b, c:d:ro",
                 "MONITOR_HTTP_LISTEN": ":0", "MONITOR_TELEMETRY_LISTEN": "tcp://[::1]:*"},
                {"MONITOR_EXPECT": "catalog:3,auth", "MONITOR_EXPECT_VERSION": "any"}],
}


@pytest.fixture(scope="module")
def stack():
    """Keys and settings, and nothing that runs: a database is not needed for a verdict."""
    found = Stack(["auth"])
    found.make_keys()
    (found.dir / "broken").mkdir()
    (found.dir / "broken" / "welcome.txt").write_text("{{no_such_name}}")
    (found.dir / "cwd").mkdir()
    yield found
    found.stop()


class Judges:
    def __init__(self, stack, service):
        self.stack, self.service = stack, service

    def environment(self, settings):
        found = self.stack.environment(self.service)
        found |= {"POSTGRES_HOST": str(self.stack.dir), "POSTGRES_PORT": "1"} | settings
        return {k: v.replace("{broken}", str(self.stack.dir / "broken")) for k, v in found.items()}

    def run(self, *arguments, **settings):
        return subprocess.Popen(
            [*env.DIE_WITH_US, str(env.BIN / self.service), *arguments], text=True,
            env=self.environment(settings), cwd=self.stack.dir / "cwd",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            errors="replace")

    def check_config(self, **settings):
        process = self.run("check-config", **settings)
        said, _ = process.communicate(timeout=env.seconds(20))
        assert not env.SANITIZER.search(said), said
        return process.returncode, said

    def start(self, **settings):
        """(78, what it said) of a start that ends, (0, "") of one that opens its ops port."""
        process = self.run(**settings)
        port = self.stack.port[f"{self.service}.ops"]
        deadline = time.monotonic() + env.seconds(20)
        try:
            while process.poll() is None:
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", port)) == 0:
                        return 0, ""
                assert time.monotonic() < deadline, "neither ended nor serving"
                time.sleep(0.005)
            return process.returncode, process.stdout.read()
        finally:
            process.kill()
            process.communicate()


@pytest.fixture(params=SERVICES)
def judges(request, stack):
    return Judges(stack, request.param)


def refused(judges, name, values):
    """All values by check-config, the first one by a start: both read the same table."""
    asked = [(judges.check_config, v) for v in values] + [(judges.start, values[0])]
    wrong = []
    for ask, value in asked:
        code, said = ask(**BESIDE.get(name, {}) | {name: value})
        named = name.removesuffix("_FILE") in said or "KEYS" in name and value in said
        if code != CONFIG or not named:
            wrong.append((ask.__name__, name, value, code, said[-300:]))
    return wrong


def test_both_refuse_what_cannot_be_used(judges):
    bad = {name.replace("@", judges.service.upper()): values
           for name, values in BAD[judges.service].items()}
    assert all("" not in values for values in bad.values()), "that is an unset one"
    assert sum([refused(judges, *one) for one in bad.items()], []) == []


@pytest.mark.parametrize("which", [0, 1])
def test_both_take_what_can_be_used(judges, which):
    settings = GOOD_SHARED[which] | GOOD[judges.service][which]
    if judges.service != "gateway":
        settings |= GOOD_DATABASE[which]
    code, said = judges.check_config(**settings)
    assert code == 0, said
    assert judges.start(**settings) == (0, ""), settings


@pytest.mark.parametrize("value", ["a text with blanks", NOWHERE])
def test_what_check_config_takes_ends_no_start(judges, value):
    """Every setting there is, with values that some take and others do not."""
    _, said = judges.check_config()
    names = [line.split("=")[0] for line in said.splitlines() if "=" in line]
    assert len(names) > 15
    codes = {name: judges.check_config(**{name: value})[0] for name in names}
    assert set(codes.values()) == {0, CONFIG}
    taken = {name: value for name, code in codes.items() if code == 0}
    assert judges.start(**taken) == (0, ""), taken


def test_secrets_are_not_told(stack):
    for service, name, value in (("gateway", "REDIS_URL", "redis://:s3cr3t@h:x"),
                                 ("monitor", "MONITOR_BASIC_AUTH", "s3cr3t"),
                                 ("auth", "DJANGO_SECRET_KEY", "s3cr3t")):
        judges = Judges(stack, service)
        settings = BESIDE.get(name, {}) | {name: value}
        for code, said in (judges.check_config(**settings), judges.start(**settings)):
            assert code == CONFIG and "s3cr3t" not in said, said
