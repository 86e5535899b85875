"""Every route of the contracts for every kind of caller, against docs/PERMISSIONS.md."""

import secrets

import pytest

from quintet import env
from quintet.permissions import ACTORS, FORBIDDEN, REFUSED, SERVED, expected, page, routes
from token_forgery import Forger, signing_key

PASSWORD = "a pass phrase of some length"
ROUTES = {f"{m['http']['verb']} {m['http']['path']}": m for m in routes()}


def test_the_page_is_what_the_contracts_say():
    there = (env.ROOT / "docs" / "PERMISSIONS.md").read_text()
    assert there == page(), "stale: tests/support/permissions > docs/PERMISSIONS.md"


class World:
    """The callers, and objects of the owner for them to try."""

    def __init__(self, stack, database):
        self.stack, self.users = stack, {}
        for who in ("owner", "other user", "deactivated"):
            self.users[who] = self._register()
        self.users["admin"] = "a" + secrets.token_hex(4)
        stack.verb("auth", "createsuperuser", "--no-input",
                   DJANGO_SUPERUSER_USERNAME=self.users["admin"],
                   DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        forger = Forger(signing_key(stack, database), self.log_in("owner")["access"])
        self.gone = {
            "expired token": forger.valid(iat=forger.claims["iat"] - 100,
                                          exp=forger.claims["iat"] - 1),
            "deactivated": self.log_in("deactivated")["access"]}
        self.left_over = self.log_in("deactivated")["refresh"]
        stack.verb("auth", "users", "deactivate", self.users["deactivated"])

    def ask(self, *request, **more):
        return self.stack.http(*request, **more)[:2]

    def _register(self):
        name = "p" + secrets.token_hex(4)
        status, value = self.ask("POST", "/api/auth/register",
                                 {"username": name, "password": PASSWORD})
        assert status == 201, value
        return name

    def log_in(self, who):
        """A session of its own: some routes end it."""
        status, tokens = self.ask("POST", "/api/auth/login",
                                  {"username": self.users[who], "password": PASSWORD})
        assert status == 200, tokens
        return tokens

    def token(self, actor):
        if actor == "anonymous":
            return None
        return self.gone.get(actor) or self.log_in(actor)["access"]

    def make(self, path, who, **body):
        status, value = self.ask("POST", path, body, self.token(who))
        assert status == 201, value
        return value["id"]

    def category(self):
        return self.make("/api/categories", "admin", name=secrets.token_hex(8))

    def product(self):
        return self.make("/api/products", "owner", name="x", price="1",
                         category=self.category())

    def body(self, method):
        """A body that this method takes; the example of the contract unless it must be new."""
        name = method["name"]
        special = {
            "auth.register": lambda: {"username": "n" + secrets.token_hex(4),
                                      "password": PASSWORD},
            "auth.login": lambda: {"username": self.users["owner"], "password": PASSWORD},
            "auth.refresh": lambda: {"refresh": self.log_in("owner")["refresh"]},
            "catalog.category.create": lambda: {"name": secrets.token_hex(8)},
            "catalog.category.replace": lambda: {"name": secrets.token_hex(8)},
            "catalog.category.patch": lambda: {},
            "catalog.product.create": lambda: {"name": "x", "price": "1",
                                               "category": self.category()},
        }
        special["catalog.product.replace"] = special["catalog.product.create"]
        if name in special:
            return special[name]()
        return (method.get("examples") or [{}])[0].get("body") if "body" in method else None

    def path(self, method):
        path = method["http"]["path"]
        if "{" not in path:
            return path
        ident = self.product() if path.startswith("/api/products") else self.category()
        return path.replace("{id}", str(ident))


@pytest.fixture(scope="module")
def world(start_stack, database):
    return World(start_stack(["auth", "catalog", "gateway"]), database)


# The links in the examples are nobody's, so these end as for any bad link.
BY_EXAMPLE = {"auth.verify_email": 400, "auth.verify_email_page": 400,
              "auth.reset_password": 400, "auth.reset_password_page": 400}


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("route", ROUTES)
def test_route(world, route, actor):
    method = ROUTES[route]
    token, path, body = world.token(actor), world.path(method), world.body(method)
    verb, want = method["http"]["verb"], expected(method, actor)
    served = BY_EXAMPLE.get(method["name"], method["http"]["success"])
    status = {SERVED: served, REFUSED: 401, FORBIDDEN: 403}[want]

    def answer():
        return world.ask(verb, path, body, token)

    if actor == "deactivated" and want == REFUSED:  # within the promised second
        env.wait_until(lambda: answer()[0] == status, 3, f"{route} refuses the token")
    got, value = answer()
    assert got == status, value


def test_a_deactivated_user_has_no_way_back(world):
    status, value = world.ask("POST", "/api/auth/login", {
        "username": world.users["deactivated"], "password": PASSWORD})
    assert (status, value["code"]) == (401, "no_active_account")
    status, value = world.ask("POST", "/api/auth/refresh", {"refresh": world.left_over})
    assert status == 401, value
