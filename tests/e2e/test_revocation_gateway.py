"""What the gateway does with revocations: snapshot, stream, staleness. Auth is scripted and
has no PUB, so everything here arrives by pulls."""

import contextlib
import time
import uuid

import pytest

from gateway_fakes import GatewayAlone, success
from quintet import env, frame

SLOW = 4  # s; a pull comes at least every 1.25 s


@pytest.fixture(scope="module")
def gw():
    with GatewayAlone(REVOCATION_MAX_STALENESS=3) as stack:
        stack.on("catalog.product.list", lambda _: success(LIST))
        stack.on("catalog.product.create", lambda _: success({"id": 2}, 201))
        stack.on("catalog.category.create", lambda _: success({"id": 3}, 201))
        yield stack


LIST = {"count": 0, "next": None, "previous": None, "results": []}


def create(gw, token):
    status, value, _ = gw.http("POST", "/api/products", {}, token)
    return status, value.get("code")


def code_within(gw, token, status, seconds=SLOW):
    """Waits until a token is answered with a status; returns the code."""
    env.wait_until(lambda: create(gw, token)[0] == status, seconds, f"status {status}")
    return create(gw, token)[1]


def updated(user, uv, **more):
    return {"user_id": user, "username": "ann", "email": "", "role": "USER",
            "is_active": True, "uv": uv, "min_uv": uv} | more


def wait_open(gw):
    """A gateway that does not know enough opens its port all the same, after a while."""
    def is_open():
        try:
            return gw.http("GET", "/api/products")[0] == 200
        except ConnectionError:
            return False
    env.wait_until(is_open, 10, "the port is open")


