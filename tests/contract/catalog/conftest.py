"""The catalog alone, on a database of its own."""

import pytest


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["catalog"])


@pytest.fixture(scope="module")
def api(stack):
    return stack.client("catalog")


@pytest.fixture(autouse=True)
def empty(request):
    """Every test starts with empty tables and ids of its own."""
    if "database" in request.fixturenames or "api" in request.fixturenames:
        request.getfixturevalue("api")
        request.getfixturevalue("database").query(
            "truncate product, category, counter, idempotency, user_name", schema="catalog")
