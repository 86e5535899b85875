"""What operators do to mails and to the queue, and what is left of it: retry, revoke, pause,
connections, rate, counts, the list of actions."""

import datetime
import time

import pytest
from quintet import env
from quintet.stack import Daemon

BY = {"actor": "ada", "reason": "because"}


@pytest.fixture
def dead(auth, smtp, address, job_of):
    """A registration whose mail was refused for good: (address, job)."""
    to = address()
    smtp.script("RCPT", "550 5.1.1 no such mailbox")
    auth.registered("ann", to)
    return to, job_of(to, "dead")


@pytest.fixture
def paused(ask):
    ask("queue.pause", **BY)
    yield
    ask("queue.resume", **BY)


def seconds_between(first, second):
    at = [datetime.datetime.fromisoformat(t.replace("Z", "+00:00")) for t in (first, second)]
    return (at[1] - at[0]).total_seconds()


def exact(database):
    rows = database.query("select state, count(*) from job group by state", schema="mailer")
    return dict(rows)


def test_a_dead_mail_is_sent_again(ask, dead, smtp, job_of):
    to, job = dead
    done = ask("jobs.retry", job_ids=[job["job_id"]], **BY)
    assert done["job_ids"] == [job["job_id"]] and done["done"] == done["recipients"] == 1
    (mail,) = smtp.wait_for(to)
    after = job_of(to, "sent", attempt=2)
    assert mail.message["Message-ID"] == f"<{after['message_id']}>"
    shown = ask("jobs.show", job_id=job["job_id"])
    assert [a["code"] for a in shown["attempts"]] == [550, 250]
    assert shown["actions"] == [shown["actions"][0] | BY | {
        "method": "mailer.jobs.retry", "id": done["action_id"]}]
    assert ask("actions.list")["actions"][0]["detail"] == {"jobs": 1}


def test_a_retry_forgives_earlier_attempts(ask, dead, smtp, job_of, database):
    to, job = dead
    database.query("update job set attempt = 25 where recipient = %s", (to,),
                   schema="mailer")
    smtp.script("RCPT", "450 4.2.1 later")
    ask("jobs.retry", job_ids=[job["job_id"]], **BY)
    job_of(to, "ready", attempt=26, last_code=450)
    ask("jobs.retry", job_ids=[job["job_id"]], **BY)  # waits: now
    job_of(to, "sent", attempt=27)


def test_a_deferral_is_dated_by_its_attempt(ask, auth, smtp, address, job_of, database, paused):
    """And the next try is told for itself; of one that was given up only that."""
    def told(to):
        shown = ask("jobs.show", job_id=job_of(to)["job_id"])
        moments = [m for m in shown["timeline"] if m["what"] not in ("registered", "received")]
        assert [m["at"] for m in moments] == sorted(m["at"] for m in moments)
        return shown, moments

    later, never = address(), address()
    ask("queue.resume", **BY)
    smtp.script("RCPT", "450 4.2.1 later")
    auth.registered("ann", later)
    job_of(later, "ready", attempt=1)
    smtp.script("RCPT", "550 5.1.1 no such mailbox")
    auth.registered("ben", never)
    dead = job_of(never, "dead")
    database.query("update attempt set at = at - interval '1 hour', duration_ms = 1500 "
                   "where job_id = %s", (job_of(later)["job_id"],), schema="mailer")
    shown, (attempt, deferred, following) = told(later)
    assert (attempt["what"], deferred["what"], following["what"]) == (
        "attempt", "deferred", "next")
    assert seconds_between(attempt["at"], deferred["at"]) == 1.5
    assert (deferred["code"], deferred["text"]) == (450, "450 4.2.1 later")
    assert following["at"] == shown["run_at"]
    ask("queue.pause", **BY)
    ask("jobs.retry", job_ids=[dead["job_id"]], **BY)
    assert [m["what"] for m in told(never)[1]] == ["attempt", "next"]
    waiting = [shown["job_id"], dead["job_id"]]
    assert ask("jobs.revoke", job_ids=waiting, **BY)["done"] == 2  # out of others' way


