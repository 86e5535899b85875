"""Flower's API in Flower's shapes, and the six names of its metrics."""

import re
import uuid

import pytest

from dashboard import ADMIN, BASIC, READER, Dashboard, Speaker, hear
from quintet import env


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["mailer", "monitor"], MONITOR_BASIC_AUTH=BASIC, MAILER_REPLICA="mailer-1",
                       MONITOR_REPLICA="monitor-1",
                       clients=("gateway", "monitor", "mailer", "auth", "catalog"))


@pytest.fixture(scope="module")
def board(stack):
    board = Dashboard(stack, ADMIN)
    env.wait_until(lambda: board.replica("mailer", "mailer-1"), 10, "the mailer is seen")
    return board


@pytest.fixture(scope="module")
def jobs(stack, database):
    """One mail in each state."""
    made = {}
    for state, attempt in (("ready", 0), ("ready", 2), ("sent", 1), ("dead", 3), ("expired", 1),
                           ("revoked", 0), ("suppressed", 0)):
        job = str(uuid.uuid4())
        made[state, attempt] = job
        finished = "null" if state == "ready" else "now()"
        database.query(f"""
            insert into job (job_id, event_id, template, recipient, params, message_id, state,
                             attempt, run_at, created_at, event_created_at, finished_at,
                             last_error, worker)
            values (%s, gen_random_uuid(), 'welcome', 'kim@example.org',
                    '{{"username": "kim"}}', %s, %s, %s, now() + interval '1 hour',
                    now() - interval '2 seconds', now(), {finished},
                    case when %s in ('dead', 'expired') then '550 no' end, 'mailer-1')
            returning 1""", (job, job, state, attempt, state), schema="mailer")
    return made


CELERY = {("ready", 0): "RECEIVED", ("ready", 2): "RETRY", ("sent", 1): "SUCCESS",
          ("dead", 3): "FAILURE", ("expired", 1): "FAILURE", ("revoked", 0): "REVOKED",
          ("suppressed", 0): "REVOKED"}


def test_tasks_are_mails_by_id(board, jobs):
    tasks = board.get("/api/tasks").json
    assert {jobs[k]: v for k, v in CELERY.items()} == {i: t["state"] for i, t in tasks.items()}
    task = tasks[jobs["dead", 3]]
    assert (task["name"], task["worker"], task["retries"]) == ("mailer.welcome", "mailer-1", 2)
    assert task["exception"] == "550 no" and task["kwargs"] == "{'recipient': 'kim@example.org'}"
    assert 1 < task["runtime"] < 60 and task["failed"] > task["received"]
    assert {"uuid", "name", "state", "received", "started", "args", "kwargs", "result",
            "runtime", "eta", "expires", "timestamp", "traceback", "exchange",
            "routing_key"} <= set(task)


@pytest.mark.parametrize("query,states", [
    ({"state": "SUCCESS"}, {"SUCCESS"}), ({"state": "FAILURE"}, {"FAILURE"}),
    ({"state": "RETRY"}, {"RETRY"}), ({"state": "RECEIVED"}, {"RECEIVED"}),
    ({"state": "REVOKED"}, {"REVOKED"}), ({"state": "STARTED"}, set()),
    ({"taskname": "mailer.welcome", "state": "SUCCESS"}, {"SUCCESS"}),
    ({"taskname": "mailer.verification"}, set()), ({"workername": "nobody"}, set()),
    ({"search": "kwargs:recipient=kim@example.org state:SUCCESS"}, {"SUCCESS"}),
    ({"search": "kwargs:recipient=joe@example.org"}, set()), ({"search": "args:joe"}, set()),
    ({"search": "kwargs:KIM state:dead"}, {"FAILURE"}),
    ({"search": "kim state:dead"}, {"FAILURE"}), ({"search": "-kim"}, set()),
    ({"received_start": "2099-01-01 00:00"}, set()),
    ({"received_end": "2099-01-01 00:00", "state": "SUCCESS"}, {"SUCCESS"}),
])
def test_tasks_are_filtered(board, jobs, query, states):
    assert {t["state"] for t in board.get("/api/tasks", **query).json.values()} == states


