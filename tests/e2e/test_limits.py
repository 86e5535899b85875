"""Rate limits at the gateway: whom they count, where, and what happens without Redis."""

import http.client
import os
import re
import time

import pytest

from gateway_fakes import GatewayAlone, success
from quintet import env, frame
from quintet.redis import Redis

THROTTLED = "Rate limit exceeded. Please try again later."
LOGIN = ("POST", "/api/auth/login", {"username": "a", "password": "b"})


def start(**settings):
    gw = GatewayAlone(**{"RATE_LIMIT_EXEMPT": "", "TRUSTED_PROXIES": "127.0.0.1",
                         "RATE_LIMIT_LOGIN": "3/m"} | settings)
    gw.__enter__()
    gw.on("auth.login", lambda _: success({"refresh": "r", "access": "a"}))
    gw.on("auth.forgot_password", lambda _: success({"message": "sent"}))
    gw.on("auth.me", lambda _: success({"id": 7}))
    gw.on("catalog.product.list", lambda _: success({"count": 0}))
    gw.on("catalog.product.create", lambda _: success({"id": 1}, 201))
    return gw


@pytest.fixture(scope="module")
def alone():
    """Without Redis: everything is counted in the gateway."""
    gw = start(RATE_LIMIT_WRITE="2/m", RATE_LIMIT_READ="4/m", RATE_LIMIT_MAIL="2/m,3/h",
               RATE_LIMIT_REFRESH="off", RATE_LIMIT_EXEMPT="192.0.2.0/24,2001:db8:e::/48")
    yield gw
    gw.stop()


@pytest.fixture(scope="module")
def shared(redis):
    gw = start(REDIS_URL=redis.url)
    wait_redis(gw, 1)
    yield gw
    gw.stop()


def ask(gw, client, verb=LOGIN[0], path=LOGIN[1], body=LOGIN[2], token=None, **headers):
    """As a proxy passes a client's request on."""
    return gw.http(verb, path, body, token, {"X-Forwarded-For": client} | headers)


def statuses(gw, client, n, *request, **more):
    return [ask(gw, client, *request, **more)[0] for _ in range(n)]


def metric(gw, line):
    found = re.search(rf"^{re.escape(line)} (\d+)$", gw.ops("gateway", "/metrics")[1], re.M)
    return int(found[1]) if found else None


def decisions(gw, result, counted, name="login"):
    return metric(gw, f'rate_limit_decisions_total{{class="{name}",result="{result}",'
                      f'counted="{counted}"}}')


def wait_redis(gw, up):
    env.wait_until(lambda: metric(gw, "redis_up") == up, 10, f"redis_up is {up}")


# --- the answer -----------------------------------------------------------------------

def test_429_has_the_originals_body_and_says_when(alone):
    assert statuses(alone, "1.0.0.1", 3) == [200, 200, 200]
    asked = len(alone.auth.asked)
    status, value, headers = ask(alone, "1.0.0.1")
    assert status == 429
    assert list(value) == ["error", "status_code", "message", "details", "code", "request_id"]
    assert value["message"] == "Too Many Requests"
    assert value["details"] == {"detail": THROTTLED}
    assert value["code"] == "throttled"
    wait = int(headers["Retry-After"])
    assert 1 <= wait <= 20
    assert headers["RateLimit"] == f'"login";r=0;t={wait}'
    assert headers["RateLimit-Policy"] == '"login";q=3;w=60'
    assert headers["Cache-Control"] == "no-store"
    assert len(alone.auth.asked) == asked, "the service must not hear of it"


def test_429_as_a_problem(alone):
    statuses(alone, "1.0.0.2", 3)
    status, value, headers = ask(alone, "1.0.0.2", Accept="application/problem+json")
    assert (status, headers["Content-Type"]) == (429, "application/problem+json")
    assert (value["title"], value["detail"]) == ("Too Many Requests", THROTTLED)
    assert "Retry-After" in headers


