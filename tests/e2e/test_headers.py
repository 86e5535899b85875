"""What every answer says about itself: security headers, and CORS."""

import re
import socket

import pytest

from gateway_fakes import GatewayAlone, failure, success
from quintet import env, frame

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SHOP, EVIL = "https://shop.example", "https://evil.example"


def prepare(gw):
    gw.on("catalog.product.list", lambda _: success({"count": 0}))
    gw.on("catalog.product.show", lambda f: success(None, 304, [(frame.ETAG, b'"1"')])
          if f.text(frame.PATH_PARAM) != "5" else failure(1030))
    gw.on("catalog.product.create", lambda _: success({"id": 2}, 201, [
        (frame.LOCATION, b"/api/products/2"), (frame.ETAG, b'"2"')]))
    gw.on("catalog.product.delete", lambda _: success(None, 204))
    gw.on("auth.login", lambda _: success({"access": "a"}))
    gw.on("auth.register", failure(1002, {"name": ["Bad."]}))
    gw.on("auth.me", lambda _: success({"id": 7}))
    gw.on("auth.forgot_password", lambda _: success({"message": "sent"}))
    gw.on("auth.verify_email_page", lambda _: success(
        body=b"<p>hi</p>", records=[(frame.CONTENT_TYPE, b"text/html; charset=utf-8")]))
    gw.on("catalog.category.list", failure(1103))
    return gw


@pytest.fixture(scope="module")
def gw():
    with GatewayAlone(CORS_ALLOWED_ORIGINS=f"{SHOP},http://localhost:3000",
                      RATE_LIMIT_EXEMPT="", RATE_LIMIT_MAIL="1/h") as stack:
        yield prepare(stack)


@pytest.fixture(scope="module")
def closed():
    """Without a list of origins, and public over https."""
    with GatewayAlone(PUBLIC_URL="https://api.example") as stack:
        yield prepare(stack)


def raw(gw, request):
    """(status, headers of the only answer): what the guard refuses no library sends."""
    with socket.create_connection(("127.0.0.1", gw.port["gateway.http"]),
                                  timeout=env.seconds(10)) as s:
        s.sendall(request)
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    head = data.split(b"\r\n\r\n")[0].decode().split("\r\n")
    return int(head[0].split()[1]), {k.lower(): v for k, v in
                                     (line.split(": ", 1) for line in head[1:])}


# name: verb, path, body, token?, more headers, status, kept nowhere?
ANSWERS = {
    "200": ("GET", "/api/products", None, 0, {}, 200, False),
    "200 of an account": ("GET", "/api/auth/me", None, 1, {}, 200, True),
    "200 with tokens": ("POST", "/api/auth/login", {}, 0, {}, 200, True),
    "200 health": ("GET", "/health", None, 0, {}, 200, True),
    "200 page": ("GET", "/api/auth/verify-email?token=x", None, 0, {"Accept": "text/html"},
                 200, True),
    "200 options": ("OPTIONS", "/api/products", None, 0, {}, 200, True),
    "200 document": ("GET", "/openapi.json", None, 0, {}, 200, None),
    "200 docs": ("GET", "/docs", None, 0, {}, 200, None),
    "201": ("POST", "/api/products", {}, 1, {}, 201, False),
    "204": ("DELETE", "/api/products/1", None, 1, {}, 204, False),
    "304 document": ("GET", "/openapi.json", None, 0, {"If-None-Match": "*"}, 304, None),
    "304": ("GET", "/api/products/1", None, 0, {"If-None-Match": '"1"'}, 304, False),
    "400 host": ("GET", "/api/products", None, 0, {"Host": "evil.example"}, 400, False),
    "400 body": ("POST", "/api/auth/register", {}, 0, {}, 400, True),
    "401": ("POST", "/api/products", {}, 0, {}, 401, False),
    "403": ("POST", "/api/categories", {}, 1, {}, 403, False),
    "404 route": ("GET", "/nothing", None, 0, {}, 404, False),
    "404 item": ("GET", "/api/products/5", None, 0, {}, 404, False),
    "405": ("PUT", "/api/products", {}, 1, {}, 405, False),
    "406": ("GET", "/api/products", None, 0, {"Accept": "image/png"}, 406, False),
    "429": ("POST", "/api/auth/forgot-password", {}, 0, {}, 429, True),
    "503": ("GET", "/api/categories", None, 0, {}, 503, False),
    "problem": ("GET", "/api/products/5", None, 0, {"Accept": "application/problem+json"},
                404, False),
}


def check_security(headers, status):
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Request-ID"]
    assert re.fullmatch(f"00-{TRACE}-(?!{SPAN})[0-9a-f]{{16}}-01", headers["traceparent"])
    for name in ("X-Content-Type-Options", "Content-Security-Policy", "Vary", "Allow",
                 "Cache-Control", "X-Request-ID", "traceparent"):
        assert len(headers.get_all(name) or []) <= 1, name
    if status == 401:
        assert headers["WWW-Authenticate"] == 'Bearer realm="api"'
    if status in (429, 503):
        assert int(headers["Retry-After"]) >= 1


