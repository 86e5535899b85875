"""Two catalogs behind one gateway, under load: killed, stopped, rolled, drained, added."""

import json
import os
import signal

import pytest
from quintet import env
from quintet.load import Load

PASSWORD = "testpass123"


@pytest.fixture(scope="module")
def stack(start_stack):
    stack = start_stack(["auth", "catalog", "gateway"],
                        replicas={"catalog": 3, "auth": 2})
    stack.start_replica("catalog-2")
    return stack


@pytest.fixture(scope="module")
def token(stack):
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME="boss",
               DJANGO_SUPERUSER_EMAIL="boss@example.com", DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    status, tokens, _ = stack.http("POST", "/api/auth/login",
                                   {"username": "boss", "password": PASSWORD})
    assert status == 200, tokens
    return tokens["access"]


@pytest.fixture(scope="module")
def product(stack, token):
    status, category, _ = stack.http("POST", "/api/categories", {"name": "c"}, token=token)
    assert status == 201, category
    status, product, _ = stack.http("POST", "/api/products", new_product(category["id"]),
                                    token=token)
    assert status == 201, product
    return product


def new_product(category):
    return {"name": "p", "price": "1.00", "category": category}


def served(stack, name, method="catalog.product.show"):
    """How many calls of a method a replica has answered with success."""
    text = stack.ops(name, "/metrics")[1]
    mark = f'rpc_server_requests_total{{method="{method}",result="ok"}} '
    return next((int(line[len(mark):]) for line in text.splitlines()
                 if line.startswith(mark)), 0)


@pytest.fixture
def reads(stack, product):
    """Load of reads, four connections."""
    return lambda rate=200: Load(stack.port["gateway.http"],
                                 [("GET", f"/api/products/{product['id']}", None, {})],
                                 rate=rate)


@pytest.fixture
def mixed(stack, product, token):
    """Load of reads and creates; a create that fails may not be repeated."""
    create = json.dumps(new_product(product["category"])).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return lambda: Load(stack.port["gateway.http"],
                        [("GET", f"/api/products/{product['id']}", None, {}),
                         ("GET", "/api/products", None, {}),
                         ("POST", "/api/products", create, headers)], rate=100)


def settle(stack, reads, *names):
    """Every replica named answers again."""
    before = {name: served(stack, name) for name in names}
    with reads() as load:
        env.wait_until(lambda: all(served(stack, n) > before[n] for n in names), 30,
                       f"{names} get calls")
    return load


def test_both_get_their_share(stack, reads):
    settle(stack, reads, "catalog", "catalog-2")
    before = [served(stack, n) for n in ("catalog", "catalog-2")]
    with reads(2000) as load:
        load.run_until("GET", 2000)
    got = [served(stack, n) - b for n, b in zip(("catalog", "catalog-2"), before)]
    assert load.failures == []
    # A warming one may have passed a few turns.
    assert min(got) > sum(got) * 0.25, got


def test_one_killed(stack, reads):
    """Reads go on; what was in flight is asked of the other one."""
    with reads() as load:
        load.run_until("GET", 200)
        stack.daemons["catalog-2"].kill()
        load.run_until("GET", 600)
        stack.daemons["catalog-2"].start()
        stack.wait_ready("catalog-2")
        load.run_until("GET", 200)
    assert len(load.failures) <= load.total("GET") / 1000, load.failures
    settle(stack, reads, "catalog-2")


def test_one_killed_under_writes(stack, mixed, database, reads):
    """A create that was acknowledged exists; at most what was in flight has failed."""
    before = database.query("select count(*) from product", schema="catalog")[0][0]
    with mixed() as load:
        load.run_until("POST", 30)
        stack.daemons["catalog-2"].kill()
        load.run_until("POST", 60)
    made = database.query("select count(*) from product", schema="catalog")[0][0] - before
    failed = load.failed("POST")
    assert len(failed) <= 4, failed  # as many as there are connections
    assert all(status == 503 for _, _, status, _ in failed), failed
    acknowledged = load.answers["POST", 201]
    assert acknowledged <= made <= acknowledged + len(failed)
    assert load.failed("GET") == []
    stack.daemons["catalog-2"].start()
    stack.wait_ready("catalog-2")
    settle(stack, reads, "catalog-2")