def test_the_longer_of_two_limits_holds(alone):
    forgot = ("POST", "/api/auth/forgot-password", {"email": "a@b.co"})
    assert statuses(alone, "1.0.0.3", 3, *forgot) == [200, 200, 429]
    assert ask(alone, "1.0.0.3", *forgot)[2]["RateLimit-Policy"] == '"mail";q=2;w=60'


def test_after_the_wait_it_is_allowed():
    gw = start(RATE_LIMIT_LOGIN="2/4s")
    try:
        assert statuses(gw, "1.0.0.4", 3) == [200, 200, 429]
        wait = int(ask(gw, "1.0.0.4")[2]["Retry-After"])
        assert wait <= 2
        time.sleep(wait)  # what a client does that was told so
        assert ask(gw, "1.0.0.4")[0] == 200
    finally:
        gw.stop()


def test_off_is_off(alone):
    alone.on("auth.refresh", lambda _: success({"access": "a"}))
    refresh = ("POST", "/api/auth/refresh", {"refresh": "r"})
    assert set(statuses(alone, "1.0.0.5", 60, *refresh)) == {200}


# --- its place in the order -----------------------------------------------------------

def test_refusals_that_come_before_it(alone):
    client, user = "1.0.1.1", alone.signer.token(user=101)
    create = ("POST", "/api/products", {})
    assert statuses(alone, client, 3, *create, token=user) == [201, 201, 429]
    assert ask(alone, client, "POST", "/nothing", {}, token=user)[0] == 404
    assert ask(alone, client, *create, token=user, Accept="image/png")[0] == 406
    assert ask(alone, client, *create, token="garbage")[0] == 401
    assert ask(alone, client, *create)[0] == 401
    assert ask(alone, client, "POST", "/api/categories", {}, token=user)[0] == 403


def test_it_comes_before_405_and_415(alone):
    client = "1.0.1.2"
    statuses(alone, client, 3)
    assert ask(alone, client, "PUT")[0] == 429
    assert ask(alone, client, *LOGIN, **{"Content-Type": "text/plain"})[0] == 429
    assert ask(alone, client, "OPTIONS", LOGIN[1], None)[0] == 200


# --- whom it counts -------------------------------------------------------------------

def test_addresses_have_limits_of_their_own(alone):
    assert statuses(alone, "1.0.2.1", 4) == [200, 200, 200, 429]
    assert statuses(alone, "1.0.2.2", 4) == [200, 200, 200, 429]


def test_classes_have_limits_of_their_own(alone):
    statuses(alone, "1.0.2.3", 4)
    assert ask(alone, "1.0.2.3", "GET", "/api/products", None)[0] == 200


def test_users_behind_one_address_have_limits_of_their_own(alone):
    for user in (201, 202, 203):
        token = alone.signer.token(user=user)
        assert statuses(alone, "1.0.2.4", 3, "POST", "/api/products", {}, token=token) \
            == [201, 201, 429]


def test_a_users_limit_follows_from_address_to_address(alone):
    token = alone.signer.token(user=204)
    seen = [ask(alone, f"1.0.3.{i}", "POST", "/api/products", {}, token=token)[0]
            for i in range(3)]
    assert seen == [201, 201, 429]


def test_an_account_does_not_widen_the_limit_of_an_address(alone):
    forgot = ("POST", "/api/auth/forgot-password", {"email": "a@b.co"})
    seen = [ask(alone, "1.0.2.5", *forgot, token=alone.signer.token(user=300 + i))[0]
            for i in range(3)]
    assert seen == [200, 200, 429]


def test_addresses_do_not_widen_the_limit_of_an_account(alone):
    forgot = ("POST", "/api/auth/forgot-password", {"email": "a@b.co"})
    token = alone.signer.token(user=310)
    seen = [ask(alone, f"1.0.4.{i}", *forgot, token=token)[0] for i in range(3)]
    assert seen == [200, 200, 429]


