"""More mails in hand than connections: leases that prove themselves, mails that go back when
they cannot be begun, ends that are written together, and what kills workers found among its
neighbours."""

import pytest
from quintet import env

from conftest import MAIL_SETTINGS

BY = {"actor": "ada", "reason": "because"}


@pytest.fixture(scope="module")
def stack(start_stack, odd):
    return start_stack(["mailer"], **(odd.env() | MAIL_SETTINGS))


@pytest.fixture(autouse=True)
def well(odd, database, stack):
    yield
    odd.always.clear()
    odd._script.clear()
    odd.go.set()
    database.query("truncate job cascade", schema="mailer")


def asked(stack):
    """How often a lease was renewed before a body."""
    _, text = stack.ops("mailer", "/metrics")
    return sum(float(line.split()[-1]) for line in text.splitlines()
               if line.startswith("db_queries_total") and '"job_renew"' in line)


def count(database, where, *params):
    return database.query(f"select count(*) from job where {where}", params,
                          schema="mailer")[0][0]


def send(auth, odd, address, n):
    everyone = [address() for _ in range(n)]
    for to in everyone:
        auth.registered("ann", to)
    for to in everyone:
        odd.wait_for(to)


def until_fast(stack, auth, odd, address):
    """Mails, until the mailer takes more than it has connections."""
    def is_fast():
        send(auth, odd, address, 20)
        _, status = stack.client("mailer", "monitor").call("mailer.queue.status")
        return status["in_hand_most"] > status["pool"]
    env.wait_until(is_fast, 60, "the server counts as fast")


def hold(odd, point):
    odd.reached.clear()
    odd.go.clear()
    odd.script(point, "stop")


def test_a_young_lease_is_not_asked_about(auth, odd, stack, address, database, job_of):
    stack.restart("mailer")
    send(auth, odd, address, 10)
    assert asked(stack) == 0
    to = address()
    hold(odd, "RCPT")
    auth.registered("ann", to)
    assert odd.reached.wait(env.seconds(10))
    env.wait_until(lambda: count(database, "recipient = %s and now() - claimed_at > "
                                           "interval '0.5 s'", to), 10, "it is old")
    odd.go.set()
    job_of(to, "sent", attempt=1)
    assert asked(stack) == 1 and len(odd.to(to)) == 1


def test_what_no_connection_begins_goes_back(auth, odd, stack, address, database, job_of):
    """A server that was fast falls silent: the mails that wait behind the silence are anybody's
    again, as if nobody had touched them, and only one mail is in hand from then on."""
    stack.restart("mailer", MAILER_CONNECTIONS=1, MAILER_SEND_TIMEOUT_MS=25000,
                  MAILER_LEASE_MS=60000)
    until_fast(stack, auth, odd, address)
    hold(odd, "RCPT")
    everyone = [address() for _ in range(6)]
    for to in everyone:
        auth.registered("ann", to)
    assert odd.reached.wait(env.seconds(10))
    env.wait_until(lambda: count(database, "state = 'leased'") == 1
                   and count(database, "state = 'ready' and attempt = 0 and body_at is null "
                                       "and crashes = 0") == 5, 10, "five are given back")
    odd.go.set()
    for to in everyone:
        assert job_of(to, "sent")["attempt"] == 1 and len(odd.to(to)) == 1


def test_more_than_one_is_in_hand_when_it_pays(auth, odd, stack, address, database):
    stack.restart("mailer", MAILER_CONNECTIONS=1, MAILER_PREFETCH=8)
    until_fast(stack, auth, odd, address)
    hold(odd, "RCPT")
    for _ in range(12):
        auth.registered("ann", address())
    assert odd.reached.wait(env.seconds(10))
    env.wait_until(lambda: count(database, "state = 'leased'") > 1, 5, "more than one")
    assert count(database, "state = 'leased'") <= 9


def test_never_ahead_when_told_so(auth, odd, stack, address, database):
    stack.restart("mailer", MAILER_CONNECTIONS=1, MAILER_PREFETCH=0)
    send(auth, odd, address, 60)
    hold(odd, "RCPT")
    for _ in range(6):
        auth.registered("ann", address())
    assert odd.reached.wait(env.seconds(10))
    env.wait_until(lambda: count(database, "true") >= 6, 10, "all are there")
    assert count(database, "state = 'leased'") == 1


def test_a_pause_takes_back_what_waits(auth, odd, stack, address, database):
    stack.restart("mailer", MAILER_CONNECTIONS=1, MAILER_PREFETCH=8, MAILER_LEASE_MS=60000,
                  MAILER_SEND_TIMEOUT_MS=25000)
    monitor = stack.client("mailer", "monitor")
    until_fast(stack, auth, odd, address)
    hold(odd, "RCPT")
    for _ in range(6):
        auth.registered("ann", address())
    assert odd.reached.wait(env.seconds(10))
    assert monitor.call("mailer.queue.pause", BY)[0] == 200
    env.wait_until(lambda: count(database, "state = 'leased'") == 1
                   and count(database, "state = 'ready'") == 5, 10, "one is being sent")
    odd.go.set()
    env.wait_until(lambda: count(database, "state = 'leased'") == 0, 10, "it is sent")
    assert count(database, "state = 'ready'") == 5
    assert monitor.call("mailer.queue.resume", BY)[0] == 200
    env.wait_until(lambda: count(database, "state = 'ready'") == 0, 10, "they go out")


