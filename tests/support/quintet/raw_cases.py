"""Requests byte by byte, and what must come of each: the table behind test_raw_http.py and
tests/proxies.

In `data`, @G is a target that answers GET with 200 and @P one that answers POST (with a JSON
body) with 200; @H is an allowed host. Every case is followed on its connection by a canary,
a GET of @G with `Connection: close`. `statuses` are the answers that must come, in order,
before the canary's; `closed` says that the connection ends with them: the canary, which may
be smuggled or honest, is not read any more.
"""

import uuid
from typing import NamedTuple

KIB = 1024
TARGET_MAX, BODY_MAX, HEADERS_MAX, METHOD_MAX = 2048, 128 * KIB, 100, 16


class Case(NamedTuple):
    name: str
    data: bytes
    statuses: tuple
    closed: bool = True
    guard: bool = True    # the listener's own verdict: the same on every port
    split: bool = False   # also cut in two at every byte
    heads: tuple = ()     # which answers have no body
    twice: bool = False   # libmicrohttpd 0.9.75 refuses it before we are asked, and sends
                          # the head of its answer twice; then it closes


# What libmicrohttpd 0.9.75 refuses with a page of its own before it asks us, and closes: no error
# object, no id, no security headers. Whoever sends these bytes speaks no HTTP.
LIBRARY = frozenset((
    "a list of lengths", "length with a plus", "negative length", "hexadecimal length",
    "length with a point", "length with an exponent", "length with a blank inside",
    "length with a semicolon", "no digits", "length behind a vertical tab",
    "length with blanks behind", "length beyond 64 bits",
    "NUL in the name", "header without a colon", "blank after the version", "a fourth word",
    "a target of nothing", "no version", "small letters in the version", "version 1.10",
    "version 01.1", "version 2", "version 0.9", "an HTTP/2 preface",
    "target of 40 KiB", "a thousand headers", "header of 40 KiB", "name of 40 KiB",
    "cookie of 40 KiB"))


def get(*lines, target="@G", method="GET", version="HTTP/1.1", host="Host: @H", end="\r\n\r\n"):
    head = [f"{method} {target} {version}"] + ([host] if host else []) + list(lines)
    return ("\r\n".join(head) + end).encode("latin-1")


def post(*lines, body="", target="@P", version="HTTP/1.1", length=True):
    more = [f"Content-Length: {len(body)}"] if length else []
    kind = ["Content-Type: application/json"]
    return get(*lines, *kind, *more, target=target, method="POST", version=version) \
        + body.encode("latin-1")


SMUGGLED = "GET /api/products/666 HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
SMUGGLED_CHUNK = "0\r\n\r\n" + SMUGGLED


def bad(name, data, status=400, **more):
    return Case(name, data, (status,), **more)


def fine(name, data, *statuses, **more):
    return Case(name, data, statuses or (200,), closed=False, guard=False, **more)


def raw(*lines, body=""):
    """A POST whose framing headers are all in `lines`."""
    return get("Content-Type: application/json", *lines, target="@P", method="POST") \
        + body.encode("latin-1")


