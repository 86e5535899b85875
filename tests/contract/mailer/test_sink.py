"""What servers do, one row each: how they misbehave, what becomes of the job, what becomes of
the queue. Afterwards every mail that was not refused for good arrives, byte-identical."""

import pytest
from quintet import env

from conftest import MAIL_SETTINGS

# How the queue stands after one such failure: (breaker, who is to blame).
FLOWS, STRIKE, PAUSED = ("closed", None), ("closed", "server"), ("open", "set-up")

# Name: (where, action, job, queue, copies in the end)
RETRY, DEAD, HELD = ({"state": "ready", "attempt": 1}, {"state": "dead", "attempt": 1},
                     {"state": "ready", "attempt": 0})
SENT = {"state": "sent", "attempt": 1}
ROWS = {
    "421 in the greeting": ("GREETING", "421 4.3.2 busy", RETRY | {"last_code": 421}, STRIKE, 1),
    "421 at MAIL": ("MAIL", "421 4.3.2 busy", RETRY | {"last_code": 421}, STRIKE, 1),
    "421 at RCPT": ("RCPT", "421 4.3.2 busy", RETRY | {"last_code": 421}, FLOWS, 1),
    "450 at RCPT": ("RCPT", "450 4.2.1 later", RETRY | {"last_code": 450}, FLOWS, 1),
    "451 at DATA": ("DATA", "451 4.3.0 later", RETRY | {"last_code": 451}, FLOWS, 1),
    "452 after the dot": ("END", "452 4.3.1 full", RETRY | {"last_code": 452}, FLOWS, 1),
    "550 at RCPT": ("RCPT", "550 5.1.1 nobody", DEAD | {"last_code": 550}, FLOWS, 0),
    "554 at DATA": ("DATA", "554 5.7.1 no", DEAD | {"last_code": 554}, FLOWS, 0),
    "554 after the dot": ("END", "554 5.7.1 spam", DEAD | {"last_code": 554}, FLOWS, 0),
    "554 in the greeting": ("GREETING", "554 no mail here", HELD | {"last_code": 554}, PAUSED, 1),
    "530 at MAIL": ("MAIL", "530 5.7.0 log in", HELD | {"last_code": 530}, PAUSED, 1),
    "550 at MAIL": ("MAIL", "550 5.7.1 sender", HELD | {"last_code": 550}, PAUSED, 1),
    "530 at RCPT": ("RCPT", "530 5.7.0 log in", HELD | {"last_code": 530}, PAUSED, 1),
    "550 to EHLO and HELO": ("EHLO", "550 go away", HELD | {"last_code": 550}, PAUSED, 1),
    "552 after the dot": ("END", "552 5.3.4 too big", DEAD | {"last_code": 552}, FLOWS, 0),
    "553 at RCPT": ("RCPT", "553 5.1.3 what", DEAD | {"last_code": 553}, FLOWS, 0),
    "an answer of 1 B/s at RCPT": ("RCPT", "drip", RETRY | {"uncertain": 0}, FLOWS, 1),
    "an answer of 1 B/s after the dot": ("END", "drip", RETRY | {"uncertain": 1}, FLOWS, 2),
    "a greeting of 1 B/s": ("GREETING", "drip", RETRY | {"uncertain": 0}, STRIKE, 1),
    "a tarpit in the greeting": ("GREETING", "tarpit", RETRY | {"uncertain": 0}, STRIKE, 1),
    "a tarpit at RCPT": ("RCPT", "tarpit", RETRY | {"uncertain": 0}, FLOWS, 1),
    "a tarpit after the dot": ("END", "tarpit", RETRY | {"uncertain": 1}, FLOWS, 2),
    "silence at RCPT": ("RCPT", "hang", RETRY | {"uncertain": 0}, FLOWS, 1),
    "silence in the greeting": ("GREETING", "hang", RETRY | {"uncertain": 0}, STRIKE, 1),
    "silence after the dot": ("END", "hang", RETRY | {"uncertain": 1}, FLOWS, 2),
    "a cut at EHLO": ("EHLO", "cut", RETRY | {"uncertain": 0}, STRIKE, 1),
    "a cut in the greeting": ("GREETING", "cut", RETRY | {"uncertain": 0}, STRIKE, 1),
    "a cut after RCPT": ("RCPT", "cut", RETRY | {"uncertain": 0}, FLOWS, 1),
    "a cut after DATA": ("DATA", "cut", RETRY | {"uncertain": 0}, FLOWS, 1),
    "a cut in the body": ("BODY", "cut", RETRY | {"uncertain": 1}, FLOWS, 1),
    "a cut after the dot": ("END", "lose", RETRY | {"uncertain": 1}, FLOWS, 2),
    "250 twice after the dot": ("END", "twice", SENT | {"last_code": 250}, FLOWS, 1),
    "a greeting behind 5 MB of lines": (
        "GREETING", "flood", RETRY | {"last_error": "the server's answers do not end"}, STRIKE,
        1),
    "an answer behind 5 MB of lines": ("END", "flood", RETRY | {"uncertain": 1}, FLOWS, 2),
    "a greeting of 5 MB in one line": ("GREETING", "endless", RETRY, STRIKE, 1),
    "nonsense for an answer": ("RCPT", "what?", RETRY | {"uncertain": 0}, FLOWS, 1),
}


