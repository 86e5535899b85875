"""What the HTTP contract says of categories, products and their fields, row by row: once
through the gateway (tests/e2e/test_contract_catalog.py), once with the catalog alone
(tests/contract/catalog/test_contract_rows.py).

A row is asked by `who`; path and body may be functions of the Shop. `want`: the details of an
error, a function of (answer, shop) that asserts, or None when the status says it all.
"""

import re
import secrets
from typing import Any, NamedTuple

REQUIRED, BLANK, NULL = ("This field is required.", "This field may not be blank.",
                         "This field may not be null.")
NUMBER = "A valid number is required."
DIGITS = "Ensure that there are no more than 10 digits in total."
PLACES = "Ensure that there are no more than 2 decimal places."
WHOLE = "Ensure that there are no more than 8 digits before the decimal point."
TEXT = "Not a valid string."
TAKEN = {"name": ["category with this name already exists."]}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
PRODUCT = ["id", "category_name", "created_by", "name", "description", "price", "created_at",
           "category"]
CATEGORY = ["id", "name", "description", "created_at"]
GONE = 987654321987  # an id that nothing has
CATEGORIES, PRODUCTS = "/api/categories", "/api/products"


class Row(NamedTuple):
    name: str
    who: Any
    verb: str
    path: Any
    body: Any
    status: int
    want: Any = None


class Shop:
    """A category with one product of the owner. ask(who, verb, path, body) -> (status,
    details or value); who: "admin", "owner", "stranger" or None."""

    def __init__(self, ask, owner_name):
        self.ask, self.owner_name = ask, owner_name
        self.category = self.make(CATEGORIES, "admin", {"name": self.fresh(), "description": "d"})
        self.product = self.add_product()

    @staticmethod
    def fresh():
        return "n" + secrets.token_hex(8)

    def make(self, path, who, body):
        status, value = self.ask(who, "POST", path, body)
        assert status == 201, value
        return value

    def add_product(self, **more):
        return self.make(PRODUCTS, "owner", {"name": "Lamp", "price": "10",
                                             "category": self.category["id"]} | more)

    def play(self, row):
        path = row.path(self) if callable(row.path) else row.path
        body = row.body(self) if callable(row.body) else row.body
        status, value = self.ask(row.who, row.verb, path, body)
        assert status == row.status, value
        if callable(row.want):
            row.want(value, self)
        elif row.want is not None:
            assert value == row.want
            assert not isinstance(value, dict) or list(value) == list(row.want)


def category(shop):
    return f"{CATEGORIES}/{shop.category['id']}"


def product(shop):
    return f"{PRODUCTS}/{shop.product['id']}"


def item(path, ident):
    return f"{path}/{ident}"


def all_of(*checks):
    def check(value, shop):
        for one in checks:
            one(value, shop)
    return check


def keys(wanted):
    def check(value, _):
        assert list(value) == wanted
    return check


def has(**wanted):
    def check(value, _):
        assert {k: value[k] for k in wanted} == wanted
    return check


def time_like(value, _):
    assert TIME.fullmatch(value["created_at"])
    assert isinstance(value["id"], int) and value["id"] >= 1


# --- 4. fields ----------------------------------------------------------------------------

def stored(text):
    def check(value, _):
        assert value["name"] == text
    return check


STRINGS = [
    Row("4 any: missing", "admin", "POST", CATEGORIES, {}, 400, {"name": [REQUIRED]}),
    Row("4 any: null", "admin", "POST", CATEGORIES, {"name": None}, 400, {"name": [NULL]}),
    Row("4 string trimmed", "admin", "POST", CATEGORIES, {"name": " \t trimmed \n "}, 201,
        stored("trimmed")),
    Row("4 string blank after trimming", "admin", "POST", CATEGORIES, {"name": " \t\n "}, 400,
        {"name": [BLANK]}),
    Row("4 string blank where allowed", "admin", "PATCH", category, {"description": "  "}, 200,
        has(description="")),
    Row("4 string from an integer", "owner", "PATCH", product, {"name": 5}, 200, stored("5")),
    Row("4 string from a number", "owner", "PATCH", product, b'{"name": 1.50}', 200,
        stored("1.5")),
    Row("4 string from a bool", "owner", "PATCH", product, {"name": True}, 400, {"name": [TEXT]}),
    Row("4 string from a list", "owner", "PATCH", product, {"name": []}, 400, {"name": [TEXT]}),
    Row("4 string from an object", "owner", "PATCH", product, {"name": {}}, 400, {"name": [TEXT]}),
    Row("4 string too long", "owner", "PATCH", product, {"name": "é" * 256}, 400,
        {"name": ["Ensure this field has no more than 255 characters."]}),
    Row("4 string as long as may be, after trimming", "owner", "PATCH", product,
        {"name": " " + "é" * 255 + " "}, 200, stored("é" * 255)),
    Row("4 string with NUL", "owner", "PATCH", product, {"name": "a\0b"}, 400,
        {"name": ["Null characters are not allowed."]}),
    Row("4 several fields at once", "admin", "POST", CATEGORIES,
        {"name": "", "description": None}, 400, {"name": [BLANK], "description": [NULL]}),
    Row("4 unique", "admin", "POST", CATEGORIES, lambda s: {"name": s.category["name"]}, 400, TAKEN),
]


