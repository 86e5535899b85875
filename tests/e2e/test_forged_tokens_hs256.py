"""Forged and damaged tokens where a secret is shared (JWT_ALGORITHM=HS256): none is taken, the
tokens of the time before among them; every good one is. Each verdict beside PyJWT's."""

import secrets

import pytest

import verdicts
from hmac_forgery import HmacForger
from token_forgery import Forger, signing_key

PASSWORD = "a pass phrase of some length"
SECRET = "hs256-" + secrets.token_urlsafe(33)  # 50 characters, as Django's own are


def log_in(stack):
    status, tokens, _ = stack.http("POST", "/api/auth/login",
                                   {"username": "forger", "password": PASSWORD})
    assert status == 200, tokens
    return tokens["access"]


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth", "catalog", "gateway"])


@pytest.fixture(scope="module")
def forger(stack, database):
    """After a life with ES256, whose key and tokens are still about."""
    status, value, _ = stack.http("POST", "/api/auth/register",
                                  {"username": "forger", "password": PASSWORD})
    assert status == 201, value
    retired = Forger(signing_key(stack, database), log_in(stack))
    assert verdicts.taken(stack, retired.token)
    for service in ("auth", "gateway"):
        stack.restart(service, JWT_ALGORITHM="HS256", DJANGO_SECRET_KEY=SECRET)
    return HmacForger(SECRET.encode(), log_in(stack), retired)


def test_no_forged_token_is_taken(stack, forger):
    verdicts.none_is_taken(stack, forger)


def test_every_good_token_is_taken(stack, forger):
    verdicts.every_good_one_is_taken(stack, forger)
