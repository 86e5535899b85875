"""What goes wrong on the way: refusals, broken connections, crashes, a database that is
away. Every fault maps to one state, and no mail is lost."""

import signal

import pytest
from quintet import env

from conftest import MAIL_SETTINGS


@pytest.fixture(scope="module")
def stack(start_stack, odd):
    return start_stack(["mailer"], **(odd.env() | MAIL_SETTINGS
                                      | {"MAILER_CONNECTIONS": 1}))


@pytest.fixture(autouse=True)
def well(odd):
    yield
    odd.always.clear()
    odd._script.clear()


def test_our_own_fault_pauses_and_kills_nothing(auth, odd, address, job_of, hurry, stack):
    """What servers do is in test_sink.py; here: the queue goes on by itself afterwards."""
    stack.restart("mailer")
    first, second = address(), address()
    odd.always["MAIL"] = "550 5.7.1 sender refused"
    auth.registered("ann", first)
    job_of(first, "ready", last_code=550, attempt=0)
    auth.registered("ben", second)
    assert job_of(second, "ready")["attempt"] == 0
    assert "mail is paused" in stack.daemons["mailer"].output()
    odd.always.clear()
    hurry(first)
    odd.wait_for(first, timeout=20)
    odd.wait_for(second)


def test_a_server_that_is_away_gives_up_no_mail(auth, odd, address, job_of, stack):
    all_of_them = [address() for _ in range(6)]
    port = odd.port
    stack.restart("mailer", EMAIL_PORT=1)
    for to in all_of_them:
        auth.registered("ann", to)
    env.wait_until(lambda: "cannot be reached" in stack.daemons["mailer"].output(), 10,
                   "the queue pauses")
    assert all(job_of(to)["state"] == "ready" for to in all_of_them)
    stack.restart("mailer", EMAIL_PORT=port)
    for to in all_of_them:
        odd.wait_for(to, timeout=30)
        assert len(odd.to(to)) == 1


@pytest.mark.parametrize("point", ["RCPT", "DATA", "END"])
def test_kill_in_the_middle_loses_nothing(auth, odd, address, job_of, stack, point):
    to = address()
    odd.reached.clear()
    odd.go.clear()
    odd.script(point, "stop")
    auth.registered("ann", to)
    assert odd.reached.wait(env.seconds(10))
    stack.daemons["mailer"].kill()
    odd.go.set()
    assert job_of(to)["state"] == "leased"
    stack.restart("mailer")
    job_of(to, "sent", attempt=2)
    copies = odd.to(to)
    assert len(copies) == (2 if point == "END" else 1) and len(set(copies)) == 1


def test_a_stopped_mailer_does_not_send_what_another_took(auth, odd, address, job_of,
                                                          database, stack):
    """SIGSTOP before the body, the lease is taken by another, SIGCONT: no mail from here. (A
    lease in the first eighth of its time nobody can have taken.)"""
    to = address()
    odd.reached.clear()
    odd.go.clear()
    odd.script("RCPT", "stop")
    auth.registered("ann", to)
    assert odd.reached.wait(env.seconds(10))
    process = stack.daemons["mailer"].process
    process.send_signal(signal.SIGSTOP)
    env.wait_until(lambda: database.query(
        "select now() - claimed_at > interval '0.5 s' from job where recipient = %s", (to,),
        schema="mailer") == [(True,)], 10, "the lease is not young any more")
    database.query("update job set lease_token = gen_random_uuid(), lease_until = now() + "
                   "interval '1 hour' where recipient = %s", (to,), schema="mailer")
    odd.go.set()
    process.send_signal(signal.SIGCONT)
    env.wait_until(lambda: "late_ack" in stack.daemons["mailer"].output(), 10, "late_ack")
    assert odd.to(to) == []
    assert "(cut in the body)" in odd.dialogue  # no dot was sent
    database.query("update job set lease_until = now() where recipient = %s", (to,),
                   schema="mailer")
    job_of(to, "sent")
    assert len(odd.to(to)) == 1


def test_poison_is_ended(auth, odd, address, job_of, hurry, database, stack):
    """Five workers in a row die over a mail, though the server had answered it before:
    nobody takes it again, the next mail goes its way, and the timeline names the dead."""
    to, other = address(), address()
    odd.script("RCPT", "450 4.2.1 busy")
    auth.registered("ann", to)
    job_of(to, "ready", attempt=1, last_code=450)
    odd.reached.clear()
    odd.always["RCPT"] = "stop"
    odd.go.clear()
    hurry(to)
    for crash in range(5):
        assert odd.reached.wait(env.seconds(10))
        stack.daemons["mailer"].kill()
        odd.reached.clear()
        job = job_of(to, "leased", attempt=crash + 2, crashes=crash)
        database.query("update job set lease_until = now() where recipient = %s", (to,),
                       schema="mailer")
        stack.restart("mailer")
    odd.always.clear()
    odd.go.set()
    job_of(to, "dead", timeout=15, crashes=5, last_error="every worker that took it died over it")
    auth.registered("ben", other)
    odd.wait_for(other)
    assert odd.to(to) == []
    _, shown = stack.client("mailer", "monitor").call("mailer.jobs.show",
                                                      {"job_id": job["job_id"]})
    assert [m["what"] for m in shown["timeline"]][2:] == ["attempt", *["lost"] * 5, "dead"]
    assert shown["attempts"][1]["worker"] and shown["attempts"][1]["phase"] == "lost"


def test_an_answer_ends_a_row_of_crashes(auth, odd, address, job_of, database):
    to = address()
    odd.script("RCPT", "450 4.2.1 busy")
    auth.registered("ann", to)
    job_of(to, "ready", attempt=1)
    odd.script("RCPT", "450 4.2.1 busy")
    database.query("update job set run_at = now(), crashes = 4 where recipient = %s", (to,),
                   schema="mailer")
    job_of(to, "ready", attempt=2, crashes=0)


def test_attempts_end(auth, odd, address, job_of, database, hurry):
    to = address()
    odd.script("RCPT", "450 later", "450 later")
    auth.registered("ann", to)
    job_of(to, "ready", attempt=1)
    database.query("update job set attempt = 24 where recipient = %s", (to,),
                   schema="mailer")
    hurry(to)
    assert job_of(to, "dead")["attempt"] == 25


def test_term_finishes_what_is_being_sent(auth, odd, address, job_of, stack):
    to = address()
    odd.reached.clear()
    odd.go.clear()
    odd.script("END", "stop")
    auth.registered("ann", to)
    assert odd.reached.wait(env.seconds(10))
    stack.daemons["mailer"].process.send_signal(signal.SIGTERM)
    odd.go.set()
    assert stack.daemons["mailer"].process.wait(env.seconds(10)) == 0
    assert job_of(to)["state"] == "sent"
    stack.restart("mailer")


def test_connections_are_used_again(auth, odd, address):
    everyone = [address() for _ in range(10)]
    before = len(odd.said("EHLO"))
    for to in everyone:
        auth.registered("ann", to)
    for to in everyone:
        odd.wait_for(to)
    assert len(odd.said("EHLO")) - before <= 2