def metric(gw, name):
    for line in gw.ops("gateway", "/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    return None


# --- what is refused ----------------------------------------------------------------------


ENDS = [
    ("user.updated", updated(101, 4), "token_not_valid"),
    ("user.updated", updated(102, 4, is_active=False), "user_inactive"),
    ("user.password_changed", {"user_id": 103, "uv": 4, "min_uv": 4}, "token_not_valid"),
    ("user.deleted", {"user_id": 104, "username": "ann", "uv": 4}, "user_not_found"),
    ("user.newer_kind", {"user_id": 105, "uv": 4}, "token_not_valid"),
]


def test_older_versions_are_refused(gw):
    old = [gw.signer.token(user=payload["user_id"], uv=3) for _, payload, _ in ENDS]
    for token in old:
        assert create(gw, token)[0] == 201, "and so it is in the cache of verified tokens"
    for kind, payload, _ in ENDS:
        gw.event(kind, payload)
    for token, (_, payload, code) in zip(old, ENDS):
        assert code_within(gw, token, 401) == code
        assert create(gw, gw.signer.token(user=payload["user_id"], uv=4))[0] == 201
    assert create(gw, gw.signer.token(user=999, uv=1))[0] == 201


def test_a_session_is_refused(gw):
    sid = uuid.uuid4().hex
    here, there = gw.signer.token(user=110, sid=sid), gw.signer.token(user=110)
    assert create(gw, here)[0] == 201
    gw.event("session.revoked", {"user_id": 110, "sid": sid, "reason": "logout"})
    assert code_within(gw, here, 401) == "token_not_valid"
    assert create(gw, there)[0] == 201


def test_what_ends_no_token(gw):
    token = gw.signer.token(user=111, uv=1)
    for kind, payload in (("user.registered", {"user_id": 111}),
                          ("user.verified", {"user_id": 111, "username": "x"}),
                          ("session.revoked", {"user_id": 111, "sid": "no hex"}),
                          ("user.updated", {"user_id": 111, "uv": "9"})):
        gw.event(kind, payload)
    gw.event("user.updated", updated(112, 9))
    code_within(gw, gw.signer.token(user=112, uv=1), 401)
    assert create(gw, token)[0] == 201


def test_a_public_route_with_a_revoked_token_is_401(gw):
    """As the original: a bad token is an error also where none is needed."""
    token = gw.signer.token(user=113, uv=1)
    assert gw.http("GET", "/api/products", token=token)[0] == 200
    gw.event("user.updated", updated(113, 2))
    env.wait_until(lambda: gw.http("GET", "/api/products", token=token)[0] == 401, SLOW,
                   "the revocation")
    assert gw.http("GET", "/api/products")[0] == 200


def test_activation_changes_what_is_said(gw):
    token = gw.signer.token(user=114, uv=1)
    gw.event("user.updated", updated(114, 2, is_active=False))
    assert code_within(gw, token, 401) == "user_inactive"
    gw.event("user.updated", updated(114, 2))
    env.wait_until(lambda: create(gw, token)[1] == "token_not_valid", SLOW, "the other code")


def test_metrics(gw):
    before = metric(gw, 'token_rejections_total{cause="user_deleted"}') or 0
    token = gw.signer.token(user=115, uv=1)
    gw.event("user.deleted", {"user_id": 115, "username": "ann", "uv": 2})
    code_within(gw, token, 401)
    assert metric(gw, 'token_rejections_total{cause="user_deleted"}') > before
    env.wait_until(lambda: metric(gw, "revocations_held") > 0, 5, "the number held")
    assert 0 <= metric(gw, "revocations_age_seconds") <= env.seconds(3)
    assert metric(gw, "revocation_snapshots_total") >= 1


# --- the snapshot ---------------------------------------------------------------------------


@contextlib.contextmanager
def snapshot_of(gw, **lists):
    gw.snapshot = {"sessions": [], "users": []} | lists
    yield
    gw.snapshot = {"sessions": [], "users": []}


def user_row(user, min_uv, cause="ended", at=None):
    return {"id": user, "min_uv": min_uv, "cause": cause, "at": int(at or time.time())}


def test_a_new_gateway_begins_with_the_snapshot(gw):
    sid, now = uuid.uuid4().hex, int(time.time())
    with snapshot_of(gw, sessions=[{"sid": sid, "at": now}],
                     users=[user_row(201, 3, "inactive"), user_row(202, 3, "deleted"),
                            user_row(203, 3), user_row(203, 5), user_row(204, 3, at=now - 9000)]):
        gw.restart("gateway")
    for token, expected in ((gw.signer.token(user=200, sid=sid), (401, "token_not_valid")),
                            (gw.signer.token(user=201, uv=2), (401, "user_inactive")),
                            (gw.signer.token(user=202, uv=2), (401, "user_not_found")),
                            (gw.signer.token(user=203, uv=4), (401, "token_not_valid"))):
        assert create(gw, token) == expected
    for token in (gw.signer.token(user=203, uv=5), gw.signer.token(user=201, uv=3),
                  gw.signer.token(user=204, uv=1)):
        assert create(gw, token)[0] == 201


def test_a_long_snapshot_is_pulled(gw):
    pages = [{"sessions": [], "users": [user_row(300 + i, 5)], "epoch": gw.epoch,
              "head": len(gw.events)} for i in range(4)]

    def page(request):
        nth = int(request.record(frame.CONTINUATION) or 0)
        answer = success(pages[nth])
        if nth < 3:
            answer.records.append((frame.CONTINUATION, str(nth + 1).encode()))
        return answer

    gw.auth.answers[113], one_page = page, gw.auth.answers[113]
    gw.restart("gateway")
    gw.auth.answers[113] = one_page
    for i in range(4):
        assert create(gw, gw.signer.token(user=300 + i, uv=4))[0] == 401
    assert create(gw, gw.signer.token(user=304, uv=4))[0] == 201


def test_before_the_first_snapshot_no_token_counts(gw):
    gw.auth.answers[113], answer = lambda _: None, gw.auth.answers[113]
    daemon = gw.daemons["gateway"]
    daemon.stop()
    daemon.start()
    try:
        env.wait_until(lambda: "revocations" in gw.ops("gateway", "/readyz")[1], 10,
                       "the reason at /readyz")
        assert gw.ops("gateway", "/readyz")[0] == 503
        wait_open(gw)
        assert create(gw, gw.signer.token()) == (503, "unavailable")
        assert gw.http("GET", "/api/products", token=gw.signer.token())[0] == 200
        assert gw.http("GET", "/api/products")[0] == 200
        assert gw.http("GET", "/api/products", token="garbage")[0] == 401
    finally:
        gw.auth.answers[113] = answer
        gw.wait_ready("gateway")
    assert create(gw, gw.signer.token())[0] == 201


def test_another_epoch_means_another_snapshot(gw):
    token = gw.signer.token(user=401, uv=1)
    assert create(gw, token)[0] == 201
    with snapshot_of(gw, users=[user_row(401, 2)]):
        gw.epoch, gw.events = str(uuid.uuid4()), []
        assert code_within(gw, token, 401, 8) == "token_not_valid"
    gw.event("user.updated", updated(402, 2))
    code_within(gw, gw.signer.token(user=402, uv=1), 401)


def test_events_that_are_gone_mean_another_snapshot(gw):
    gw.event("user.updated", updated(403, 2))
    code_within(gw, gw.signer.token(user=403, uv=1), 401)
    with snapshot_of(gw, users=[user_row(404, 2)]):
        pull = gw.auth.answers[150]

        def with_a_hole(request):
            answer = pull(request)
            gone = len(gw.events)
            if answer.status == 200:  # the last event is not kept any more
                answer.body = answer.body.replace(b'"seq": %d' % gone,
                                                  b'"seq": %d' % (gone + 1))
            return answer

        gw.auth.answers[150] = with_a_hole
        gw.event("user.updated", updated(405, 2))
        assert code_within(gw, gw.signer.token(user=404, uv=1), 401, 8) == "token_not_valid"
        gw.auth.answers[150] = pull


# --- staleness ------------------------------------------------------------------------------


def test_without_word_from_auth_tokens_are_not_trusted(gw):
    token, dead = gw.signer.token(user=501), gw.signer.token(user=502, uv=1)
    gw.event("user.updated", updated(502, 2))
    code_within(gw, dead, 401)
    gw.auth.answers[150], pull = lambda _: None, gw.auth.answers[150]
    try:
        assert code_within(gw, token, 503, 8) == "unavailable"
        assert gw.http("GET", "/api/products", token=token)[0] == 200
        assert gw.http("GET", "/api/products")[0] == 200
        assert create(gw, dead)[0] == 401, "what is known stays known"
        env.wait_until(lambda: "revocations are too old" in gw.ops("gateway", "/readyz")[1], 5,
                       "the reason at /readyz")
        env.wait_until(lambda: metric(gw, "revocations_age_seconds") >= 3, 5, "the age")
    finally:
        gw.auth.answers[150] = pull
    code_within(gw, token, 201, 8)
    gw.wait_ready("gateway")


def test_more_than_may_be_held(gw):
    token = gw.signer.token(user=601, uv=1)
    many = [user_row(10_000 + i, 2) for i in range(1100)]
    with snapshot_of(gw, users=many):
        daemon = gw.daemons["gateway"]
        daemon.stop()
        daemon.environment["REVOCATION_MAX"] = "1000"
        daemon.start()
        try:
            env.wait_until(lambda: "REVOCATION_MAX" in gw.ops("gateway", "/readyz")[1], 10,
                           "the reason at /readyz")
            wait_open(gw)
            assert create(gw, token)[0] == 503
            assert gw.http("GET", "/api/products")[0] == 200
        finally:
            daemon.stop()
            daemon.environment["REVOCATION_MAX"] = "200000"
            daemon.start()
            gw.wait_ready("gateway")
    assert create(gw, token)[0] == 201
    assert create(gw, gw.signer.token(user=10_007, uv=1))[0] == 401
