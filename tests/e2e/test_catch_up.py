"""What the event stream promises to mails: a mailer that was away catches up and sends
nothing twice; when every message of PUB is lost, mails are late and not lost."""

import os
import secrets
import threading
import time

import pytest
from quintet import env
from quintet.client import Client

# make test registers some; 2,000 by hand: QUINTET_REGISTRATIONS=2000
REGISTRATIONS = int(os.environ.get("QUINTET_REGISTRATIONS", "300"))
THREADS = 4


@pytest.fixture(scope="module")
def settings():
    return {"MAILER_LEASE_MS": 3000, "MAILER_SEND_TIMEOUT_MS": 1400}


@pytest.fixture(scope="module")
def stack(start_stack, smtp, settings):
    return start_stack(["auth", "mailer"], clients=("gateway", "monitor"),
                       **(smtp.env() | settings))


def register(client):
    name = "c" + secrets.token_hex(6)
    to = f"{name}@example.net"
    status, user = client.call("auth.register", {
        "username": name, "email": to, "password": "a long pass phrase"})
    assert status == 201, user
    return to


def register_many(stack, n):
    """n acknowledged registrations, by some clients at once."""
    stack.client("auth")  # makes the key
    done, problems = [], []

    def run(count):
        try:
            with Client(stack.endpoint("auth"), stack.server_key("auth"),
                        stack._make_client_key("gateway"), contract=stack.contract) as c:
                done.extend(register(c) for _ in range(count))
        except AssertionError as e:
            problems.append(e)

    threads = [threading.Thread(target=run, args=(n // THREADS,)) for _ in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not problems, problems
    return done


def test_a_mailer_that_was_away_catches_up(stack, smtp, database):
    stack.daemons["mailer"].kill()
    everyone = register_many(stack, REGISTRATIONS)
    assert len(everyone) == REGISTRATIONS // THREADS * THREADS
    started = time.monotonic()
    stack.restart("mailer")
    env.wait_until(lambda: len(smtp.mails) >= len(everyone), 60,
                   f"{len(everyone)} mails; {len(smtp.mails)} are there", every=0.1)
    took = time.monotonic() - started
    print(f"{len(everyone)} mails in {took:.1f} s, {len(everyone) / took:.0f}/s")
    env.wait_until(lambda: database.query(
        "select state, count(*) from job group by state", schema="mailer")
        == [("sent", len(everyone))], 10, "all are sent")
    counts = {}
    for mail in smtp.mails:
        counts[mail.recipients[0]] = counts.get(mail.recipients[0], 0) + 1
    assert counts == {to: 1 for to in everyone}
    status, page = stack.client("mailer", "monitor").call("mailer.reconcile",
                                                          {"grace_s": 0, "limit": 1000})
    assert status == 200 and page["missing"] == 0


def test_all_of_pub_lost(stack, smtp):
    """The mailer's subscription leads nowhere: only pulls, every 15 s of silence."""
    nowhere = stack.ports.take()
    stack.restart("mailer", AUTH_EVENTS=f"tcp://127.0.0.1:{nowhere}")
    sent, delays = {}, []
    for _ in range(12):
        sent[register(stack.client("auth"))] = time.monotonic()
        time.sleep(0.25)
    while sent and time.monotonic() - max(sent.values()) < env.seconds(20):
        for to in [to for to in sent if smtp.to(to)]:
            delays.append(time.monotonic() - sent.pop(to))
        time.sleep(0.1)
    assert not sent, f"{len(sent)} mails did not come"
    print(f"delays {min(delays):.1f} to {max(delays):.1f} s")
    assert max(delays) <= env.seconds(20)
