"""What ends tokens before their time: the events, the snapshot for gateways, logout
everywhere, and the operators' `auth users`."""

import concurrent.futures
import json
import threading
import uuid

import jwt
import pytest
from quintet import frame
from quintet.client import Client

INVALID = "token_not_valid"
PASSWORD = "a pass phrase of some length"


def claims_of(tokens):
    return jwt.decode(tokens["access"], options={"verify_signature": False})


def as_user(user, tokens):
    return {"actor": user["id"],
            "headers": {frame.SESSION_ID: uuid.UUID(claims_of(tokens)["sid"]).bytes}}


@pytest.fixture
def user(register):
    return register()


@pytest.fixture
def snapshot(auth):
    """All pages of auth.revocations as one."""

    def ask():
        whole = {"sessions": [], "users": [], "pages": 0}
        token = None
        while whole["pages"] == 0 or token:
            headers = {frame.CONTINUATION: token} if token else {}
            answer = auth.call_frame("auth.revocations", headers=headers)
            assert answer.status == 200, answer
            page, token = json.loads(answer.body), answer.record(frame.CONTINUATION)
            assert bool(answer.flags & frame.MORE) == bool(token)
            whole["sessions"] += page["sessions"]
            whole["users"] += page["users"]
            whole["pages"] += 1
            whole |= {k: page[k] for k in ("epoch", "head")} | {
                "first": whole.get("first", page["head"])}
        assert whole["head"] == whole["first"]
        return whole

    return ask