def test_what_cannot_be_retried_is_said(ask, auth, smtp, address, job_of, dead, database):
    sent, (late, job) = address(), dead
    auth.registered("ann", sent)
    smtp.wait_for(sent)
    database.query("update job set expires_at = now() where recipient = %s", (late,),
                   schema="mailer")
    nobody = "5f19c2e0-7b41-5d7e-8f00-000000000001"
    ids = [job_of(sent, "sent")["job_id"], job["job_id"], nobody]
    done = ask("jobs.retry", job_ids=ids, **BY)
    assert done["done"] == 0 and done["action_id"] is None
    assert {s["job_id"]: s["why"] for s in done["skipped"]} == {
        ids[0]: "it is sent", ids[1]: "its link has expired", nobody: "there is no such mail"}


@pytest.mark.parametrize("by", ["ids", "filter"])
def test_a_link_that_was_replaced_is_not_retried(ask, auth, smtp, address, job_of, by):
    """A newer link made the one in the dead mail void: to send it would help nobody."""
    old, new = address(), address()
    smtp.script("RCPT", "550 5.1.1 no such mailbox")
    auth.linked("user.verification_requested", "ann", old)
    job = job_of(old, "dead")
    assert ask("jobs.show", job_id=job["job_id"])["can_retry"]
    auth.linked("user.verification_requested", "ann", new)
    smtp.wait_for(new)
    assert not ask("jobs.show", job_id=job["job_id"])["can_retry"]
    which = {"ids": {"job_ids": [job["job_id"]]},
             "filter": {"filter": {"recipient": old}, "expected": 1}}[by]
    done = ask("jobs.retry", **which, **BY)
    assert done["done"] == 0 and done["action_id"] is None
    assert done["skipped"] == [{"job_id": job["job_id"],
                                "why": "a newer link has replaced it"}]
    assert job_of(old)["state"] == "dead" and smtp.to(old) == []


def test_retry_by_filter(ask, monitor, auth, smtp, address, job_of):
    everyone = [address() for _ in range(3)]
    for to in everyone:
        smtp.script("RCPT", "552 5.2.2 mailbox full")
        auth.registered("ann", to)
        job_of(to, "dead")
    wanted = {"code": 552, "states": ["dead"]}
    seen = ask("jobs.retry", filter=wanted, dry_run=True, **BY)
    assert seen["dry_run"] and seen["done"] == seen["matching"] == seen["recipients"] == 3
    assert all(job_of(to)["state"] == "dead" for to in everyone)
    for wrong in ({"expected": 2}, {"expected": 3, "cap": 2}):
        code, details = monitor.error("mailer.jobs.retry",
                                      {"filter": wanted} | wrong | BY)
        assert code == "conflict" and details["matching"] == 3
    code, details = monitor.error("mailer.jobs.retry", {"filter": wanted} | BY)
    assert code == "invalid" and "expected" in details
    done = ask("jobs.retry", filter=wanted, expected=3, cap=3, **BY)
    assert done["done"] == 3
    for to in everyone:
        smtp.wait_for(to)
    assert ask("actions.list", limit=1)["actions"][0]["detail"]["filter"] == {
        "states": "{dead}", "code": 552}


@pytest.mark.parametrize("body", [
    {}, {"job_ids": ["5f19c2e0-7b41-5d7e-8f00-000000000001"]},
    {"actor": "ada", "job_ids": ["5f19c2e0-7b41-5d7e-8f00-000000000001"]},
    BY, BY | {"job_ids": []}, BY | {"job_ids": ["x"]},
    BY | {"filter": {}, "job_ids": ["5f19c2e0-7b41-5d7e-8f00-000000000001"]},
    BY | {"reason": "", "job_ids": ["5f19c2e0-7b41-5d7e-8f00-000000000001"]},
    BY | {"filter": {}, "expected": 1, "cap": 1001}])
@pytest.mark.parametrize("method", ["mailer.jobs.retry", "mailer.jobs.revoke"])
def test_acting_needs_a_name_a_reason_and_a_choice(monitor, method, body):
    assert monitor.error(method, body)[0] == "invalid"


