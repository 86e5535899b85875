"""What the contract tests of auth share."""

import itertools
import secrets

import nacl.encoding
import nacl.public
import pytest
from quintet import env

_numbers = itertools.count(1)
PASSWORD = "a pass phrase of some length"


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth"], clients=("gateway", "monitor", "mailer", "catalog"))


@pytest.fixture(scope="module")
def auth(stack):
    return stack.client("auth")


@pytest.fixture
def new_name():
    """Names nobody has."""
    return lambda: f"user{next(_numbers)}_{secrets.token_hex(3)}"


@pytest.fixture
def register(auth, new_name):
    """register(email=...) makes an account; returns it with its password."""

    def make(**fields):
        body = {"username": new_name(), "password": PASSWORD} | fields
        status, user = auth.call("auth.register", body)
        assert status == 201, user
        return user | {"password": body["password"]}

    return make


@pytest.fixture
def login(auth):
    def log_in(user):
        status, tokens = auth.call("auth.login", {"username": user["username"],
                                                  "password": user["password"]})
        assert status == 200, tokens
        return tokens

    return log_in


@pytest.fixture
def pull(stack):
    """Events after a number, as the mailer asks for them."""
    mailer = stack.client("auth", "mailer")

    def ask(after=0, limit=500, **more):
        status, answer = mailer.call("auth.events.pull",
                                     {"after": after, "limit": limit, **more})
        assert status == 200, answer
        return answer

    return ask


@pytest.fixture
def events_of(pull):
    """The events of one user, waiting until `count` of them are numbered."""
    def find(user_id, count=1):
        found = []

        def there():
            found[:] = []
            after = 0
            while True:
                batch = pull(after)["events"]
                found.extend(e for e in batch if e["aggregate_id"] == user_id)
                if not batch:
                    return len(found) >= count
                after = batch[-1]["seq"]

        env.wait_until(there, 5, f"{count} events of user {user_id}")
        return found

    return find


@pytest.fixture
def open_seal(stack):
    """The secret of an event, opened with the mailer's key."""

    def unseal(event):
        text = (stack.keys / "keys-mailer" / "seal.key").read_text().strip()
        key = nacl.public.PrivateKey(text, nacl.encoding.HexEncoder)
        sealed = event["sealed"] + "=" * (-len(event["sealed"]) % 4)
        return nacl.public.SealedBox(key).decrypt(
            sealed, nacl.encoding.URLSafeBase64Encoder).decode()

    return unseal
