"""Acting: previews, reasons, the record, and who may not."""

import uuid

import pytest

from dashboard import ADMIN, BASIC, READER, Dashboard
from quintet import env

WHY = {"reason": "the server is back"}


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["mailer", "monitor"], MONITOR_BASIC_AUTH=BASIC, MAILER_REPLICA="mailer-1",
                       MONITOR_REPLICA="monitor-1",
                       clients=("gateway", "monitor", "mailer", "auth"))


@pytest.fixture(scope="module")
def board(stack):
    board = Dashboard(stack, ADMIN)
    env.wait_until(lambda: board.replica("mailer", "mailer-1"), 10, "the mailer is seen")
    return board


@pytest.fixture
def make_mail(database):
    def make(state="dead", recipient="kim@example.org"):
        job = str(uuid.uuid4())
        finished = "null" if state == "ready" else "now()"
        database.query(f"""
            insert into job (job_id, event_id, template, recipient, params, message_id, state,
                             attempt, run_at, event_created_at, finished_at)
            values (%s, gen_random_uuid(), 'welcome', %s, '{{"username": "kim"}}', %s, %s, 1,
                    now() + interval '1 hour', now(), {finished}) returning 1""",
                       (job, recipient, job, state), schema="mailer")
        return job
    return make


def act(board, action, **body):
    answer = board.post(f"/api/actions/{action}", body)
    assert answer.status == 200, answer.body
    return answer.json


def state_of(board, job):
    return board.get(f"/api/mails/{job}").json["state"]


def test_a_preview_does_nothing_and_is_not_recorded(board, make_mail):
    job = make_mail()
    before = board.get("/api/audit").json["actions"]
    said = act(board, "mails.retry", ids=[job], preview=True)
    assert (said["preview"], said["count"]) == (True, 1)
    assert said["title"] == "Send 1 mail again" and "1 address" in said["summary"]
    assert state_of(board, job) == "dead"
    assert board.get("/api/audit").json["actions"] == before


def test_a_dead_mail_is_sent_again_and_recorded(board, make_mail):
    job = make_mail()
    said = act(board, "mails.retry", ids=[job], **WHY)
    assert (said["done"], said["count"]) == (True, 1)
    env.wait_until(lambda: state_of(board, job) == "sent", 15, "the mail is sent")
    last = board.last_action()
    assert last["id"] == said["audit_id"] and last["outcome"] == "done"
    assert (last["actor"], last["via"], last["action"], last["subject"], last["reason"],
            last["count"]) == ("ops", "basic", "mails.retry", job, WHY["reason"], 1)


def test_what_matches_a_search_is_acted_on(board, make_mail):
    jobs = [make_mail(recipient=f"k{i}@match.example") for i in range(3)]
    said = act(board, "mails.retry", q="state:dead match.example", preview=True)
    assert said["count"] == 3 and len(said["sample"]) == 3
    assert "@match.example" in said["sample"][0]["text"]
    act(board, "mails.retry", q="state:dead match.example", **WHY)
    env.wait_until(lambda: all(state_of(board, j) == "sent" for j in jobs), 15, "all are sent")


def test_what_cannot_be_retried_is_told_by_reason(board, make_mail):
    sent = [make_mail("sent") for _ in range(2)]
    suppressed = [make_mail("suppressed") for _ in range(3)]
    said = act(board, "mails.retry", ids=[make_mail(), *sent, *suppressed], preview=True)
    assert (said["count"], said["skipped"]) == (1, 5)
    assert said["summary"].endswith(
        " are queued again. 5 cannot be: it is suppressed (3), it is sent (2).")
    said = act(board, "mails.retry", ids=[make_mail(), *sent], preview=True)
    assert said["summary"].endswith(" are queued again. 2 cannot be: it is sent.")
    many = [make_mail("dead"), make_mail("revoked"), make_mail("expired"), *sent, *suppressed]
    refused = board.post("/api/actions/mails.revoke", {"ids": many} | WHY)
    assert refused.status == 409
    told, others = refused.json["detail"].split(" and ")
    assert told.startswith("Nothing was done. 8 cannot be: it is suppressed (3), it is sent (2), ")
    assert others == "2 for other reasons."