def test_tasks_are_paged(board, jobs):
    every = list(board.get("/api/tasks", sort_by="-received").json)
    pages = [k for offset in range(0, 7, 2)
             for k in board.get("/api/tasks", sort_by="-received", limit=2, offset=offset).json]
    assert pages == every and len(every) == 7


@pytest.mark.parametrize("by", ["name", "state", "received", "started"])
def test_tasks_are_sorted_both_ways_and_paged(board, jobs, by):
    for falling in ("", "-"):
        tasks = list(board.get("/api/tasks", sort_by=falling + by).json.values())
        assert len(tasks) == 7
        values = [t[by] for t in tasks if t[by] is not None]
        assert values == sorted(values, reverse=bool(falling))
        pages = [t for offset in range(0, 8, 3) for t in board.get(
            "/api/tasks", sort_by=falling + by, limit=3, offset=offset).json.values()]
        assert [t["uuid"] for t in pages] == [t["uuid"] for t in tasks]


def test_an_offset_of_ten_thousand_is_the_last(board, jobs):
    assert board.get("/api/tasks", offset=10000).json == {}
    assert board.get("/api/tasks", offset=10001).status == 400


@pytest.mark.parametrize("query", [{"state": "GONE"}, {"sort_by": "colour"}, {"search": "("}])
def test_bad_queries_are_told_as_there(board, query):
    answer = board.get("/api/tasks", **query)
    assert answer.status == 400 and list(answer.json) == ["error"]


def test_one_task_and_its_result(board, jobs):
    info = board.get(f"/api/task/info/{jobs['sent', 1]}")
    assert info.status == 200 and info.json["state"] == "SUCCESS"
    result = board.get(f"/api/task/result/{jobs['dead', 3]}").json
    assert result == {"task-id": jobs["dead", 3], "state": "FAILURE", "result": None,
                      "traceback": "550 no"}
    for unknown in (uuid.uuid4(), "x"):
        assert board.get(f"/api/task/info/{unknown}").status == 404


def test_types_and_queues(board, jobs):
    types = board.get("/api/task/types").json["task-types"]
    assert sorted(types) == [f"mailer.{kind}" for kind in (
        "account_exists", "password_changed", "password_reset", "session_ended", "verification",
        "welcome")]
    worker = board.get("/api/workers", workername="mailer-1").json["mailer-1"]
    assert worker["registered"] == types
    queue = env.wait_until(
        lambda: (q := board.get("/api/queues/length").json["active_queues"][0])["messages"] == 2
        and q, 10, "the mailer has counted")
    assert queue["name"] == "mail"


def test_workers_and_their_status(board):
    workers = board.get("/api/workers").json
    assert {"active_queues", "conf", "registered", "stats", "active", "scheduled", "reserved",
            "revoked", "timestamp"} == set(workers["mailer-1"])
    assert workers["mailer-1"]["active_queues"] == [{"name": "mail"}]
    assert workers["mailer-1"]["stats"]["pid"] > 0
    conf = workers["mailer-1"]["conf"]
    assert conf["MAILER_REPLICA"] == "mailer-1" and workers["monitor-1"]["conf"]
    assert not [v for v in conf.values() if re.search(r"://[^/]*:[^*]+@", str(v))]
    assert conf["EMAIL_HOST_PASSWORD"] in ("set", "not set")
    assert board.get("/api/workers", status="true").json["mailer-1"] is True
    assert list(board.get("/api/workers", workername="mailer-1").json) == ["mailer-1"]
    assert board.get("/api/workers", workername="x").status == 404


def test_a_mail_in_hand_is_an_active_task(board, database):
    job = str(uuid.uuid4())
    database.query("""
        insert into job (job_id, event_id, template, recipient, params, message_id, state,
                         attempt, event_created_at, lease_token, lease_until, claimed_at, worker)
        values (%s, gen_random_uuid(), 'welcome', 'o''hara@example.org',
                '{"username": "kim"}', %s, 'leased', 1, now(), gen_random_uuid(),
                now() + interval '1 hour', now(), 'mailer-1')
        returning 1""", (job, job), schema="mailer")
    try:
        task = board.get("/api/tasks", state="STARTED").json[job]
        assert task["started"] and task["kwargs"] == """{'recipient': "o'hara@example.org"}"""
        workers = board.get("/api/workers").json
        (active,) = workers["mailer-1"]["active"]
        assert (active["id"], active["time_start"]) == (job, task["started"])
        assert workers["monitor-1"]["active"] == []
    finally:
        database.query("delete from job where job_id = %s returning 1", (job,), schema="mailer")


