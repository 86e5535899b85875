"""Accounts over all daemons by HTTP: the forgotten password, the second verification link,
who am I, and logging out."""

import re
import secrets
import urllib.parse

import pytest
from mails import RESET, VERIFY, mail_with

PASSWORD, NEW = "testpass123", "another pass phrase"


@pytest.fixture(scope="module")
def stack(start_stack, redis, smtp):
    return start_stack(["auth", "catalog", "mailer", "gateway"], redis=redis, **smtp.env())


@pytest.fixture(scope="module")
def api(stack):
    """api("POST", path, body, token=...) -> (status, value)."""
    return lambda *args, **more: stack.http(*args, **more)[:2]


@pytest.fixture
def user(api):
    name = "e" + secrets.token_hex(5)
    status, value = api("POST", "/api/auth/register",
                        {"username": name, "email": f"{name}@example.com",
                         "password": PASSWORD})
    assert status == 201, value
    return value


def log_in(api, user, password=PASSWORD):
    return api("POST", "/api/auth/login",
               {"username": user["username"], "password": password})


def test_the_forgotten_password(stack, api, user, smtp):
    """DEF-9: nothing that was given out before the reset refreshes after it."""
    _, tokens = log_in(api, user)
    assert api("POST", "/api/auth/forgot-password", {"email": user["email"]}) == (
        200, {"message": "Password reset email sent"})
    link = mail_with(smtp, user["email"], RESET)[0]
    assert link.startswith(stack.url)
    path = link[len(stack.url):]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
    assert query["uid"] == str(user["id"])

    status, page, headers = stack.http("GET", path)
    assert status == 200 and "Choose a new password" in str(page)
    status, value = api("POST", path, {"password": "password"})
    assert status == 400 and value["details"] == {
        "password": ["This password is too common."]}
    status, value = api("POST", path, {})
    assert status == 400 and value["details"] == {"password": ["This field is required."]}
    assert api("POST", path, {"password": NEW}) == (
        200, {"message": "Password reset successful"})
    status, value = api("POST", path, {"password": NEW})
    assert status == 400 and value["details"]["detail"] == "Invalid or expired token"

    assert api("POST", "/api/auth/refresh", {"refresh": tokens["refresh"]})[0] == 401
    assert log_in(api, user)[0] == 401
    assert log_in(api, user, NEW)[0] == 200
    notice = mail_with(smtp, user["email"], re.compile("password of your account was"))
    assert notice


def test_def_4_forgot_password_tells_nothing(api, user, smtp):
    known = api("POST", "/api/auth/forgot-password", {"email": user["email"].upper()})
    unknown = api("POST", "/api/auth/forgot-password", {"email": "nobody@example.com"})
    assert known == unknown == (200, {"message": "Password reset email sent"})
    mail_with(smtp, user["email"], RESET)
    assert smtp.to("nobody@example.com") == []


def test_a_second_verification_link(api, user, smtp):
    old = mail_with(smtp, user["email"], VERIFY)[1]
    status, value = api("POST", "/api/auth/resend-verification", {"email": user["email"]})
    assert status == 200
    assert api("POST", "/api/auth/resend-verification",
               {"email": "nobody@example.com"}) == (200, value)
    new = mail_with(smtp, user["email"], VERIFY, 2)[1]
    assert api("POST", "/api/auth/verify-email", {"token": old})[0] == 400
    assert api("POST", "/api/auth/verify-email", {"token": new}) == (
        200, {"message": "Email verified"})


def test_me_and_logout(api, user):
    _, tokens = log_in(api, user)
    status, me = api("GET", "/api/auth/me", token=tokens["access"])
    assert status == 200
    assert me == {"id": user["id"], "username": user["username"], "email": user["email"],
                  "role": "USER", "is_verified": False, "date_joined": me["date_joined"],
                  "last_login": me["last_login"]}
    assert me["last_login"]
    assert api("GET", "/api/auth/me")[0] == 401
    assert api("POST", "/api/auth/logout")[0] == 401
    assert api("POST", "/api/auth/logout", token=tokens["access"]) == (
        200, {"message": "Logged out"})
    status, value = api("POST", "/api/auth/refresh", {"refresh": tokens["refresh"]})
    assert status == 401 and value["code"] == "token_not_valid"
    assert api("GET", "/api/auth/me", token=tokens["access"])[0] == 401


def test_requests_survive_a_crash(stack, api, user, smtp):
    """Acknowledged is kept: the request is in the database before the answer."""
    assert api("POST", "/api/auth/forgot-password", {"email": user["email"]})[0] == 200
    stack.daemons["auth"].kill()
    stack.restart("auth")
    mail_with(smtp, user["email"], RESET)