@pytest.fixture
def users(stack):
    """auth users ...: (exit status, what it said)."""

    def run(*arguments):
        done = stack.verb("auth", "users", *arguments, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def refused(auth, tokens, code=INVALID):
    return auth.error("auth.refresh", {"refresh": tokens["refresh"]})[0] == code


# --- events and snapshot ------------------------------------------------------------------


def test_a_logout_is_an_event_and_in_the_snapshot(auth, user, login, events_of, snapshot):
    tokens = login(user)
    sid = claims_of(tokens)["sid"]
    request = uuid.uuid4()
    assert auth.call("auth.logout", request_id=request.bytes, **as_user(user, tokens))[0] == 200
    event = events_of(user["id"], 2)[1]
    assert (event["type"], event["version"]) == ("session.revoked", 1)
    assert event["payload"] == {"user_id": user["id"], "sid": sid, "reason": "logout"}
    assert event["request_id"] == request.hex
    held = snapshot()
    assert sid in [s["sid"] for s in held["sessions"]]
    assert held["head"] >= event["seq"]
    auth.call("auth.logout", **as_user(user, tokens))
    assert len(events_of(user["id"], 2)) == 2, "a second logout revokes nothing"


def test_reuse_is_an_event_and_in_the_snapshot(auth, user, login, events_of, snapshot):
    first = login(user)
    second = auth.call("auth.refresh", {"refresh": first["refresh"]})[1]
    auth.call("auth.refresh", {"refresh": second["refresh"]})
    assert refused(auth, first), "its child was used: its answer was not lost"
    event = events_of(user["id"], 2)[1]
    assert event["type"] == "session.revoked"
    assert event["payload"] == {
        "user_id": user["id"], "sid": claims_of(first)["sid"], "reason": "refresh_reused",
        "username": user["username"], "email": ""}
    assert event["payload"]["sid"] in [s["sid"] for s in snapshot()["sessions"]]


def steal(auth, tokens):
    """A spent token comes back after its child was used."""
    second = auth.call("auth.refresh", {"refresh": tokens["refresh"]})[1]
    auth.call("auth.refresh", {"refresh": second["refresh"]})
    assert refused(auth, tokens)


def test_nobody_is_mailed_about_reuse_again_and_again(auth, user, login, events_of, database):
    """Whoever plays thief and victim must not make us mail somebody as often as he likes:
    the mailbox is a confirmed one, and it is told once in a while."""
    def told():
        return [e["payload"]["email"] for e in events_of(user["id"], n)[1:]]

    n = 2
    steal(auth, login(user))
    assert told() == [""]
    database.query(f"update users set is_verified = true where id = {user['id']}", schema="auth")
    for n in (3, 4):
        steal(auth, login(user))
    assert told() == ["", user["email"], ""]
    database.query("update users set reuse_sent_at = now() - interval '1 day' "
                   f"where id = {user['id']}", schema="auth")
    n = 5
    steal(auth, login(user))
    assert told() == ["", user["email"], "", user["email"]]


def test_logout_everywhere(auth, user, login, events_of, snapshot, database):
    here, there = login(user), login(user)
    assert auth.call("auth.logout_all", **as_user(user, here)) == (
        200, {"message": "Logged out everywhere"})
    assert refused(auth, here) and refused(auth, there)
    event = events_of(user["id"], 2)[1]
    assert event["type"] == "user.updated"
    assert event["payload"] == {
        "user_id": user["id"], "username": user["username"], "email": user["email"],
        "role": "USER", "is_active": True, "uv": 2, "min_uv": 2}
    mine = [u for u in snapshot()["users"] if u["id"] == user["id"]]
    assert [(u["min_uv"], u["cause"]) for u in mine] == [(2, "ended")]
    assert database.query("select actor_id, target_id from audit where event = 'logout.all' "
                          f"and actor_id = {user['id']}", schema="auth") == [(user["id"],) * 2]
    again = login(user)
    assert claims_of(again)["uv"] == 2
    assert auth.call("auth.refresh", {"refresh": again["refresh"]})[0] == 200


def test_versions_rise_in_the_order_of_events(stack, auth, user, login, events_of, database):
    """Writers of one user at once, logins between them: no version is lost or told late."""
    start = threading.Barrier(6)

    def write(nth):
        with Client(auth.endpoint, auth.server, auth.key_pair, contract=auth.contract) as c:
            start.wait()
            for _ in range(12):
                if nth < 4:
                    assert c.call("auth.logout_all", actor=user["id"])[0] == 200
                else:
                    c.call("auth.login", {"username": user["username"], "password": PASSWORD})

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    told = [e["payload"]["uv"] for e in events_of(user["id"], 49)[1:]]
    assert told == list(range(2, 50))
    held = database.query("select min_uv from revocation where user_id = %s order by id",
                          (user["id"],), schema="auth")
    assert [v for v, in held] == told
    assert auth.call("auth.refresh", {"refresh": login(user)["refresh"]})[0] == 200


def test_logout_everywhere_needs_a_user(auth):
    assert auth.error("auth.logout_all")[0] == "not_authenticated"
    assert auth.error("auth.logout_all", actor=999999)[0] == "user_not_found"


def test_the_snapshot_is_pulled_in_pages(auth, snapshot, database):
    before = snapshot()
    database.query("insert into revocation (created_at, user_id, min_uv, cause) select now(), "
                   "700000 + i, i, 'ended' from generate_series(1, 12001) i", schema="auth")
    database.query("insert into revocation (created_at, user_id, min_uv, cause) values "
                   "(now() - interval '1 hour', 699999, 1, 'ended')", schema="auth")
    try:
        held = snapshot()
        assert held["pages"] == 3 and held["epoch"] == before["epoch"]
        many = [u for u in held["users"] if u["id"] > 700000]
        assert [u["id"] - 700000 for u in many] == list(range(1, 12002))
        assert not [u for u in held["users"] if u["id"] == 699999], "older than any token"
    finally:
        database.query("delete from revocation where user_id >= 699999", schema="auth")


@pytest.mark.parametrize("token", [b"x", b"1 2 3", b"0" * 36 + b" -1 0", b"0" * 36 + b" 1 x"])
def test_a_bad_continuation(auth, token):
    assert auth.error("auth.revocations", headers={frame.CONTINUATION: token})[0] \
        == "bad_request"


def test_who_may_ask_for_the_snapshot(stack):
    assert stack.client("auth", "mailer").error("auth.revocations")[0] == "peer_not_allowed"


# --- operators ------------------------------------------------------------------------------


def test_deactivate_and_activate(auth, user, login, users, events_of, snapshot, database):
    tokens, name = login(user), user["username"]
    assert users("deactivate", name) == (0, f"{name}: inactive, all sessions ended.\n")
    assert refused(auth, tokens, "user_inactive")
    assert auth.error("auth.login", {"username": name, "password": PASSWORD})[0] \
        == "no_active_account"
    assert users("deactivate", name) == (0, f"{name}: nothing to change.\n")
    event = events_of(user["id"], 2)[1]
    assert event["type"] == "user.updated"
    assert {k: event["payload"][k] for k in ("is_active", "uv", "min_uv")} == {
        "is_active": False, "uv": 2, "min_uv": 2}
    assert [u["cause"] for u in snapshot()["users"] if u["id"] == user["id"]] == ["inactive"]
    assert "active      no" in users("show", name)[1]

    assert users("activate", name)[0] == 0
    assert refused(auth, tokens), "what was ended stays ended"
    assert auth.call("auth.refresh", {"refresh": login(user)["refresh"]})[0] == 200
    event = events_of(user["id"], 3)[2]
    assert event["payload"]["is_active"] and event["payload"]["uv"] == 2
    trail = database.query("select event, detail->>'by' from audit where target_id = "
                           f"{user['id']} and event like 'user.%activated' order by id",
                           schema="auth")
    assert trail == [("user.deactivated", "auth users"), ("user.activated", "auth users")]


def test_a_role_ends_access_tokens_only(auth, user, login, users, events_of, database):
    tokens, name = login(user), user["username"]
    assert users("set-role", name, "ADMIN")[0] == 0
    event = events_of(user["id"], 2)[1]
    assert {k: event["payload"][k] for k in ("role", "uv", "min_uv")} == {
        "role": "ADMIN", "uv": 2, "min_uv": 0}
    tokens = auth.call("auth.refresh", {"refresh": tokens["refresh"]})[1]
    assert (claims_of(tokens)["role"], claims_of(tokens)["uv"]) == ("ADMIN", 2)
    assert users("set-role", name, "ADMIN") == (0, f"{name}: nothing to change.\n")
    database.query(f"update users set role = 'USER' where id = {user['id']}", schema="auth")


def test_delete(auth, user, login, users, events_of, snapshot, database):
    tokens, name = login(user), user["username"]
    assert users("delete", name) == (0, f"{name}: deleted.\n")
    assert refused(auth, tokens, "user_not_found")
    event = events_of(user["id"], 2)[1]
    assert event["type"] == "user.deleted"
    assert event["payload"] == {"user_id": user["id"], "username": name, "uv": 2}
    assert [(u["min_uv"], u["cause"]) for u in snapshot()["users"]
            if u["id"] == user["id"]] == [(2, "deleted")]
    assert database.query(f"select count(*) from session where user_id = {user['id']}",
                          schema="auth") == [(0,)]
    assert database.query("select detail->>'username' from audit where event = "
                          f"'user.deleted' and target_id = {user['id']}",
                          schema="auth") == [(name,)]


def test_end_sessions(auth, user, login, users):
    tokens = login(user)
    assert users("end-sessions", user["username"])[0] == 0
    assert refused(auth, tokens)


def test_list_and_show(user, users):
    code, text = users("list", user["username"].upper())
    assert code == 0
    assert text == f"{user['id']}  {user['username']}  -  USER  unverified\n"
    assert users("list", "nobody has this") == (0, "No user.\n")
    code, text = users("show", user["username"])
    assert code == 0 and f"id          {user['id']}\n" in text and "sessions    0" in text


def test_what_operators_cannot_do(user, users):
    for arguments in (["show"], ["deactivate"], ["delete"], ["end-sessions"], ["activate"],
                      ["unlock"]):
        code, said = users(*arguments, "nobody")
        assert code == 65 and 'no user "nobody"' in said
    assert users("set-role", "nobody", "USER")[0] == 65
    assert users("set-role", user["username"], "BOSS")[0] == 64
    for arguments in ([], ["dance"], ["show"], ["show", "a", "b"], ["set-role", "a"]):
        code, said = users(*arguments)
        assert code == 64 and "auth users set-role NAME ADMIN|USER" in said


@pytest.fixture
def admins(stack, database, new_name):
    """The only two active administrators."""
    database.query("update users set role = 'USER' where role = 'ADMIN'", schema="auth")
    names = [new_name(), new_name()]
    for name in names:
        stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME=name,
                   DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    return names


@pytest.mark.parametrize("arguments", [["deactivate"], ["delete"], ["set-role", "USER"]],
                         ids=lambda a: a[0])
def test_the_last_administrator_stays(admins, users, arguments, database):
    def remove(name):
        return users(arguments[0], name, *arguments[1:])[0]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, admins)) == [0, 65], "one of two at a time"
    left = database.query("select username from users where role = 'ADMIN' and is_active",
                          schema="auth")
    assert len(left) == 1
    code, said = users(arguments[0], left[0][0], *arguments[1:])
    assert code == 65 and "last active administrator" in said
    assert users("end-sessions", left[0][0])[0] == 0
