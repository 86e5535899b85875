"""Entity tags and filters through the real gateway, over plain HTTP."""

import http.client
import json
import socket

import pytest

from quintet import env

PASSWORD = "testpass123"


@pytest.fixture(scope="module")
def stack(start_stack, redis):
    return start_stack(["auth", "catalog", "gateway"], redis=redis)


@pytest.fixture(scope="module")
def token(stack):
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME="boss",
               DJANGO_SUPERUSER_EMAIL="boss@example.com", DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    env.wait_until(lambda: stack.http("GET", "/api/products")[0] == 200, 10, "it serves")
    status, value, _ = stack.http("POST", "/api/auth/login",
                                  {"username": "boss", "password": PASSWORD})
    assert status == 200, value
    return value["access"]


@pytest.fixture(scope="module")
def product(stack, token):
    status, category, _ = stack.http("POST", "/api/categories", {"name": "Electronics"}, token)
    assert status == 201
    status, value, _ = stack.http("POST", "/api/products", {
        "name": "Laptop", "price": "999.99", "category": category["id"]}, token)
    assert status == 201
    return value


def paths(product):
    return [f"/api/products/{product['id']}", f"/api/categories/{product['category']}",
            "/api/products", "/api/categories/"]


def test_304_has_the_tag_and_nothing_else(stack, product):
    for path in paths(product):
        status, _, headers = stack.http("GET", path)
        tag = headers["ETag"]
        assert status == 200 and tag.strip("W/").startswith('"')
        for verb in ("GET", "HEAD"):
            status, value, headers = stack.http(verb, path, headers={"If-None-Match": tag})
            assert (status, value, headers["ETag"]) == (304, "", tag), path
            assert "Content-Type" not in headers
            assert headers["Vary"] == "Accept"
        status, _, headers = stack.http("HEAD", path)
        assert (status, headers["ETag"]) == (200, tag)


def test_a_304_leaves_the_connection_in_step(stack, product):
    path = f"/api/products/{product['id']}"
    tag = stack.http("GET", path)[2]["ETag"]
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
    with socket.create_connection(("127.0.0.1", stack.port["gateway.http"]), 10) as s:
        s.sendall(f"{head}If-None-Match: {tag}\r\n\r\n{head}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    first, _, rest = answer.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 304 ")
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert json.loads(rest.partition(b"\r\n\r\n")[2])["id"] == product["id"]


def test_tags_in_two_lines_are_one_list(stack, token, product):
    """RFC 9110 5.3: proxies may join such lines, so they must mean the same apart."""
    path = f"/api/products/{product['id']}"
    tag = stack.http("GET", path)[2]["ETag"]

    def ask(verb, name, body=None):
        c = http.client.HTTPConnection("127.0.0.1", stack.port["gateway.http"], timeout=10)
        c.putrequest(verb, path)
        for value in ('"another"', tag):
            c.putheader(name, value)
        c.putheader("Authorization", f"Bearer {token}")
        if body:
            c.putheader("Content-Type", "application/json")
            c.putheader("Content-Length", str(len(body)))
        c.endheaders(body)
        status = c.getresponse().status
        c.close()
        return status

    assert ask("GET", "If-None-Match") == 304
    assert ask("PATCH", "If-Match", b'{"price": "3"}') == 200
    assert ask("GET", "If-None-Match") == 200


def test_412_for_what_has_changed(stack, token, product):
    path = f"/api/products/{product['id']}"
    tag = stack.http("GET", path)[2]["ETag"]
    many = ", ".join([f'"{n:032x}"' for n in range(40)] + [tag])
    status, value, _ = stack.http("PATCH", path, {"price": "1"}, token, {"If-Match": many})
    assert (status, value["price"]) == (200, "1.00")
    for verb, body in (("PATCH", {"price": "2"}), ("DELETE", None)):
        status, value, _ = stack.http(verb, path, body, token, {"If-Match": tag})
        assert (status, value["status_code"], value["code"]) \
            == (412, 412, "precondition_failed")
    path = f"/api/categories/{product['category']}"
    status, value, _ = stack.http("PATCH", path, {"name": "x"}, token, {"If-Match": '"no"'})
    assert (status, value["message"]) == (412, "Precondition Failed")
    assert stack.http("PATCH", path, {"description": "d"}, token,
                      {"If-Match": stack.http("GET", path)[2]["ETag"]})[0] == 200


def test_filters_and_their_links(stack, product):
    query = f"category={product['category']}&price__gte=0.5&created_by=boss&page_size=1"
    status, value, _ = stack.http("GET", f"/api/products?{query}")
    assert (status, value["count"], value["results"][0]["id"]) == (200, 1, product["id"])
    status, value, _ = stack.http("GET", "/api/products?price__gte=abc")
    assert (status, value["details"]) == (400, {"price__gte": ["Enter a number."]})
