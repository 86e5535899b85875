"""The mailer alone: a fake auth, a real SMTP server, a database of its own."""

import itertools
import secrets

import pytest
from quintet import env

from fake_auth import FakeAuth
from odd_smtp import OddSmtp

_numbers = itertools.count(1)
MAIL_SETTINGS = {"MAILER_LEASE_MS": 3000, "MAILER_SEND_TIMEOUT_MS": 1400,
                 "MAILER_CONNECT_TIMEOUT_MS": 1000}


@pytest.fixture(scope="module")
def settings():
    """A module's own settings of the mailer."""
    return {}


@pytest.fixture(scope="module")
def stack(start_stack, smtp, settings):
    return start_stack(["mailer"], **(smtp.env() | MAIL_SETTINGS | settings))


@pytest.fixture(scope="module")
def odd():
    """A mail server that misbehaves as a test says."""
    server = OddSmtp()
    yield server
    server.close()


@pytest.fixture(scope="module")
def auth(stack):
    fake = FakeAuth(stack)
    yield fake
    fake.close()


@pytest.fixture
def address():
    """Addresses nobody has."""
    return lambda: f"u{next(_numbers)}.{secrets.token_hex(4)}@example.net"


@pytest.fixture
def job_of(database):
    """The job of an address, once there is one that fits."""

    def find(recipient, state=None, timeout=10, **wanted):
        found = []

        def there():
            rows = database.query("select row_to_json(j) from job j where recipient = %s",
                                  (recipient,), schema="mailer")
            found[:] = [r[0] for r in rows]
            wants = wanted | ({"state": state} if state else {})
            return found and all(found[0][k] == v for k, v in wants.items())

        try:
            env.wait_until(there, timeout, f"a job of {recipient} is {state} {wanted}")
        except AssertionError as e:
            raise AssertionError(f"{e}; it is {found}") from None
        return found[0]

    return find


@pytest.fixture
def hurry(database):
    """Makes a deferred mail due now."""
    def run(to):
        database.query("update job set run_at = now() where recipient = %s and "
                       "state = 'ready'", (to,), schema="mailer")
    return run


@pytest.fixture(scope="module")
def monitor(stack):
    return stack.client("mailer", "monitor")


@pytest.fixture(scope="module")
def ask(monitor):
    """The answer of a method that must succeed."""

    def call(method, **body):
        status, value = monitor.call(f"mailer.{method}", body or None)
        assert status == 200, (status, value)
        return value

    return call
