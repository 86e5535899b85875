"""auth.me, auth.logout and auth.resend_verification: a user and what belongs to him."""

import uuid

import jwt
import pytest
from quintet import env, frame

INVALID = "token_not_valid"
RESENT = (200, {"message": "If the address belongs to an unverified account, a new link is "
                           "on its way"})
REQUESTED = "user.verification_requested"


def sid_of(tokens):
    claims = jwt.decode(tokens["access"], options={"verify_signature": False})
    return uuid.UUID(claims["sid"]).bytes


def as_user(user, tokens=None):
    """What the gateway says of a caller: his id, and his token's session."""
    more = {"headers": {frame.SESSION_ID: sid_of(tokens)}} if tokens else {}
    return {"actor": user["id"], **more}


@pytest.fixture
def user(register, new_name):
    return register(email=f"{new_name()}@example.com")


# --- me -------------------------------------------------------------------------------


def test_me(auth, user, login):
    status, me = auth.call("auth.me", **as_user(user))
    assert status == 200
    assert list(me) == ["id", "username", "email", "role", "is_verified", "date_joined",
                        "last_login"]
    assert me == {"id": user["id"], "username": user["username"], "email": user["email"],
                  "role": "USER", "is_verified": False,
                  "date_joined": me["date_joined"], "last_login": None}
    tokens = login(user)
    status, later = auth.call("auth.me", **as_user(user, tokens))
    assert status == 200 and later["last_login"] >= later["date_joined"]
    assert later == me | {"last_login": later["last_login"]}
    assert auth.call_frame("auth.me", **as_user(user)).text(frame.CACHE_CONTROL) \
        == "no-store"


def test_me_needs_a_user(auth):
    assert auth.error("auth.me")[0] == "not_authenticated"


@pytest.mark.parametrize("statement, code", [
    ("update users set is_active = false where id = {}", "user_inactive"),
    ("delete from users where id = {}", "user_not_found"),
    ("update users set session_min_uv = uv + 1 where id = {}", INVALID),
    ("update session set revoked_at = now() where user_id = {}", INVALID),
    ("delete from session where user_id = {}", INVALID),
], ids=["inactive", "deleted", "older user version", "revoked", "no session"])
def test_me_sees_what_happened_since(auth, user, login, database, statement, code):
    tokens = login(user)
    assert auth.call("auth.me", **as_user(user, tokens))[0] == 200
    database.query(statement.format(user["id"]), schema="auth")
    assert auth.error("auth.me", **as_user(user, tokens))[0] == code


def test_me_by_another_users_session(auth, user, register, login):
    other = register()
    assert auth.error("auth.me", **as_user(user, login(other)))[0] == INVALID


# --- logout ---------------------------------------------------------------------------


def logout(auth, user, tokens=None, body=None):
    return auth.call("auth.logout", body, **as_user(user, tokens))


DONE = (200, {"message": "Logged out"})


def test_logout_ends_its_session_only(auth, user, login):
    here, there = login(user), login(user)
    assert logout(auth, user, here) == DONE
    assert auth.error("auth.refresh", {"refresh": here["refresh"]})[0] == INVALID
    assert auth.error("auth.me", **as_user(user, here))[0] == INVALID
    assert auth.call("auth.refresh", {"refresh": there["refresh"]})[0] == 200
    assert logout(auth, user, here) == DONE


def test_logout_ends_a_descendant(auth, user, login):
    first = login(user)
    status, second = auth.call("auth.refresh", {"refresh": first["refresh"]})
    assert status == 200
    assert logout(auth, user, first) == DONE
    for token in (first["refresh"], second["refresh"]):
        assert auth.error("auth.refresh", {"refresh": token})[0] == INVALID


def test_logout_with_a_refresh_token(auth, user, login):
    here, there, third = login(user), login(user), login(user)
    assert logout(auth, user, here, {"refresh": there["refresh"]}) == DONE
    for tokens in (here, there):
        assert auth.error("auth.refresh", {"refresh": tokens["refresh"]})[0] == INVALID
    assert auth.call("auth.refresh", {"refresh": third["refresh"]})[0] == 200


def test_logout_with_somebody_elses_refresh_token(auth, user, register, login):
    foreign = login(register())
    assert logout(auth, user, login(user), {"refresh": foreign["refresh"]}) == DONE
    assert auth.call("auth.refresh", {"refresh": foreign["refresh"]})[0] == 200