LENGTHS = [
    bad("length and coding", raw("Content-Length: 38", CHUNKED, body=SMUGGLED_CHUNK), split=True),
    bad("coding and length", raw(CHUNKED, "Content-Length: 5", body=SMUGGLED_CHUNK), split=True),
    bad("length 0 and coding", raw("Content-Length: 0", CHUNKED, body=SMUGGLED_CHUNK)),
    bad("two lengths", raw("Content-Length: 0", "Content-Length: 43", body=SMUGGLED), split=True),
    bad("two lengths, long one first", raw("Content-Length: 43", "Content-Length: 0", body=SMUGGLED)),
    bad("two equal lengths", raw("Content-Length: 2", "Content-Length: 2", body="{}")),
    bad("two lengths of other case", raw("content-length: 2", "CONTENT-LENGTH: 2", body="{}")),
    bad("three lengths", raw(*["Content-Length: 2"] * 3, body="{}")),
    bad("a list of lengths", raw("Content-Length: 2, 2", body="{}"), twice=True),
    bad("blank before the colon", raw("Content-Length : 43", body=SMUGGLED), split=True),
    bad("tab before the colon", raw("Content-Length\t: 43", body=SMUGGLED)),
    bad("length with a plus", raw("Content-Length: +2", body="{}"), twice=True),
    bad("negative length", raw("Content-Length: -2", body="{}"), twice=True),
    bad("hexadecimal length", raw("Content-Length: 0x2", body="{}"), twice=True),
    bad("length with a point", raw("Content-Length: 2.0", body="{}"), twice=True),
    bad("length with an exponent", raw("Content-Length: 2e0", body="{}"), twice=True),
    bad("length with a blank inside", raw("Content-Length: 2 2", body="{}"), twice=True),
    bad("length with a semicolon", raw("Content-Length: 2;", body="{}"), twice=True),
    bad("no digits", raw("Content-Length:", body="{}"), twice=True),
    bad("length beyond 64 bits", raw("Content-Length: 18446744073709551618", body="{}"),
        413, twice=True),
    bad("folded length", raw("Content-Length:", " 43", body=SMUGGLED)),
    bad("length behind a vertical tab", raw("Content-Length:\x0b2", body="{}"), twice=True),
    fine("length with zeros in front", raw("Content-Length: 0002", body="{}")),
    bad("length with blanks behind", raw("Content-Length: 2  ", body="{}"), twice=True),
    fine("length with blanks in front", raw("Content-Length:   2", body="{}")),
    fine("length without a blank", raw("Content-Length:2", body="{}"), split=True),
    fine("length 0", raw("Content-Length: 0")),
    fine("no length, no body", raw()),
    bad("GET with a body", get("Content-Length: 43") + SMUGGLED.encode(), split=True),
    bad("HEAD with a body", get("Content-Length: 5", method="HEAD") + b"abcde", heads=(0,)),
    fine("GET with length 0", get("Content-Length: 0")),
]

CODINGS = [
    bad("chunked", raw(CHUNKED, body="2\r\n{}\r\n" + SMUGGLED_CHUNK), 411, split=True),
    bad("chunked, capitals", raw("TRANSFER-ENCODING: CHUNKED", body=SMUGGLED_CHUNK), 411),
    bad("chunked GET", get(CHUNKED) + SMUGGLED_CHUNK.encode(), 411),
    bad("chunked, HTTP/1.0", post(CHUNKED, body=SMUGGLED_CHUNK, version="HTTP/1.0", length=False),
        411),
    bad("xchunked", raw("Transfer-Encoding: xchunked", body=SMUGGLED_CHUNK)),
    bad("chunkedx", raw("Transfer-Encoding: chunkedx", body=SMUGGLED_CHUNK)),
    bad("gzip, chunked", raw("Transfer-Encoding: gzip, chunked", body=SMUGGLED_CHUNK)),
    bad("chunked, identity", raw("Transfer-Encoding: chunked, identity", body=SMUGGLED_CHUNK)),
    bad("identity", raw("Transfer-Encoding: identity", "Content-Length: 2", body="{}")),
    bad("an empty coding", raw("Transfer-Encoding:", "Content-Length: 2", body="{}")),
    bad("a list that begins with nothing", raw("Transfer-Encoding: , chunked", body=SMUGGLED_CHUNK)),
    bad("coding with a parameter", raw("Transfer-Encoding: chunked;q=1", body=SMUGGLED_CHUNK)),
    bad("coding in quotes", raw('Transfer-Encoding: "chunked"', body=SMUGGLED_CHUNK)),
    bad("coding behind a vertical tab", raw("Transfer-Encoding: \x0bchunked", body=SMUGGLED_CHUNK)),
    bad("coding behind a form feed", raw("Transfer-Encoding: \x0cchunked", body=SMUGGLED_CHUNK)),
    bad("coding with a NUL", raw("Transfer-Encoding: \0chunked", body=SMUGGLED_CHUNK)),
    bad("blank before the colon of the coding", raw("Transfer-Encoding : chunked", body=SMUGGLED_CHUNK),
        split=True),
    bad("folded coding", raw("Transfer-Encoding:", " chunked", body=SMUGGLED_CHUNK), split=True),
    bad("coding folded in the middle", raw("Transfer-Encoding: chu", " nked", body=SMUGGLED_CHUNK)),
    bad("two codings", raw(CHUNKED, CHUNKED, body=SMUGGLED_CHUNK)),
    bad("a coding and nonsense", raw(CHUNKED, "Transfer-Encoding: cow", body=SMUGGLED_CHUNK)),
    bad("nonsense and a coding", raw("Transfer-Encoding: cow", CHUNKED, body=SMUGGLED_CHUNK)),
    bad("NUL in the name", raw("Transfer-Encoding\0: chunked", body=SMUGGLED_CHUNK)),
    bad("vertical tab in the name", raw("Transfer-Encoding\x0b: chunked", body=SMUGGLED_CHUNK)),
    bad("line that begins with a blank", get(" Transfer-Encoding: chunked", host="") + b"0\r\n\r\n"),
    fine("another name for coding", raw("Transfer_Encoding: chunked", "Content-Length: 2", body="{}")),
    fine("TE is no coding", raw("TE: trailers, chunked", "Content-Length: 2", body="{}")),
    bad("chunk of hexadecimal prefix", raw(CHUNKED, body="0x2\r\n{}\r\n0\r\n\r\n"), 411),
    bad("negative chunk", raw(CHUNKED, body="-1\r\n{}\r\n0\r\n\r\n"), 411),
    bad("chunk beyond 64 bits", raw(CHUNKED, body="fffffffffffffffff\r\n{}\r\n"), 411),
    bad("chunk with an extension", raw(CHUNKED, body="2;a=\"\r\n\r\n\"\r\n{}\r\n0\r\n\r\n"), 411),
    bad("chunk ended by LF", raw(CHUNKED, body="2\n{}\n0\n\n"), 411),
    bad("chunk without its end", raw(CHUNKED, body="2\r\n{}" + SMUGGLED_CHUNK), 411),
    bad("trailer that frames", raw(CHUNKED, body="0\r\nContent-Length: 9\r\n\r\n"), 411),
]

