"""A REQ socket with a test key: the way a contract test talks to one service."""

import json
import re

import zmq

from . import env, frame
from .contract import Contract

ROLES = {None: frame.ANONYMOUS, "USER": frame.USER, "ADMIN": frame.ADMIN}


def read_cert(path):
    """(public, secret or None) of a certificate file as czmq writes it."""
    text = path.read_text()
    keys = dict(re.findall(r'^\s*(public-key|secret-key)\s*=\s*"(.{40})"', text, re.M))
    secret = keys.get("secret-key")
    return keys["public-key"].encode(), secret and secret.encode()


def server_key(public_dir, service):
    """The public key of a service: its newest certificate."""
    files = sorted(public_dir.glob(f"{service}-*.cert"), key=lambda p: p.stat().st_mtime)
    assert files, f"no certificate of {service} in {public_dir}"
    return read_cert(files[-1])[0]


class NoAnswer(AssertionError):
    """The service did not answer in time: refused, absent or too slow."""


class Client:
    """Calls the methods of one service. Not for several threads."""

    def __init__(self, endpoint, server=None, key_pair=None, timeout=10.0, contract=None):
        """server: the service's public key; key_pair: (public, secret). Both None: a
        socket without CURVE."""
        self.endpoint, self.server, self.key_pair = endpoint, server, key_pair
        self.timeout = timeout
        self.contract = contract or Contract()
        self._context = zmq.Context()
        self._socket = None

    def close(self):
        self._forget()
        self._context.term()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _forget(self):
        if self._socket:
            self._socket.close(linger=0)
        self._socket = None

    def _connect(self):
        if self._socket:
            return self._socket
        s = self._socket = self._context.socket(zmq.REQ)
        s.linger = 0
        if self.key_pair:
            s.curve_publickey, s.curve_secretkey = self.key_pair
            s.curve_serverkey = self.server
        s.connect(self.endpoint)
        return s

    def send_raw(self, data, timeout=None):
        """Sends bytes as they are and returns the bytes of the answer."""
        s = self._connect()
        limit = env.seconds(timeout if timeout is not None else self.timeout)
        # A refused handshake takes the connection away: then there is nowhere to send.
        sent = s.poll(int(limit * 1000), zmq.POLLOUT)
        if sent:
            s.send(data)
        if not sent or not s.poll(int(limit * 1000)):
            self._forget()  # a REQ socket that waits cannot be used again
            raise NoAnswer(f"{self.endpoint} did not answer within {limit:.1f} s")
        return s.recv()

    def exchange(self, request, timeout=None):
        """Sends a Frame and returns the Frame of the answer."""
        return frame.decode(self.send_raw(frame.encode(request), timeout))

    def request(self, method, body=None, path=(), query="", actor=None, role=None,
                actor_name=None, headers=None, content_type="application/json",
                **fields):
        """The Frame of a call. body: bytes as they are, None for none, else JSON.
        headers: {record type: text or bytes}."""
        records = [(frame.PATH_PARAM, str(p).encode()) for p in path]
        data = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
        if query:
            records.append((frame.QUERY, query.encode()))
        if data or body is not None:
            records.append((frame.CONTENT_TYPE, content_type.encode()))
        if actor:
            name = actor_name or f"user{actor}"
            records.append((frame.ACTOR_NAME, name.encode()))
            role = role or "USER"
        for kind, value in {frame.BASE_URL: "http://localhost:8000",
                            **(headers or {})}.items():
            records.append((kind, value if isinstance(value, bytes) else value.encode()))
        number = self.contract.number(method) if isinstance(method, str) else method
        fields.setdefault("budget_ms", int(env.seconds(10) * 1000))
        return frame.Frame(method=number, body=data, actor_id=actor or 0,
                           role=ROLES[role], records=records, **fields)

    def call_frame(self, method, body=None, timeout=None, **more):
        """A call; returns the Frame of the answer."""
        return self.exchange(self.request(method, body, **more), timeout)

    def call(self, method, body=None, **more):
        """A call; returns (status, value). status: HTTP for a success, an error number of
        proto/errors.json otherwise (value: the details then). value: parsed JSON, text
        for other media types, None when empty. A success is held against the contract."""
        reply = self.call_frame(method, body, **more)
        value = value_of(reply)
        schema = isinstance(method, str) and "response" in self.contract.methods[method]
        if reply.status < 1000 and schema:
            self.contract.check_response(method, value)
        return reply.status, value

    def error(self, method, body=None, **more):
        """A call that must fail; returns (code, details)."""
        status, value = self.call(method, body, **more)
        assert status >= 1000, f"{method} succeeded with {status}: {value}"
        return self.contract.errors[status]["code"], value


def value_of(reply):
    kind = reply.text(frame.CONTENT_TYPE) or "application/json"
    if not reply.body:
        return None
    return json.loads(reply.body) if "json" in kind else reply.body.decode()
