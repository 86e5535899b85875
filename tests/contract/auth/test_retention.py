"""What the daemon deletes once a minute, by its own statement; a full batch is followed by the
next at once."""

import jwt
import pytest
from quintet.postgres import plan_nodes, statement_of

# As lib/svc/db_pipe.c sets up the connections that write.
LANE = """set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set jit = off;
          set enable_bitmapscan = off"""
LARGE = {"audit", "refresh_token"}


@pytest.fixture
def prune(database):
    """Runs it; the size of the largest batch. audit: rows of the trail that are older go."""

    def run(audit="'-infinity'"):
        return database.statement("auth", "prune", "now()", "'-infinity'", "'-infinity'",
                                  audit)[0][0]

    return run


def refresh(auth, token):
    status, tokens = auth.call("auth.refresh", {"refresh": token})
    return tokens["refresh"] if status == 200 else None


def jti(token):
    return jwt.decode(token, options={"verify_signature": False})["jti"]


def age(database, token, by):
    """As if it had been issued and used earlier."""
    database.query("update refresh_token set issued_at = issued_at - %(by)s::interval, "
                   "used_at = used_at - %(by)s::interval, "
                   "expires_at = expires_at - %(by)s::interval where jti = %(jti)s",
                   {"by": by, "jti": jti(token)}, schema="auth")


def is_kept(database, token):
    return database.query("select 1 from refresh_token where jti = %s", (jti(token),),
                          schema="auth") == [(1,)]


def trail_of(database, user):
    return database.query("select event from audit where target_id = %s order by id",
                          (user["id"],), schema="auth")


def test_the_audit_trail_has_an_age_limit(database, register, login, prune):
    user = register()
    login(user)
    database.query("insert into audit (at, event, target_id) select now() - interval '400 days'"
                   " - i * interval '1 s', 'old', %s from generate_series(1, 1500) i",
                   (user["id"],), schema="auth")
    database.query("insert into audit (at, event, target_id) values "
                   "(now() - interval '399 days', 'younger', %s)", (user["id"],), schema="auth")
    limit = "now() - interval '400 days'"
    assert [prune(audit=limit) for _ in range(3)] == [1000, 500, 0]
    assert trail_of(database, user) == [("user.registered",), ("login.succeeded",), ("younger",)]


def test_tokens_that_ran_out_leave_a_session_that_goes_on(auth, database, register, login, prune):
    user = register()
    line = [login(user)["refresh"]]
    for _ in range(3):
        line.append(refresh(auth, line[-1]))
    for token, by in zip(line, ("49 hours", "47 hours", "11 seconds")):
        age(database, token, by)
    assert prune() == 1
    assert [is_kept(database, token) for token in line] == [False, True, True, True]
    assert refresh(auth, line[-1])


def test_a_spent_token_within_its_life_still_ends_the_session(auth, database, register, login,
                                                              prune):
    user = register()
    first = login(user)["refresh"]
    second = refresh(auth, first)
    third = refresh(auth, second)
    age(database, first, "49 hours")
    age(database, second, "23 hours")
    assert prune() == 1
    assert not is_kept(database, first) and is_kept(database, second)
    assert refresh(auth, second) is None and refresh(auth, third) is None
    assert trail_of(database, user)[-1] == ("refresh.reused",)


def test_spent_tokens_go_faster_than_they_come(database, register, login, prune):
    user = register()
    token = login(user)["refresh"]
    database.query(
        "insert into refresh_token (jti, sid, issued_at, expires_at, used_at) "
        "select gen_random_uuid(), sid, now() - interval '3 days', now() - interval '2 days', "
        "now() - interval '3 days' from refresh_token, generate_series(1, 1500) "
        "where jti = %s", (jti(token),), schema="auth")
    assert [prune() for _ in range(3)] == [1000, 500, 0]
    assert is_kept(database, token)


def test_no_large_table_is_read_whole(database):
    """Whatever the planner knew when the statement was planned: nothing, here."""
    ((plan,),) = database.query(
        f"{LANE}; prepare planned as {statement_of('auth', 'prune')}; explain (format json) "
        "execute planned (now(), now(), now(), now())", schema="auth")
    scans = [n for n in plan_nodes(plan)
             if n.get("Relation Name") in LARGE and "Scan" in n["Node Type"]]
    assert {n["Relation Name"] for n in scans} == LARGE
    assert all("Index Cond" in n for n in scans), scans