@pytest.mark.parametrize("body", [None, {}, {"refresh": ""}, {"refresh": "garbage"}])
def test_logout_does_not_fail_by_an_old_token(auth, user, login, body):
    tokens = login(user)
    assert logout(auth, user, tokens, body) == DONE
    assert auth.error("auth.refresh", {"refresh": tokens["refresh"]})[0] == INVALID


def test_logout_needs_a_user(auth):
    assert auth.error("auth.logout", {})[0] == "not_authenticated"


def test_logout_is_in_the_trail_once(auth, user, login, database):
    tokens = login(user)
    logout(auth, user, tokens)
    logout(auth, user, tokens)
    trail = database.query("select detail->>'sid' from audit where event = 'logout' and "
                           f"actor_id = {user['id']}", schema="auth")
    assert trail == [(str(uuid.UUID(bytes=sid_of(tokens))),)]


# --- resend ---------------------------------------------------------------------------


def resend(auth, email):
    return auth.call("auth.resend_verification", {"email": email})


@pytest.fixture
def resolved(database):
    return lambda: env.wait_until(
        lambda: database.query("select count(*) from link_request", schema="auth")
        == [(0,)], 10, "every request is resolved")


def requests_of(database, user):
    (count,), = database.query("select count(*) from outbox where aggregate_id = "
                               f"{user['id']} and type = '{REQUESTED}'", schema="auth")
    return count


def test_ve_08_a_new_link_and_the_old_one_is_void(auth, user, events_of, open_seal):
    old = open_seal(events_of(user["id"])[0])
    assert resend(auth, user["email"].upper()) == RESENT
    event = events_of(user["id"], 2)[1]
    assert event["type"] == REQUESTED and event["payload"]["email"] == user["email"]
    new = open_seal(event)
    assert auth.error("auth.verify_email", {"token": old})[0] == "invalid_link"
    assert auth.call("auth.verify_email", {"token": new}) == (
        200, {"message": "Email verified"})
    assert auth.call("auth.verify_email", {"token": new}) == (
        200, {"message": "Already verified"})


def test_ve_08_neutral(auth, user, register, new_name, database, resolved):
    verified = register(email=f"{new_name()}@example.com")
    database.query(f"update users set is_verified = true where id = {verified['id']}",
                   schema="auth")
    answers = {resend(auth, email)[1]["message"] for email in
               (user["email"], verified["email"], f"{new_name()}@example.com")}
    assert len(answers) == 1
    resolved()
    assert requests_of(database, verified) == 0 and requests_of(database, user) == 1


def test_ve_08_cooldown(auth, user, database, resolved):
    for _ in range(4):
        assert resend(auth, user["email"]) == RESENT
    resolved()
    assert requests_of(database, user) == 1
    database.query("update users set verify_sent_at = verify_sent_at - interval "
                   f"'61 seconds' where id = {user['id']}", schema="auth")
    assert resend(auth, user["email"]) == RESENT
    resolved()
    assert requests_of(database, user) == 2


def test_the_cooldowns_of_two_kinds_are_apart(auth, user, events_of):
    assert resend(auth, user["email"]) == RESENT
    assert auth.call("auth.forgot_password", {"email": user["email"]})[0] == 200
    assert [e["type"] for e in events_of(user["id"], 3)] == [
        "user.registered", REQUESTED, "user.password_reset_requested"]


@pytest.mark.parametrize("body, message", [
    ({}, "This field is required."),
    ({"email": ""}, "This field may not be blank."),
    ({"email": "nope"}, "Enter a valid email address."),
])
def test_resend_fields(auth, body, message):
    assert auth.error("auth.resend_verification", body) == ("invalid", {"email": [message]})


def test_links_of_accounts_made_before_still_work(stack, auth, user, events_of, open_seal,
                                                  database):
    """The migration's own statement finds the newest link of every account."""
    token = open_seal(events_of(user["id"])[0])
    database.query("update users set verify_link = null", schema="auth")
    text = (env.ROOT / "services/auth/sql/0003_links.sql").read_text()
    database.query(text[text.index("update users u"):text.index("-- What was asked")],
                   schema="auth")
    assert auth.call("auth.verify_email", {"token": token})[0] == 200
