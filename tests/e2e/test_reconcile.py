"""Who should have had a mail and did not, and why: auth's events beside the mailer's tables."""

import secrets

import pytest
from quintet import env

BY = {"actor": "ada", "reason": "because"}


@pytest.fixture(scope="module")
def stack(start_stack, smtp):
    return start_stack(["auth", "mailer"], clients=("gateway", "monitor"),
                       **(smtp.env() | {"MAILER_LEASE_MS": 3000,
                                        "MAILER_SEND_TIMEOUT_MS": 1400}))


@pytest.fixture
def register(stack):
    def run(with_address=True):
        name = "m" + secrets.token_hex(5)
        body = {"username": name, "password": "a long pass phrase"}
        to = f"{name}@example.net"
        status, user = stack.client("auth").call(
            "auth.register", body | ({"email": to} if with_address else {}))
        assert status == 201, user
        return user["id"], to
    return run


@pytest.fixture
def reconcile(stack):
    """The sum of all pages, with the listed mails by user id."""

    def run(**body):
        found, mails = {"missing": 0, "checked": 0, "reasons": {}}, {}
        body = {"grace_s": 0, "limit": 3} | body
        while True:
            status, page = stack.client("mailer", "monitor").call("mailer.reconcile", body)
            assert status == 200, page
            for key in ("missing", "checked"):
                found[key] += page[key]
            for reason, n in page["reasons"].items():
                found["reasons"][reason] = found["reasons"].get(reason, 0) + n
            mails |= {m["user_id"]: m for m in page["mails"]}
            body["cursor"] = page["next"]
            if not page["next"]:
                return found, mails
    return run


def settled(reconcile):
    found, mails = env.wait_until(
        lambda: (r := reconcile())[0]["missing"] == 0 and r, 10, "nothing is missing")
    return found, mails


def test_green_when_all_have_their_mail(register, smtp, reconcile):
    everyone = [register() for _ in range(7)]
    plain, _ = register(with_address=False)
    for _, to in everyone:
        smtp.wait_for(to)
    found, mails = settled(reconcile)
    assert found["checked"] == 8
    assert found["reasons"] == {"sent": 7, "no_address": 1}
    assert list(mails) == [plain] and not mails[plain]["missing"]


def test_each_reason_is_told(stack, register, smtp, reconcile, database):
    monitor = stack.client("mailer", "monitor")
    smtp.script("RCPT", "550 5.1.1 no such mailbox")
    dead, dead_to = register()
    env.wait_until(lambda: reconcile()[0]["reasons"].get("dead") == 1, 10, "it is dead")
    monitor.call("mailer.queue.pause", BY)
    waiting, _ = register()
    revoked, revoked_to = register()
    env.wait_until(lambda: reconcile()[0]["reasons"].get("waiting") == 2, 10, "they wait")
    monitor.call("mailer.jobs.revoke", {"filter": {"recipient": revoked_to},
                                        "expected": 1} | BY)
    found, mails = reconcile()
    assert found["missing"] == 2
    assert mails[dead]["reason"] == "dead" and mails[dead]["last_code"] == 550
    assert mails[dead]["email"] == dead_to and mails[dead]["job_id"]
    assert mails[waiting]["reason"] == "waiting" and mails[waiting]["missing"]
    assert mails[revoked]["reason"] == "revoked" and not mails[revoked]["missing"]
    assert reconcile(grace_s=3600)[1][waiting]["reason"] == "on_its_way"
    # An event that the mailer never got, although its cursor is past it.
    database.query("delete from inbox where event_id in (select event_id from job where "
                   "recipient = %s)", (dead_to,), schema="mailer")
    database.query("delete from job where recipient = %s", (dead_to,), schema="mailer")
    assert reconcile()[1][dead]["reason"] == "lost"
    database.query(f"delete from users where id = {dead}", schema="auth")
    assert dead not in reconcile()[1] and reconcile()[0]["reasons"]["user_deleted"] == 1
    monitor.call("mailer.queue.resume", BY)
    settled(reconcile)