def test_an_end_that_is_refused_fails_no_other(auth, odd, stack, address, database, job_of):
    """Postgres refuses to write one mail's end: those that came with it are written all the
    same, and it is itself as soon as that is possible, without another copy."""
    stack.restart("mailer", MAILER_CONNECTIONS=4, MAILER_PREFETCH=8, MAILER_LEASE_MS=60000,
                  MAILER_SEND_TIMEOUT_MS=25000)
    until_fast(stack, auth, odd, address)
    bad, others = address(), [address() for _ in range(30)]
    database.query(f"""
        create function no_end() returns trigger language plpgsql as $$
        begin
            if new.recipient = '{bad}' and new.state = 'sent' then
                raise exception 'not this one';
            end if;
            return new;
        end $$;
        create trigger no_end before update on job for each row execute function no_end()
        """, schema="mailer")
    try:
        for to in [*others[:10], bad, *others[10:]]:
            auth.registered("ann", to)
        for to in others:
            job_of(to, "sent", attempt=1)
        assert job_of(bad)["state"] == "leased" and len(odd.to(bad)) == 1
    finally:
        database.query("drop trigger no_end on job; drop function no_end", schema="mailer")
    job_of(bad, "sent", attempt=1)
    assert [len(odd.to(to)) for to in [bad, *others]] == [1] * 31


def test_a_link_that_was_replaced_meanwhile_is_not_tried_again(auth, odd, stack, address,
                                                              database, job_of):
    """The first mail is in hand, and refused for now, while a newer link makes its own void: it
    must not go to the address that was corrected."""
    stack.restart("mailer", MAILER_CONNECTIONS=1)
    wrong, right = address(), address()
    hold(odd, "RCPT")
    odd.script("DATA", "450 4.2.0 greylisted")
    auth.linked("user.verification_requested", "ann", wrong)
    assert odd.reached.wait(env.seconds(10))
    auth.linked("user.verification_requested", "ann", right)
    env.wait_until(lambda: count(database, "recipient = %s", right) == 1, 10, "both are there")
    odd.go.set()
    old = job_of(wrong, "suppressed", attempt=1)
    assert old["last_error"] == "a newer link took its place"
    job_of(right, "sent")
    assert odd.to(wrong) == []
    assert count(database, "secret_sealed is not null") == 0


def test_a_link_that_was_replaced_does_not_go_back(auth, odd, stack, address, database, job_of):
    """It waits ahead of the connection when a newer link makes it void and the queue is paused."""
    stack.restart("mailer", MAILER_CONNECTIONS=1, MAILER_PREFETCH=8, MAILER_LEASE_MS=60000,
                  MAILER_SEND_TIMEOUT_MS=25000)
    monitor = stack.client("mailer", "monitor")
    until_fast(stack, auth, odd, address)
    first, wrong, right = address(), address(), address()
    hold(odd, "RCPT")
    auth.registered("bob", first)
    assert odd.reached.wait(env.seconds(10))
    auth.linked("user.verification_requested", "ann", wrong)
    job_of(wrong, "leased")
    auth.linked("user.verification_requested", "ann", right)
    env.wait_until(lambda: count(database, "recipient = %s", right) == 1, 10, "both are there")
    assert monitor.call("mailer.queue.pause", BY)[0] == 200
    old = job_of(wrong, "suppressed", attempt=0)
    assert old["last_error"] == "a newer link took its place"
    odd.go.set()
    assert monitor.call("mailer.queue.resume", BY)[0] == 200
    job_of(right, "sent")
    job_of(first, "sent")
    assert odd.to(wrong) == []
    assert count(database, "secret_sealed is not null") == 0


def test_a_link_that_was_replaced_is_not_taken_up_after_a_death(auth, odd, stack, address,
                                                               database, job_of):
    stack.restart("mailer", MAILER_CONNECTIONS=1, **MAIL_SETTINGS)
    wrong, right = address(), address()
    hold(odd, "RCPT")
    auth.linked("user.verification_requested", "ann", wrong)
    assert odd.reached.wait(env.seconds(10))
    auth.linked("user.verification_requested", "ann", right)
    env.wait_until(lambda: count(database, "recipient = %s", right) == 1, 10, "both are there")
    stack.daemons["mailer"].kill()
    odd.go.set()
    stack.daemons["mailer"].start()
    old = job_of(wrong, "suppressed", timeout=20, attempt=1)
    assert old["last_error"] == "a newer link took its place"
    job_of(right, "sent")
    assert odd.to(wrong) == []
    assert count(database, "secret_sealed is not null") == 0


def test_only_the_killer_dies_of_it(auth, odd, stack, address, database, job_of):
    """A mail kills its worker again and again while others are in hand beside it: they clear
    themselves, none of them counts more than one crash, and it alone is ended."""
    stack.restart("mailer", MAILER_CONNECTIONS=4, MAILER_PREFETCH=8, **MAIL_SETTINGS)
    killer, innocents = address(), []
    odd.always[f"RCPT TO:<{killer}>"] = "stop"
    odd.go.clear()
    odd.reached.clear()
    auth.registered("mallory", killer)
    for crash in range(5):
        for _ in range(12):
            innocents.append(address())
            auth.registered("ann", innocents[-1])
        assert odd.reached.wait(env.seconds(20)), crash
        stack.daemons["mailer"].kill()
        odd.reached.clear()
        job_of(killer, "leased", attempt=crash + 1, crashes=crash)
        assert count(database, "crashes > 1 and recipient <> %s", killer) == 0
        if crash > 0:  # it was taken alone
            assert count(database, "lease_until > now() and recipient <> %s", killer) == 0
        database.query("update job set lease_until = now() where state = 'leased'",
                       schema="mailer")
        stack.restart("mailer")
    job_of(killer, "dead", timeout=20, crashes=5)
    for to in innocents:
        assert job_of(to, "sent")["crashes"] == 0
    assert odd.to(killer) == []