def test_a_waiting_mail_is_revoked(board, make_mail):
    job = make_mail("ready")
    act(board, "mails.revoke", ids=[job], **WHY)
    assert state_of(board, job) == "revoked"
    again = board.post("/api/actions/mails.revoke", {"ids": [job]} | WHY)
    assert again.status == 409
    assert board.last_action()["outcome"] == "failed"


def test_the_queue_is_paused_and_resumed(board):
    said = act(board, "queue.pause", **WHY)
    assert said["undo"] == {"action": "queue.resume", "body": {}, "label": "Resume"}
    env.wait_until(lambda: (board.get("/api/mails").json["queue"] or {}).get("paused"), 10,
                   "the pause is shown")
    shown = env.wait_until(
        lambda: [x for x in board.get("/api/overview").json["attention"] if x["kind"] == "queue"],
        10, "the overview tells")
    assert "By ops" in shown[0]["text"] and WHY["reason"] in shown[0]["text"]
    act(board, "queue.resume", **WHY)
    env.wait_until(lambda: board.get("/api/mails").json["queue"]["paused"] is False, 10,
                   "it goes on")


def test_connections_and_rate_are_set_and_set_back(board):
    board.get("/api/mails")
    env.wait_until(lambda: board.get("/api/mails").json["queue"], 10, "the queue is known")
    said = act(board, "queue.settings", connections=3, per_minute=600, **WHY)
    assert "\u2192 3" in said["summary"] and "no limit \u2192 600" in said["summary"]
    assert said["undo"]["body"] == {"connections": None, "per_minute": None}
    queue = env.wait_until(lambda: (q := board.get("/api/mails").json["queue"])
                           and q["connections"] == 3 and q, 10, "it is set")
    assert queue["per_minute"] == 600
    act(board, said["undo"]["action"], **said["undo"]["body"], **WHY)


def test_each_change_starts_from_the_one_before(board):
    """Nobody looks at the queue, and the changes follow at once: summary, undo and record say
    what each really found."""
    for wanted, summary, undo in (
            ({"per_minute": 60}, "mails a minute: no limit \u2192 60.", {"per_minute": None}),
            ({"per_minute": 90}, "mails a minute: 60 \u2192 90.", {"per_minute": 60}),
            ({"per_minute": None}, "mails a minute: 90 \u2192 no limit.", {"per_minute": 90})):
        seen = act(board, "queue.settings", **wanted, preview=True)
        said = act(board, "queue.settings", **wanted, **WHY)
        assert seen["summary"] == said["summary"] == summary
        assert said["undo"] == {"action": "queue.settings", "body": undo, "label": "Change back"}
        assert board.last_action()["summary"] == summary
    said = act(board, "queue.settings", per_minute=None, **WHY)
    assert said["summary"] == "Nothing changes." and said["undo"] is None


def test_the_pool_changes_by_so_many(board):
    for by, before, after in ((6, "as configured", 10), (-5, 10, 5), (-64, 5, 1)):
        change = {"instance": "mailer-1", "by": by}
        seen = act(board, "replica.pool", **change, preview=True)
        said = act(board, "replica.pool", **change, **WHY)
        assert seen["summary"] == said["summary"] == (
            f"connections of each mailer: {before} \u2192 {after}.")
    act(board, said["undo"]["action"], **said["undo"]["body"], **WHY)
    said = act(board, "queue.settings", connections=None, **WHY)
    assert "5 \u2192 as configured" in said["summary"]


def test_a_replica_is_drained_and_resumed(board):
    said = act(board, "replica.drain", instance="mailer-1", preview=True)
    assert "only mailer" in said["summary"]
    act(board, "replica.drain", instance="mailer-1", **WHY)
    env.wait_until(lambda: board.replica("mailer", "mailer-1")["status"] == "draining", 10,
                   "it drains")
    act(board, "replica.resume", instance="mailer-1", **WHY)
    env.wait_until(lambda: board.replica("mailer", "mailer-1")["status"] == "up", 10, "it is up")


