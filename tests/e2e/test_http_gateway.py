"""What the gateway decides and how it answers, between scripted services."""

import concurrent.futures
import time
import uuid

import pytest

from gateway_fakes import GatewayAlone, Signer, failure, success
from quintet import env, frame

LIST = {"count": 0, "next": None, "previous": None, "results": []}


@pytest.fixture(scope="module")
def gw():
    with GatewayAlone() as stack:
        stack.on("catalog.product.list", lambda _: success(LIST))
        stack.on("catalog.product.show", lambda _: success({"id": 1}))
        stack.on("catalog.product.create", lambda _: success({"id": 2}, 201))
        stack.on("catalog.product.delete", lambda _: success(None, 204))
        stack.on("catalog.category.create", lambda _: success({"id": 3}, 201))
        stack.on("auth.register", lambda _: success({"id": 4}, 201))
        stack.on("auth.login", lambda _: success({"refresh": "r", "access": "a"}))
        yield stack


def check_envelope(value, status, code, detail=None):
    assert list(value) == ["error", "status_code", "message", "details", "code",
                           "request_id"]
    assert value["error"] is True
    assert (value["status_code"], value["code"]) == (status, code)
    if detail:
        assert value["details"] == {"detail": detail}


# --- answers --------------------------------------------------------------------------

def test_success_has_the_original_headers(gw):
    status, value, headers = gw.http("GET", "/api/products")
    assert (status, value) == (200, LIST)
    assert headers["Content-Type"] == "application/json"
    assert headers["Vary"] == "Accept"
    assert headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Cache-Control" not in headers
    assert len(headers["X-Request-ID"]) == 32


def test_both_slash_forms_are_one_path(gw):
    assert gw.http("GET", "/api/products/")[0] == 200
    assert gw.http("GET", "/api/products/1/")[0] == 200


def test_head_has_the_length_and_no_body(gw):
    _, _, got = gw.http("GET", "/api/products")
    status, value, headers = gw.http("HEAD", "/api/products")
    assert (status, value) == (200, "")
    assert headers["Content-Length"] == got["Content-Length"]


def test_no_content_has_no_type(gw):
    status, value, headers = gw.http("DELETE", "/api/products/1", token=gw.signer.token())
    assert (status, value) == (204, "")
    assert "Content-Type" not in headers


def test_auth_answers_are_not_stored(gw):
    status, _, headers = gw.http("POST", "/api/auth/login", {"username": "a"})
    assert (status, headers["Cache-Control"]) == (200, "no-store")


def test_records_become_headers(gw):
    gw.on("catalog.product.create", lambda _: success({"id": 2}, 201, [
        (frame.LOCATION, b"/api/products/2"), (frame.ETAG, b'"5"'),
        (frame.SET_COOKIE, b"a=1"), (frame.SET_COOKIE, b"b=2"),
        (frame.CACHE_CONTROL, b"private"), (frame.LOAD, bytes(12))]))
    status, _, headers = gw.http("POST", "/api/products", {}, gw.signer.token())
    assert status == 201
    assert headers["Location"] == "/api/products/2"
    assert headers["ETag"] == '"5"'
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert headers["Cache-Control"] == "private"


def test_a_page_keeps_its_own_type(gw):
    gw.on("auth.verify_email_page", lambda _: success(
        body=b"<p>hi</p>", records=[(frame.CONTENT_TYPE, b"text/html; charset=utf-8")]))
    status, value, headers = gw.http("GET", "/api/auth/verify-email?token=x",
                                     headers={"Accept": "text/html"})
    assert (status, value) == (200, "<p>hi</p>")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert gw.auth.last().text(frame.ACCEPT) == "text/html"


def test_service_errors_get_the_envelope(gw):
    details = {"name": ["This field is required."]}
    gw.on("auth.register", failure(1002, details))
    status, value, _ = gw.http("POST", "/api/auth/register", {})
    assert status == 400
    check_envelope(value, 400, "invalid")
    assert value["message"] == "Bad Request"
    assert value["details"] == details


