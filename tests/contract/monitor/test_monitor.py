"""The monitor alone: what it concludes from beats, silence and farewells."""

import gzip
import socket
import time

import pytest

from dashboard import ADMIN, BASIC, Dashboard, Speaker, hear
from quintet import env


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["monitor"], MONITOR_BASIC_AUTH=BASIC,
                       MONITOR_EXPECT="auth,catalog,monitor")


@pytest.fixture(scope="module")
def board(stack):
    return Dashboard(stack, ADMIN)


@pytest.fixture(scope="module")
def auth(stack):
    speaker = Speaker(stack, "auth")
    yield speaker
    speaker.close()


def test_it_shows_itself_and_misses_the_others(board):
    env.wait_until(lambda: board.replicas("monitor"), 10, "its own beat")
    assert board.replicas("monitor")[0]["status"] == "up"
    assert board.replicas("catalog") == []


def test_a_beat_makes_a_replica_known(board, auth):
    shown = hear(auth, lambda: board.replica("auth", "auth-t"))
    assert shown["status"] == "up" and shown["pid"] == 42 and shown["load"]["in_flight"] == 3
    assert "Beats every second" in shown["evidence"]


def test_nobody_speaks_for_another_service(board, auth):
    hear(auth, lambda: board.replica("auth", "auth-t"))
    for _ in range(3):
        auth.say("beat", service="catalog", instance="forged")
    hear(auth, lambda: board.replica("auth", "auth-after"), instance="auth-after",
         control="tcp://127.0.0.1:2")
    assert board.replica("catalog", "forged") is None


def test_an_old_beat_proves_nothing(board, auth):
    auth.say("beat", instance="ghost", at_us=int((time.time() - 60) * 1e6))
    hear(auth, lambda: board.replica("auth", "auth-x"), instance="auth-x",
         control="tcp://127.0.0.1:3")
    assert board.replica("auth", "ghost") is None


def test_silence_without_a_listener_is_a_crash_with_evidence(board, auth):
    hear(auth, lambda: board.replica("auth", "gone"), instance="gone",
         control="tcp://127.0.0.1:4")
    shown = env.wait_until(
        lambda: (r := board.replica("auth", "gone"))["status"] == "crashed" and r, 15,
        "the silent replica is called crashed")
    assert "no farewell, and nobody listens on its control port" in shown["evidence"]


