"""How soon a token stops that was taken back: over all daemons, by HTTP, with and without
auth's PUB, across a gateway's restart, and when auth is gone."""

import re
import secrets
import time

import jwt
import pytest
from quintet import env, frame

PASSWORD, NEW = "testpass123", "another pass phrase"
RESET = re.compile(r"/api/auth/reset-password/\?uid=\d+&token=([\w-]{43})\b")


@pytest.fixture(scope="module")
def stack(start_stack, redis, smtp):
    return start_stack(["auth", "catalog", "mailer", "gateway"], redis=redis, **smtp.env())


@pytest.fixture(scope="module")
def api(stack):
    """api("POST", path, body, token=...) -> (status, value)."""
    return lambda *args, **more: stack.http(*args, **more)[:2]


@pytest.fixture
def user(api):
    name = "r" + secrets.token_hex(5)
    status, value = api("POST", "/api/auth/register",
                        {"username": name, "email": f"{name}@example.com",
                         "password": PASSWORD})
    assert status == 201, value
    return value


@pytest.fixture
def tokens(api, user):
    return log_in(api, user)


def log_in(api, user, password=PASSWORD):
    status, tokens = api("POST", "/api/auth/login",
                         {"username": user["username"], "password": password})
    assert status == 200, tokens
    return tokens


def verdict(api, token):
    """What the gateway thinks of a token, by a route whose service does not look: 400 when
    it lets an empty product through."""
    status, value = api("POST", "/api/products", {}, token=token)
    return status, value.get("code")


# What an action does: (the action, the code of the next call). Each gets the user and a
# pair of his tokens.


def logout(stack, api, user, tokens, smtp):
    assert api("POST", "/api/auth/logout", token=tokens["access"])[0] == 200


def logout_all(stack, api, user, tokens, smtp):
    other = log_in(api, user)["access"]
    assert api("POST", "/api/auth/logout-all", token=other)[0] == 200


def reset(stack, api, user, tokens, smtp):
    assert api("POST", "/api/auth/forgot-password", {"email": user["email"]})[0] == 200
    found = []

    def mailed():
        found[:] = [m for m in map(RESET.search, (m.text for m in smtp.to(user["email"]))) if m]
        return found

    env.wait_until(mailed, 20, "the mail with the link")
    status, value = api("POST", "/api/auth/reset-password",
                        {"token": found[-1][1], "password": NEW})
    assert status == 200, value


def reuse(stack, api, user, tokens, smtp):
    once = api("POST", "/api/auth/refresh", {"refresh": tokens["refresh"]})[1]
    assert api("POST", "/api/auth/refresh", {"refresh": once["refresh"]})[0] == 200
    assert api("POST", "/api/auth/refresh", {"refresh": tokens["refresh"]})[0] == 401


def verb(*arguments):
    def run(stack, api, user, tokens, smtp):
        stack.verb("auth", "users", arguments[0], user["username"], *arguments[1:])

    run.__name__ = arguments[0]
    return run


ACTIONS = [
    (logout, "token_not_valid"),
    (logout_all, "token_not_valid"),
    (reset, "token_not_valid"),
    (reuse, "token_not_valid"),
    (verb("set-role", "ADMIN"), "token_not_valid"),
    (verb("end-sessions"), "token_not_valid"),
    (verb("deactivate"), "user_inactive"),
    (verb("delete"), "user_not_found"),
]
NAMES = [action.__name__ for action, _ in ACTIONS]


def seconds_until_refused(api, token, code, most):
    began = time.monotonic()
    env.wait_until(lambda: verdict(api, token) == (401, code), most, f"401 {code}",
                   every=0.005)
    return round(time.monotonic() - began, 3)


# --- within a second ------------------------------------------------------------------------


@pytest.mark.parametrize("action, code", ACTIONS, ids=NAMES)
def test_takes_effect_within_a_second(stack, api, user, tokens, smtp, action, code,
                                      record_property):
    assert verdict(api, tokens["access"])[0] == 400, "and it is in the cache now"
    action(stack, api, user, tokens, smtp)
    took = seconds_until_refused(api, tokens["access"], code, 1)
    record_property("seconds", took)
    assert api("GET", "/api/products", token=tokens["access"])[0] == 401
    assert api("GET", "/api/products")[0] == 200


def test_a_new_role_comes_with_the_next_refresh(stack, api, user, tokens):
    stack.verb("auth", "users", "set-role", user["username"], "ADMIN")
    seconds_until_refused(api, tokens["access"], "token_not_valid", 1)
    status, fresh = api("POST", "/api/auth/refresh", {"refresh": tokens["refresh"]})
    assert status == 200
    name = secrets.token_hex(5)
    body = {"name": name, "description": "x"}
    assert api("POST", "/api/categories", body, token=fresh["access"])[0] == 201

    stack.verb("auth", "users", "set-role", user["username"], "USER", check=False)