def test_service_error_without_details_gets_the_default(gw):
    gw.on("catalog.product.show", failure(1030))
    status, value, _ = gw.http("GET", "/api/products/9")
    assert status == 404
    check_envelope(value, 404, "not_found", "The requested resource was not found.")
    gw.on("catalog.product.show", lambda _: success({"id": 1}))


def test_problem_json_from_the_same_object(gw):
    accept = {"Accept": "application/problem+json"}
    gw.on("auth.register", failure(1002, {"name": ["Bad."]}))
    status, value, headers = gw.http("POST", "/api/auth/register", {}, headers=accept)
    assert (status, headers["Content-Type"]) == (400, "application/problem+json")
    assert list(value) == ["type", "title", "status", "detail", "code", "request_id",
                           "errors"]
    assert value["errors"] == {"name": ["Bad."]}
    status, value, _ = gw.http("GET", "/nothing", headers=accept)
    assert status == 404  # not known before a route says what it produces
    assert value["code"] == "not_found"


def test_unavailable_says_when_to_come_back(gw):
    gw.on("auth.register", failure(1103, None, [(frame.RETRY_AFTER, b"\x03\0\0\0")]))
    status, value, headers = gw.http("POST", "/api/auth/register", {})
    assert (status, headers["Retry-After"]) == (503, "3")
    check_envelope(value, 503, "overloaded")
    gw.on("auth.register", lambda _: success({"id": 4}, 201))


def test_an_unknown_error_of_a_newer_service_is_500(gw):
    gw.on("catalog.product.show", failure(4999))
    status, value, _ = gw.http("GET", "/api/products/9")
    check_envelope(value, 500, "internal_error")
    assert status == 500
    gw.on("catalog.product.show", lambda _: success({"id": 1}))


# --- the order of decisions -----------------------------------------------------------

ORDER = [
    # verb, path, who, more headers, status, code
    ("GET", "/nothing", None, {}, 404, "not_found"),
    ("GET", "/api/products.json", None, {}, 404, "not_found"),
    ("GET", "/api/products?format=xml", None, {}, 404, "not_found"),
    ("GET", "/api/products", None, {"Host": "evil.example"}, 400, "bad_request"),
    ("GET", "/api/products", None, {"Accept": "application/xml"}, 406, "not_acceptable"),
    ("POST", "/api/products", None, {"Accept": "image/png"}, 406, "not_acceptable"),
    ("POST", "/api/products", None, {}, 401, "not_authenticated"),
    ("POST", "/api/products", "Token abc", {}, 401, "not_authenticated"),
    ("POST", "/api/products", "Bearer", {}, 401, "bad_authorization_header"),
    ("POST", "/api/products", "Bearer a b", {}, 401, "bad_authorization_header"),
    ("POST", "/api/products", "Bearer garbage", {}, 401, "token_not_valid"),
    ("GET", "/api/products", "Bearer garbage", {}, 401, "token_not_valid"),
    ("POST", "/api/auth/register", "Bearer garbage", {}, 401, "token_not_valid"),
    ("POST", "/api/categories", "USER", {}, 403, "permission_denied"),
    ("FOO", "/api/products", None, {}, 401, "not_authenticated"),
    ("FOO", "/api/products", "ADMIN", {}, 405, "method_not_allowed"),
    ("FOO", "/api/categories", "USER", {}, 403, "permission_denied"),
    ("get", "/api/products", "ADMIN", {}, 405, "method_not_allowed"),
    ("POST", "/api/products/1", "ADMIN", {}, 405, "method_not_allowed"),
    ("DELETE", "/api/categories", "ADMIN", {}, 405, "method_not_allowed"),
    ("GET", "/api/auth/register", None, {}, 405, "method_not_allowed"),
    ("POST", "/health", None, {}, 405, "method_not_allowed"),
]


