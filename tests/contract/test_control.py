"""What the monitor may do to a replica, and that everybody who asks hears the same."""

import pytest

from quintet import env


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["catalog"], clients=("monitor", "gateway"))


@pytest.fixture
def control(stack):
    monitor = stack.client("catalog", "monitor")
    yield monitor
    monitor.call("control.resume")


def test_a_drained_replica_says_so_everywhere_and_comes_back(stack, control):
    caller = stack.client("catalog", "gateway")
    assert control.call("control.drain") == (200, {"draining": True})
    assert caller.error("catalog.product.list", "")[0] == "draining"
    env.wait_until(lambda: stack.ops("catalog", "/readyz")[0] == 503, 3, "readyz is 503")
    status, pong = control.call("control.ping")
    assert status == 200 and pong["draining"] and not pong["ready"]
    assert control.call("control.resume") == (200, {"draining": False})
    assert caller.call("catalog.product.list", "")[0] == 200
    env.wait_until(lambda: stack.ops("catalog", "/readyz")[0] == 200, 3, "readyz is 200")


def test_log_levels(control):
    assert control.call("control.log_level", {"levels": "info,db=debug"}) == (
        200, {"levels": "info,db=debug"})
    assert control.error("control.log_level", {"levels": "loud"})[0] == "invalid"
    assert control.call("control.log_level", {"levels": "info"})[0] == 200