def test_silence_with_a_listener_that_never_answers_is_a_frozen_loop(board, auth):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        hear(auth, lambda: board.replica("auth", "stuck"), instance="stuck",
             control=f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        shown = env.wait_until(
            lambda: (r := board.replica("auth", "stuck"))["status"] == "frozen" and r, 15,
            "the silent replica is called frozen")
    assert "its control port accepts but does not answer" in shown["evidence"]


def test_a_farewell_is_a_clean_stop(board, auth):
    hear(auth, lambda: board.replica("auth", "leaver"), instance="leaver",
         control="tcp://127.0.0.1:5")
    auth.say("bye", instance="leaver")
    env.wait_until(lambda: board.replica("auth", "leaver")["status"] == "stopped", 5,
                   "the farewell is heard")


def test_damaged_telemetry_is_ignored(board, auth):
    for frames in ([b"beat"], [b"beat", b"{"], [b"beat", b"[]"], [b"x" * 100, b"{}"],
                   [b"beat", b"{}", b"more"], [b"beat", b'{"service":"auth"}'],
                   [b"span", b'{"service":"auth","data":7}']):
        auth.socket.send_multipart(frames)
    assert hear(auth, lambda: board.replica("auth", "auth-y"), instance="auth-y",
                control="tcp://127.0.0.1:6")


def test_what_a_replica_has_done(board, auth):
    """Flower's columns, from the totals of its beats."""
    times = {"rpc": {"sum_us": 90, "counts": [7, 2] + [0] * 18}}
    done = lambda: (board.replica("auth", "auth-t") or {}).get("processed") == 9  # noqa: E731
    hear(auth, done, counters={"rpc_errors": 1}, histograms=times, loadavg=[0.5, 1.25, 2])
    r = board.replica("auth", "auth-t")
    assert [r[k] for k in ("active", "failed", "succeeded", "retried")] == [3, 1, 8, None]
    assert r["loadavg"] == [0.5, 1.25, 2]
    for told in (None, ["a", 1, 2], "0.5"):
        hear(auth, lambda: board.replica("auth", "auth-t")["loadavg"] is None, loadavg=told)


def test_spans_are_found_by_request(board, auth):
    rid = "ab" * 16
    def said():
        auth.say("span", data={"request_id": rid, "name": "auth.register", "start_us": 5,
                               "duration_us": 7, "status": 201})
        return board.get(f"/api/requests/{rid}").json["spans"]
    spans = env.wait_until(said, 10, "the span is kept", every=0.1)
    assert spans[0] == {"request_id": rid, "service": "auth", "instance": "auth-t",
                        "name": "auth.register", "start_us": 5, "duration_us": 7,
                        "status": 201, "http_status": 201, "code": None}


def test_a_hop_that_failed_says_how(board, auth):
    def said():
        auth.say("span", data={"request_id": "cd" * 16, "name": "auth.me", "start_us": 5,
                               "duration_us": 7, "status": 1101})
        return board.get("/api/requests/" + "cd" * 16).json["spans"]
    span = env.wait_until(said, 10, "the span is kept", every=0.1)[0]
    assert (span["status"], span["http_status"], span["code"]) == (1101, 503, "unavailable")


@pytest.mark.parametrize("path,status,kind", [
    ("/", 200, "text/html"), ("/mails", 200, "text/html"), ("/assets/app.css", 200, "text/css"),
    ("/assets/main.js", 200, "text/javascript"), ("/assets/none.js", 404, "application/json"),
    ("/assets/../main.c", 400, None), ("/nowhere", 404, "application/json"),
    ("/healthcheck", 200, "text/plain"),
])
def test_pages_and_files(stack, path, status, kind):
    answer = Dashboard(stack).get(path)
    assert answer.status == status
    if kind:
        assert answer.headers["Content-Type"].startswith(kind)
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


WEB = env.ROOT / "services/monitor/web"
NAMES = sorted(f.name for f in WEB.iterdir() if f.name != "index.html")


def test_the_style_begins_with_the_colours_of_all_pages(stack):
    style = Dashboard(stack).get("/assets/app.css").body
    assert style == b"".join((env.ROOT / f).read_bytes() for f in
                             ("lib/svc/web/tokens.css", "services/monitor/web/app.css"))


@pytest.mark.parametrize("path", ["/", "/workers/catalog-1", *(f"/assets/{n}" for n in NAMES)])
def test_pages_travel_packed_for_who_can_unpack(stack, path):
    """Two representations, each with a name of its own, and equal when unpacked."""
    me = Dashboard(stack)
    plain, packed = me.get(path), me.get(path, {"Accept-Encoding": "br, gzip;q=0.5"})
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body)
    assert "gzip" not in me.get(path, {"Accept-Encoding": "gzip;q=0, identity"}).headers.get("Content-Encoding", "")
    assert plain.headers["ETag"] != packed.headers["ETag"]
    for answer in (plain, packed):
        kept = "no-cache" if "assets" in path else "no-store"
        assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Accept-Encoding", kept)
    for answer, coding in ((plain, "identity"), (packed, "gzip")):
        known = {"If-None-Match": answer.headers["ETag"]}
        again = me.get(path, known | {"Accept-Encoding": coding})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", answer.headers["ETag"])
        other = "gzip" if coding == "identity" else "identity"
        assert me.get(path, known | {"Accept-Encoding": other}).status == 200


def test_what_is_somebodys_is_never_kept(board):
    """Data is neither packed (a secret beside chosen text must not show in a length) nor stored."""
    answer = board.get("/api/overview", {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers and answer.headers["Cache-Control"] == "no-store"


def test_the_mailer_being_away_is_an_error_not_a_hang(board):
    answer = board.get("/api/mails", limit=1)
    assert answer.status == 503 and answer.json["error"] is True
    assert "mailer" in answer.json["detail"]


@pytest.mark.parametrize("state,why", [("draining", "it is draining"),
                                       ("not ready", "it is not ready"),
                                       ("ready", "it cannot be reached")])
def test_why_a_service_does_not_answer_is_what_is_known_of_it(stack, board, state, why):
    """It beats, and nobody listens where calls go; then it says farewell."""
    def told(why):
        answer = board.get("/api/mails", limit=1)
        return answer.status == 503 and \
            answer.json["detail"] == f"mailer does not answer: {why}."

    mailer = Speaker(stack, "mailer")
    hear(mailer, lambda: told(why), state=state)
    mailer.say("bye")
    env.wait_until(lambda: told("no replica is there"), 10, "it has stopped")
    mailer.close()
