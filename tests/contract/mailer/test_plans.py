"""The statements that every mail passes through are planned once for a connection, perhaps
while the tables are empty, or full and not analyzed yet. Either plan must be a good one for a
full table; and a claim writes no index entry."""

import contextlib
import json

import pytest
from quintet.postgres import plan_nodes, statement_of

MAILS, ENDED = 3000, 2900
FILL = """
insert into job (job_id, event_id, template, recipient, params, message_id,
                 event_created_at, run_at, expires_at)
select gen_random_uuid(), gen_random_uuid(), 'verification', 'user' || n || '@example.net',
       '{}', 'm' || n, now(), now() - interval '1 hour' + n * interval '1 ms',
       now() + interval '1 day'
  from generate_series(1, %s) n
"""
# As lib/svc/db_pipe.c sets up the connections that write.
LANE = """set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off;
          set enable_bitmapscan = off; set search_path = mailer"""


@pytest.fixture(scope="module")
def settings():
    return {"EMAIL_BACKEND": "console"}


def explain(cursor, text, *params):
    cursor.execute(f"explain (analyze, format json) execute {text}", params)
    return plan_nodes(cursor.fetchone()[0])


def touched(nodes):
    """Rows of jobs that scans looked at."""
    return sum((n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) * n["Actual Loops"]
               for n in nodes if n.get("Relation Name") == "job" and "Scan" in n["Node Type"])


@pytest.fixture(scope="module")
def session(stack, database):
    """Both statements planned for an empty table, which is then filled; most mails are over."""
    assert stack.daemons["mailer"].stop() == 0  # it has made the tables and would take the mails
    with contextlib.closing(database.cluster.connect(database.name)) as c:
        cursor = c.cursor()
        cursor.execute(LANE)
        plan(cursor)
        cursor.execute(FILL, (MAILS,))
        cursor.execute("update job set state = 'dead', finished_at = now() where job_id in "
                       "(select job_id from job order by run_at limit %s)", (ENDED,))
        yield cursor


def plan(cursor):
    for name, call in (("job_claim", "(0, 'w', 60000, 5, true)"), ("job_finish", "('[]')")):
        cursor.execute(f"prepare {name} as {statement_of('mailer', name)}")
        cursor.execute(f"execute {name}{call}")


def ends(jobs):
    return json.dumps([{"job": job, "token": token, "how": "sent", "delay": 0, "phase": "end",
                        "code": 250, "text": "", "uncertain": 0, "ms": 1, "most": 25,
                        "dialogue": []} for job, token in jobs])


@pytest.mark.parametrize("when", ["empty", "full"])
def test_plans_find_by_key(session, when):
    if when == "full":
        session.execute("deallocate all")
        plan(session)
    nodes = explain(session, "job_claim(4, 'w', 60000, 5, true)")
    assert touched(nodes) <= 40, nodes
    session.execute("select job_id, lease_token from job where state = 'leased'")
    jobs = session.fetchall()
    assert len(jobs) == 4
    nodes = explain(session, "job_finish(%s)", ends(jobs))
    assert touched(nodes) <= 40, nodes
    session.execute("select count(*) from job where state = 'leased'")
    assert session.fetchone() == (0,)


def test_a_claim_writes_no_index_entry(session):
    def updates():
        session.execute("select pg_stat_force_next_flush()")
        session.execute("select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables "
                        "where schemaname = 'mailer' and relname = 'job'")
        return session.fetchone()

    session.execute("vacuum job")
    before = updates()
    session.execute("execute job_claim(4, 'hot', 60000, 5, true)")
    assert len(session.fetchall()) == 4
    after = updates()
    assert after[0] - before[0] == 4 == after[1] - before[1]