def test_an_ipv6_client_is_a_64(alone):
    seen = [ask(alone, f"2001:db8:1:1::{i}")[0] for i in range(4)]
    assert seen == [200, 200, 200, 429]
    assert ask(alone, "2001:db8:1:2::1")[0] == 200


def test_reads_are_limited_too(alone):
    assert statuses(alone, "1.0.2.6", 5, "GET", "/api/products", None) == [200] * 4 + [429]
    assert statuses(alone, "1.0.2.6", 3, "HEAD", "/api/products", None) == [429] * 3


def test_exempt_networks_are_not_counted(alone):
    assert set(statuses(alone, "192.0.2.77", 20)) == {200}
    assert set(statuses(alone, "2001:db8:e:1::7", 20)) == {200}
    assert decisions(alone, "exempt", "local") >= 40
    assert statuses(alone, "192.0.3.1", 4)[-1] == 429


def test_health_and_documents_of_a_used_up_client(alone):
    statuses(alone, "1.0.2.7", 5, "GET", "/api/products", None)
    assert ask(alone, "1.0.2.7", "GET", "/health", None)[0] == 200


# --- settings -------------------------------------------------------------------------

@pytest.mark.parametrize("name, value", [
    ("RATE_LIMIT_LOGIN", "many"), ("RATE_LIMIT_READ", "20/x"),
    ("RATE_LIMIT_EXEMPT", "localhost"), ("TRUSTED_PROXIES", "10.0.0.0/40"),
    ("REDIS_URL", "rediss://redis")])
def test_a_bad_setting_is_a_sentence_and_78(name, value):
    with GatewayAlone() as gw:
        daemon = gw.daemons["gateway"]
        with pytest.raises(AssertionError):
            gw.restart("gateway", **{name: value})
        assert daemon.process.returncode == 78
        assert name in daemon.output()
        daemon.process = None


def test_ordinary_clients_never_meet_the_defaults():
    """What the README does, ten times over within a moment, from one address."""
    gw = GatewayAlone(RATE_LIMIT_EXEMPT="")
    with gw:
        gw.on("auth.login", lambda _: success({"access": "a"}))
        gw.on("auth.register", lambda _: success({"id": 1}, 201))
        gw.on("auth.verify_email", lambda _: success({"message": "Email verified"}))
        gw.on("catalog.product.create", lambda _: success({"id": 1}, 201))
        gw.on("catalog.product.list", lambda _: success({"count": 0}))
        token = gw.signer.token()
        for _ in range(10):
            assert gw.http("POST", "/api/auth/register", {})[0] == 201
            assert gw.http("POST", "/api/auth/verify-email", {})[0] == 200
            assert gw.http("POST", "/api/auth/login", {})[0] == 200
            assert gw.http("POST", "/api/auth/login", {})[0] == 200
            assert gw.http("POST", "/api/products", {}, token)[0] == 201
            assert gw.http("GET", "/api/products")[0] == 200


# --- what a refusal costs -------------------------------------------------------------

