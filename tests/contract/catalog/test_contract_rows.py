"""The rows of the HTTP contract that are the catalog's own rules, with the catalog alone."""

import pytest

from catalog_calls import ADMIN, OWNER, STRANGER
from quintet.client import value_of
from quintet.contract_rows import ROWS, Shop

WHO = {"admin": ADMIN, "owner": OWNER, "stranger": STRANGER, None: {}}


def method_of(contract, verb, path):
    """(name, path parameters) of a route; no parameter has a slash."""
    parts = path.split("/")
    for name, method in contract.methods.items():
        http = method.get("http", {})
        there = http.get("path", "").split("/")
        if http.get("verb") == verb and len(there) == len(parts) and \
                all(a == b or a.startswith("{") for a, b in zip(there, parts)):
            return name, [b for a, b in zip(there, parts) if a.startswith("{")]
    raise AssertionError(f"no route {verb} {path}")


@pytest.fixture
def shop(api):
    def ask(who, verb, path, body=None):
        path, _, query = path.partition("?")
        name, params = method_of(api.contract, verb, path)
        reply = api.call_frame(name, body, path=params, query=query, **WHO[who])
        error = api.contract.errors.get(reply.status)
        return (error["status"] if error else reply.status), value_of(reply)
    return Shop(ask, OWNER["actor_name"])


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_row(shop, row):
    shop.play(row)
