"""The two sockets of auth that the mailer knows: PUB with events and beacons, and a ROUTER
that answers auth.events.pull. Both can be made to fall silent."""

import base64
import datetime
import json
import queue
import secrets
import threading
import time
import uuid

import nacl.encoding
import nacl.public
import zmq

from quintet import env, frame
from quintet.client import read_cert

CONFLICT = 1033
UNAVAILABLE = 1101


def timestamp(after=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=after)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class FakeAuth:
    def __init__(self, stack):
        self.pair = read_cert(stack.keys / "keys-auth" / "curve.key_secret")
        self.seal = (stack.public / "mailer.seal.pub").read_text().strip()
        self.port = stack.port
        self.epoch = str(uuid.uuid4())
        self.events, self.pulls, self.asked = [], 0, None  # asked: the last pull
        self.publishes = True  # PUB: events and beacons
        self.answers = True    # pulls
        self._out, self._stop = queue.Queue(), threading.Event()
        self._context = zmq.Context()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        self._stop.set()
        self._thread.join()
        self._context.term()

    # --- what a test does ---------------------------------------------------------------

    def seal_token(self, token):
        key = nacl.public.PublicKey(self.seal, nacl.encoding.HexEncoder)
        sealed = nacl.public.SealedBox(key).encrypt(token.encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def event(self, kind, payload, **more):
        """Appends an event to the stream, and publishes it unless silent."""
        event = {
            "seq": len(self.events) + 1, "event_id": str(uuid.uuid4()), "type": kind,
            "version": 1, "aggregate_id": len(self.events) + 100,
            "created_at": timestamp(), "expires_at": None,
            "request_id": secrets.token_hex(16), "trace_id": secrets.token_hex(16),
            "payload": payload, "sealed": None,
        } | more
        self.events.append(event)
        self.publish(event)
        return event

    def publish(self, event):
        if self.publishes:
            topic = f"user.v{event['version']}.{event['type']}"
            self._out.put((topic, event | self._head()))

    def registered(self, name, email, token=None, **more):
        """A registration; returns (event, token)."""
        token = token or base64.urlsafe_b64encode(secrets.token_bytes(32))[:43].decode()
        payload = {"user_id": 1, "username": name, "email": email,
                   "link_base": "http://localhost:8000"}
        fields = {"expires_at": timestamp(86400), "sealed": self.seal_token(token)} | more
        return self.event("user.registered", payload, **fields), token

    def verified(self, name, email):
        return self.event("user.verified", {"user_id": 1, "username": name,
                                            "email": email})

    def linked(self, kind, name, email, token=None, **more):
        """An event that carries a link's token; returns (event, token)."""
        token = token or base64.urlsafe_b64encode(secrets.token_bytes(32))[:43].decode()
        payload = {"user_id": 7, "username": name, "email": email,
                   "link_base": "http://localhost:8000"}
        fields = {"expires_at": timestamp(3600), "sealed": self.seal_token(token)} | more
        return self.event(kind, payload, **fields), token

    # --- the sockets --------------------------------------------------------------------

    def _head(self):
        return {"stream": "user", "epoch": self.epoch, "head": len(self.events)}

    def _socket(self, kind, port):
        s = self._context.socket(kind)
        s.linger = 0
        s.curve_server = True
        s.curve_publickey, s.curve_secretkey = self.pair
        env.wait_until(lambda: _bind(s, port), 10, f"port {port} is free")
        return s

    def _run(self):
        router = self._socket(zmq.ROUTER, self.port["auth.rpc"])
        pub = self._socket(zmq.PUB, self.port["auth.events"])
        beacon = 0.0
        while not self._stop.is_set():
            if router.poll(5):
                self._answer(router)
            while not self._out.empty():
                topic, message = self._out.get()
                pub.send_multipart([topic.encode(), json.dumps(message).encode()])
            if self.publishes and time.monotonic() > beacon + 0.25:
                beacon = time.monotonic()
                message = json.dumps(self._head() | {"replica": "fake"}).encode()
                pub.send_multipart([b"beacon.user", message])
        router.close()
        pub.close()

    def _answer(self, router):
        peer, _, data = router.recv_multipart()
        if not self.answers:
            return
        request = frame.decode(data)
        status, body = self._pull(request) if request.body else (200, {
            "service": "auth", "instance": "fake", "version": "0", "draining": False})
        reply = frame.Frame(method=request.method, status=status, flags=frame.REPLY, budget_ms=0,
                            tag=request.tag, request_id=request.request_id,
                            body=json.dumps(body).encode())
        router.send_multipart([peer, b"", frame.encode(reply)])

    def _pull(self, request):
        self.asked = asked = json.loads(request.body)
        self.pulls += 1
        if asked["epoch"] not in ("", self.epoch) or asked["after"] > len(self.events):
            return CONFLICT, {"epoch": self.epoch, "head": len(self.events)}
        found = self.events[asked["after"]:asked["after"] + asked["limit"]]
        return 200, {"epoch": self.epoch, "head": len(self.events), "events": found}


def _bind(socket, port):
    try:
        socket.bind(f"tcp://127.0.0.1:{port}")
        return True
    except zmq.ZMQError:
        return False