LINES = [
    fine("plain", get(), split=True),
    fine("empty line first", b"\r\n" + get()),
    fine("lines ended by LF alone", get("X: y").replace(b"\r\n", b"\n")),
    bad("bare CR in a value", get("X: a\rb"), split=True),
    bad("bare CR hides a header", raw("X: a\rContent-Length: 43", body=SMUGGLED)),
    fine("a value ends at its NUL", get("X: a\0b")),
    # The library's: such a line is the empty one to it. nginx and HAProxy refuse it.
    fine("a line that begins with a NUL ends the head",
         get("\0X: y", end="\r\n") + get(), 200, 200),
    bad("two credentials", get("Authorization: Bearer a", "authorization: Bearer b"), split=True),
    bad("two equal credentials", get("Authorization: Bearer a", "Authorization: Bearer a")),
    bad("two content types", post("Content-Type: text/plain", body="{}")),
    bad("two keys", post("Idempotency-Key: a", "Idempotency-Key: b", body="{}")),
    fine("a list of media types in two lines",
         get("Accept: application/xml", "Accept: application/json")),
    fine("no media type of ours in two lines",
         get("Accept: application/xml", "Accept: image/png"), 406),
    bad("control character in a value", get("X: a\x01b")),
    bad("DEL in a value", get("X: a\x7fb")),
    fine("tab in a value", get("X: a\tb")),
    fine("UTF-8 in a value", get("X: \xc3\xa9")),
    fine("a value of nothing", get("X:")),
    fine("folded header", get("X: a", " b")),
    fine("header folded by a tab", get("X: a", "\tb")),
    bad("header without a colon", get("Nonsense")),
    fine("header without a name is passed over", get(": x")),
    bad("blank in a name", get("X Y: z")),
    bad("parenthesis in a name", get("X(Y): z")),
    bad("8-bit letter in a name", get("X\xe9: z")),
    fine("two blanks in the request line", b"GET  @G HTTP/1.1\r\nHost: @H\r\n\r\n"),
    Case("tab in the request line", b"GET\t@G\tHTTP/1.1\r\nHost: @H\r\n\r\n", ()),
    Case("blank before the method", b" GET @G HTTP/1.1\r\nHost: @H\r\n\r\n", ()),
    bad("blank after the version", b"GET @G HTTP/1.1 \r\nHost: @H\r\n\r\n"),
    bad("a fourth word", b"GET @G HTTP/1.1 x\r\nHost: @H\r\n\r\n"),
    bad("a target of nothing", b"GET HTTP/1.1\r\nHost: @H\r\n\r\n"),
    bad("no version", b"GET @G\r\nHost: @H\r\n\r\n"),
    bad("small letters in the version", get(version="http/1.1")),
    bad("version 2", get(version="HTTP/2.0"), 505),
    bad("version 1.2", get(version="HTTP/1.2")),
    bad("version 1.10", get(version="HTTP/1.10")),
    bad("version 01.1", get(version="HTTP/01.1")),
    bad("version 0.9", get(version="HTTP/0.9"), 505),
    bad("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Case("a TLS greeting", bytes.fromhex("16030100a5010000a10303") + b"\r\n\r\n", ()),
    Case("zeros are empty lines", bytes(64) + b"\r\n\r\n", (), closed=False, guard=False),
]

HOSTS = [
    bad("no host", get(host="")),
    bad("two hosts", get("Host: evil.example"), split=True),
    bad("two equal hosts", get("Host: @H")),
    bad("empty host", get(host="Host:")),
    bad("host with a path", get(host="Host: @H/x")),
    bad("host with a login", get(host="Host: user@@H")),
    bad("host list", get(host="Host: @H, evil.example")),
    bad("host with a blank", get(host="Host: @H evil.example")),
    bad("host with a question", get(host="Host: @H?x")),
    bad("host of 300 letters", get(host="Host: " + "a" * 300)),
    bad("host with a blank before the colon", get(host="Host : @H")),
    bad("host with a quotation mark", get(host='Host: "@H"')),
    bad("host in 8-bit letters", get(host="Host: \xe9.example")),
    fine("host with a port", get(host="Host: @H:1234")),
    fine("host in capitals", get(host="HOST: LOCALHOST")),
    fine("IPv6 host", get(host="Host: [::1]:80")),
    fine("a foreign host", get(host="Host: evil.example"), 400),
    fine("forwarded host is not believed", get("X-Forwarded-Host: evil.example")),
]

TARGETS = [
    bad("absolute form", get(target="http://@H@G"), split=True),
    bad("absolute form of another host", get(target="http://evil.example@G")),
    bad("authority form", get(target="@H:80", method="CONNECT")),
    bad("asterisk form", get(target="*", method="OPTIONS")),
    bad("no slash", get(target="api/products")),
    bad("double slash", get(target="/@G")),
    bad("double slash inside", get(target="/api//products")),
    bad("double slash at the end", get(target="/api/products//")),
    bad("dot segment", get(target="/api/./products")),
    bad("dot dot segment", get(target="/api/x/../products")),
    bad("dot dot at the end", get(target="/api/..")),
    bad("escaped dots", get(target="/api/x/%2e%2E/products"), split=True),
    bad("half escaped dots", get(target="/api/x/.%2e/products")),
    bad("escaped NUL", get(target="/api/products%00")),
    bad("escaped slash", get(target="/api%2fproducts")),
    bad("escaped slash, capital", get(target="/api%2Fproducts")),
    bad("escaped backslash", get(target="/api%5cproducts")),
    bad("backslash", get(target="/api\\products")),
    bad("broken escape", get(target="/api/products%4")),
    bad("wrong escape", get(target="/api/products%zz")),
    bad("fragment", get(target="@G#x")),
    bad("control character in the path", get(target="/api/\x01")),
    bad("control character in the query", get(target="@G?a=\x02")),
    bad("blank in the query", get(target="@G?a=b c")),
    bad("target one byte too long", get(target="/" + "a" * TARGET_MAX), 414),
    bad("target of 5 KiB", get(target="/" + "a" * 5 * KIB), 414),
    bad("query too long", get(target="@G?" + "a" * TARGET_MAX), 414),
    bad("target of 40 KiB", get(target="/" + "a" * 40 * KIB), 414),
    fine("target as long as may be", get(target="/" + "a" * (TARGET_MAX - 1)), 404),
    fine("unknown path", get(target="/nothing"), 404),
    fine("escapes of letters", get(target="/%41%c3%a9"), 404),
    fine("8-bit letters", get(target="/\xc3\xa9"), 404),
    fine("three dots are a name", get(target="/..."), 404),
    fine("anything in the query", get(target="@G?a=//../%00%2f%5c")),
]

METHODS = [
    bad("method of 17 letters", get(method="A" * (METHOD_MAX + 1))),
    bad("method of 5 KiB", get(method="A" * 5 * KIB)),
    bad("method with a dash", get(method="M-SEARCH")),
    bad("method with a digit", get(method="GET1")),
    fine("a method ends at its NUL", get(method="GE\0T"), 401),
    bad("8-bit method", get(method="G\xcaT")),
    fine("method of 16 letters", get(method="A" * METHOD_MAX), 401),
    fine("small letters", get(method="get"), 401),
    fine("TRACE", get(method="TRACE"), 401),
    fine("CONNECT with a path", get(method="CONNECT"), 401),
    fine("an override is not honoured", get("X-HTTP-Method-Override: DELETE")),
    fine("DELETE with a body", get("Content-Length: 2", method="DELETE") + b"{}", 401),
    fine("OPTIONS", get(method="OPTIONS"), split=True),
    fine("HEAD", get(method="HEAD"), heads=(0,), split=True),
]

LIMITS = [
    fine("as many headers as may be", get(*["X: y"] * (HEADERS_MAX - 1))),
    bad("one header too many", get(*["X: y"] * HEADERS_MAX), 431),
    bad("a thousand headers", get(*["X: y"] * 1000), 431),
    bad("header of 40 KiB", get("X: " + "y" * 40 * KIB), 431),
    bad("name of 40 KiB", get("X" * 40 * KIB + ": y"), 431),
    bad("cookie of 40 KiB", get("Cookie: a=" + "y" * 40 * KIB), 431),
    fine("body as large as may be", post(body='"' + "x" * (BODY_MAX - 2) + '"')),
    bad("body one byte too large", post(body='"' + "x" * (BODY_MAX - 1) + '"'), 413),
    bad("body of 1 MiB", post(body="x" * 1024 * KIB), 413),
    bad("announced body of 100 MB", raw("Content-Length: 100000000"), 413),
    bad("announced body of 100 MB, with expectation",
        raw("Content-Length: 100000000", "Expect: 100-continue"), 413),
]

VERSIONS = [
    Case("HTTP/1.0", get(version="HTTP/1.0"), (200,), guard=False, split=True),
    Case("HTTP/1.0 without host", get(version="HTTP/1.0", host=""), (200,), guard=False),
    Case("HTTP/1.0 with a body", post(body="{}", version="HTTP/1.0"), (200,), guard=False),
    bad("HTTP/1.0 with two hosts", get("Host: evil.example", version="HTTP/1.0")),
    fine("HTTP/1.0, keep-alive", get("Connection: keep-alive", version="HTTP/1.0")),
    Case("close", get("Connection: close"), (200,), guard=False, split=True),
    Case("close among others", get("Connection: keep-alive, Close"), (200,), guard=False),
    fine("framing named as hop by hop",
         raw("Connection: Content-Length", "Content-Length: 2", body="{}")),
    fine("an upgrade is not taken", get("Connection: Upgrade", "Upgrade: h2c")),
]

PIPELINES = [
    fine("two requests", get() * 2, 200, 200, split=True),
    fine("twenty requests", get() * 20, *[200] * 20),
    fine("GET, HEAD, GET", get() + get(method="HEAD") + get(), 200, 200, 200, heads=(1,)),
    fine("POST, GET", post(body="{}") + get(), 200, 200, split=True),
    fine("a body that looks like a request", post(body=SMUGGLED), split=True),
    fine("two bodies that look like requests", post(body=SMUGGLED) * 2, 200, 200),
    Case("GET, then two hosts", get() + get("Host: a"), (200, 400), guard=False),
    Case("GET, then chunked", get() + raw(CHUNKED, body=SMUGGLED_CHUNK), (200, 411), guard=False),
    Case("close, then more", get("Connection: close") + SMUGGLED.encode(), (200,), guard=False),
    Case("two hosts, then more", get("Host: a") + SMUGGLED.encode(), (400,)),
    fine("empty lines between", get() + b"\r\n" + get(), 200, 200),
]

EXPECTATIONS = [
    fine("expectation with its body", post("Expect: 100-continue", body="{}"), split=True),
    fine("expectation without a body", get("Expect: 100-continue")),
    fine("expectation, HTTP/1.1 HEAD", get("Expect: 100-continue", method="HEAD"), heads=(0,)),
    bad("expectation and chunked", raw("Expect: 100-continue", CHUNKED, body=SMUGGLED_CHUNK), 411),
    bad("expectation and two lengths",
        raw("Expect: 100-continue", "Content-Length: 0", "Content-Length: 43", body=SMUGGLED)),
]

GROUPS = {
    "lengths": LENGTHS, "codings": CODINGS, "lines": LINES, "hosts": HOSTS,
    "targets": TARGETS, "methods": METHODS, "limits": LIMITS, "versions": VERSIONS,
    "pipelines": PIPELINES, "expectations": EXPECTATIONS,
}
CASES = [case for group in GROUPS.values() for case in group]


class Door:
    """A port, and what the placeholders of a case mean there."""

    def __init__(self, port, g, p="/nothing"):
        self.port, self.g, self.p = port, g.encode(), p.encode()

    def bytes(self, data):
        return data.replace(b"@G", self.g).replace(b"@P", self.p).replace(b"@H", b"localhost")

    def canary(self):
        ident = uuid.uuid4().hex
        return ident, self.bytes(get("Connection: close", f"X-Request-ID: {ident}"))
