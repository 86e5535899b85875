"""The list of mails at 100,000 rows: every page comes from an index, never from the whole
table, whatever the order, the filter and the place."""

import json

import pytest
from quintet.postgres import plan_nodes, statement_of

ROWS = 100_000
EXAMINED_MAX = 5_000  # rows touched for a page of 50

FILL = """
insert into job (job_id, event_id, template, recipient, params, message_id, state, attempt,
                 run_at, created_at, event_created_at, expires_at, finished_at, last_code,
                 user_id, request_id, worker)
select gen_random_uuid(), gen_random_uuid(),
       (array['verification', 'welcome', 'password_reset'])[1 + n % 3],
       'user' || n || '@example' || n % 50 || '.net', '{}', 'm' || n,
       case when n % 1000 = 0 then 'dead' when n % 5000 = 1 then 'ready' else 'sent' end,
       1 + (n % 700 = 0)::int * 3, t, t, t,
       case when n % 5000 = 1 then now() else t end + interval '1 day',
       case when n % 5000 <> 1 then t + interval '2 seconds' end,
       case when n % 1000 = 0 then 550 when n % 5000 = 1 then 450 else 250 end,
       n / 2 + 1, decode(md5(n::text), 'hex'), 'worker-' || n % 4
  from (select n, now() - interval '29 days' + n * interval '20 seconds' as t
          from generate_series(1, %s) n) s
"""


@pytest.fixture(scope="module")
def settings():
    return {"EMAIL_BACKEND": "console"}


@pytest.fixture(scope="module")
def monitor(stack, database):
    monitor = stack.client("mailer", "monitor")
    assert monitor.call("mailer.queue.pause", {"actor": "a", "reason": "b"})[0] == 200
    database.query(FILL.replace("%s", str(ROWS)), schema="mailer")
    database.query("insert into job_total select state, count(*) from job where "
                   "finished_at is not null group by state", schema="mailer")
    database.query("analyze job", schema="mailer")
    return monitor


def explain(database, name, *params):
    """The plan of a statement of the mailer as it ran: its nodes, flat."""
    sql = statement_of("mailer", name)
    for i in range(len(params), 0, -1):
        p = params[i - 1]
        value = "null" if p is None else "'" + str(p).replace("'", "''") + "'"
        sql = sql.replace(f"${i}", value)
    sql = "explain (analyze, format json) " + sql
    ((plan,),) = database.query(sql, schema="mailer")
    return plan_nodes(plan)


def examined(nodes):
    """Rows that scans touched, and those that they threw away."""
    return sum((n["Actual Rows"] + n.get("Rows Removed by Filter", 0)
                + n.get("Rows Removed by Index Recheck", 0)) * n["Actual Loops"]
               for n in nodes if "Scan" in n["Node Type"] and "Subquery" not in n["Node Type"]
               and "CTE" not in n["Node Type"])


def from_an_index(nodes):
    assert not [n for n in nodes if n["Node Type"] == "Seq Scan"
                and n["Relation Name"] == "job" and n["Actual Loops"]], nodes
    assert examined(nodes) <= EXAMINED_MAX, examined(nodes)


SORTS = ["created", "run", "finished", "attempt"]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("way", ["desc", "asc"])
@pytest.mark.parametrize("deep", [False, True], ids=["first", "deep"])
def test_any_order_at_any_depth(monitor, database, sort, way, deep):
    at = attempt = job = None
    if deep:
        at, attempt, job = database.query(
            "select created_at, attempt, job_id from job where attempt = 1 "
            "order by created_at offset 50000 limit 1", schema="mailer")[0]
    if sort == "attempt":
        at = None
    else:
        attempt = None
    from_an_index(explain(database, "job_list", sort, way, "{}", at, attempt, job, 51,
                          51))


FILTERS = [{"states": "{dead}"}, {"states": "{ready,leased}"}, {"states": "{sent}"},
           {"recipient": "user4711@"}, {"recipient": "4711"}, {"recipient": "example7.net"},
           {"user_id": 4711}, {"request_id": "202cb962ac59075b964b07152d234b70"},
           {"code": 450}, {"code": 550, "template": "welcome"}, {"worker": "worker-3"},
           {"states": "{dead}", "recipient": "example"},
           {"template": "password_reset", "attempt_min": 2}, {"attempt_min": 4},
           {"created_from": "2000-01-01T00:00:00Z", "states": "{dead}"}]


@pytest.mark.parametrize("filters", FILTERS, ids=[json.dumps(f) for f in FILTERS])
def test_any_filter(monitor, database, filters):
    from_an_index(explain(database, "job_list", "created", "desc", json.dumps(filters), None,
                          None, None, 51, 51))


@pytest.mark.parametrize("states", [None, "{dead}"])
def test_a_condition_looks_at_so_many_rows(monitor, database, states):
    where = {"where": '!($.recipient like_regex "example" flag "iq")', "states": states}
    nodes = explain(database, "job_list", "created", "desc", json.dumps(where), None, None, None,
                    2000, 51)
    from_an_index(nodes)
    assert nodes[0]["Actual Rows"] == (0 if states else 1)


def test_counts_do_not_count(monitor, database):
    nodes = explain(database, "job_counts")
    assert not [n for n in nodes if n["Node Type"] == "Seq Scan"
                and n.get("Relation Name") == "job"]
    assert examined(nodes) <= 100
    counts = monitor.call("mailer.jobs.list", {"limit": 1})[1]["counts"]
    assert counts == {"dead": ROWS // 1000, "ready": ROWS // 5000,
                      "sent": ROWS - ROWS // 1000 - ROWS // 5000}


def test_pages_over_the_wire(monitor):
    """What operators do: page through, look for somebody, look at what failed."""
    for body in ({"sort": "finished"}, {"filter": {"recipient": "USER4711@"}},
                 {"filter": {"states": ["dead"]}, "count": True, "sort": "run"},
                 {"filter": {"code": 450}}, {"order": "asc", "limit": 200}):
        status, page = monitor.call("mailer.jobs.list", body)
        assert status == 200 and page["jobs"]
        if page["next"]:
            assert monitor.call("mailer.jobs.list", body | {"cursor": page["next"]})[0] == 200
    _, page = monitor.call("mailer.jobs.list", {"count": True, "limit": 1})
    assert page["matching"] == 10_000 and page["matching_more"]
