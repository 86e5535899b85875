"""What tokens are signed with, over all daemons: a new key without a restart, and HS256 with
the secret of a Django system."""

import secrets
import time

import jwt
import pytest
from quintet import env

PASSWORD, LEAD = "testpass123", 5
SECRET = "a secret of a Django system, 40 bytes or so"


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth", "catalog", "gateway"])


@pytest.fixture(scope="module")
def user(stack):
    name = "s" + secrets.token_hex(5)
    assert stack.http("POST", "/api/auth/register",
                      {"username": name, "password": PASSWORD})[0] == 201
    return name


def log_in(stack, user):
    status, tokens, _ = stack.http("POST", "/api/auth/login",
                                   {"username": user, "password": PASSWORD})
    assert status == 200, tokens
    return tokens


def refresh(stack, tokens):
    return stack.http("POST", "/api/auth/refresh", {"refresh": tokens["refresh"]})


def verdict(stack, token):
    """400: the gateway let an empty product through."""
    return stack.http("POST", "/api/products", {}, token)[0]


def kid_of(token):
    return jwt.get_unverified_header(token)["kid"]


def jwks(stack):
    return stack.http("GET", "/.well-known/jwks.json")[1]["keys"]


def test_a_new_key_signs_without_a_restart(stack, user):
    """Every gateway has the key before its first signature, so nobody is refused."""
    old = log_in(stack, user)
    assert verdict(stack, old["access"]) == 400
    started = time.time()
    kid = stack.verb("auth", "keys", "rotate", AUTH_KEY_LEAD_S=LEAD).stdout.split()[1]
    assert kid != kid_of(old["access"])
    env.wait_until(lambda: kid in [k["kid"] for k in jwks(stack)], 10, "it is published")
    seen = {}

    def signs():
        tokens = log_in(stack, user)
        now = kid_of(tokens["access"])
        seen.setdefault(now, time.time() - started)
        assert verdict(stack, tokens["access"]) == 400, f"{now} was refused"
        return now == kid

    env.wait_until(signs, LEAD + 10, "the new key signs", every=0.1)
    assert list(seen) == [kid_of(old["access"]), kid], "first the old one, then the new one"
    assert seen[kid] >= LEAD - 1
    rejected = stack.ops("gateway", "/metrics")[1]
    assert 'token_rejections_total{cause="unknown_key"} 0' in rejected
    assert verdict(stack, old["access"]) == 400, "tokens of the old key live on"
    status, fresh, _ = refresh(stack, old)
    assert status == 200 and kid_of(fresh["access"]) == kid
    assert len(jwks(stack)) == 2
    for key in jwks(stack):
        assert "d" not in key, "no private member"


def test_a_replaced_key_ends_with_its_last_token(stack, user, database):
    """Time is moved: the newest key has signed for longer than any token lives."""
    newest = stack.verb("auth", "keys", "rotate", AUTH_KEY_LEAD_S=LEAD).stdout.split()[1]
    old = log_in(stack, user)
    assert kid_of(old["access"]) != newest
    database.query("update signing_key set signs_from = signs_from - interval '1 day 1 hour'",
                   schema="auth")
    env.wait_until(lambda: [k["kid"] for k in jwks(stack)] == [newest], 10, "one key is left")
    env.wait_until(lambda: verdict(stack, old["access"]) == 401, 15, "its tokens end")
    assert refresh(stack, old)[0] == 401
    fresh = log_in(stack, user)
    assert kid_of(fresh["access"]) == newest and verdict(stack, fresh["access"]) == 400


def test_a_gateway_that_was_away_has_both_keys(stack, user):
    tokens = log_in(stack, user)
    stack.restart("gateway")
    assert verdict(stack, tokens["access"]) == 400


@pytest.fixture
def hs256(stack):
    """Both daemons with the secret: auth has it from a file."""
    path = stack.dir / "django.secret"
    path.touch(mode=0o600)
    path.write_text(SECRET + "\n")
    settings = {"auth": {"JWT_ALGORITHM": "HS256", "DJANGO_SECRET_KEY_FILE": path},
                "gateway": {"JWT_ALGORITHM": "HS256", "DJANGO_SECRET_KEY": SECRET}}
    for service, values in settings.items():
        stack.restart(service, **values)
    yield
    for service, values in settings.items():
        for name in values:
            del stack.daemons[service].environment[name]
        stack.restart(service)


def test_hs256_with_a_shared_secret(stack, user, request):
    es256 = log_in(stack, user)
    request.getfixturevalue("hs256")
    tokens = log_in(stack, user)
    assert jwt.get_unverified_header(tokens["access"]) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(tokens["access"], SECRET, algorithms=["HS256"], audience="quintet")
    assert claims["token_type"] == "access" and claims["username"] == user
    assert jwks(stack) == []

    assert verdict(stack, tokens["access"]) == 400
    assert verdict(stack, es256["access"]) == 401, "one algorithm at a time"
    assert refresh(stack, es256)[0] == 401
    # what another holder of the secret signs is as good, and nothing else is
    assert verdict(stack, jwt.encode(claims, SECRET, "HS256")) == 400
    for forged in (jwt.encode(claims, SECRET[:-1] + "X", "HS256"),
                   jwt.encode(claims, SECRET, "HS384"), jwt.encode(claims, None, "none"),
                   jwt.encode(claims, SECRET, "HS256", headers={"kid": "x"}),
                   jwt.encode(claims | {"token_type": "refresh"}, SECRET, "HS256"),
                   jwt.encode(claims | {"exp": claims["iat"] - 1}, SECRET, "HS256"),
                   tokens["refresh"]):
        assert verdict(stack, forged) == 401

    status, fresh, _ = refresh(stack, tokens)
    assert status == 200 and verdict(stack, fresh["access"]) == 400
    assert stack.http("POST", "/api/auth/logout", token=fresh["access"])[0] == 200
    env.wait_until(lambda: verdict(stack, fresh["access"]) == 401, 3, "the logout")
    assert verdict(stack, tokens["access"]) == 401, "the same session"
    assert refresh(stack, fresh)[0] == 401
    said = stack.verb("auth", "keys", "rotate", JWT_ALGORITHM="HS256",
                      DJANGO_SECRET_KEY=SECRET).stdout
    assert "Nothing is signed with it" in said


@pytest.mark.parametrize("service", ["auth", "gateway"])
def test_a_short_secret_ends_the_start(stack, service):
    """78: also the original's documented default, insecure-secret, is too short."""
    daemon = stack.daemons[service]
    for secret in ("insecure-secret", "x" * 31, ""):
        daemon.stop()
        daemon.environment |= {"JWT_ALGORITHM": "HS256", "DJANGO_SECRET_KEY": secret}
        daemon.start()
        assert daemon.process.wait(env.seconds(10)) == 78
        daemon.process = None
    for name in ("JWT_ALGORITHM", "DJANGO_SECRET_KEY"):
        del daemon.environment[name]
    stack.restart(service)


@pytest.mark.parametrize("service", ["auth", "gateway"])
def test_without_hs256_the_secret_is_accepted_and_unused(stack, service):
    stack.restart(service, DJANGO_SECRET_KEY="insecure-secret")
    line = [x for x in stack.daemons[service].output().splitlines() if "setting_unused" in x][-1]
    assert "DJANGO_SECRET_KEY" in line and "insecure-secret" not in line
    del stack.daemons[service].environment["DJANGO_SECRET_KEY"]