def test_what_a_replica_logs_is_changed(stack, board):
    act(board, "replica.log_level", instance="mailer-1", levels="info,mailer=debug", **WHY)
    answer = board.post("/api/actions/replica.log_level",
                        {"instance": "mailer-1", "levels": "loud"} | WHY)
    assert answer.status == 400


def test_only_what_is_gone_can_be_forgotten(board):
    answer = board.post("/api/actions/replica.forget", {"instance": "mailer-1"} | WHY)
    assert answer.status == 409 and board.replica("mailer", "mailer-1")


@pytest.mark.parametrize("action,body,field", [
    ("mails.retry", {}, "ids"), ("mails.retry", {"ids": []}, "ids"),
    ("mails.retry", {"ids": ["x"]}, "ids"), ("mails.retry", {"ids": 7}, "ids"),
    ("mails.retry", {"ids": [str(uuid.uuid4())], "q": "x"}, "ids"),
    ("mails.retry", {"q": "("}, "q"), ("mails.retry", {"colour": 1}, "colour"),
    ("queue.settings", {}, "connections"), ("queue.settings", {"connections": 0}, "connections"),
    ("queue.settings", {"per_minute": "many"}, "per_minute"),
    ("replica.pool", {"instance": "mailer-1"}, "size"),
    ("replica.pool", {"instance": "mailer-1", "size": 65}, "size"),
    ("replica.pool", {"instance": "mailer-1", "by": 65}, "by"),
    ("replica.pool", {"instance": "mailer-1", "size": 2, "by": 1}, "by"),
    ("replica.drain", {}, "instance"), ("replica.log_level", {"instance": "mailer-1"}, "levels"),
])
def test_bodies_are_checked_before_anything_is_done(board, action, body, field):
    answer = board.post(f"/api/actions/{action}", body | WHY)
    assert (answer.status, list(answer.json["details"])) == (400, [field])


@pytest.mark.parametrize("reason", [None, "", "  ", "ab", "x" * 301])
def test_a_reason_is_asked_for(board, reason):
    body = {} if reason is None else {"reason": reason}
    answer = board.post("/api/actions/queue.pause", body)
    assert (answer.status, list(answer.json["details"])) == (400, ["reason"])


def test_unknown_actions_and_replicas(board):
    assert board.post("/api/actions/nothing", WHY).status == 404
    assert board.post("/api/actions/replica.drain", {"instance": "x"} | WHY).status == 404


def test_who_may_only_look_does_not_act(stack):
    answer = Dashboard(stack, READER).post("/api/actions/queue.pause", WHY)
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert Dashboard(stack).post("/api/actions/queue.pause", WHY).status == 401


def test_another_site_does_not_act_with_a_stored_password(board):
    answer = board.post("/api/actions/queue.pause", WHY, {"Origin": "https://evil.example"})
    assert (answer.status, answer.code) == (403, "csrf_failed")


def test_the_record_is_paged(board):
    first = board.get("/api/audit", limit=2).json
    second = board.get("/api/audit", limit=2, before=first["next"]).json
    ids = [x["id"] for x in first["actions"] + second["actions"]]
    assert ids == sorted(ids, reverse=True) and len(set(ids)) == 4
    assert all(x["action"] == "mails.retry"
               for x in board.get("/api/audit", action="mails.retry").json["actions"])


def test_hostile_reasons_are_text(board):
    reason = "<script>alert(1)</script>\u2028'\""
    act(board, "queue.resume", reason=reason)
    assert board.last_action()["reason"] == reason


def test_a_read_only_monitor_refuses_everybody(stack, board):
    stack.restart("monitor", MONITOR_READ_ONLY="true")
    try:
        answer = board.post("/api/actions/queue.pause", WHY)
        assert (answer.status, answer.code) == (403, "read_only")
        assert board.get("/api/session").json["may_act"] is False
    finally:
        stack.restart("monitor", MONITOR_READ_ONLY="false")
