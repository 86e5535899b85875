"""created_by: a copy of the user's name that follows auth's events."""

import secrets

import jwt
import pytest
from quintet import env
from quintet.stack import Daemon

PASSWORD = "testpass123"


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth", "catalog", "gateway"])


@pytest.fixture(scope="module")
def category(stack):
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME="boss",
               DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    return call(stack, "POST", "/api/categories", {"name": "Things"},
                log_in(stack, "boss"))["id"]


def call(stack, *request):
    status, value, _ = stack.http(*request)
    assert status in (200, 201), value
    return value


def log_in(stack, name):
    return call(stack, "POST", "/api/auth/login",
                {"username": name, "password": PASSWORD})["access"]


@pytest.fixture
def maker(stack, category):
    """A user with a product: (name, id, product id, a function that makes another one)."""
    name = "n" + secrets.token_hex(5)
    user = call(stack, "POST", "/api/auth/register", {"username": name, "password": PASSWORD})
    token = log_in(stack, name)
    made = call(stack, "POST", "/api/products",
                {"name": "x", "price": "1", "category": category}, token)
    assert made["created_by"] == name

    def late():
        """As a request that was on its way when the user was deleted."""
        claims = jwt.decode(token, options={"verify_signature": False})
        status, product = stack.client("catalog").call(
            "catalog.product.create", {"name": "late", "price": "1", "category": category},
            actor=user["id"], actor_name=name,
            headers={10: claims["uv"].to_bytes(8, "little")})
        assert status == 201
        return product["id"]

    return name, user["id"], made["id"], late


def creator(stack, product):
    """503 for the moment in which catalog comes back."""
    def shown():
        status, value, _ = stack.http("GET", f"/api/products/{product}")
        assert status in (200, 503), value
        return status == 200 and (value["created_by"],)
    return env.wait_until(shown, 10, "catalog answers")[0]


def made_by(stack, name):
    return call(stack, "GET", f"/api/products?created_by={name}")["count"]


def test_a_deleted_user_is_named_no_more(stack, maker):
    name, _, product, late = maker
    assert made_by(stack, name) == 1
    stack.verb("auth", "users", "delete", name)
    env.wait_until(lambda: creator(stack, product) is None, 5, "the name goes")
    env.wait_until(lambda: made_by(stack, name) == 0, 5, "the filter finds nothing")
    assert creator(stack, late()) is None, "nothing that comes late names him again"
    assert creator(stack, product) is None


def test_catalog_learns_of_it_when_it_comes_back(stack, maker):
    name, _, product, _ = maker
    stack.daemons["catalog"].kill()
    stack.verb("auth", "users", "delete", name)
    stack.restart("catalog")
    env.wait_until(lambda: creator(stack, product) is None, 5, "the name goes")


def test_a_new_name_arrives_and_an_older_event_does_not_undo_it(stack, maker, database):
    name, user, product, late = maker

    def event(username, uv):
        database.query(
            "insert into outbox (event_id, stream, aggregate_id, type, version, payload) values "
            "(gen_random_uuid(), 'user', %s, 'user.updated', 1, jsonb_build_object('user_id', "
            "%s, 'username', %s::text, 'uv', %s))", (user, user, username, uv), schema="auth")

    event("renamed-" + name, 5)
    env.wait_until(lambda: creator(stack, product) == "renamed-" + name, 5, "the new name")
    event(name, 4)
    event("marker", 6)
    env.wait_until(lambda: creator(stack, product) == "marker", 5, "both later events")
    assert creator(stack, late()) == "marker", "a token of an older version renames nobody"
    stack.verb("auth", "users", "deactivate", name)


def test_two_replicas_apply_each_event_once(stack, maker, database):
    name, _, product, _ = maker
    other = Daemon("catalog", stack.daemons["catalog"].environment | {
        "CATALOG_RPC_LISTEN": f"tcp://127.0.0.1:{stack.ports.take()}",
        "CATALOG_OPS_LISTEN": f"127.0.0.1:{stack.ports.take()}"},
        stack.dir / "catalog-other.log")
    other.start()
    try:
        stack.verb("auth", "users", "delete", name)
        env.wait_until(lambda: creator(stack, product) is None, 5, "the name goes")
        head = stack.client("auth").call("auth.events.pull", {"after": 0, "limit": 1})[1]["head"]
        env.wait_until(lambda: database.query("select seq from event_cursor", schema="catalog")
                       == [(head,)], 5, "the cursor is at the head")
    finally:
        assert other.stop() == 0


def test_a_stream_restored_from_a_backup_is_followed_once_that_is_accepted(stack, maker,
                                                                           database):
    name, _, product, _ = maker
    catalog = stack.daemons["catalog"]
    stack.daemons["auth"].stop()
    database.query("update event_stream set epoch = gen_random_uuid()", schema="auth")
    stack.restart("auth")
    stack.verb("auth", "users", "delete", name)
    env.wait_until(lambda: "is not the one we have read" in catalog.output(), 20, "it is said")
    assert creator(stack, product) == name, "nothing of it is applied"
    assert "Restart every catalog" in stack.verb("catalog", "accept-epoch").stdout
    stack.restart("catalog")
    env.wait_until(lambda: creator(stack, product) is None, 10, "the name goes")