def test_a_search_that_gave_up_is_no_empty_list(board, jobs, database):
    database.query("""
        insert into job (job_id, event_id, template, recipient, params, message_id, state,
                         created_at, event_created_at, finished_at)
        select gen_random_uuid(), gen_random_uuid(), 'welcome', 'bulk@bulk.test', '{}', 'b' || i,
               'sent', now() + i * interval '1 ms', now(), now()
          from generate_series(1, 105000) i returning 1""", schema="mailer")
    try:
        answer = board.get("/api/tasks", search="-bulk")
        assert answer.status == 503 and "Looked at 100000 mails" in answer.json["error"]
        answer = board.get("/api/tasks", search="-bulk", sort_by="received", limit=50)
        assert len(answer.json) == 7 and "found 7" in answer.headers["X-Incomplete"]
        answer = board.get("/api/tasks", search="-bulk", sort_by="received", limit=5)
        assert len(answer.json) == 5 and "X-Incomplete" not in answer.headers
        assert len(board.get("/api/tasks", offset=10000, limit=200).json) == 200
    finally:
        database.query("delete from job where recipient like 'bulk%%' returning 1", (),
                       schema="mailer")


def test_a_task_is_revoked(board, jobs):
    answer = board.call("POST", f"/api/task/revoke/{jobs['ready', 2]}")
    assert answer.status == 200 and list(answer.json) == ["message"]
    assert board.get(f"/api/task/info/{jobs['ready', 2]}").json["state"] == "REVOKED"
    assert board.call("POST", f"/api/task/revoke/{jobs['ready', 2]}").status == 403
    assert board.call("POST", "/api/task/revoke/x").status == 404
    assert board.last_action()["reason"] == "Flower's API"


