"""Server-sent events: who gets them, what is said, what a slow or lost page misses."""

import json
import secrets
import socket

import pytest

from dashboard import ADMIN, BASIC, Dashboard, Speaker, hear
from quintet import env

PASSWORD = "a pass phrase of some length"


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth", "monitor"], MONITOR_BASIC_AUTH=BASIC, MONITOR_LIVE_STREAMS=16,
                       clients=("gateway", "monitor", "mailer"))


@pytest.fixture(scope="module")
def mailer(stack):
    speaker = Speaker(stack, "mailer")
    hear(speaker, lambda: Dashboard(stack, ADMIN).replica("mailer", "mailer-t"))
    yield speaker
    speaker.close()


class Live:
    """A page's EventSource."""

    def __init__(self, board, last_id=None):
        self.connection = board.connect()
        headers = board.headers("GET", {"Last-Event-ID": last_id})
        self.connection.request("GET", board.prefix + "/api/live", headers=headers)
        self.answer = self.connection.getresponse()
        self.status, self.last_id = self.answer.status, None

    def __iter__(self):
        """(event, data) until the stream ends."""
        event = data = None
        for raw in self.answer:
            line = raw.decode().rstrip("\n")
            key, _, value = line.partition(": ")
            if key == "id":
                self.last_id = value
            elif key == "event":
                event = value
            elif key == "data":
                data = json.loads(value)
            elif not line and event:
                yield event, data
                event = data = None

    def wait(self, wanted, fits=lambda data: True):
        for event, data in self:
            if event == wanted and fits(data):
                return data
        raise AssertionError(f"the stream ended without {wanted}")

    def close(self):
        self.answer.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def said(mailer, number):
    mailer.say("job", data={"job_id": f"job-{number}", "state": "sent", "template": "welcome",
                            "attempt": 1, "recipient": "secret@example.com"})


def test_a_live_page_needs_to_be_signed_in(stack):
    with Live(Dashboard(stack)) as live:
        assert live.status == 401


def test_the_overview_comes_every_second(stack):
    with Live(Dashboard(stack, ADMIN)) as live:
        assert live.answer.headers["Content-Type"] == "text/event-stream"
        first, second = live.wait("overview"), live.wait("overview")
        assert second["now"] > first["now"]
        assert {"attention", "counts", "services", "flow"} <= set(first)


def test_a_mail_is_told_without_its_address(stack, mailer):
    with Live(Dashboard(stack, ADMIN)) as live:
        live.wait("overview")
        said(mailer, 1)
        mail = live.wait("mail")
    assert (mail["job_id"], mail["state"]) == ("job-1", "sent")
    assert "secret" not in json.dumps(mail)


def test_a_change_is_told(stack, mailer):
    with Live(Dashboard(stack, ADMIN)) as live:
        live.wait("overview")
        mailer.say("beat", instance="mailer-new", control="tcp://127.0.0.1:9")
        change = live.wait("change")
    assert (change["kind"], change["subject"]) == ("started", "mailer-new")


def test_a_page_that_comes_back_gets_what_it_missed(stack, mailer):
    board = Dashboard(stack, ADMIN)
    with Live(board) as live:
        live.wait("overview")
        said(mailer, 10)
        live.wait("mail")
        last = live.last_id
    with Live(board) as other:
        other.wait("overview")
        said(mailer, 11)
        said(mailer, 12)
        other.wait("mail", lambda d: d["job_id"] == "job-12")
    with Live(board, last) as back:
        assert back.wait("mail")["job_id"] == "job-11"
        assert back.wait("mail")["job_id"] == "job-12"


@pytest.mark.parametrize("last_id", ["1", "0123456789abcdef-1", "x" * 500, "-", "a-b-c"])
def test_an_unknown_place_means_load_anew(stack, last_id):
    with Live(Dashboard(stack, ADMIN), last_id) as live:
        assert next(iter(live))[0] == "reset"


def test_the_number_of_pages_is_bounded(stack):
    board, pages = Dashboard(stack, ADMIN), []

    def places():
        with Live(board) as probe:
            return probe.status == 200

    def full():
        pages.append(Live(board))
        return pages[-1].status == 503

    try:
        env.wait_until(full, 10, "no page is taken any more")
        assert len(pages) <= 17
        assert json.loads(pages[-1].answer.read())["code"] == "too_many_streams"
    finally:
        for page in pages:
            page.close()
    env.wait_until(lambda: all(places() for _ in range(4)), 30,
                   "places of pages that left are free again", every=0.5)


def test_signing_out_ends_the_stream(stack):
    name = "ada" + secrets.token_hex(3)
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME=name,
               DJANGO_SUPERUSER_EMAIL=f"{name}@example.com",
               DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    board = Dashboard(stack, browser=True)
    assert board.sign_in(name, PASSWORD).status == 200
    with Live(board) as live:
        live.wait("overview")
        board.call("DELETE", "/api/session")
        assert [event for event, _ in live][-1] == "bye"


def test_a_page_that_does_not_read_harms_nobody(stack):
    board = Dashboard(stack, ADMIN)
    lazy = socket.create_connection(("127.0.0.1", stack.port["monitor.http"]))
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    request = "GET /api/live HTTP/1.1\r\nHost: x\r\nAuthorization: "
    lazy.sendall((request + board.headers("GET", None)["Authorization"] + "\r\n\r\n").encode())
    with Live(board) as live:
        for _ in range(3):
            live.wait("overview")
    lazy.close()


def test_a_monitor_with_pages_open_stops_at_once(stack):
    board = Dashboard(stack, ADMIN)
    with Live(board) as live:
        live.wait("overview")
        stack.restart("monitor")
        assert list(live) is not None  # it ends
