"""The gateway alone, between stand-ins for auth and catalog that the test scripts."""

import base64
import datetime
import json
import threading
import time
import uuid

import jwt
import zmq
from cryptography.hazmat.primitives.asymmetric import ec

from quintet import frame
from quintet.client import read_cert
from quintet.stack import Stack


def b64(number):
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


FOLLOWING = (113, 150)  # auth.revocations and auth.events.pull: the gateway's own affair


class Signer:
    """A P-256 key that signs tokens as auth does."""

    def __init__(self, kid):
        self.kid, self.key = kid, ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        numbers = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
                "x": b64(numbers.x), "y": b64(numbers.y)}

    def token(self, user=7, role="USER", name="ann", **changes):
        now = int(time.time())
        claims = {
            "token_type": "access", "exp": now + 600, "iat": now - 1,
            "jti": uuid.uuid4().hex, "user_id": user, "sub": str(user), "iss": "quintet",
            "aud": "quintet", "sid": uuid.uuid4().hex, "uv": 3, "role": role,
            "username": name,
        } | changes
        return jwt.encode(claims, self.key, "ES256", headers={"kid": self.kid})


class FakeService(threading.Thread):
    """A ROUTER that answers by `answers[method number]`, a function of the request's
    Frame that returns a Frame (or None: no answer). Keeps what it was asked."""

    def __init__(self, key_pair, port, answers):
        super().__init__(daemon=True)
        self.answers, self.asked, self._end = answers, [], threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.curve_server = True
        self._socket.curve_publickey, self._socket.curve_secretkey = key_pair
        self._socket.bind(f"tcp://127.0.0.1:{port}")

    def run(self):
        while not self._end.is_set():
            if self._socket.poll(50):
                self._serve(*self._socket.recv_multipart())
        self._socket.close()
        self._context.term()

    def _serve(self, peer, empty, data):
        request = frame.decode(data)
        answer = self.answers.get(request.method, lambda _: failure(1202))(request)
        if request.method >= 100 and request.method not in FOLLOWING:
            self.asked.append(request)
        if answer is None:
            return
        answer.tag, answer.method, answer.flags = request.tag, request.method, frame.REPLY
        answer.budget_ms = 0
        answer.request_id, answer.trace_id = request.request_id, request.trace_id
        self._socket.send_multipart([peer, empty, frame.encode(answer)])

    def last(self):
        return self.asked[-1]

    def stop(self):
        self._end.set()
        self.join()


class Beacons(threading.Thread):
    """Auth's PUB: a beacon every 100 ms with what `tell()` returns; None: silence. Events
    are never published."""

    def __init__(self, key_pair, port, tell):
        super().__init__(daemon=True)
        self.tell, self._end = tell, threading.Event()
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.linger = 0
        self._socket.curve_server = True
        self._socket.curve_publickey, self._socket.curve_secretkey = key_pair
        self._socket.bind(f"tcp://127.0.0.1:{port}")

    def run(self):
        while not self._end.wait(0.1):
            told = self.tell()
            if told is not None:
                self._socket.send_multipart([b"beacon.user", json.dumps(told).encode()])
        self._socket.close()
        self._context.term()

    def stop(self):
        self._end.set()
        self.join()


def success(value=None, status=200, records=(), body=None):
    data = body if body is not None else b"" if value is None else json.dumps(value).encode()
    return frame.Frame(status=status, records=list(records), body=data)


def failure(number, details=None, records=()):
    data = json.dumps(details).encode() if details is not None else b""
    return frame.Frame(status=number, records=list(records), body=data)


class GatewayAlone(Stack):
    """The gateway and two fakes; `auth` and `catalog` are theirs to script."""

    def __init__(self, **settings):
        self.signer, self.ready = Signer("first"), {"auth": True, "catalog": True}
        self.keys_served = [self.signer]
        self.epoch, self.events = str(uuid.uuid4()), []
        self.snapshot = {"sessions": [], "users": []}
        self.auth = self.catalog = None
        super().__init__(["gateway"], **{"DRAIN_DELAY_MS": 0} | settings)

    def make_keys(self):
        super().make_keys()
        self.auth = self._fake("auth", {106: lambda _: success(self._jwks()),
                                        113: self._snapshot, 150: self._pull})
        self.catalog = self._fake("catalog", {})

    def _snapshot(self, _):
        return success(self.snapshot | {"epoch": self.epoch, "head": len(self.events)})

    def _pull(self, request):
        asked = json.loads(request.body)
        if asked["epoch"] not in ("", self.epoch) or asked["after"] > len(self.events):
            return failure(1033, {"epoch": self.epoch, "head": len(self.events)})
        return success({"epoch": self.epoch, "head": len(self.events),
                        "events": self.events[asked["after"]:][:asked["limit"]]})

    def event(self, kind, payload):
        """Appends to auth's stream: the gateway pulls it, since this auth has no PUB."""
        at = datetime.datetime.now(datetime.timezone.utc)
        self.events.append({
            "seq": len(self.events) + 1, "event_id": str(uuid.uuid4()), "type": kind,
            "version": 1, "aggregate_id": payload["user_id"],
            "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "payload": payload})

    def _jwks(self):
        return {"keys": [s.jwk() for s in self.keys_served]}

    def _fake(self, name, answers):
        pair = read_cert(self.keys / f"keys-{name}" / "curve.key_secret")
        answers[1] = lambda _: success({"service": name, "instance": name, "version": "0",
                                        "ready": self.ready[name]})
        fake = FakeService(pair, self.port[f"{name}.rpc"], answers)
        fake.start()
        return fake

    def on(self, method, answer):
        """What the owner of a method answers from now on."""
        service = self.auth if method.startswith("auth.") else self.catalog
        service.answers[self.contract.number(method)] = \
            answer if callable(answer) else lambda _: answer
        return service

    def stop(self):
        super().stop()
        for fake in (self.auth, self.catalog):
            if fake:
                fake.stop()
