"""The main job by mail: an account is registered over the real auth, the mail arrives at a
real SMTP server, and the link's token verifies the address. With crashes on the way."""

import re
import secrets

import pytest
from quintet import env

LINK = re.compile(r"(http://\S+)/api/auth/verify-email\?token=([\w-]{43})")


@pytest.fixture(scope="module")
def stack(start_stack, smtp):
    return start_stack(["auth", "mailer"], clients=("gateway", "monitor"),
                       **(smtp.env() | {"MAILER_LEASE_MS": 3000,
                                        "MAILER_SEND_TIMEOUT_MS": 1400}))


@pytest.fixture
def register(stack):
    def run():
        name = "m" + secrets.token_hex(5)
        to = f"{name}@example.net"
        status, user = stack.client("auth").call("auth.register", {
            "username": name, "email": to, "password": "a long pass phrase"})
        assert status == 201, user
        return to
    return run


def verify(stack, token):
    return stack.client("auth").call("auth.verify_email", {"token": token})


def token_of(mail):
    return LINK.search(mail.text)[2]


def test_register_mail_verify_welcome(stack, smtp, register):
    to = register()
    (mail,) = smtp.wait_for(to)
    assert LINK.search(mail.text)[1] == stack.url
    status, _ = verify(stack, token_of(mail))
    assert status == 200
    _, welcome = smtp.wait_for(to, 2)
    assert welcome.subject == "Welcome!"
    assert stack.client("auth").error("auth.verify_email",
                                      {"token": "A" * 43})[0] == "invalid_link"


def test_mailer_down_while_people_register(stack, smtp, register):
    stack.daemons["mailer"].kill()
    everyone = [register() for _ in range(30)]
    stack.restart("mailer")
    for to in everyone:
        (mail,) = smtp.wait_for(to)
        assert verify(stack, token_of(mail))[0] == 200


def test_auth_restarts_between_event_and_mail(stack, smtp, register):
    stack.daemons["mailer"].kill()
    to = register()
    stack.daemons["auth"].kill()
    stack.restart("auth")
    stack.restart("mailer")
    (mail,) = smtp.wait_for(to)
    assert verify(stack, token_of(mail))[0] == 200
    after = register()
    smtp.wait_for(after)


def test_crashes_all_the_time_lose_no_mail(stack, smtp, register, database):
    everyone = []
    for n in range(8):
        everyone += [register() for _ in range(5)]
        stack.daemons["mailer"].kill()
        stack.restart("mailer")
    for to in everyone:
        copies = smtp.wait_for(to, timeout=30)
        assert len({m.raw for m in copies}) == 1
        assert len(copies) <= 3
    env.wait_until(lambda: database.query(
        "select count(*) from job where state in ('ready', 'leased')",
        schema="mailer") == [(0,)], 20, "the queue is empty")
    extra = sum(len(smtp.to(to)) - 1 for to in everyone)
    assert extra <= 8 * 4  # kills x connections
