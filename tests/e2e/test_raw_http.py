"""The front door byte by byte: every case of quintet.raw_cases on the gateway, what the listener
alone decides on the monitor's and an ops port too, and clients that are slow on purpose."""

import os
import re
import socket
import time

import pytest

from gateway_fakes import GatewayAlone, success
from quintet import env, frame, raw
from quintet.raw_cases import BODY_MAX, CASES, LIBRARY, Door, get

LIST = {"count": 0, "next": None, "previous": None, "results": []}
LIMIT_S = 1  # of each step, where the tests are about slow clients


@pytest.fixture(scope="module")
def gw():
    with GatewayAlone(GATEWAY_BODY_MAX=BODY_MAX) as stack:
        stack.on("catalog.product.list", lambda _: success(LIST))
        stack.on("auth.login", lambda _: success({"refresh": "r", "access": "a"}))
        yield stack


@pytest.fixture(scope="module")
def gateway(gw):
    return Door(gw.port["gateway.http"], "/api/products", "/api/auth/login")


@pytest.fixture(scope="module")
def ops(gw):
    return Door(gw.port["gateway.ops"], "/livez")


@pytest.fixture(scope="module")
def monitor(start_stack):
    stack = start_stack(["monitor"])
    return Door(stack.port["monitor.http"], "/healthcheck")


def judge(case, ident, got):
    """got: every byte of the connection until its end."""
    if case.twice:
        assert set(re.findall(rb"HTTP/1\.1 (\d{3}) ", got)) == {b"%d" % case.statuses}, got
        return
    found = raw.answers(got, case.heads)
    want = [*case.statuses] + ([] if case.closed else [200])
    assert [a.status for a in found] == want, found
    for answer in found:  # our own refusals say their id twice
        if b'"request_id":"' in answer.body:
            assert answer.header("X-Request-ID").encode() in answer.body
    if not case.closed and found[-1].header("X-Request-ID"):
        assert found[-1].header("X-Request-ID") == ident


def play(door, case):
    ident, canary = door.canary()
    judge(case, ident, raw.talk(door.port, door.bytes(case.data) + canary))


def by_name(cases):
    return pytest.mark.parametrize("case", cases, ids=[c.name for c in cases])


@by_name(CASES)
def test_gateway(gw, gateway, case):
    play(gateway, case)
    smuggled = [f for f in gw.catalog.asked if f.text(frame.PATH_PARAM) == "666"]
    assert not smuggled


@by_name([c for c in CASES if any(s >= 400 for s in c.statuses)])
def test_every_refusal_but_the_librarys_is_ours(gateway, case):
    """The error object, an id and the security headers; LIBRARY lists what cannot have them."""
    assert LIBRARY < {c.name for c in CASES}
    got = raw.talk(gateway.port, gateway.bytes(case.data) + gateway.canary()[1])
    heads = [h.split(b"\r\n\r\n")[0].lower() for h in re.split(rb"(?=HTTP/1\.1 \d{3} )", got)
             if re.match(rb"HTTP/1\.1 [45]", h)]
    assert heads
    for head in heads:
        ours = [b"\r\n" + name in head for name in (
            b"content-type: application/json", b"x-request-id: ", b"traceparent: ",
            b"x-content-type-options: nosniff", b"content-security-policy: ")]
        assert ours == [case.name not in LIBRARY] * len(ours), head


@by_name([c for c in CASES if c.guard])
def test_monitor(monitor, case):
    play(monitor, case)


@by_name([c for c in CASES if c.guard])
def test_ops(ops, case):
    play(ops, case)


# --- in pieces ------------------------------------------------------------------------

def begin(door, data, cut):
    s = raw.dial(door.port)
    raw.push(s, data[:cut])
    return s


def finish(door, s, data, cut):
    ident, canary = door.canary()
    raw.push(s, data[cut:] + canary)
    with s:
        return ident, raw.drain(s)


@by_name([c for c in CASES if c.split])
def test_cut_at_every_byte(gateway, case):
    """The first parts of all cuts, a moment, then the rest and a canary of each."""
    data = gateway.bytes(case.data)
    begun = [(cut, begin(gateway, data, cut)) for cut in range(1, len(data))]
    time.sleep(0.05)  # so that they arrive as two pieces
    for cut, s in begun:
        ident, got = finish(gateway, s, data, cut)
        for _ in range(3):
            if got or not case.closed:
                break
            # Closed with our bytes unread, the kernel may drop the answer on its way.
            ident, got = finish(gateway, begin(gateway, data, cut), data, cut)
        judge(case, ident, got)


