"""When a gateway that starts says that it is ready."""

import re

import pytest


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth", "catalog", "gateway"])


def ready_after(stack):
    """Milliseconds from the start of the process to ready, as its log has it."""
    return int(re.findall(r'"msg":"ready".*"after_ms":(\d+)',
                          stack.daemons["gateway"].output())[-1])


def test_ready_means_that_the_first_request_succeeds(stack):
    for _ in range(5):
        stack.restart("gateway")
        status, value, _ = stack.http("GET", "/api/products")
        assert status == 200, value


def test_without_catalog_it_is_ready_after_a_while(stack):
    stack.daemons["catalog"].kill()
    stack.restart("gateway")
    assert ready_after(stack) >= 3000
    assert stack.http("GET", "/.well-known/jwks.json")[0] == 200
    assert stack.http("GET", "/api/products")[0] == 503
    stack.restart("catalog")
