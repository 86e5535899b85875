"""The gateway behind a stock nginx and a stock HAProxy: no bytes of one request become the
answer of another, and the API works as without them."""

import re
import secrets

import pytest

from quintet import env, raw
from quintet.proxy import Proxy
from quintet.raw_cases import BODY_MAX, CASES, Door
from quintet.stack import http_to

PASSWORD = "a pass phrase of some length"
VICTIMS = 3

# What a proxy speaks besides HTTP/1: its answer has another form then.
OTHER = {("nginx", "no version"), ("haproxy", "an HTTP/2 preface")}


@pytest.fixture(scope="module")
def stack(start_stack, smtp):
    stack = start_stack(["auth", "catalog", "mailer", "gateway"], **smtp.env(),
                        PUBLIC_URL="https://shop.example", TRUSTED_PROXIES="127.0.0.1",
                        GATEWAY_BODY_MAX=BODY_MAX)
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME="root",
               DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    return stack


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def proxy(request, stack):
    with Proxy(request.param, stack) as running:
        yield running


# --- one answer to one request ------------------------------------------------------------

def requests_served(stack):
    """How many requests the gateway has answered, refused ones included."""
    text = stack.ops("gateway", "/metrics")[1]
    return sum(int(n) for n in re.findall(r"^http_server_requests_total\{.*\} (\d+)$", text, re.M))


def answers_of(case, got):
    try:
        return raw.answers(got, case.heads)
    except AssertionError:
        return raw.answers(got)  # the proxy refused what would have been a HEAD


def harmless(door, case):
    """What a victim on another connection gets must be the answer to what it asked."""
    ident, ask = door.canary()
    found = raw.answers(raw.talk(door.port, ask))
    assert [(a.status, a.header("X-Request-ID")) for a in found] == [(200, ident)], case.name


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_no_second_answer(stack, proxy, case):
    door = Door(proxy.port, "/api/products", "/api/auth/login")
    ident, canary = door.canary()
    served = requests_served(stack)
    with raw.dial(proxy.port) as s:
        raw.push(s, door.bytes(case.data) + canary)
        got = raw.drain_for(s, env.seconds(1.5))
    found = [] if (proxy.kind, case.name) in OTHER else answers_of(case, got)
    idents = [a.header("X-Request-ID") for a in found if a.header("X-Request-ID")]
    assert len(set(idents)) == len(idents), found
    if ident in idents:  # the canary: by itself, at the end
        assert found[-1].header("X-Request-ID") == ident and found[-1].status == 200, found
    most = max(len(case.statuses), case.data.count(b"HTTP/")) + 1
    assert len(found) <= most, found
    for _ in range(VICTIMS):
        harmless(door, case)
    if found:
        assert requests_served(stack) - served - VICTIMS == \
            len(idents), found


