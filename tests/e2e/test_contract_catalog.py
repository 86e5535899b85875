"""Sections 4, 9 and 10 of the HTTP contract through the real gateway: fields, categories,
products."""

import secrets

import pytest

from quintet import env
from quintet.contract_rows import (CATEGORIES, CATEGORY, GONE, PRODUCT, PRODUCTS, ROWS, Shop,
                                   category, product)

PASSWORD = "a pass phrase of some length"


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth", "catalog", "gateway"])


def register(stack, **fields):
    body = {"username": "u" + secrets.token_hex(5), "password": PASSWORD} | fields
    return body["username"], stack.http("POST", "/api/auth/register", body)[:2]


def log_in(stack, name):
    status, value, _ = stack.http("POST", "/api/auth/login",
                                  {"username": name, "password": PASSWORD})
    assert status == 200, value
    return value["access"]


@pytest.fixture(scope="module")
def people(stack):
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME="adm",
               DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    names = {"admin": "adm", "owner": register(stack)[0], "stranger": register(stack)[0]}
    return {who: (name, log_in(stack, name)) for who, name in names.items()}


@pytest.fixture(scope="module")
def ask(stack, people):
    def send(who, verb, path, body=None):
        status, value, _ = stack.http(verb, path, body, who and people[who][1])
        return status, value["details"] if status >= 400 else value or None
    return send


@pytest.fixture
def shop(ask, people):
    return Shop(ask, people["owner"][0])


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_row(shop, row):
    shop.play(row)


# --- 4: fields of accounts, and kinds that no contract uses -------------------------------

USERNAME = ("Enter a valid username. This value may contain only letters, numbers, and "
            "@/./+/-/_ characters.")
EMAIL = "Enter a valid email address."


@pytest.mark.parametrize("name", ["é", "中", "٣", "-", "@@", "ﬁ", "Ａ", "①", "a.b+c-d_@f"])
def test_4_username_accepted(stack, name):
    status, value = register(stack, username=name + secrets.token_hex(5))[1]
    assert status == 201, value


@pytest.mark.parametrize("name", ["a b", "a/b", "e\u0301", "a\u200bb", "a😀", "a\nb", "a'b",
                                  "a\u115f", "a\u1160", "a\u3164", "a\uffa0"])
def test_4_username_rejected(stack, name):
    status, value = register(stack, username=name)[1]
    assert (status, value["details"]) == (400, {"username": [USERNAME]})


@pytest.mark.parametrize("email", [
    "a@localhost", "a@b.co", "a+b@b.co", "a@[127.0.0.1]", "a@[::1]", "a@xn--bcher-kva.example",
    "o'x@b.co", "a@b.c1", '"quoted"@b.co', "b@bücher.example"])
def test_4_email_accepted(stack, email):
    status, value = register(stack, email=email)[1]
    assert (status, value["email"]) == (201, email)


@pytest.mark.parametrize("email", [
    "a@b", "a@b.c", "a.@b.co", ".a@b.co", "a..b@b.co", '"q q"@b.co', "a@b_c.co", "a@-b.co",
    "a@b-.co", "a@b.co.", "a@b@c.co", "a@1.2.3.4", f"a@{'x' * 64}.co", "é@b.co", "x", [], {}])
def test_4_email_rejected(stack, email):
    status, value = register(stack, email=email)[1]
    assert (status, value["details"]) == (400, {"email": [EMAIL]})


def test_4_email_is_kept_with_its_domain_in_small_letters(stack):
    assert register(stack, email="TeSt@EXAMPLE.Com")[1][1]["email"] == "TeSt@example.com"


def test_4_a_domain_is_written_in_one_way(stack):
    """However it is typed: otherwise one mailbox could be mailed as often as there are ways."""
    box = "a" + secrets.token_hex(5)
    assert register(stack, email=f"{box}@BÜcher.example")[1][1]["email"] == f"{box}@bücher.example"
    for domain in ("bu\u0308cher.example", "bücher\u3002example", "bü\u200bcher.example",
                   "bü\u00adcher.example", "ｂücher.example"):
        status, value = register(stack, email=f"{box}@{domain}")[1]
        assert (status, list(value["details"])) == (400, ["email"]), domain


def test_4_choice_dropped(stack):
    """No request has a choice: `role` is not honoured (DEF-1), so BOSS is as good as ADMIN."""
    for role in ("BOSS", "ADMIN"):
        assert register(stack, role=role)[1][1]["role"] == "USER"


def test_4_surrogate(stack, ask):
    assert ask("admin", "POST", CATEGORIES, b'{"name": "\\ud800"}') == (
        400, {"name": ["Surrogate characters are not allowed: U+D800."]})


@pytest.mark.parametrize("kind", ["integer", "boolean", "datetime", "uuid", "url", "slug", "list"])
def test_4_kind_dropped(contract, kind):
    """The contract's rows for this kind have no field: no route takes one."""
    def fields(schema, root):
        while "$ref" in schema:
            schema = root["types"][schema["$ref"].rsplit("/", 1)[1]]
        return schema.get("properties", {}).values()

    found = [f for name in ("auth", "catalog") for m in contract.files[name]["methods"]
             if "http" in m and "body" in m for f in fields(m["body"], contract.files[name])]
    assert len(found) > 10
    names = {"datetime": "date-time", "url": "uri"}
    types = {"integer": "integer", "boolean": "boolean", "list": "array"}
    assert not [f for f in found if f.get("format") == names.get(kind, kind)
                or (f["type"] == types.get(kind) and f.get("format") != "pk")]