def price(text, status, want):
    """text: JSON of a price."""
    short = text if len(text) < 40 else text[:12] + "..."
    return Row(f"4 decimal {short}", "owner", "PATCH", product, f'{{"price": {text}}}'.encode(),
               status, {"price": [want]} if status == 400 else has(price=want))


PRICES = [price(t, 200, shown) for t, shown in (
    ("5", "5.00"), ('" 7.5 "', "7.50"), ('"1e3"', "1000.00"), ('"1E+2"', "100.00"),
    ('"00012.50"', "12.50"), ("0.1", "0.10"), ('"99999999.99"', "99999999.99"), ("1.230", "1.23"),
    ("0", "0.00"))]
PRICES += [price(t, 400, NUMBER) for t in (
    '"abc"', "true", "[]", "{}", '""', '"1,5"', '"NaN"', '"Infinity"', '"-Infinity"')]
PRICES += [price("null", 400, NULL), price('"' + "1" * 1001 + '"', 400, "String value too large.")]
PRICES += [price(t, 400, PLACES) for t in ('"1.234"', '"0.001"', '"1.230"')]
PRICES += [price(t, 400, DIGITS) for t in (
    '"99999999.990"', '"123456789.00"', "12345678901", "1e10")]
PRICES += [price("100000000", 400, WHOLE)]
LEAST = "Ensure this value is greater than or equal to 0."
NEGATIVES = [r._replace(name=f"DEF-11 {r.name}") for r in (
    price('"-1"', 400, LEAST), price("-0.01", 400, LEAST))]
MINUS_ZERO = [price('"-0.00"', 200, "0.00")._replace(name="DEF-11 4 decimal -0.00 has no sign")]


def fk(text, want):
    if want is None:
        return Row(f"4 FK {text}", "owner", "PATCH", product,
                   lambda s: f'{{"category": {text}}}'.replace("@", str(s.category["id"])).encode(),
                   200, lambda v, s: v["category"] == s.category["id"] or 1 / 0)
    return Row(f"4 FK {text}", "owner", "PATCH", product, f'{{"category": {text}}}'.encode(), 400,
               {"category": [want]})


def unknown(ident):
    return f'Invalid pk "{ident}" - object does not exist.'


def incorrect(kind):
    return f"Incorrect type. Expected pk value, received {kind}."


FOREIGN = [
    fk("@", None), fk('"@"', None), fk('" @ "', None),
    fk("987654321987", unknown(GONE)), fk('"987654321987"', unknown(GONE)), fk("-1", unknown(-1)),
    fk('"abc"', incorrect("str")), fk("true", incorrect("bool")), fk("[1]", incorrect("list")),
    fk('{"id": 1}', incorrect("dict")), fk("null", NULL), fk('""', NULL),
    fk("1.5", incorrect("float"))._replace(name="DEF-10 4 FK 1.5"),
]
BIG = Row("4 FK 10^20 (other than the original: no number of 64 bits)", "owner", "PATCH", product,
          b'{"category": 100000000000000000000}', 400)

# --- 9. categories ------------------------------------------------------------------------


def nested(value, shop):
    assert list(value) == ["id", "name", "description", "products"]
    assert [p["id"] for p in value["products"]] == [shop.product["id"]]
    assert list(value["products"][0]) == PRODUCT


def unchanged_category(value, shop):
    assert value == shop.category


def listed(wanted):
    def check(value, _):
        assert list(value) == ["count", "next", "previous", "results"]
        assert len(value["results"]) <= 10
        assert list(value["results"][0]) == wanted
    return check