@pytest.mark.parametrize("verb, path, who, headers, status, code", ORDER)
def test_which_error_wins(gw, verb, path, who, headers, status, code):
    if who in ("USER", "ADMIN"):
        who = f"Bearer {gw.signer.token(role=who)}"
    if who:
        headers = headers | {"Authorization": who}
    got, value, answer = gw.http(verb, path, headers=headers)
    assert got == status
    check_envelope(value, status, code)
    if status == 401:
        assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    if status == 405:
        assert value["details"] == {"detail": f'Method "{verb}" not allowed.'}
        assert "OPTIONS" in answer["Allow"]


def test_login_ignores_the_authorization_header(gw):
    for value in ("Bearer garbage", "Bearer", "Bearer a b"):
        assert gw.http("POST", "/api/auth/login", {},
                       headers={"Authorization": value})[0] == 200


def test_the_scheme_has_no_case(gw):
    headers = {"Authorization": f"bEARER {gw.signer.token()}"}
    assert gw.http("POST", "/api/products", {}, headers=headers)[0] == 201


@pytest.mark.parametrize("changes", [
    {"exp": 1}, {"token_type": "refresh"}, {"iss": "other"}, {"aud": "other"},
    {"role": "ROOT"}, {"user_id": "7"}, {"sub": "8"}, {"iat": 2 ** 33},
], ids=str)
def test_bad_claims_are_refused(gw, changes):
    status, value, _ = gw.http("POST", "/api/products", {}, gw.signer.token(**changes))
    assert status == 401
    check_envelope(value, 401, "token_not_valid")


def test_another_services_key_is_refused(gw):
    forger = Signer("first")
    assert gw.http("POST", "/api/products", {}, forger.token())[0] == 401


def test_accept_html_alone_gets_json(gw):
    status, value, _ = gw.http("GET", "/api/products", headers={"Accept": "text/html"})
    assert (status, value) == (200, LIST)


def test_options_describes(gw):
    status, value, headers = gw.http("OPTIONS", "/api/products")
    assert status == 200
    assert list(value) == ["name", "description", "renders", "parses"]
    assert "application/json" in value["renders"]
    assert len(value["parses"]) == 3
    assert headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert gw.http("OPTIONS", "/api/auth/register")[2]["Allow"] == "POST, OPTIONS"


# --- what the service sees ------------------------------------------------------------

def test_the_frame_of_a_public_read(gw):
    gw.http("GET", "/api/products?page=2&search=a%20b", headers={"User-Agent": "t"})
    f = gw.catalog.last()
    assert f.actor_id == 0 and f.role == frame.ANONYMOUS
    assert f.text(frame.QUERY) == "page=2&search=a%20b"
    assert f.text(frame.BASE_URL) == gw.url
    assert f.text(frame.CLIENT_ADDRESS) == "127.0.0.1"
    assert 0 < f.budget_ms <= 2000
    assert f.body == b""