# --- 9 and 10: what takes more than one request -------------------------------------------

def test_cat_05_def_19_the_nested_products_are_bounded(stack, shop, database):
    database.query(
        "insert into product (name, description, price, created_at, category_id)"
        f" select 'p' || i, '', 1, now(), {shop.category['id']} from generate_series(1, 120) i",
        schema="catalog")
    _, value = shop.ask(None, "GET", category(shop))
    assert len(value["products"]) == 100


def test_cat_06_by_name_ten_a_page(shop):
    for _ in range(12):
        shop.make(CATEGORIES, "admin", {"name": shop.fresh()})
    _, first = shop.ask(None, "GET", CATEGORIES)
    _, second = shop.ask(None, "GET", CATEGORIES + "?page=2")
    assert len(first["results"]) == 10 and list(first["results"][0]) == CATEGORY
    found = [c["name"].lower() for c in first["results"] + second["results"]]
    plain = [n for n in found if n.startswith("n")]
    assert plain == sorted(plain)


def test_cat_09_an_empty_one(shop):
    path = f"{CATEGORIES}/{shop.make(CATEGORIES, 'admin', {'name': shop.fresh()})['id']}"
    assert shop.ask("admin", "DELETE", path) == (204, None)
    assert shop.ask("admin", "DELETE", path)[0] == 404
    assert shop.ask(None, "GET", path)[0] == 404


def test_cat_09_def_18_one_with_products_is_kept_unless_told(shop):
    """Decided: 409 with their number; `?cascade=true` deletes them with it."""
    status, details = shop.ask("admin", "DELETE", category(shop))
    assert (status, details["products"]) == (409, 1)
    assert shop.ask(None, "GET", product(shop))[0] == 200
    assert shop.ask("owner", "DELETE", category(shop) + "?cascade=true")[0] == 403
    assert shop.ask("admin", "DELETE", category(shop) + "?cascade=true") == (204, None)
    assert shop.ask(None, "GET", product(shop))[0] == 404


@pytest.mark.parametrize("verb, path", [
    ("POST", category), ("POST", product), ("PUT", CATEGORIES), ("PATCH", CATEGORIES),
    ("DELETE", CATEGORIES), ("PUT", PRODUCTS), ("PATCH", PRODUCTS), ("DELETE", PRODUCTS)])
def test_cat_11_verbs_that_are_none(stack, shop, people, verb, path):
    path = path(shop) if callable(path) else path
    status, value, headers = stack.http(verb, path, {}, people["admin"][1])
    assert (status, value["code"]) == (405, "method_not_allowed")
    assert value["details"] == {"detail": f'Method "{verb}" not allowed.'}
    item = path not in (CATEGORIES, PRODUCTS)
    assert headers["Allow"] == ("GET, PUT, PATCH, DELETE, HEAD, OPTIONS" if item
                                else "GET, POST, HEAD, OPTIONS")


def test_prd_09_delete(shop):
    assert shop.ask("owner", "DELETE", product(shop)) == (204, None)
    assert shop.ask("owner", "DELETE", product(shop))[0] == 404
    assert shop.ask(None, "GET", product(shop))[0] == 404


@pytest.mark.parametrize("path", [product, category, PRODUCTS, CATEGORIES], ids=[
    "product", "category", "products", "categories"])
def test_prd_10_head(stack, shop, path):
    path = path(shop) if callable(path) else path
    _, _, got = stack.http("GET", path)
    status, body, headers = stack.http("HEAD", path)
    assert (status, body) == (200, "")
    for name in ("Content-Length", "Content-Type", "ETag"):
        assert headers[name] == got[name]


def test_prd_11_the_products_of_a_deleted_account_stay(stack, shop):
    name = register(stack)[0]
    body = {"name": "x", "price": "1", "category": shop.category["id"]}
    status, made, _ = stack.http("POST", PRODUCTS, body, log_in(stack, name))
    assert (status, made["created_by"]) == (201, name)
    stack.verb("auth", "users", "delete", name)
    path = f"{PRODUCTS}/{made['id']}"
    env.wait_until(lambda: shop.ask(None, "GET", path)[1]["created_by"] is None, 20,
                   "the name goes")
    assert shop.ask(None, "GET", path) == (200, made | {"created_by": None})
    assert list(shop.ask(None, "GET", path)[1]) == PRODUCT


def test_def_10_a_float_is_no_key_also_in_a_form(stack, people):
    status, value, _ = stack.http(
        "POST", PRODUCTS, b"name=x&price=1&category=1.5", people["owner"][1],
        {"Content-Type": "application/x-www-form-urlencoded"})
    assert (status, list(value["details"])) == (400, ["category"])


def test_a_missing_product_is_missing_for_all(shop):
    for who in (None, "stranger", "owner", "admin"):
        assert shop.ask(who, "GET", f"{PRODUCTS}/{GONE}")[0] == 404
