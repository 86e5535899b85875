"""Settings that change what an account may learn or do: AUTH_ENUMERATION_SAFE,
AUTH_VERIFY_ON_GET and AUTH_REQUIRE_VERIFIED."""

import concurrent.futures
import json

import pytest
from many import hashes
from quintet import env, frame
from quintet.client import value_of

PASSWORD = "a pass phrase of some length"
EXISTS = "user.account_exists"


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth"], clients=("gateway", "monitor", "mailer"),
                       AUTH_ENUMERATION_SAFE="true", AUTH_VERIFY_ON_GET="true")


@pytest.fixture
def owner(register, new_name):
    return register(email=f"{new_name()}@example.com")


def records_of(reply):
    return sorted(k for k, _ in reply.records if k != frame.LOAD)


def told(events_of, owner, count=1):
    """The owner's events that say that somebody registered with the address."""
    events = events_of(owner["id"], 1 + count)
    return [e for e in events if e["type"] == EXISTS]


# --- enumeration-safe -----------------------------------------------------------------


def test_reg_17_a_taken_address_looks_free(stack, auth, owner, new_name):
    """Everything a client can do says the same of a taken and of a free address."""
    stories = []
    for email in (owner["email"].upper(), f"{new_name()}@EXAMPLE.com".upper()):
        name = new_name()
        before = hashes(stack)
        body = {"username": name, "email": email, "password": PASSWORD}
        reply = auth.call_frame("auth.register", body)
        value = value_of(reply)
        number = value.pop("id")
        assert isinstance(number, int) and number > 0
        assert value == {"username": name, "email": email.replace("EXAMPLE.COM",
                                                                  "example.com"),
                         "role": "USER"}
        again = auth.error("auth.register", body)
        status, tokens = auth.call("auth.login", {"username": name, "password": PASSWORD})
        _, me = auth.call("auth.me", actor=number)
        assert me["username"] == name and me["email"] == value["email"]
        _, resent = auth.call("auth.resend_verification", {"email": email})
        _, forgot = auth.call("auth.forgot_password", {"email": email})
        stories.append(json.dumps([
            reply.status, list(value), records_of(reply), again, status, list(tokens),
            me["is_verified"], list(me), resent, forgot, hashes(stack) - before]))
    assert stories[0] == stories[1]


def test_reg_17_the_owner_is_told_and_keeps_the_address(auth, owner, new_name, events_of,
                                                        database):
    name = new_name()
    status, other = auth.call("auth.register", {
        "username": name, "email": owner["email"].upper(), "password": PASSWORD})
    assert status == 201
    event, = told(events_of, owner)
    assert event["payload"] == {"user_id": owner["id"], "username": owner["username"],
                                "email": owner["email"]}
    assert event["sealed"] is None
    registered, = events_of(other["id"])
    assert registered["type"] == "user.registered" and registered["sealed"] is None
    assert registered["payload"] == {"user_id": other["id"], "username": name, "email": ""}
    assert auth.call("auth.forgot_password", {"email": owner["email"]})[0] == 200
    env.wait_until(lambda: events_of(owner["id"], 3), 10, "the owner's reset link")
    assert len(events_of(other["id"])) == 1
    assert database.query(f"select email_key from users where id = {other['id']}",
                          schema="auth") == [(None,)]
    trail = database.query(f"select actor_id from audit where event = '{EXISTS}' and "
                           f"target_id = {owner['id']}", schema="auth")
    assert trail == [(other["id"],)]


def test_the_owner_is_told_once_a_minute(auth, owner, new_name, events_of, database):
    def again():
        assert auth.call("auth.register", {"username": new_name(), "email": owner["email"],
                                           "password": PASSWORD})[0] == 201
    for _ in range(3):
        again()
    assert len(told(events_of, owner)) == 1
    database.query("update users set exists_sent_at = exists_sent_at - interval "
                   f"'61 seconds' where id = {owner['id']}", schema="auth")
    again()
    assert len(told(events_of, owner, 2)) == 2


def test_a_taken_name_is_still_said(auth, owner):
    assert auth.error("auth.register", {
        "username": owner["username"], "email": owner["email"], "password": PASSWORD}) == (
            "invalid", {"username": ["A user with that username already exists."]})


def test_parallel_registrations_of_one_address(auth, new_name, database):
    """All of them look before any has committed: one gets the address, nobody an error."""
    email = f"{new_name()}@example.com"

    def one(name):
        with type(auth)(auth.endpoint, auth.server, auth.key_pair) as client:
            return client.call("auth.register", {"username": name, "email": email,
                                                 "password": PASSWORD})[0]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(one, [new_name() for _ in range(6)])) == [201] * 6
    assert database.query("select count(email_key) from users where email = %s", [email],
                          schema="auth") == [(1,)]


# --- verify on GET --------------------------------------------------------------------


@pytest.fixture
def token(owner, events_of, open_seal):
    return open_seal(events_of(owner["id"])[0])


def test_ve_01_02_the_link_itself_confirms(auth, owner, token, database):
    for said in ("Email verified", "Already verified"):
        reply = auth.call_frame("auth.verify_email_page", query=f"token={token}")
        assert (reply.status, value_of(reply)) == (200, {"message": said})
    assert database.query(f"select is_verified from users where id = {owner['id']}",
                          schema="auth") == [(True,)]


@pytest.mark.parametrize("query", ["", "token=", "token=short", "token=" + "A" * 43])
def test_ve_03_a_bad_link(auth, query):
    code, details = auth.error("auth.verify_email_page", query=query)
    assert code == "invalid_link"


def test_post_still_works(auth, token):
    assert auth.call("auth.verify_email", {"token": token}) == (
        200, {"message": "Email verified"})


# --- verified users only --------------------------------------------------------------


def test_log_08_unverified_users_are_refused_on_demand(stack, auth, owner, token):
    body = {"username": owner["username"], "password": PASSWORD}
    assert auth.call("auth.login", body)[0] == 200
    stack.restart("auth", AUTH_REQUIRE_VERIFIED="true")
    try:
        refused = auth.call("auth.login", body)
        assert refused == auth.call("auth.login", body | {"username": "nobody-here"})
        assert refused[0] == 1012
        assert auth.call("auth.verify_email", {"token": token})[0] == 200
        assert auth.call("auth.login", body)[0] == 200
    finally:
        stack.restart("auth", AUTH_REQUIRE_VERIFIED="false")