def test_a_revoked_mail_is_not_sent(ask, auth, smtp, address, job_of, paused):
    to, other = address(), address()
    auth.registered("ann", to)
    auth.registered("ben", other)
    job = job_of(to, "ready")
    job_of(other, "ready")
    done = ask("jobs.revoke", filter={"recipient": to}, expected=1, **BY)
    assert done["job_ids"] == [job["job_id"]]
    after = job_of(to, "revoked")
    assert after["last_error"] == "revoked by ada: because" and after["finished_at"]
    again = ask("jobs.revoke", job_ids=[job["job_id"]], **BY)
    assert again["skipped"] == [{"job_id": job["job_id"], "why": "it is revoked"}]
    ask("queue.resume", **BY)
    smtp.wait_for(other)
    assert smtp.to(to) == []
    ask("jobs.retry", job_ids=[job["job_id"]], **BY)  # revoked by mistake
    smtp.wait_for(to)


def test_a_paused_queue_sends_nothing_and_says_who(ask, auth, smtp, address, job_of, stack):
    to = address()
    done = ask("queue.pause", **BY)
    assert done["paused"] and done["changed"]
    again = ask("queue.pause", actor="ben", reason="me too")
    assert again["paused"] and not again["changed"] and again["action_id"] is None
    auth.registered("ann", to)
    job_of(to, "ready")
    stack.restart("mailer")  # it is written down
    status = ask("queue.status")
    assert status["paused"] and status["paused_by"] == "ada"
    assert status["paused_why"] == "because" and status["paused_at"]
    env.wait_until(lambda: ask("queue.status")["ready"] == 1, 5, "it is counted")
    assert smtp.to(to) == [] and job_of(to)["attempt"] == 0
    assert ask("queue.resume", **BY) == {
        "paused": False, "changed": True, "action_id": done["action_id"] + 1}
    smtp.wait_for(to)


def test_the_number_of_connections_changes_at_run_time(ask):
    assert ask("queue.status")["pool"] == 4
    for wanted, is_then in ((7, 7), (1, 1), (None, 4)):
        done = ask("queue.settings", connections=wanted, **BY)
        assert done["connections"] == wanted and done["connections_default"] == 4
        env.wait_until(lambda n=is_then: ask("queue.status")["pool"] == n, 5, "resized")


def test_a_change_says_what_it_found(ask):
    """Also a relative one, which begins where the last one ended, and stays within bounds."""
    for change, was, now in (({"connections_by": 6}, None, 10), ({"connections_by": -5}, 10, 5),
                             ({"connections_by": -9}, 5, 1), ({"connections_by": 64}, 1, 64),
                             ({"connections": 3}, 64, 3), ({"connections": None}, 3, None)):
        done = ask("queue.settings", **change, **BY)
        assert done["before"] == {"connections": was, "per_minute": None}
        assert done["connections"] == now
    for wanted, was in ((60, None), (90, 60), (None, 90)):
        done = ask("queue.settings", per_minute=wanted, **BY)
        assert done["before"] == {"connections": None, "per_minute": was}
    assert ask("actions.list", limit=1)["actions"][0]["detail"] == {
        "before": {"connections": None, "per_minute": 90},
        "after": {"connections": None, "per_minute": None}}


@pytest.mark.parametrize("body", [{"connections": 0}, {"connections": 65},
                                  {"connections_by": 65}, {"connections_by": None},
                                  {"per_minute": 0}, {"per_minute": "3/m"}])
def test_bad_settings(monitor, body):
    code, details = monitor.error("mailer.queue.settings", body | BY)
    assert code == "invalid" and list(details) == list(body)


def test_connections_are_set_in_one_way(monitor):
    code, details = monitor.error("mailer.queue.settings",
                                  {"connections": 3, "connections_by": 1} | BY)
    assert code == "invalid" and list(details) == ["connections_by"]