def test_the_pool_grows_and_shrinks(board):
    """One after the other, while nobody looks at the queue."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for verb, n, told in (("grow", 6, "as configured \u2192 10"), ("shrink", 5, "10 \u2192 5"),
                          ("grow", 2, "5 \u2192 7"), ("grow", 64, "7 \u2192 64")):
        answer = board.call("POST", f"/api/worker/pool/{verb}/mailer-1", b"n=%d" % n, form)
        assert answer.status == 200, answer.body
        assert told in answer.json["message"] and told in board.last_action()["summary"]
    assert board.call("POST", "/api/worker/pool/grow/nobody").status == 404


def test_the_rate_is_limited(board):
    assert board.call("POST", "/api/task/rate-limit/mailer.welcome?ratelimit=30/m").status == 200
    env.wait_until(lambda: board.get("/api/mails").json["queue"]["per_minute"] == 30, 10,
                   "it is limited")
    assert board.call("POST", "/api/task/rate-limit/mailer.welcome?ratelimit=120/h").status == 200
    env.wait_until(lambda: board.get("/api/mails").json["queue"]["per_minute"] == 2, 10,
                   "it is limited")
    assert board.call("POST", "/api/task/rate-limit/mailer.welcome?ratelimit=0").status == 200


@pytest.mark.parametrize("name,rate,status,word", [
    ("x", "0", 404, "Unknown task 'x'"), ("welcome", "3/m", 404, "Unknown task"),
    ("mailer.gone", "3/m", 404, "Unknown task"), ("mailer.welcome", "soon", 400, "use 200"),
    ("mailer.welcome", "1/h", 400, "by the minute"), ("mailer.welcome", "90/h", 400, "multiple"),
    ("mailer.welcome", "3/d", 400, "use 200"), ("mailer.welcome", "2000/s", 400, "at most"),
    ("mailer.welcome", "-1/m", 400, "use 200")])
def test_a_rate_that_cannot_be_kept_is_refused(board, name, rate, status, word):
    answer = board.call("POST", f"/api/task/rate-limit/{name}?ratelimit={rate}")
    assert answer.status == status and word in answer.body.decode()


def test_shutdown_drains(board):
    assert board.call("POST", "/api/worker/shutdown/nobody").status == 404
    assert board.call("POST", "/api/worker/shutdown/mailer-1").status == 200
    env.wait_until(lambda: board.replica("mailer", "mailer-1")["status"] == "draining", 10,
                   "it drains")
    board.post("/api/actions/replica.resume", {"instance": "mailer-1", "reason": "done with it"})


def test_looking_is_not_acting(stack, jobs):
    reader = Dashboard(stack, READER)
    assert reader.get("/api/tasks").status == 200
    assert reader.call("POST", f"/api/task/revoke/{jobs['ready', 0]}").status == 403
    assert Dashboard(stack).get("/api/tasks").status == 401


# --- metrics ----------------------------------------------------------------------------

NAMES = ("flower_events_total", "flower_task_runtime_seconds",
         "flower_task_prefetch_time_seconds", "flower_worker_prefetched_tasks",
         "flower_worker_online", "flower_worker_number_of_currently_executing_tasks")
LINE = re.compile(r'[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? '
                  r'-?[0-9.e+-]+$')


def metrics(board):
    return board.get("/metrics").body.decode()


def value(board, line):
    found = re.search("^" + re.escape(line) + " (.*)$", metrics(board), re.M)
    return float(found[1]) if found else None


def test_the_six_names_are_there_in_the_text_format(stack, board):
    text = metrics(Dashboard(stack))
    for name in NAMES:
        assert f"# TYPE {name} " in text
    seen = set()
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            assert line not in seen
            seen.add(line)
        elif not line.startswith("#"):
            assert LINE.match(line), line


def test_a_killed_worker_is_not_online(stack, board):
    speaker = Speaker(stack, "catalog")
    line = 'flower_worker_online{worker="catalog-9",service="catalog"}'
    hear(speaker, lambda: value(board, line) == 1, instance="catalog-9",
         control="tcp://127.0.0.1:7")
    speaker.close()
    env.wait_until(lambda: value(board, line) == 0, 15, "it is called offline")


def test_events_and_hostile_names(stack, board):
    speaker = Speaker(stack, "mailer")
    line = 'flower_events_total{worker="mailer-9",type="task-succeeded",task="mailer.welcome"}'

    def said():
        speaker.say("job", instance="mailer-9", data={"job_id": "1", "state": "sent",
                                                      "template": "welcome", "took_us": 1500})
        speaker.say("job", instance='x"} 1\nevil 2', data={"state": "sent", "template": "a"})
        speaker.say("beat", instance='b"\\\n', control="tcp://127.0.0.1:6")
        return value(board, line)
    assert env.wait_until(said, 10, "events are counted", every=0.1) >= 1
    times = 'flower_task_runtime_seconds_{}{{worker="mailer-9",task="mailer.welcome"}}'
    assert value(board, times.format("count")) >= 1
    assert value(board, times.format("sum")) >= .0015
    env.wait_until(lambda: 'worker="b\\"' in metrics(board), 10, "the odd name is there")
    for text in metrics(board).splitlines():
        assert text.startswith("#") or LINE.match(text), text
    assert "evil" not in metrics(board)
    speaker.close()


def test_a_mail_that_is_taken_back_is_an_event(board, jobs):
    line = 'flower_events_total{worker="mailer-1",type="task-revoked",task="mailer.welcome"}'
    before = value(board, line) or 0
    for preview in ({"preview": True}, {"reason": "it is not wanted"}):
        body = {"ids": [jobs["ready", 0], jobs["sent", 1]]} | preview
        assert board.post("/api/actions/mails.revoke", body).status == 200
    env.wait_until(lambda: value(board, line) == before + 1, 10, "it is counted once")


def test_metrics_can_be_closed(stack, board):
    stack.restart("monitor", MONITOR_METRICS_OPEN="false")
    try:
        assert Dashboard(stack).get("/metrics").status == 401
        assert board.get("/metrics").status == 200
    finally:
        stack.restart("monitor", MONITOR_METRICS_OPEN="true")