def test_the_frame_of_a_write(gw):
    token = gw.signer.token(user=12, role="ADMIN", name="Zoë")
    gw.http("POST", "/api/categories", b'{"name":"x"}', token,
            {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": "k1"})
    f = gw.catalog.last()
    assert (f.actor_id, f.role, f.text(frame.ACTOR_NAME)) == (12, frame.ADMIN, "Zoë")
    assert f.text(frame.CONTENT_TYPE) == "application/json; charset=utf-8"
    assert f.text(frame.IDEMPOTENCY_KEY) == "k1"
    assert len(f.record(frame.SESSION_ID)) == 16
    assert f.body == b'{"name":"x"}'


def test_path_values_pass_as_text(gw):
    gw.http("GET", "/api/products/%41b-9")
    assert gw.catalog.last().text(frame.PATH_PARAM) == "%41b-9"


def test_headers_not_asked_for_stay_out(gw):
    gw.http("GET", "/api/products/1", headers={"Idempotency-Key": "k", "If-Match": "x",
                                               "X-Forwarded-For": "6.6.6.6"})
    kinds = {kind for kind, _ in gw.catalog.last().records}
    assert kinds == {frame.PATH_PARAM, frame.CLIENT_ADDRESS}


def test_an_overlong_idempotency_key_is_refused(gw):
    status, _, _ = gw.http("POST", "/api/categories", {}, gw.signer.token(role="ADMIN"),
                           {"Idempotency-Key": "k" * 256})
    assert status == 400


# --- ids ------------------------------------------------------------------------------

@pytest.mark.parametrize("given, taken", [
    ("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
    ("7B1E0D52-956A-4C1F-A427-3D815E10C966", "7b1e0d52956a4c1fa4273d815e10c966"),
    ("job-17/retry:2", None),
])
def test_a_clients_request_id_is_kept(gw, given, taken):
    _, _, headers = gw.http("GET", "/api/products", headers={"X-Request-ID": given})
    assert headers["X-Request-ID"] == given
    if taken:
        assert gw.catalog.last().request_id.hex() == taken
    first = gw.catalog.last().request_id
    gw.http("GET", "/api/products", headers={"X-Request-ID": given})
    assert gw.catalog.last().request_id == first


@pytest.mark.parametrize("given", ["a b", "x" * 65, "<script>", "é"])
def test_an_unsafe_request_id_is_replaced(gw, given):
    _, _, headers = gw.http("GET", "/api/products",
                            headers={"X-Request-ID": given.encode()})
    assert headers["X-Request-ID"] != given
    assert headers["X-Request-ID"] == gw.catalog.last().request_id.hex()


def test_a_trace_goes_on_with_a_new_span(gw):
    trace, span = uuid.uuid4().hex, "00f067aa0ba902b7"
    _, _, headers = gw.http("GET", "/api/products",
                            headers={"traceparent": f"00-{trace}-{span}-01"})
    f = gw.catalog.last()
    assert f.trace_id.hex() == trace
    assert f.span_id.hex() != span and f.span_id != bytes(8)
    assert f.flags & frame.SAMPLED
    assert headers["traceparent"] == f"00-{trace}-{f.span_id.hex()}-01"


@pytest.mark.parametrize("bad", ["00-" + "0" * 32 + "-00f067aa0ba902b7-01", "01-x", "00-zz"])
def test_a_bad_traceparent_starts_a_new_trace(gw, bad):
    _, _, headers = gw.http("GET", "/api/products", headers={"traceparent": bad})
    f = gw.catalog.last()
    assert f.trace_id != bytes(16) and not f.flags & frame.SAMPLED
    assert headers["traceparent"] == f"00-{f.trace_id.hex()}-{f.span_id.hex()}-00"


# --- keys -----------------------------------------------------------------------------

def test_a_new_key_is_fetched_when_it_is_met(gw):
    second = Signer("second")
    gw.keys_served.append(second)
    time.sleep(env.seconds(1.1))  # the pause between two fetches is the point here
    assert gw.http("POST", "/api/products", {}, second.token())[0] == 201


def test_unknown_keys_cost_one_fetch_a_second(gw):
    def fetches():
        return sum(f.method == 106 for f in gw.auth.asked)

    time.sleep(env.seconds(1.1))
    before = fetches()
    stranger = Signer("stranger")
    for _ in range(20):
        assert gw.http("POST", "/api/products", {}, stranger.token())[0] == 401
    assert 1 <= fetches() - before <= 3
    assert gw.http("POST", "/api/products", {}, gw.signer.token())[0] == 201


# --- health and figures ---------------------------------------------------------------

def health(gw):
    time.sleep(1.1)  # an answer is shared for a second
    return gw.http("GET", "/health", headers={"Authorization": "Bearer junk"})


def test_health_has_the_originals_shape(gw):
    status, value, _ = health(gw)
    assert status == 200
    assert list(value) == ["status", "service", "version", "checks"]
    assert value["status"] == "healthy"
    assert value["checks"]["database"]["status"] == "healthy"
    assert {"auth", "catalog", "redis"} <= set(value["checks"])
    assert gw.http("GET", "/health/")[0] == 200


def test_health_tells_a_service_without_database(gw):
    gw.ready["catalog"] = False
    try:
        status, value, headers = health(gw)
    finally:
        gw.ready["catalog"] = True
    assert (status, value["status"]) == (503, "unhealthy")
    assert value["checks"]["database"]["status"] == "unhealthy"
    assert value["checks"]["catalog"]["status"] == "healthy"
    assert "Retry-After" in headers
    assert health(gw)[0] == 200


def test_requests_are_counted_by_route(gw):
    gw.http("GET", "/api/products/77")
    text = gw.ops("gateway", "/metrics")[1]
    assert 'http_server_requests_total{method="GET",route="/api/products/{id}",' \
           'status="200"}' in text
    assert "http_server_in_flight 0" in text
    assert 'token_rejections_total{cause="expired"}' in text
    assert "/77" not in text


def test_each_request_leaves_one_line_without_secrets(gw):
    ident = uuid.uuid4().hex
    gw.http("GET", "/api/products?search=hush", token=gw.signer.token(user=31),
            headers={"X-Request-ID": ident})
    lines = gw.daemons["gateway"].lines_with(ident)
    assert len(lines) == 1
    assert '"route":"/api/products"' in lines[0] and '"user_id":31' in lines[0]
    assert "hush" not in lines[0]


# --- when services are slow or gone ---------------------------------------------------

def test_a_silent_service_is_a_504(gw):
    gw.on("catalog.product.show", lambda _: None)
    begin = time.monotonic()
    status, value, _ = gw.http("GET", "/api/products/1")
    took = time.monotonic() - begin
    assert status in (503, 504)
    check_envelope(value, status, value["code"])
    assert took < env.seconds(3)
    gw.on("catalog.product.show", lambda _: success({"id": 1}))


def test_who_asks_for_what_is_slow_takes_nothing_from_the_others(gw):
    """Searches that nobody can answer in time say nothing about the replica that got them."""
    gw.on("catalog.product.list", lambda _: None)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        slow = [pool.submit(gw.http, "GET", f"/api/products?search={n}") for n in range(30)]
        while not all(f.done() for f in slow):
            assert gw.http("GET", "/api/products/1")[0] == 200
            time.sleep(0.2)  # few, so that their successes do not outweigh the rest
    assert {f.result()[0] for f in slow} == {504}
    gw.on("catalog.product.list", lambda _: success(LIST))
    assert gw.http("GET", "/api/products")[0] == 200


def test_without_redis_health_is_degraded():
    with GatewayAlone(REDIS_URL="unix:///nonexistent/redis.sock") as gw:
        status, value, _ = gw.http("GET", "/health")
        assert (status, value["status"]) == (200, "degraded")
        assert value["checks"]["redis"]["status"] == "unhealthy"


def test_redis_is_really_asked(redis):
    with GatewayAlone(REDIS_URL=redis.url) as gw:
        status, value, _ = gw.http("GET", "/health")
        assert (status, value["status"]) == (200, "healthy")
        assert value["checks"]["redis"]["status"] == "healthy"


def test_term_answers_what_is_in_flight(tmp_path):
    import threading

    with GatewayAlone(SHUTDOWN_TIMEOUT_MS=1000) as gw:
        gw.on("auth.login", lambda _: None)
        answers = []
        client = threading.Thread(
            target=lambda: answers.append(gw.http("POST", "/api/auth/login", {})))
        client.start()
        env.wait_until(lambda: any(f.method == 102 for f in gw.auth.asked), 10, "the call")
        assert gw.daemons["gateway"].stop() == 0
        client.join()
        status, value, headers = answers[0]
        assert status == 503
        assert headers["Connection"] == "close"
        check_envelope(value, 503, "outcome_unknown")


def test_hs256_needs_a_long_secret():
    gw = GatewayAlone(JWT_ALGORITHM="HS256", DJANGO_SECRET_KEY="short")
    with pytest.raises(AssertionError):
        gw.start()
    assert "32 bytes" in gw.daemons["gateway"].output()
    gw.daemons["gateway"].process = None
    gw.stop()
