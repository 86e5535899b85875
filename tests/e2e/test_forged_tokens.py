"""Forged and damaged tokens at the gateway: none is taken, every good one is; each verdict
beside PyJWT's, which knows the same key. And no token serves a purpose that is not its own."""

import re
import secrets
import socket

import pytest

import verdicts
from quintet import env, raw
from token_forgery import Forger, signing_key

PASSWORD = "a pass phrase of some length"


@pytest.fixture(scope="module")
def stack(start_stack, smtp):
    return start_stack(["auth", "catalog", "mailer", "gateway"], **smtp.env())


@pytest.fixture(scope="module")
def user(stack):
    name = "f" + secrets.token_hex(4)
    status, value, _ = stack.http("POST", "/api/auth/register", {
        "username": name, "email": f"{name}@example.com", "password": PASSWORD})
    assert status == 201, value
    return name


def log_in(stack, user):
    status, tokens, _ = stack.http("POST", "/api/auth/login",
                                   {"username": user, "password": PASSWORD})
    assert status == 200, tokens
    return tokens


@pytest.fixture(scope="module")
def forger(stack, user, database):
    return Forger(signing_key(stack, database), log_in(stack, user)["access"])


def test_no_forged_token_is_taken(stack, forger):
    verdicts.none_is_taken(stack, forger)


def test_every_good_token_is_taken(stack, forger):
    verdicts.every_good_one_is_taken(stack, forger)


def test_a_token_of_9_mb_is_refused(stack, forger):
    token = f"{forger.head}.{'A' * 9_000_000}.{forger.sig}"
    for n, status in ((100_000, 400), (3_000_000, 413)):  # the contract's, the body's limit
        assert stack.http("POST", "/api/auth/refresh", {"refresh": token[:n]})[0] == status
    head = b"GET /api/auth/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
    got = raw.talk(stack.port["gateway.http"], head + token.encode() + b"\r\n\r\n")
    assert got[9:12] in (b"431", b"")  # closed while we send, the answer may be lost
    assert verdicts.taken(stack, forger.token)


def test_unknown_keys_make_no_call_to_anywhere(stack, forger):
    """jku and x5u point at a port of ours: nobody comes."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}/keys"
        for name in ("jku", "x5u"):
            assert not verdicts.taken(stack, forger.sign(forger.header | {name: url}))
        door.settimeout(0.2)
        with pytest.raises(TimeoutError):
            door.accept()


# --- each for its own purpose -------------------------------------------------------------

def mailed(smtp, address, page):
    """The token of the link to a page."""
    link = re.compile(rf"/api/auth/{page}/?\?\S*token=([\w-]{{43}})\b")
    env.wait_until(lambda: any(link.search(m.text) for m in smtp.to(address)), 20,
                   f"a mail with {page} to {address}")
    return next(link.search(m.text)[1] for m in smtp.to(address) if link.search(m.text))


@pytest.fixture(scope="module")
def purposes(stack, user, smtp):
    """One token of each kind, all of one user and all good."""
    address = f"{user}@example.com"
    stack.http("POST", "/api/auth/forgot-password", {"email": address})
    return log_in(stack, user) | {"verify": mailed(smtp, address, "verify-email"),
                                  "reset": mailed(smtp, address, "reset-password")}


USES = {
    "access": lambda s, t: s.http("GET", "/api/auth/me", token=t),
    "refresh": lambda s, t: s.http("POST", "/api/auth/refresh", {"refresh": t}),
    "verify": lambda s, t: s.http("POST", "/api/auth/verify-email", {"token": t}),
    "reset": lambda s, t: s.http("POST", "/api/auth/reset-password",
                                 {"token": t, "password": PASSWORD}),
}
REFUSED = {"access": 401, "refresh": 401, "verify": 400, "reset": 400}


@pytest.mark.parametrize("kind", USES)
@pytest.mark.parametrize("use", USES)
def test_purposes_are_disjoint(stack, purposes, kind, use):
    """DEF-2: an access token verifies no address. DEF-3: a mailed link opens no API."""
    if kind != use:
        assert USES[use](stack, purposes[kind])[0] == REFUSED[use]


def test_each_token_serves_its_own_purpose(stack, purposes):
    for kind in ("access", "refresh", "verify", "reset"):  # the last ends the sessions
        assert USES[kind](stack, purposes[kind])[0] == 200, kind