def test_a_slow_client_ends_at_the_proxy(stack, proxy):
    served = requests_served(stack)
    with raw.dial(proxy.port) as s:
        s.sendall(b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        found = raw.answers(raw.drain(s))
    assert [a.status for a in found] in ([], [408])
    assert requests_served(stack) == served


# --- the API ------------------------------------------------------------------------------

@pytest.fixture
def api(proxy):
    def ask(verb, path, body=None, token=None, **headers):
        return http_to(proxy.port, verb, path, body, token, headers)[:2]
    return ask


@pytest.fixture
def tokens(api):
    name = "x" + secrets.token_hex(4)
    status, value = api("POST", "/api/auth/register", {
        "username": name, "email": f"{name}@example.com", "password": PASSWORD})
    assert (status, value["username"]) == (201, name)
    status, value = api("POST", "/api/auth/login", {"username": name, "password": PASSWORD})
    assert status == 200
    return value | {"name": name}


def test_accounts(api, tokens, smtp):
    assert api("GET", "/api/auth/me", token=tokens["access"])[1]["username"] == tokens["name"]
    status, fresh = api("POST", "/api/auth/refresh", {"refresh": tokens["refresh"]})
    assert status == 200
    (mail,) = smtp.wait_for(f"{tokens['name']}@example.com")
    assert "https://shop.example/api/auth/verify-email?token=" in mail.text
    assert api("POST", "/api/auth/logout", token=fresh["access"])[0] == 200


def test_products(proxy, api, tokens):
    _, admin = api("POST", "/api/auth/login", {"username": "root", "password": PASSWORD})
    status, category = api("POST", "/api/categories", {"name": secrets.token_hex(6)},
                           admin["access"])
    assert status == 201
    body = {"name": "Laptop", "price": "999.99", "category": category["id"]}
    path = "/api/products"
    for n in range(12):
        status, product = api("POST", path, body | {"name": f"Laptop {n}"}, tokens["access"])
        assert status == 201
    one = f"{path}/{product['id']}"
    assert api("GET", one) == (200, product)
    assert api("PATCH", one, {"price": "1.5"}, tokens["access"])[1]["price"] == "1.50"
    assert api("PUT", one, body, tokens["access"])[0] == 200
    status, page = api("GET", f"{path}?category={category['id']}")
    assert page["next"] == f"{proxy.url}/api/products/?category={category['id']}&page=2"
    status, page = api("GET", f"{path}?category={category['id']}", Host="shop.example")
    assert page["next"].startswith("http://shop.example/api/products/?")
    status, value = api("GET", path, Host="evil.example")
    assert (status, value["code"]) == (400, "bad_request")
    assert api("DELETE", one, token=tokens["access"])[0] == 204
    assert api("GET", one)[0] == 404


def test_conditions_pass(proxy, api, tokens):
    status, _, headers = http_to(proxy.port, "GET", "/api/products")
    assert status == 200
    if headers["ETag"]:
        assert api("GET", "/api/products", **{"If-None-Match": headers["ETag"]})[0] == 304


def test_the_clients_address_is_the_proxys_peer(stack, proxy, api):
    """Whatever it writes into the header itself."""
    ident = secrets.token_hex(16)
    api("GET", "/api/products", **{"X-Forwarded-For": "203.0.113.9, 198.51.100.7",
                                   "X-Request-ID": ident})
    (line,) = [line for line in stack.daemons["gateway"].output().splitlines() if ident in line]
    # The proxy's peer is 127.0.0.1 here, itself trusted: the next hop to the left counts.
    assert '"client":"198.51.100.7"' in line


@pytest.mark.parametrize("front, scheme", [("192.0.2.7", "http"), ("127.0.0.1", "https"),
                                           ("192.0.2.7 127.0.0.0/8", "https")])
def test_composes_proxy_believes_only_its_tls_proxy(stack, front, scheme):
    """A client's own X-Forwarded-Proto would choose the scheme of our links."""
    root = stack.http("POST", "/api/auth/login", {"username": "root", "password": PASSWORD})[1]
    for _ in range(2):
        stack.http("POST", "/api/categories", {"name": secrets.token_hex(6)}, root["access"])
    with Proxy("compose", stack, TLS_PROXY=front) as proxy:
        for said, found in (("https", scheme), (None, "http")):
            headers = {"Host": "localhost"} | ({"X-Forwarded-Proto": said} if said else {})
            status, value, _ = http_to(proxy.port, "GET", "/api/categories?page_size=1",
                                       headers=headers)
            assert status == 200
            assert value["next"].startswith(f"{found}://localhost/"), value


def test_an_upload_in_chunks(proxy):
    """nginx sends it on with a length; through HAProxy it stays what it is, and is refused."""
    data = (b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\n{}\r\n0\r\n\r\n")
    (answer,) = raw.answers(raw.talk(proxy.port, data))
    assert answer.status == {"nginx": 400, "haproxy": 411}[proxy.kind]


def test_a_body_beyond_the_limit(proxy):
    big = b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" \
          b"Connection: close\r\n\r\n" % (BODY_MAX + 1)
    (answer,) = raw.answers(raw.talk(proxy.port, big + b"x" * (BODY_MAX + 1)))
    assert answer.status == 413