def test_one_stopped_for_five_seconds(stack, reads):
    """A process that hangs looks alive to TCP: its calls are asked of the other one."""
    pid = stack.daemons["catalog-2"].process.pid
    with reads() as load:
        load.run_until("GET", 200)
        os.kill(pid, signal.SIGSTOP)
        try:
            load.run_until("GET", 1000)
        finally:
            os.kill(pid, signal.SIGCONT)
        load.run_until("GET", 200)
    assert len(load.failures) <= load.total("GET") / 1000, load.failures
    settle(stack, reads, "catalog-2")


def roll(stack, name, method):
    """As an orchestrator does: the next one waits until this one works again."""
    assert stack.daemons[name].stop() == 0
    stack.daemons[name].start()
    stack.wait_ready(name)
    env.wait_until(lambda: served(stack, name, method) > 0, 30, f"{name} gets calls")


def test_rolled_without_an_error(stack, mixed, reads):
    """TERM and start, one after the other, five rounds: nobody notices, writes included."""
    with mixed() as load:
        for _ in range(5):
            for name in ("catalog", "catalog-2"):
                roll(stack, name, "catalog.product.show")
    assert load.failures == []
    assert load.total("POST") > 20
    settle(stack, reads, "catalog", "catalog-2")


def test_auth_rolled_without_an_error(stack):
    """The same for logins, which may never be sent twice."""
    stack.start_replica("auth-2")
    login = lambda: stack.http("POST", "/api/auth/login",
                               {"username": "boss", "password": PASSWORD})[0] == 200
    env.wait_until(lambda: login() and served(stack, "auth-2", "auth.login") > 0, 30,
                   "the second gets calls")
    body = json.dumps({"username": "boss", "password": PASSWORD}).encode()
    with Load(stack.port["gateway.http"],
              [("POST", "/api/auth/login", body, {"Content-Type": "application/json"})],
              workers=2, rate=40) as load:
        for name in ("auth", "auth-2", "auth"):
            roll(stack, name, "auth.login")
    assert load.failures == []


def test_drained_by_control_and_resumed(stack, reads):
    control = stack.client("catalog-2", "monitor")
    with reads() as load:
        load.run_until("GET", 100)
        assert control.call("control.drain")[1] == {"draining": True}
        load.run_until("GET", 20)
        before = served(stack, "catalog-2")
        load.run_until("GET", 300)
        assert served(stack, "catalog-2") == before
        assert control.call("control.resume")[1] == {"draining": False}
        env.wait_until(lambda: served(stack, "catalog-2") > before, 10, "it gets calls again")
    assert load.failures == []


def test_added_and_removed(stack, reads):
    """A third one is found and used, and goes without an error."""
    with reads() as load:
        stack.start_replica("catalog-3")
        env.wait_until(lambda: served(stack, "catalog-3") > 0, 30, "the third gets calls")
        assert stack.daemons["catalog-3"].stop() == 0
        load.run_until("GET", 100)
    assert load.failures == []


def test_gateway_drains_without_a_lost_request(stack, product):
    """TERM under keep-alive load: every answer is whole, then connections are refused."""
    stack.restart("gateway", DRAIN_DELAY_MS="300")
    with Load(stack.port["gateway.http"],
              [("GET", f"/api/products/{product['id']}", None, {})], rate=400) as load:
        load.run_until("GET", 100)
        assert stack.daemons["gateway"].stop() == 0
    cut = [f for f in load.failures if b"refused" not in f[3].lower()]
    assert cut == [], cut
    stack.daemons["gateway"].start()
    stack.wait_ready("gateway")