@pytest.fixture
def second(stack):
    settings = {"MAILER_RPC_LISTEN": f"tcp://127.0.0.1:{stack.ports.take()}",
                "MAILER_OPS_LISTEN": f"127.0.0.1:{stack.ports.take()}",
                "MAILER_REPLICA": "second"}
    stack.port["second.ops"] = settings["MAILER_OPS_LISTEN"].split(":")[1]
    daemon = Daemon("mailer", stack.environment("mailer") | settings,
                    stack.dir / "second.log")
    stack.daemons["second"] = daemon
    daemon.start()
    stack.wait_ready("second")
    yield daemon
    daemon.stop()
    del stack.daemons["second"]


def test_a_rate_holds_over_all_replicas(ask, auth, smtp, address, second):
    """120 a minute: 2 a second, so 8 mails need 3 seconds and more, whoever sends."""
    ask("queue.settings", per_minute=120, **BY)
    env.wait_until(lambda: "second" in second.output(), 5, "the second runs")
    everyone = [address() for _ in range(8)]
    started = time.monotonic()
    for to in everyone:
        auth.registered("ann", to)
    for to in everyone:
        smtp.wait_for(to, timeout=30)
    took = time.monotonic() - started
    ask("queue.settings", per_minute=None, **BY)
    assert took >= 2.8  # two at once, then one each half second
    assert [len(smtp.to(to)) for to in everyone] == [1] * 8


def test_a_pause_reaches_all_replicas(ask, auth, smtp, address, second, job_of, database):
    ask("queue.pause", **BY)
    everyone = [address() for _ in range(10)]
    for to in everyone:
        auth.registered("ann", to)
    for to in everyone:
        job_of(to, "ready")
    status = ask("queue.status")
    assert status["paused"]
    taken = database.query("select count(*) from job where recipient = any(%s) and "
                           "claimed_at is not null", (everyone,), schema="mailer")
    assert taken == [(0,)]
    ask("queue.resume", **BY)
    for to in everyone:
        smtp.wait_for(to)


def test_counts_are_exact(ask, dead, database):
    def same():
        counts = {k: n for k, n in ask("jobs.list", limit=1)["counts"].items() if n}
        return counts == exact(database)

    env.wait_until(same, 10, "the counts are those of the table")
    before = ask("jobs.list", limit=1)["counts"]
    ask("queue.pause", **BY)
    ask("jobs.retry", job_ids=[dead[1]["job_id"]], **BY)
    after = ask("jobs.list", limit=1)["counts"]
    assert after["dead"] == before["dead"] - 1 and after["ready"] == 1
    ask("jobs.revoke", job_ids=[dead[1]["job_id"]], **BY)
    assert ask("jobs.list", limit=1)["counts"]["revoked"] == before.get("revoked", 0) + 1
    ask("queue.resume", **BY)
    env.wait_until(lambda: database.query("select count(*) from tally", schema="mailer")
                   == [(0,)], 10, "everything is added up")
    assert same()


def test_stats(ask, dead, database):
    def by(**body):
        found = {}
        for row in ask("stats", **body)["mails"]:
            found[row["outcome"]] = found.get(row["outcome"], 0) + row["n"]
        return found

    hours = by()
    assert hours == by(by="day")
    assert hours["queued"] == sum(exact(database).values())
    assert hours["bounced"] >= 1 and hours["sent"] >= 10 and hours["requeued"] >= 3
    assert by(until="2026-01-01T00:00:00Z", since="2025-01-01T00:00:00Z") == {}
    (domain,) = ask("stats")["domains"]
    assert domain["domain"] == "example.net" and domain["bounced"] == hours["bounced"]


def test_actions_are_listed_in_pages(ask):
    seen, before = [], {}
    while True:
        page = ask("actions.list", limit=3, **before)
        seen += [a["id"] for a in page["actions"]]
        if not page["next"]:
            break
        before = {"before": page["next"]}
    assert seen == sorted(seen, reverse=True) and len(seen) > 6
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("method", ["jobs.retry", "queue.pause", "queue.settings", "stats",
                                    "queue.status", "actions.list"])
def test_others_may_not(stack, method):
    assert stack.client("mailer", "gateway").error(f"mailer.{method}", BY)[0] == \
        "peer_not_allowed"
