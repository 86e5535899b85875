"""What the overview says of the mails: everything that is known, and nothing that is not."""

import pytest

from dashboard import ADMIN, BASIC, Dashboard
from quintet import env


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["mailer", "monitor"], MONITOR_BASIC_AUTH=BASIC, MAILER_REPLICA="mailer-1",
                       MONITOR_STALE_AFTER="6", replicas={"mailer": 2})


@pytest.fixture(scope="module")
def board(stack, database):
    return Dashboard(stack, ADMIN)


def line(board, kind, subject):
    return next((x for x in board.get("/api/overview").json["attention"]
                 if (x["kind"], x["subject"]) == (kind, subject)), None)


def called(stack, method):
    """How often the mailer was asked that; asks it, not the monitor."""
    said = stack.client("mailer", "monitor").call("control.describe")[1]
    return next((m["requests"] for m in said["methods"] if m["name"] == method), 0)


def figures(page):
    """The samples without labels of a page of metrics."""
    return dict(x.split(" ") for x in page.splitlines() if x.startswith("quintet_") and "{" not in x)


def test_counts_are_known_before_anybody_looks(stack, database):
    database.query("insert into job_total (state, n) values ('dead', 7) on conflict (state)"
                   " do update set n = excluded.n returning 1", schema="mailer")
    stack.restart("monitor")
    before = {m: called(stack, m) for m in ("mailer.jobs.list", "mailer.queue.status", "mailer.stats")}
    env.wait_until(lambda: all(called(stack, m) > n for m, n in before.items()), 30,
                   "the monitor asks although nobody looks")
    board = Dashboard(stack, ADMIN)
    first = board.get("/api/overview").json
    assert first["counts"]["dead"] == 7 and first["mails"]["complete"]
    assert line(board, "dead", "mail")["title"] == "7 mails were given up."
    assert figures(board.get("/metrics").body.decode())["quintet_dead_mails"] == "7"


def test_what_nobody_told_is_not_known_and_not_none(start_stack, database):
    board = Dashboard(start_stack(["monitor"], MONITOR_BASIC_AUTH=BASIC, MONITOR_STALE_AFTER="6"), ADMIN)
    first = board.get("/api/overview").json
    assert first["counts"] == {"missed": None, "dead": None}
    assert not first["mails"]["complete"] and set(first["mails"]["sent"]) == {None}
    assert first["mails"]["totals"] == {"sent": None, "deferred": None, "dead": None}
    events = [e for e in first["flow"]["edges"] if e["kind"] == "events"]
    assert {e[k] for e in events for k in ("lag", "gaps", "pulls", "head")} == {None}
    queue = board.get("/api/flow").json["queues"][0]
    assert {queue[k] for k in ("messages", "ready", "unacked", "oldest_s", "paused")} == {None}
    page = board.get("/metrics").body.decode()
    assert "# TYPE quintet_dead_mails gauge" in page and figures(page) == {}
    assert "quintet_queue_messages{" not in page
    said = env.wait_until(lambda: line(board, "unknown", "mail"), 60, "it is told when it lasts")
    assert said["title"] == "How the mails stand is not known." and said["since"]
    assert said["since"][11:19] in said["text"]


def test_every_mail_that_was_given_up_is_dead(board, database):
    database.query("""
        insert into tally (template, domain, outcome, n, state, delta)
        select 'welcome', 'example.org', outcome, n, null, 0
          from (values ('sent', 9), ('deferred', 5), ('dead', 1), ('bounced', 20),
                       ('expired', 300), ('suppressed', 4000)) t (outcome, n)
        returning 1""", schema="mailer")
    totals = env.wait_until(lambda: (m := board.get("/api/overview").json["mails"])["complete"]
                            and m["totals"]["sent"] == 9 and m["totals"], 30, "they are counted")
    assert totals == {"sent": 9, "deferred": 5, "dead": 321}


def test_a_service_that_was_stopped_is_missed(stack, board):
    env.wait_until(lambda: not line(board, "unseen", "mailer"), 15, "the mailer is there")
    stack.daemons["mailer"].stop()
    said = env.wait_until(lambda: line(board, "unseen", "mailer"), 20, "it is missed")
    assert (said["level"], said["title"]) == ("broken", "mailer is not running.")
    assert board.replica("mailer", "mailer-1")["status"] == "stopped"
    stack.restart("mailer")
    env.wait_until(lambda: not line(board, "unseen", "mailer"), 15, "it is back")


def test_a_service_that_drains_is_missed(stack, board):
    control = stack.client("mailer", "monitor")
    env.wait_until(lambda: not line(board, "unseen", "mailer"), 15, "the mailer is there")
    assert control.call("control.drain")[0] == 200
    said = env.wait_until(lambda: line(board, "unseen", "mailer"), 20, "it is missed")
    assert said["title"] == "mailer takes no work." and "1 drain" in said["text"]
    assert control.call("control.resume")[0] == 200
    env.wait_until(lambda: not line(board, "unseen", "mailer"), 15, "it is back")


def test_what_crashed_has_one_line(stack, board):
    env.wait_until(lambda: (r := board.replica("mailer", "mailer-1")) and r["status"] == "up", 15, "it is up")
    stack.daemons["mailer"].kill()
    env.wait_until(lambda: line(board, "replica", "mailer-1"), 20, "the crash is told")
    assert not line(board, "unseen", "mailer")
    services = {s["name"]: s for s in board.get("/api/overview").json["services"]}
    assert services["mailer"]["figure"]["unit"] == "mails/s"


def test_what_was_known_long_ago_is_not_known(stack, board):
    """The mailer is gone since the last test."""
    def forgotten():
        said = board.get("/api/overview").json
        return set(said["mails"]["totals"].values()) == {said["counts"]["dead"]} == {None} \
            and board.get("/api/flow").json["queues"][0]["messages"] is None
    env.wait_until(forgotten, 60, "what it told is too old")
    assert line(board, "unknown", "mail")
    told = figures(board.get("/metrics").body.decode())
    assert "quintet_dead_mails" not in told and "quintet_queue_paused" not in told
    stack.restart("mailer")


def test_one_that_leaves_another_to_serve_is_not_missed(stack, board):
    stack.start_replica("mailer-2")
    env.wait_until(lambda: board.replica("mailer", "mailer-2"), 15, "the second is seen")
    stack.daemons["mailer-2"].stop()
    env.wait_until(lambda: (r := board.replica("mailer", "mailer-2"))["status"] == "stopped"
                   and r["silent_ms"] > 7000, 30, "it is gone for longer than a restart takes")
    assert not line(board, "unseen", "mailer")


def test_who_is_missed_needs_auth(board):
    """The mailer answers all the time; what only auth can tell stays unknown."""
    said = env.wait_until(lambda: line(board, "unknown", "mail"), 120, "it is told when it lasts")
    assert said["title"] == "Who did not get their mail is not known."
    counts = board.get("/api/overview").json["counts"]
    assert counts["missed"] is None and counts["dead"] == 7
