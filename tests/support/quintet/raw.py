"""HTTP as bytes on a socket: what a browser or library would not send."""

import re
import socket

from . import env

HEAD = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
LENGTH = re.compile(rb"^content-length:\s*(\d+)\s*$", re.I | re.M)
CHUNKED = re.compile(rb"^transfer-encoding:\s*chunked\s*$", re.I | re.M)


class Answer:
    def __init__(self, status, head, body):
        self.status, self.head, self.body = status, head, body

    def header(self, name):
        found = re.search(rb"^%s:[ \t]*(.*?)\r?$" % name.encode(), self.head, re.I | re.M)
        return found.group(1).decode() if found else None

    def __repr__(self):
        return f"<{self.status} {self.body[:160]!r}>"


def dial(port):
    s = socket.create_connection(("127.0.0.1", port), env.seconds(10))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def push(s, data):
    """Sends; a peer that has closed already is no error: what it said is what counts."""
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def drain(s):
    """Everything until the peer closes; fails when it does not."""
    got = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            more = b""
        except socket.timeout:
            raise AssertionError(f"the connection stays open after {got[-300:]!r}") from None
        if not more:
            return got
        got += more


def drain_for(s, seconds):
    """What comes until the peer closes or says nothing for so long."""
    got = b""
    s.settimeout(seconds)
    while True:
        try:
            more = s.recv(65536)
        except (ConnectionResetError, socket.timeout):
            return got
        if not more:
            return got
        got += more


def _chunks(data):
    """(bytes of a chunked body, length of its encoding)."""
    body, at = b"", 0
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end].split(b";")[0], 16)
        body += data[end + 2:end + 2 + size]
        at = end + 2 + size + 2
        if size == 0:
            return body, at


def answers(data, heads=()):
    """The answers in a stream, without interim ones; `heads`: places of those that answer
    HEAD. Fails on bytes that are no answer."""
    found = []
    while data:
        m = HEAD.match(data)
        assert m, f"no answer: {data[:300]!r}"
        data, status = data[m.end():], int(m.group(1))
        if status < 200:
            continue
        body = b""
        if len(found) not in heads and status not in (204, 304):
            length = LENGTH.search(m.group(2))
            if CHUNKED.search(m.group(2)):
                body, n = _chunks(data)
            else:
                n = int(length.group(1)) if length else len(data)
                body = data[:n]
            assert len(data) >= n, f"a body ends early: {data[:300]!r}"
            data = data[n:]
        found.append(Answer(status, m.group(2), body))
    return found


def talk(port, data):
    """Sends, then reads until the peer closes: the bytes."""
    with dial(port) as s:
        push(s, data)
        return drain(s)
