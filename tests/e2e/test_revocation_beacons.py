"""How the gateway follows auth by beacons: lost events, new keys, and word that is none."""

import time

import pytest

from gateway_fakes import Beacons, GatewayAlone, Signer, success
from quintet import env
from quintet.client import read_cert


@pytest.fixture(scope="module")
def gw():
    with GatewayAlone(REVOCATION_MAX_STALENESS=3) as stack:
        stack.on("catalog.product.create", lambda _: success({"id": 2}, 201))
        yield stack


def create(gw, token):
    return gw.http("POST", "/api/products", {}, token)[0]


def answered(gw, token, status, seconds):
    env.wait_until(lambda: create(gw, token) == status, seconds, f"status {status}")


class Told:
    """What the beacons say, besides where the stream is."""

    def __init__(self, gw):
        self.gw, self.note, self.silent = gw, "one", False

    def __call__(self):
        if self.silent:
            return None
        return {"stream": "user", "epoch": self.gw.epoch, "head": len(self.gw.events),
                "replica": "fake", "note": self.note}


@pytest.fixture
def told(gw):
    told = Told(gw)
    pair = read_cert(gw.keys / "keys-auth" / "curve.key_secret")
    beacons = Beacons(pair, gw.port["auth.events"], told)
    beacons.start()
    for_seconds(2, "beacons instead of pulls", lambda: count(gw, "events_pulls_total"))
    yield told
    beacons.stop()


def count(gw, name):
    lines = [x for x in gw.ops("gateway", "/metrics")[1].splitlines() if x.startswith(name)]
    return float(lines[0].split()[-1]) if lines else 0


def for_seconds(seconds, what, value):
    """Waits until a value has been the same for that long."""
    seen = [value(), time.monotonic()]

    def steady():
        if value() != seen[0]:
            seen[:] = [value(), time.monotonic()]
        return time.monotonic() - seen[1] > seconds

    env.wait_until(steady, 20, what, every=0.1)


def test_beacons(gw, told):
    # An event that PUB lost: the beacon is ahead.
    token = gw.signer.token(user=701, uv=1)
    assert create(gw, token) == 201
    gaps = count(gw, "events_pulls_total")
    gw.event("user.updated", {"user_id": 701, "uv": 2})
    answered(gw, token, 401, 4)
    assert count(gw, "events_pulls_total") > gaps

    # Another key ring: fetched before anybody shows a token of it.
    fetched = sum(f.method == 106 for f in gw.auth.asked)
    second = Signer("second")
    gw.keys_served.append(second)
    told.note = "two"
    env.wait_until(lambda: sum(f.method == 106 for f in gw.auth.asked) > fetched, 5,
                   "the keys are fetched")
    env.wait_until(lambda: create(gw, second.token()) == 201, 3, "the new key is known")

    # Beacons are word enough while they say nothing new...
    gw.auth.answers[150], pull = lambda _: None, gw.auth.answers[150]
    try:
        for_seconds(4.5, "trust", lambda: create(gw, gw.signer.token()))
        assert create(gw, gw.signer.token()) == 201
        # ... and no word at all when they tell of an event that cannot be had.
        gw.event("user.updated", {"user_id": 702, "uv": 2})
        answered(gw, gw.signer.token(), 503, 8)
    finally:
        gw.auth.answers[150] = pull
    answered(gw, gw.signer.token(), 201, 8)
    assert create(gw, gw.signer.token(user=702, uv=1)) == 401
