"""The monitor alone: what it concludes from beats, silence and farewells."""

import json
import socket
import time
import urllib.error
import urllib.request

import pytest
import zmq

from quintet import env
from quintet.client import read_cert


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["monitor"], MONITOR_EXPECT="auth,catalog,monitor")


class Speaker:
    """A PUB with the key of a service, as a daemon's telemetry is."""

    def __init__(self, stack, name):
        self.context, self.name = zmq.Context(), name
        self.socket = self.context.socket(zmq.PUB)
        self.socket.linger = 0
        public, secret = stack._make_client_key(name)
        self.socket.curve_publickey, self.socket.curve_secretkey = public, secret
        self.socket.curve_serverkey = stack.server_key("monitor")
        self.socket.connect(stack.daemons["monitor"].environment["MONITOR_TELEMETRY"])

    def message(self, **more):
        return {"service": self.name, "instance": f"{self.name}-t", "version": "9",
                "boot_id": "boot-1", "seq": 1, "at_us": int(time.time() * 1e6),
                "state": "ready", "why": None, "control": "tcp://127.0.0.1:1",
                "uptime_s": 5, "pid": 42, "rss_kib": 1000, "cpu_us": 10,
                "load": {"in_flight": 3}} | more

    def say(self, kind, **more):
        self.socket.send_multipart([kind.encode(), json.dumps(self.message(**more)).encode()])

    def close(self):
        self.socket.close()
        self.context.term()


@pytest.fixture(scope="module")
def auth(stack):
    speaker = Speaker(stack, "auth")
    yield speaker
    speaker.close()


def get(stack, path):
    try:
        with urllib.request.urlopen(stack.monitor_url + path, timeout=5) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as e:
        return e.code, e.read(), e.headers


def replicas(stack, service):
    services = json.loads(get(stack, "/api/overview")[1])["services"]
    return next(s["replicas"] for s in services if s["name"] == service)


def replica(stack, service, instance):
    return next((r for r in replicas(stack, service) if r["instance"] == instance), None)


def hear(stack, speaker, condition, **more):
    """Beats until the condition holds: a PUB that has just connected loses its first."""
    def beat():
        speaker.say("beat", **more)
        return condition()
    return env.wait_until(beat, 10, "the beat is heard", every=0.1)


def test_it_shows_itself_and_misses_the_others(stack):
    env.wait_until(lambda: replicas(stack, "monitor"), 10, "its own beat")
    assert replicas(stack, "monitor")[0]["status"] == "up"
    assert replicas(stack, "catalog") == []


def test_a_beat_makes_a_replica_known(stack, auth):
    shown = hear(stack, auth, lambda: replica(stack, "auth", "auth-t"))
    assert shown["status"] == "up" and shown["pid"] == 42 and shown["load"]["in_flight"] == 3
    assert "Beats every second" in shown["evidence"]


def test_nobody_speaks_for_another_service(stack, auth):
    hear(stack, auth, lambda: replica(stack, "auth", "auth-t"))
    for _ in range(3):
        auth.say("beat", service="catalog", instance="forged")
    hear(stack, auth, lambda: replica(stack, "auth", "auth-after"), instance="auth-after",
         control="tcp://127.0.0.1:2")
    assert replica(stack, "catalog", "forged") is None


def test_an_old_beat_proves_nothing(stack, auth):
    auth.say("beat", instance="ghost", at_us=int((time.time() - 60) * 1e6))
    hear(stack, auth, lambda: replica(stack, "auth", "auth-x"), instance="auth-x",
         control="tcp://127.0.0.1:3")
    assert replica(stack, "auth", "ghost") is None


def test_silence_without_a_listener_is_a_crash_with_evidence(stack, auth):
    hear(stack, auth, lambda: replica(stack, "auth", "gone"), instance="gone",
         control="tcp://127.0.0.1:4")
    shown = env.wait_until(
        lambda: (r := replica(stack, "auth", "gone"))["status"] == "crashed" and r, 15,
        "the silent replica is called crashed")
    assert "no farewell, and nobody listens on its control port" in shown["evidence"]


def test_silence_with_a_listener_that_never_answers_is_a_frozen_loop(stack, auth):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        hear(stack, auth, lambda: replica(stack, "auth", "stuck"), instance="stuck",
             control=f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        shown = env.wait_until(
            lambda: (r := replica(stack, "auth", "stuck"))["status"] == "frozen" and r, 15,
            "the silent replica is called frozen")
    assert "its control port accepts but does not answer" in shown["evidence"]


def test_a_farewell_is_a_clean_stop(stack, auth):
    hear(stack, auth, lambda: replica(stack, "auth", "leaver"), instance="leaver",
         control="tcp://127.0.0.1:5")
    auth.say("bye", instance="leaver")
    env.wait_until(lambda: replica(stack, "auth", "leaver")["status"] == "stopped", 5,
                   "the farewell is heard")


def test_damaged_telemetry_is_ignored(stack, auth):
    for frames in ([b"beat"], [b"beat", b"{"], [b"beat", b"[]"], [b"x" * 100, b"{}"],
                   [b"beat", b"{}", b"more"], [b"beat", b'{"service":"auth"}'],
                   [b"span", b'{"service":"auth","data":7}']):
        auth.socket.send_multipart(frames)
    assert hear(stack, auth, lambda: replica(stack, "auth", "auth-y"), instance="auth-y",
                control="tcp://127.0.0.1:6")


def test_spans_are_found_by_request(stack, auth):
    rid = "ab" * 16
    def said():
        auth.say("span", data={"request_id": rid, "name": "auth.register", "start_us": 5,
                               "duration_us": 7, "status": 201})
        return json.loads(get(stack, f"/api/requests/{rid}")[1])["spans"]
    spans = env.wait_until(said, 10, "the span is kept", every=0.1)
    assert spans[0] == {"service": "auth", "instance": "auth-t", "name": "auth.register",
                        "start_us": 5, "duration_us": 7, "status": 201}


@pytest.mark.parametrize("path,status,kind", [
    ("/", 200, "text/html"), ("/mails", 200, "text/html"), ("/assets/app.css", 200, "text/css"),
    ("/assets/main.js", 200, "text/javascript"), ("/assets/none.js", 404, "application/json"),
    ("/assets/../main.c", 400, None), ("/nowhere", 404, "application/json"),
    ("/healthcheck", 200, "text/plain"),
])
def test_pages_and_files(stack, path, status, kind):
    code, _, headers = get(stack, path)
    assert code == status
    if kind:
        assert headers["Content-Type"].startswith(kind)
        assert "script-src 'self'" in headers["Content-Security-Policy"]


def test_the_mailer_being_away_is_an_error_not_a_hang(stack):
    code, body, _ = get(stack, "/api/mails?limit=1")
    assert code == 503 and json.loads(body)["error"] is True
