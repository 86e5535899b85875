"""Two auth replicas and two gateways: what one of them takes back, all of them refuse."""

import http.client
import secrets
import time

import jwt
import pytest
from quintet import env, frame
from quintet.client import Client
from quintet.stack import Daemon

PASSWORD = "testpass123"


@pytest.fixture(scope="module")
def stack(start_stack):
    stack = start_stack(["auth", "catalog", "gateway"], replicas={"auth": 2})
    stack.start_replica("auth-2")
    return stack


@pytest.fixture(scope="module")
def gateways(stack):
    """The HTTP ports of both."""
    rpc, ops, port = (stack.ports.take() for _ in range(3))
    stack.port["gateway-2.ops"] = ops
    stack.daemons["gateway-2"] = Daemon("gateway", stack.environment("gateway") | {
        "GATEWAY_RPC_LISTEN": f"tcp://127.0.0.1:{rpc}",
        "GATEWAY_OPS_LISTEN": f"127.0.0.1:{ops}",
        "GATEWAY_HTTP_LISTEN": f"127.0.0.1:{port}"}, stack.dir / "gateway-2.log")
    stack.daemons["gateway-2"].start()
    stack.wait_ready("gateway-2")
    return stack.port["gateway.http"], port


def ask(port, token):
    """400: this gateway let an empty product through."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=env.seconds(10))
    try:
        connection.request("POST", "/api/products", b"{}", {
            "Content-Type": "application/json", "Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def token(stack, gateways):
    """An access token that both gateways have in their caches."""
    body = {"username": "w" + secrets.token_hex(5), "password": PASSWORD}
    assert stack.http("POST", "/api/auth/register", body)[0] == 201
    token = stack.http("POST", "/api/auth/login", body)[1]["access"]
    assert [ask(port, token) for port in gateways] == [400, 400]
    return token


def refused_everywhere(gateways, token, seconds):
    for port in gateways:
        env.wait_until(lambda p=port: ask(p, token) == 401, seconds, f"401 of port {port}")


def test_every_gateway_refuses(stack, gateways, token):
    assert stack.http("POST", "/api/auth/logout-all", token=token)[0] == 200
    refused_everywhere(gateways, token, 1)


def log_out_by(stack, replica, token):
    """A logout by one auth replica, not over a gateway."""
    ours = stack.client("auth")
    claims = jwt.decode(token, options={"verify_signature": False})
    with Client(stack.endpoint(replica), ours.server, ours.key_pair,
                contract=stack.contract) as client:
        status, _ = client.call("auth.logout", actor=claims["user_id"], headers={
            frame.SESSION_ID: bytes.fromhex(claims["sid"])})
    assert status == 200


@pytest.mark.parametrize("replica", ["auth", "auth-2"])
def test_by_either_replica_of_auth(stack, gateways, token, replica):
    log_out_by(stack, replica, token)
    refused_everywhere(gateways, token, 1)


def test_the_replica_dies_with_its_answer(stack, gateways, token):
    """Acknowledged is kept: the other replica numbers and tells what this one committed."""
    log_out_by(stack, "auth-2", token)
    stack.daemons["auth-2"].kill()
    try:
        refused_everywhere(gateways, token, 3)
    finally:
        stack.restart("auth-2")


def test_one_replica_of_auth_is_enough(stack, gateways, token):
    """No gap in trust when a replica goes: the other one's beacons are word enough."""
    stack.daemons["auth"].kill()
    end, seen = time.monotonic() + 7, set()

    def told():
        seen.update(ask(port, token) for port in gateways)
        return time.monotonic() > end

    try:
        env.wait_until(told, 10, "seven seconds", every=0.1)
        assert seen == {400}
    finally:
        stack.restart("auth")