def test_the_mailer_behind_the_stream(stack, register, reconcile, database, smtp):
    """An event the cursor has not reached: not pulled, not lost."""
    user, to = register()
    smtp.wait_for(to)
    database.query("delete from inbox where event_id in (select event_id from job where "
                   "recipient = %s)", (to,), schema="mailer")
    database.query("delete from job where recipient = %s", (to,), schema="mailer")
    stack.daemons["mailer"].stop()
    database.query("update cursor set seq = 0", schema="mailer")
    known = database.query("select count(*) from inbox", schema="mailer")[0][0]
    unknown = database.query("select head from event_stream", schema="auth")[0][0] - known
    before = len(smtp.mails)
    stack.restart("mailer")  # reads again from the start: what it knows makes no mail
    smtp.wait_for(to, 2)
    settled(reconcile)
    assert len(smtp.mails) == before + unknown
    assert user not in reconcile()[1]


def test_a_corrected_address_gets_the_mail_and_the_wrong_one_none(stack, register, smtp, database,
                                                                  reconcile, job_states):
    """The first mail waits for its try; the operator corrects the address meanwhile."""
    smtp.script("RCPT", "450 4.2.0 greylisted")
    user, wrong = register()
    env.wait_until(lambda: database.query("select 1 from job where user_id = %s and attempt = 1 and "
                                          "state = 'ready'", (user,), schema="mailer"), 10,
                   "it waits")
    right = f"r{secrets.token_hex(5)}@example.net"
    status, _ = stack.client("auth", "monitor").call(
        "auth.users.correct_email", {"user_id": user, "email": right, "reason": "typo"},
        actor=1, role="ADMIN")
    assert status == 200
    smtp.wait_for(right)
    env.wait_until(lambda: job_states(user) == ["suppressed", "sent"], 10, "both ended")
    assert smtp.to(wrong) == []
    found, mails = settled(reconcile)
    assert found["reasons"]["replaced"] == 1 and user not in mails


@pytest.fixture
def job_states(database):
    return lambda user: [s for (s,) in database.query(
        "select state from job where user_id = %s order by event_created_at", (user,),
        schema="mailer")]


def test_published_is_in_the_timeline(stack, register, smtp):
    _, to = register()
    smtp.wait_for(to)
    monitor = stack.client("mailer", "monitor")
    job = monitor.call("mailer.jobs.list", {"filter": {"recipient": to}})[1]["jobs"][0]
    _, shown = monitor.call("mailer.jobs.show", {"job_id": job["job_id"]})
    whats = [m["what"] for m in shown["timeline"]]
    assert whats[:3] == ["registered", "published", "received"]
    times = [m["at"] for m in shown["timeline"]]
    assert times == sorted(times)


def test_the_verb(stack, register, smtp, reconcile):
    done = stack.verb("mailer", "reconcile")
    assert " 0 missing" in done.stdout and "sent" in done.stdout
    smtp.script("RCPT", "550 5.1.1 no such mailbox")
    _, to = register()
    env.wait_until(lambda: reconcile()[0]["reasons"].get("dead") == 1, 10, "it is dead")
    done = stack.verb("mailer", "reconcile", "--since", "2h", check=False)
    assert done.returncode == 1 and " 1 missing" in done.stdout
    assert f"dead          verification {to}" in done.stdout
    assert "550 5.1.1" in done.stdout
    assert stack.verb("mailer", "reconcile", "--since", check=False).returncode == 64
    assert stack.verb("mailer", "reconcile", "--since", "soon", check=False).returncode == 64


def test_auth_away_is_said(stack, reconcile):
    stack.daemons["auth"].stop()
    code, _ = stack.client("mailer", "monitor").error("mailer.reconcile", {})
    assert code == "unavailable"
    stack.restart("auth")