def test_other_tokens_go_on(api, user, tokens):
    """Logout ends one session, and a login after any revocation works."""
    other = log_in(api, user)
    assert api("POST", "/api/auth/logout", token=tokens["access"])[0] == 200
    seconds_until_refused(api, tokens["access"], "token_not_valid", 1)
    assert verdict(api, other["access"])[0] == 400
    assert api("POST", "/api/auth/logout-all", token=other["access"])[0] == 200
    seconds_until_refused(api, other["access"], "token_not_valid", 1)
    assert verdict(api, log_in(api, user)["access"])[0] == 400


# --- without PUB ----------------------------------------------------------------------------


def test_takes_effect_within_three_seconds_without_pub(stack, api, smtp, record_property):
    """The gateway subscribes where nobody publishes: only its pulls are left."""
    stack.restart("gateway", AUTH_EVENTS=f"tcp://127.0.0.1:{stack.ports.take()}")
    try:
        cases = []
        for action, code in (ACTIONS[0], ACTIONS[1], ACTIONS[4], ACTIONS[6], ACTIONS[7]):
            name = "p" + secrets.token_hex(5)
            status, user = api("POST", "/api/auth/register",
                               {"username": name, "password": PASSWORD})
            assert status == 201, user
            cases.append((action, code, user, log_in(api, user)))
        for action, code, user, tokens in cases:
            assert verdict(api, tokens["access"])[0] == 400
            action(stack, api, user, tokens, smtp)
            took = seconds_until_refused(api, tokens["access"], code, 3)
            record_property(f"seconds {action.__name__}", took)
    finally:
        stack.restart("gateway", AUTH_EVENTS=stack.environment("gateway")["AUTH_EVENTS"])


# --- restarts -------------------------------------------------------------------------------


def test_a_restarted_gateway_knows(stack, api, user, tokens):
    assert verdict(api, tokens["access"])[0] == 400
    stack.verb("auth", "users", "deactivate", user["username"])
    stack.daemons["gateway"].kill()
    stack.restart("gateway")
    assert verdict(api, tokens["access"]) == (401, "user_inactive"), "at its first request"


def test_a_gateway_that_starts_while_events_come(stack, api, user):
    """Snapshot and stream meet without a hole: every one of many logouts counts."""
    sessions = [log_in(api, user)["access"] for _ in range(20)]
    for token in sessions[:10]:
        assert api("POST", "/api/auth/logout", token=token)[0] == 200
    stack.daemons["gateway"].stop()
    stack.daemons["gateway"].start()
    client = stack.client("auth")
    for token in sessions[10:]:
        claims = jwt.decode(token, options={"verify_signature": False})
        status, _ = client.call("auth.logout", actor=user["id"], headers={
            frame.SESSION_ID: bytes.fromhex(claims["sid"])})
        assert status == 200
    stack.wait_ready("gateway")
    for token in sessions:
        seconds_until_refused(api, token, "token_not_valid", 1)


# --- auth is gone ---------------------------------------------------------------------------


def test_without_auth_tokens_are_not_trusted_but_reads_go_on(stack, api, user, tokens,
                                                             record_property):
    stack.daemons["auth"].stop()
    try:
        assert verdict(api, tokens["access"])[0] == 400, "for REVOCATION_MAX_STALENESS"
        began = time.monotonic()
        env.wait_until(lambda: verdict(api, tokens["access"]) == (503, "unavailable"), 8,
                       "tokens are refused")
        record_property("seconds", round(time.monotonic() - began, 1))
        for token in (None, tokens["access"]):
            assert api("GET", "/api/products", token=token)[0] == 200
            assert api("GET", "/api/categories", token=token)[0] == 200
    finally:
        stack.restart("auth")
    env.wait_until(lambda: verdict(api, tokens["access"])[0] == 400, 8, "trust again")


def test_a_frozen_database_is_noticed_too(stack, api, user, tokens, database):
    """Auth lives and answers, but what it says comes from no database: no beacon, no pull."""
    database.query("alter table event_stream rename to hidden_stream", schema="auth")
    try:
        env.wait_until(lambda: verdict(api, tokens["access"])[0] == 503, 9,
                       "tokens are refused")
        assert api("GET", "/api/products")[0] == 200
    finally:
        database.query("alter table hidden_stream rename to event_stream", schema="auth")
    env.wait_until(lambda: verdict(api, tokens["access"])[0] == 400, 8, "trust again")
