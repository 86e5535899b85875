"""What the monitor may do to a replica, and that everybody who asks hears the same."""

import signal

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


def test_a_replica_that_ends_is_not_resumed(start_stack):
    """TERM is final: a resume must not open the door again behind it."""
    stack = start_stack(["catalog"], clients=("monitor",), DRAIN_DELAY_MS=60000)
    monitor, catalog = stack.client("catalog", "monitor"), stack.daemons["catalog"]
    catalog.process.send_signal(signal.SIGTERM)
    env.wait_until(lambda: stack.ops("catalog", "/readyz")[0] == 503, 3, "readyz is 503")
    assert monitor.error("control.resume")[0] == "conflict"
    assert catalog.running
    catalog.process.send_signal(signal.SIGTERM)  # at once, this time
    assert catalog.process.wait(env.seconds(5)) == 0


def test_log_levels(control):
    assert control.call("control.log_level", {"levels": "info,db=debug"}) == (
        200, {"levels": "info,db=debug"})
    for wrong in ("loud", "info,=debug", "info,db="):
        code, details = control.error("control.log_level", {"levels": wrong})
        assert (code, details) == ("invalid", {
            "levels": ["Use levels like info or info,db=debug."]})
    assert control.call("control.log_level", {"levels": "info"})[0] == 200


def test_levels_of_areas_that_do_not_exist(control):
    """What would have no effect is not confirmed; the answer names what there is."""
    for unknown in ("nosucharea", "mail"):  # an area of another service's
        code, details = control.error("control.log_level", {"levels": f"info,{unknown}=debug"})
        (said,) = details["levels"]
        assert code == "invalid" and said.startswith(f"There is no area {unknown} here; ")
        areas = said.removesuffix(".").split("areas are ")[1].split(", ")
        assert areas == sorted(set(areas)) and {"catalog", "db", "rpc", "svc"} <= set(areas)
        assert control.call("control.describe")[1]["log_levels"] == "info"


def test_a_replica_describes_itself_without_its_secrets(stack, control):
    status, said = control.call("control.describe")
    assert status == 200
    assert said["service"] == "catalog" and said["system"]["pid"] > 0
    assert said["system"]["threads"] >= 2 and said["system"]["open_fds"] > 3
    options = {o["name"]: o for o in said["options"]}
    assert options["POSTGRES_DB"]["source"] == "environment"
    assert options["SHUTDOWN_TIMEOUT_MS"]["source"] == "default"
    secrets = [o for o in said["options"] if o["secret"]]
    assert secrets and all(o["value"] in ("set", "not set") for o in secrets)
    assert {"name": "CATALOG_RPC_LISTEN", "address": options["CATALOG_RPC_LISTEN"]["value"]} \
        in said["endpoints"]
    stack.client("catalog", "gateway").call("catalog.product.list", "")
    _, said = control.call("control.describe")
    listed = next(m for m in said["methods"] if m["name"] == "catalog.product.list")
    assert listed["requests"] >= 1 and listed["p50_us"] > 0
    assert any(c["name"] == "rpc_server_requests_total" for c in said["counters"])
    assert stack.client("catalog", "gateway").error("control.describe", None)[0] \
        == "peer_not_allowed"


def test_a_password_in_an_address_is_hidden(start_stack):
    stack = start_stack(["catalog"], clients=("monitor",), LOG_FILE="x://me:hunter2@host/y")
    _, said = stack.client("catalog", "monitor").call("control.describe")
    text = next(o["value"] for o in said["options"] if o["name"] == "LOG_FILE")
    assert text == "x://me:***@host/y" and "hunter2" not in str(said["options"])
