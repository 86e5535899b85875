"""When a gateway that starts says that it is ready."""

import re
import time

import pytest
from quintet import env


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


def test_the_port_is_closed_until_the_gateway_knows_enough(stack):
    """A balancer that has found it too early is refused and goes elsewhere."""
    stack.daemons["auth"].stop()
    stack.daemons["gateway"].stop()
    begun = time.monotonic()
    stack.daemons["gateway"].start()
    env.wait_until(lambda: stack.ops("gateway", "/livez")[0] == 200, 5, "it lives")
    try:
        stack.http("GET", "/api/products")
        assert time.monotonic() - begun >= 3, "open although it knows too little"
    except ConnectionError:
        pass

    def served():
        try:
            return stack.http("GET", "/api/products")[0] == 200
        except ConnectionError:
            return False

    env.wait_until(served, 10, "what needs no auth is served after a while")
    assert stack.ops("gateway", "/readyz")[0] == 503
    stack.restart("auth")
    stack.wait_ready("gateway")