@pytest.fixture(scope="module")
def stack(start_stack, odd):
    return start_stack(["mailer"], **(odd.env() | MAIL_SETTINGS | {"MAILER_CONNECTIONS": 1}))


def breaker(stack):
    _, status = stack.client("mailer", "monitor").call("mailer.queue.status")
    return status["breaker"]


def resident_mib(stack):
    text = env.pathlib.Path(f"/proc/{stack.daemons['mailer'].process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


@pytest.mark.parametrize("name", ROWS)
def test_each_has_its_end(auth, odd, stack, address, job_of, hurry, name):
    where, action, wanted, queue, copies = ROWS[name]
    stack.restart("mailer")  # greets anew, and nothing is held against the server
    to, after = address(), address()
    odd.script(where, action)
    if where == "EHLO":
        odd.script("HELO", action)
    auth.registered("ann", to)
    job = job_of(to, **wanted)
    found = breaker(stack)
    assert (found["state"], found["blames"]) == queue, found
    if wanted["state"] in ("ready", "dead"):
        _, shown = stack.client("mailer", "monitor").call("mailer.jobs.show",
                                                          {"job_id": job["job_id"]})
        assert shown["attempts"][0]["phase"] == job["last_phase"] and job["last_error"]
    if queue == PAUSED:
        stack.restart("mailer")  # sooner than its pause ends
    hurry(to)
    auth.registered("ben", after)  # the next one, perhaps on the same connection
    job_of(after, "sent", timeout=20)
    assert job_of(to, "dead" if copies == 0 else "sent", timeout=20)
    assert len(odd.to(to)) == copies and len(set(odd.to(to))) == min(copies, 1)
    assert len(odd.to(after)) == 1
    assert resident_mib(stack) < 80


def test_nobody_waits_for_a_farewell(auth, odd, stack, address, job_of):
    """A server that does not answer QUIT: a refused mail ends at once all the same, and so
    does a mailer that stops."""
    stack.restart("mailer", MAILER_LEASE_MS=60000, MAILER_SEND_TIMEOUT_MS=25000)
    to, after = address(), address()
    odd.always["QUIT"] = "hang"
    odd.script("RCPT", "550 5.1.1 nobody")
    auth.registered("ann", to)
    job_of(to, "dead", timeout=3)
    auth.registered("ben", after)
    odd.wait_for(after, timeout=3)
    stack.daemons["mailer"].stop()  # within 10 s, or it fails
    odd.always.clear()
    stack.restart("mailer", **MAIL_SETTINGS)


@pytest.mark.parametrize("where", ["GREETING", "RCPT", "DATA", "END"])
def test_a_slow_server_holds_up_nobody_else(auth, odd, stack, address, job_of, where):
    """Four connections, one of them in silence for as long as it is let: the other mails
    go out meanwhile, and the mailer answers calls."""
    stack.restart("mailer", MAILER_CONNECTIONS=4, MAILER_LEASE_MS=60000,
                  MAILER_SEND_TIMEOUT_MS=25000, MAILER_CONNECT_TIMEOUT_MS=25000)
    slow, others = address(), [address() for _ in range(20)]
    odd.go.clear()
    odd.reached.clear()
    odd.script(where, "stop")
    auth.registered("slow", slow)
    assert odd.reached.wait(env.seconds(10))
    for to in others:
        auth.registered("ann", to)
    for to in others:
        odd.wait_for(to, timeout=5)
    monitor = stack.client("mailer", "monitor")
    busy = lambda: monitor.call("mailer.queue.status", timeout=2)[1]["busy"]  # noqa: E731
    env.wait_until(lambda: busy() == 1, 5, "the last of the others has heard its 250")
    assert job_of(slow)["state"] == "leased"
    odd.go.set()
    job_of(slow, "sent", attempt=1)
    stack.restart("mailer", MAILER_CONNECTIONS=1, **MAIL_SETTINGS)