def cpu_seconds(gw):
    ticks = open(f"/proc/{gw.daemons['gateway'].process.pid}/stat",
                 encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def test_a_refusal_costs_less_than_a_millisecond_of_cpu(alone):
    statuses(alone, "1.0.5.1", 3)
    before, n = cpu_seconds(alone), 400
    assert set(statuses(alone, "1.0.5.1", n)) == {429}
    spent = (cpu_seconds(alone) - before) / n
    limit = 1e-3 if env.PROFILE == "release" else 10e-3
    assert spent < limit, f"{spent * 1e6:.0f} us each"


# --- in Redis -------------------------------------------------------------------------

def test_sensitive_classes_are_counted_in_redis(shared, redis):
    assert statuses(shared, "2.0.0.1", 4) == [200, 200, 200, 429]
    assert decisions(shared, "allowed", "redis") >= 3
    assert redis.command("EXISTS", "quintet:rate:login:a:2.0.0.1") == "1"
    left = int(redis.command("PTTL", "quintet:rate:login:a:2.0.0.1"))
    assert 0 < left <= 60001


def test_reads_never_reach_redis(shared, redis):
    before = metric(shared, 'redis_calls_total{result="ok"}')
    statuses(shared, "2.0.0.2", 5, "GET", "/api/products", None)
    assert metric(shared, 'redis_calls_total{result="ok"}') == before
    assert redis.command("KEYS", "quintet:rate:read:*") == ""


def test_two_gateways_share_one_limit(shared, redis):
    other = start(REDIS_URL=redis.url)
    try:
        wait_redis(other, 1)
        seen = [ask(gw, "2.0.0.3")[0] for gw in (shared, other, shared, other, shared)]
        assert seen == [200, 200, 200, 429, 429]
        assert decisions(other, "refused", "redis") == 1
    finally:
        other.stop()


def test_a_lost_script_is_sent_again(shared, redis):
    assert ask(shared, "2.0.0.4")[0] == 200
    redis.command("SCRIPT", "FLUSH")
    assert statuses(shared, "2.0.0.4", 3) == [200, 200, 429]
    assert metric(shared, 'redis_calls_total{result="error"}') == 0


def test_flushall_gives_no_second_helping(shared, redis):
    assert statuses(shared, "2.0.0.5", 4) == [200, 200, 200, 429]
    redis.command("FLUSHALL")
    assert statuses(shared, "2.0.0.5", 3) == [429, 429, 429]


def test_a_key_of_somebody_elses_opens_nothing(shared, redis):
    redis.command("RPUSH", "quintet:rate:login:a:2.0.0.6", "x")
    assert statuses(shared, "2.0.0.6", 4) == [200, 200, 200, 429]
    assert decisions(shared, "allowed", "degraded") >= 3
    redis.command("SET", "quintet:rate:login:a:2.0.0.7", "not numbers")
    assert statuses(shared, "2.0.0.7", 4) == [200, 200, 200, 429]


def test_a_user_and_an_address_are_both_counted_in_redis(shared, redis):
    gw = start(REDIS_URL=redis.url, RATE_LIMIT_MAIL="2/m")
    try:
        wait_redis(gw, 1)
        forgot = ("POST", "/api/auth/forgot-password", {"email": "a@b.co"})
        token = gw.signer.token(user=41)
        assert [ask(gw, f"2.0.1.{i}", *forgot, token=token)[0] for i in range(3)] \
            == [200, 200, 429]
        assert redis.command("EXISTS", "quintet:rate:mail:u:41") == "1"
        assert redis.command("EXISTS", "quintet:rate:mail:a:2.0.1.0") == "1"
    finally:
        gw.stop()


# --- without Redis --------------------------------------------------------------------

def health(gw):
    """An answer is shared for a second."""
    time.sleep(1.1)
    return gw.http("GET", "/health")


def test_a_killed_redis_is_told_and_opens_nothing(shared, redis):
    assert statuses(shared, "3.0.0.1", 4) == [200, 200, 200, 429]
    redis.kill()
    try:
        wait_redis(shared, 0)
        assert ask(shared, "3.0.0.1")[0] == 429
        assert statuses(shared, "3.0.0.2", 4) == [200, 200, 200, 429]
        assert decisions(shared, "refused", "degraded") >= 1
        status, value, _ = health(shared)
        assert (status, value["status"]) == (200, "degraded")
        assert value["checks"]["redis"]["status"] == "unhealthy"
    finally:
        redis.start()
    wait_redis(shared, 1)
    assert health(shared)[1]["status"] == "healthy"
    assert ask(shared, "3.0.0.2")[0] == 429, "nor when it is back, and empty"
    before = decisions(shared, "allowed", "redis")
    assert ask(shared, "3.0.0.3")[0] == 200
    assert decisions(shared, "allowed", "redis") == before + 1


def test_a_stopped_redis_makes_few_wait_and_not_for_long(shared, redis):
    late = metric(shared, 'redis_calls_total{result="late"}')
    redis.freeze()
    try:
        began = time.monotonic()
        seen = [ask(shared, f"3.0.1.{i}")[0] for i in range(30)]
        took = time.monotonic() - began
        assert set(seen) == {200}
        waited = metric(shared, 'redis_calls_total{result="late"}') - late
        assert waited == 3, "then nobody is made to wait"
        assert took < 3 * 0.05 + env.seconds(1.5)
        assert metric(shared, "redis_up") == 0
        assert statuses(shared, "3.0.2.1", 4) == [200, 200, 200, 429]
        status, value, _ = health(shared)
        assert (status, value["status"]) == (200, "degraded")
    finally:
        redis.thaw()
    wait_redis(shared, 1)


def test_a_stopped_redis_does_not_hold_up_the_end(redis):
    gw = start(REDIS_URL=redis.url)
    wait_redis(gw, 1)
    redis.freeze()
    try:
        assert ask(gw, "3.0.3.1")[0] == 200
        gw.stop()  # looks at the exit status
    finally:
        redis.thaw()


def test_a_gateway_starts_without_redis():
    gw = start(REDIS_URL="redis://127.0.0.1:1")
    try:
        assert statuses(gw, "3.0.4.1", 4) == [200, 200, 200, 429]
        assert metric(gw, "redis_up") == 0
        assert health(gw)[1]["status"] == "degraded"
    finally:
        gw.stop()


# --- behind proxies -------------------------------------------------------------------

def test_without_trust_the_header_is_only_text():
    gw = start(TRUSTED_PROXIES="")
    try:
        seen = [ask(gw, f"6.6.6.{i}")[0] for i in range(4)]
        assert seen == [200, 200, 200, 429]
        assert gw.auth.last().text(frame.CLIENT_ADDRESS) == "127.0.0.1"
    finally:
        gw.stop()


def test_the_client_is_the_right_most_that_is_not_trusted(alone):
    ask(alone, "6.6.6.6, 4.0.0.1, 127.0.0.1")
    assert alone.auth.last().text(frame.CLIENT_ADDRESS) == "4.0.0.1"
    ask(alone, "::FFFF:4.0.0.2")
    assert alone.auth.last().text(frame.CLIENT_ADDRESS) == "4.0.0.2"


def raw(gw, *forwarded):
    """The client's address of a request with so many lines of the header."""
    connection = http.client.HTTPConnection("127.0.0.1", gw.port["gateway.http"], timeout=20)
    connection.putrequest("GET", "/api/products")
    for value in forwarded:
        connection.putheader("X-Forwarded-For", value)
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()
    return gw.catalog.last().text(frame.CLIENT_ADDRESS)


def test_several_lines_are_one_list(alone):
    assert raw(alone, "6.6.6.6", "192.0.2.1") == "192.0.2.1"
    assert raw(alone, "192.0.2.1", "127.0.0.1") == "192.0.2.1"
    assert raw(alone, *["192.0.2.1"] * 8) == "192.0.2.1"


def test_nobody_hides_behind_the_proxy_by_many_lines(alone):
    """A proxy that adds a line of its own leaves the client's where they are."""
    assert raw(alone, *["6.6.6.6"] * 60, "192.0.2.1") == "192.0.2.1"


def test_a_name_is_trusted_by_its_addresses():
    gw = start(TRUSTED_PROXIES="localhost")
    try:
        def client():
            ask(gw, "4.0.0.3", "GET", "/api/products", None)
            return gw.catalog.last().text(frame.CLIENT_ADDRESS)

        env.wait_until(lambda: client() == "4.0.0.3", 10, "the name is resolved")
    finally:
        gw.stop()


@pytest.mark.parametrize("trusted, proto, scheme", [
    ("127.0.0.1", "https", "https"), ("127.0.0.1", "HTTPS", "https"),
    ("127.0.0.1", "http", "http"), ("127.0.0.1", "gopher", "http"),
    ("127.0.0.1", None, "http"), ("", "https", "http")])
def test_the_scheme_of_links(alone, trusted, proto, scheme):
    gw = alone if trusted else start(TRUSTED_PROXIES="")
    try:
        headers = {"X-Forwarded-Proto": proto} if proto else {}
        gw.http("GET", "/api/products", None, None, headers | {"X-Forwarded-For": "192.0.2.1"})
        base = gw.catalog.last().text(frame.BASE_URL)
        assert base == f"{scheme}://127.0.0.1:{gw.port['gateway.http']}"
    finally:
        if gw is not alone:
            gw.stop()


def test_headers_of_our_own_are_not_believed(alone):
    """What the frame says comes from the token and the connection alone."""
    forged = {"X-User-Id": "1", "X-User-Role": "ADMIN", "X-Actor": "admin",
              "X-Real-IP": "5.5.5.5", "Forwarded": "for=5.5.5.5", "X-Client-IP": "5.5.5.5",
              "X-Session-Id": "x", "X-Forwarded-Host": "evil.example"}
    alone.http("GET", "/api/products", None, None, {"X-Forwarded-For": "192.0.2.9"} | forged)
    f = alone.catalog.last()
    assert (f.actor_id, f.role) == (0, 0)
    assert f.text(frame.CLIENT_ADDRESS) == "192.0.2.9"
    text = b"".join(value for _, value in f.records)
    assert b"5.5.5.5" not in text and b"evil" not in text and b"admin" not in text


def test_the_access_log_has_the_client(alone):
    ident = "feedfacefeedfacefeedfacefeedface"
    ask(alone, "192.0.2.33", "GET", "/api/products", None, **{"X-Request-ID": ident})
    line = alone.daemons["gateway"].lines_with(ident)
    assert len(line) == 1 and '"client":"192.0.2.33"' in line[0]


# --- getting to Redis -----------------------------------------------------------------

@pytest.fixture(scope="module")
def guarded():
    """A Redis on a port, with a password. Yields (url with {} for the login, server)."""
    ports, server = env.Ports(), Redis()
    port = ports.take()
    ports.close()
    server.command("CONFIG", "SET", "port", port)
    server.command("CONFIG", "SET", "requirepass", "redis-pw")
    yield f"redis://{{}}localhost:{port}/2", server
    server.stop()


def test_redis_by_name_with_a_password_and_a_database(guarded):
    url, server = guarded
    gw = start(REDIS_URL=url.format(":redis-pw@"))
    try:
        wait_redis(gw, 1)
        assert statuses(gw, "8.0.0.1", 4) == [200, 200, 200, 429]
        there = server.command("--no-auth-warning", "-a", "redis-pw", "-n", 2, "EXISTS",
                               "quintet:rate:login:a:8.0.0.1")
        assert there == "1"
        assert "redis-pw" not in gw.daemons["gateway"].output()
    finally:
        gw.stop()


@pytest.mark.parametrize("login, why", [(":wrong@", "Redis refuses the login"),
                                        ("", "Redis refuses")])
def test_a_redis_that_refuses_us_is_told(guarded, login, why):
    gw = start(REDIS_URL=guarded[0].format(login))
    try:
        assert statuses(gw, "8.0.0.2", 4) == [200, 200, 200, 429]
        check = env.wait_until(
            lambda: (c := health(gw)[1]["checks"]["redis"])["message"].startswith(why) and c,
            10, why)
        assert check["status"] == "unhealthy"
        assert metric(gw, "redis_up") == 0
    finally:
        gw.stop()