# --- slow clients ---------------------------------------------------------------------

@pytest.fixture(scope="module")
def hasty():
    with GatewayAlone(GATEWAY_HEADER_TIMEOUT_S=LIMIT_S, GATEWAY_BODY_TIMEOUT_S=LIMIT_S,
                      GATEWAY_ANSWER_TIMEOUT_S=3, GATEWAY_IDLE_TIMEOUT_S=3) as stack:
        stack.on("catalog.product.list", lambda _: success(LIST))
        yield stack


def drip(port, start, drop):
    """Sends a byte every 50 ms for as long as the peer takes them: (seconds, answer)."""
    began = time.monotonic()
    with raw.dial(port) as s:
        s.sendall(start)
        while time.monotonic() - began < env.seconds(15):
            try:
                s.sendall(drop)
            except (BrokenPipeError, ConnectionResetError):
                return time.monotonic() - began, raw.drain(s)
            time.sleep(0.05)
    raise AssertionError("the connection still takes bytes")


@pytest.mark.parametrize("start, drop", [
    (b"G", b"E"), (b"GET /api/products HTTP/1.1\r\nHost: localhost\r\nX: ", b"y"),
    (b"GET /api/products HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n"),
    (b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n", b"z"),
    (b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n", b"z"),
], ids=["request line", "header value", "header lines", "body", "refused body"])
def test_a_drip_is_cut(hasty, start, drop):
    took, _ = drip(hasty.port["gateway.http"], start, drop)
    assert took > LIMIT_S * 0.9  # and soon after: the drip itself waits 15 s for it


def sockets(stack):
    """How many the gateway has open."""
    return len(os.listdir(f"/proc/{stack.daemons['gateway'].process.pid}/fd"))


def ask_for_a_product(stack, more=b""):
    s = raw.dial(stack.port["gateway.http"])
    raw.push(s, get(target="/api/products/1").replace(b"@H", b"localhost") + more)
    return s


def test_a_client_that_does_not_take_its_answer_is_cut(hasty):
    hasty.on("catalog.product.show", lambda _: success(body=b"x" * 8_000_000))
    before = sockets(hasty)
    with ask_for_a_product(hasty) as s:
        env.wait_until(lambda: sockets(hasty) > before, 5, "it is connected")
        env.wait_until(lambda: sockets(hasty) <= before, 10, "it is cut")
        assert len(raw.drain(s)) < 8_000_000


def test_who_drips_while_a_request_waits_gets_its_answer_and_no_more(hasty):
    hasty.on("catalog.product.show", lambda _: None)
    first = get(target="/api/products/1").replace(b"@H", b"localhost")
    took, got = drip(hasty.port["gateway.http"], first + b"GET /", b"x")
    assert [a.status in (503, 504) for a in raw.answers(got)] == [True]
    assert took > 1


def test_who_leaves_while_a_request_waits_is_forgotten(hasty):
    hasty.on("catalog.product.show", lambda _: None)
    before = sockets(hasty)
    for s in [ask_for_a_product(hasty) for _ in range(10)]:
        s.close()
    env.wait_until(lambda: sockets(hasty) >= before + 10, 5, "they are connected")
    env.wait_until(lambda: sockets(hasty) <= before, 10, "they are gone")


# --- many connections -------------------------------------------------------------------

PLACES = 32


def hold(port, start, n):
    """n connections of another client, which each say so much and no more."""
    held = []
    for _ in range(n):
        s = socket.create_connection(("127.0.0.1", port), env.seconds(10), ("127.0.0.2", 0))
        raw.push(s, start)
        held.append(s)
    return held


@pytest.mark.parametrize("start", [
    b"", b"GET /api/products HTTP/1.1\r\nHost: localhost\r\nX: ",
    b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n{",
    b"GET /api/products HTTP/1.1\r\nHost: localhost\r\n\r\n",
], ids=["silent", "half a head", "half a body", "kept alive"])
def test_one_client_cannot_keep_the_others_out(start):
    with GatewayAlone(GATEWAY_CONNECTIONS=PLACES) as stack:
        stack.on("catalog.product.list", lambda _: success(LIST))
        held = hold(stack.port["gateway.http"], start, 3 * PLACES)
        for _ in range(20):
            assert stack.http("GET", "/api/products")[0] == 200
            held += hold(stack.port["gateway.http"], start, 3)
        for s in held:
            s.close()
        found = re.search(r"^http_connections_evicted_total (\d+)$",
                          stack.ops("gateway", "/metrics")[1], re.M)
        assert int(found[1]) >= 2 * PLACES