CAT = [
    Row("CAT-01", "admin", "POST", CATEGORIES, lambda s: {"name": s.fresh(), "description": "d"},
        201, all_of(keys(CATEGORY), time_like, has(description="d"))),
    Row("CAT-02 POST", "admin", "POST", CATEGORIES, lambda s: {"name": s.category["name"]}, 400,
        TAKEN),
    Row("CAT-02 PATCH", "admin", "PATCH",
        lambda s: item(CATEGORIES, s.make(CATEGORIES, "admin", {"name": s.fresh()})["id"]),
        lambda s: {"name": s.category["name"]}, 400, TAKEN),
    Row("CAT-03 nothing", "admin", "POST", CATEGORIES, {}, 400, {"name": [REQUIRED]}),
    Row("CAT-03 blank", "admin", "POST", CATEGORIES, {"name": ""}, 400, {"name": [BLANK]}),
    Row("CAT-03 two fields", "admin", "POST", CATEGORIES,
        {"name": "x" * 101, "description": None}, 400,
        {"name": ["Ensure this field has no more than 100 characters."], "description": [NULL]}),
    *[Row(f"CAT-04 {verb} by {who or 'nobody'}", who, verb, path, {"name": "x"},
          403 if who else 401)
      for who in ("owner", None) for verb, path in
      (("POST", CATEGORIES), ("PUT", category), ("PATCH", category), ("DELETE", category))],
    Row("CAT-05", None, "GET", category, None, 200, nested),
    Row("CAT-06", None, "GET", CATEGORIES, None, 200, listed(CATEGORY)),
    Row("CAT-07 PUT without name", "admin", "PUT", category, {"description": "x"}, 400,
        {"name": [REQUIRED]}),
    Row("CAT-07 PATCH of nothing", "admin", "PATCH", category, {}, 200, unchanged_category),
    Row("CAT-08", "admin", "PATCH", category, {"id": 1, "created_at": "2000-01-01T00:00:00Z"},
        200, unchanged_category),
    *[Row(f"CAT-10 {verb} {ident}", "admin", verb, item(CATEGORIES, ident), {"name": "x"}, 404)
      for ident in ("abc", "-1", "0", "1" * 20, GONE) for verb in ("PUT", "PATCH", "DELETE")],
    *[Row(f"CAT-10 GET {ident}", None, "GET", item(CATEGORIES, ident), None, 404)
      for ident in ("abc", "-1", "0", "1" * 20, GONE)],
]

# --- 10. products -------------------------------------------------------------------------


def readme(shop):
    return {"name": "Laptop", "description": "High-performance laptop",
            "category": shop.category["id"], "price": "999.99"}


def as_readme(value, shop):
    assert value == readme(shop) | {
        "id": value["id"], "category_name": shop.category["name"],
        "created_by": shop.owner_name, "created_at": value["created_at"]}


def unchanged_product(value, shop):
    assert value == shop.product


def with_price(text):
    def check(value, shop):
        assert value == shop.product | {"price": text}
    return check


PRD = [
    Row("PRD-01", "owner", "POST", PRODUCTS, readme, 201, all_of(keys(PRODUCT), time_like, as_readme)),
    Row("PRD-02", "owner", "POST", PRODUCTS, {}, 400,
        {"name": [REQUIRED], "price": [REQUIRED], "category": [REQUIRED]}),
    Row("PRD-03 price and FK together", "owner", "POST", PRODUCTS,
        {"name": "x", "price": "1.234", "category": "abc"}, 400,
        {"price": [PLACES], "category": [incorrect("str")]}),
    Row("PRD-04 POST", "stranger", "POST", PRODUCTS,
        lambda s: readme(s) | {"created_by": "adm", "category_name": "X", "id": 1}, 201,
        lambda v, s: all_of(has(category_name=s.category["name"]))(v, s) or
        (v["created_by"] not in ("adm", s.owner_name) and v["id"] != 1) or 1 / 0),
    Row("PRD-04 PATCH", "owner", "PATCH", product,
        {"created_by": "adm", "category_name": "X", "id": 1}, 200, unchanged_product),
    Row("PRD-05 PUT with a name alone", "owner", "PUT", product, {"name": "x"}, 400,
        {"price": [REQUIRED], "category": [REQUIRED]}),
    Row("PRD-05 PUT keeps the owner", "admin", "PUT", product, readme, 200, as_readme),
    Row("PRD-06", "owner", "PATCH", product, {"price": "1.5"}, 200, with_price("1.50")),
    Row("PRD-07 null", "owner", "PATCH", product, {"category": None}, 400, {"category": [NULL]}),
    Row("PRD-07 a list", "owner", "PATCH", product, [1], 400,
        {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
    *[Row(f"PRD-08 {verb} by {who or 'nobody'}", who, verb, product,
          readme if verb == "PUT" else {"price": "2"}, status)
      for who, status in (("owner", 200), ("stranger", 403), ("admin", 200), (None, 401))
      for verb in ("PUT", "PATCH")],
    *[Row(f"PRD-08 DELETE by {who or 'nobody'}", who, "DELETE", product, None, status)
      for who, status in (("owner", 204), ("stranger", 403), ("admin", 204), (None, 401))],
    *[Row(f"PRD-08 {verb} of nothing by {who}", who, verb, item(PRODUCTS, GONE), {"price": "2"}, 404)
      for who in ("stranger", "admin") for verb in ("PUT", "PATCH", "DELETE")],
    *[Row(f"PRD-08 {ident} is none", "stranger", "PATCH", item(PRODUCTS, ident), {"price": "2"}, 404)
      for ident in ("abc", "-1", "0", "1" * 20)],
]

ROWS = [*STRINGS, *PRICES, *NEGATIVES, *MINUS_ZERO, *FOREIGN, BIG, *CAT, *PRD]
assert len({row.name for row in ROWS}) == len(ROWS)