# The clients of the closed one are exempt from limits.
@pytest.mark.parametrize("which, name", [(w, n) for w in ("gw", "closed") for n in ANSWERS
                                         if (w, n) != ("closed", "429")])
def test_every_answer_has_the_security_headers(name, which, request):
    gw = request.getfixturevalue(which)
    verb, path, body, needs_token, more, status, unkept = ANSWERS[name]
    more = more | {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    if "Host" not in more and which == "closed":
        more = more | {"Host": "api.example"}
    token = gw.signer.token() if needs_token else None
    if status == 429:
        gw.http(verb, path, body)
    got, _, headers = gw.http(verb, path, body, token, more)
    assert got == status
    check_security(headers, status)
    if unkept:
        assert headers["Cache-Control"] == "no-store"
    assert headers.get("Strict-Transport-Security") == \
        ("max-age=31536000" if which == "closed" else None)
    chosen_by = ["Accept"] + ["Accept-Encoding"] * (path in ("/openapi.json", "/docs")) + ["Origin"] * (which == "gw")
    assert headers["Vary"].split(", ") == chosen_by
    assert "Server" not in headers


@pytest.mark.parametrize("request_", [
    b"GET /api/products HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST /api/auth/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/products HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
], ids=["two hosts", "chunked", "dot segments", "a body on GET"])
@pytest.mark.parametrize("which", ["gw", "closed"])
def test_so_have_the_guards_refusals(request_, which, request):
    traced = request_.replace(
        b"\r\n", f"\r\ntraceparent: 00-{TRACE}-{SPAN}-01\r\n".encode(), 1)
    status, headers = raw(request.getfixturevalue(which), traced)
    assert 400 <= status < 500
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"
    assert headers["connection"] == "close"
    assert headers["traceparent"].startswith(f"00-{TRACE}-") and \
        SPAN not in headers["traceparent"]
    assert ("strict-transport-security" in headers) == (which == "closed")


# --- CORS -----------------------------------------------------------------------------

def preflight(gw, path, origin, method="POST", **more):
    return gw.http("OPTIONS", path, None, None, {
        "Origin": origin, "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type"} | more)


def grants(headers):
    return [name for name in headers if name.lower().startswith("access-control-")]


def test_a_preflight_of_an_allowed_origin_needs_no_token(gw):
    status, value, headers = preflight(gw, "/api/products", SHOP)
    assert (status, value) == (204, "")
    assert headers["Access-Control-Allow-Origin"] == SHOP
    assert headers["Access-Control-Allow-Methods"] == "GET, POST, HEAD, OPTIONS"
    allowed = headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key", "if-match"} <= set(allowed)
    assert int(headers["Access-Control-Max-Age"]) > 0
    assert "Origin" in headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in headers


def test_a_preflight_for_an_administrators_route(gw):
    status, _, headers = preflight(gw, "/api/categories/1", SHOP, "DELETE")
    assert status == 204
    assert "DELETE" in headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("origin", [EVIL, "null", "https://shop.example.evil.example",
                                    "http://shop.example", "https://shop.example:8443", "*"])
def test_other_origins_are_granted_nothing(gw, origin):
    for answer in (preflight(gw, "/api/products", origin),
                   gw.http("GET", "/api/products", None, None, {"Origin": origin})):
        assert answer[0] == 200
        assert grants(answer[2]) == []
        assert "Origin" in answer[2]["Vary"], "a cache must keep the two apart"


@pytest.mark.parametrize("name", ["200", "201", "304", "400 body", "401", "403", "404 item",
                                  "404 route", "405", "503"])
def test_an_allowed_origin_reads_every_answer(gw, name):
    verb, path, body, needs_token, more, status, _ = ANSWERS[name]
    token = gw.signer.token() if needs_token else None
    got, _, headers = gw.http(verb, path, body, token, more | {"Origin": SHOP})
    assert got == status
    assert headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Credentials" not in headers
    exposed = headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Location", "Retry-After", "X-Request-ID", "traceparent"} <= set(exposed)


def test_without_an_origin_nothing_is_granted(gw):
    assert grants(gw.http("GET", "/api/products")[2]) == []


def test_by_default_no_origin_is_allowed(closed):
    host = {"Host": "api.example"}
    status, _, headers = preflight(closed, "/api/products", SHOP, **host)
    assert (status, grants(headers)) == (200, [])
    headers = closed.http("GET", "/api/products", None, None, host | {"Origin": SHOP})[2]
    assert grants(headers) == []


def test_all_origins_are_granted_without_credentials():
    with GatewayAlone(CORS_ALLOWED_ORIGINS="*") as gw:
        prepare(gw)
        for headers in (preflight(gw, "/api/products", EVIL)[2],
                        gw.http("GET", "/api/products", None, None, {"Origin": EVIL})[2]):
            assert headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in headers


def test_a_bad_origin_is_a_sentence_and_78():
    with GatewayAlone() as gw:
        daemon = gw.daemons["gateway"]
        with pytest.raises(AssertionError):
            gw.restart("gateway", CORS_ALLOWED_ORIGINS="https://shop.example/")
        assert daemon.process.returncode == 78
        assert "CORS_ALLOWED_ORIGINS" in daemon.output()
        daemon.process = None
