"""Steady load on the published port, and a journal of everything that was acknowledged.

GETs share a few kept connections and, as every HTTP client may (RFC 9112 9.3.1), are sent once
more when a kept connection turns out to be closed. Each POST has a connection of its own and
is sent once; every second one carries an Idempotency-Key.
"""

import http.client
import json
import random
import threading
import time
import uuid

TIMEOUT = 20


class Api:
    """One JSON exchange after the other with 127.0.0.1:port."""

    def __init__(self, port):
        self.port, self.kept, self.resent = port, None, 0

    def call(self, method, path, body=None, token=None, headers=None, keep=False):
        """(status, value); status 0 and the error's name when there was no answer."""
        connection, reused = self._connection(keep)
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if not keep:
            sent["Connection"] = "close"
        try:
            return self._exchange(connection, method, path, body, sent)
        except (OSError, http.client.HTTPException) as why:
            connection.close()
            self.kept = None
            stale = isinstance(why, (ConnectionError, http.client.BadStatusLine))
            if reused and stale and method == "GET":
                self.resent += 1
                return self.call(method, path, body, token, headers, keep)
            return 0, type(why).__name__

    def _connection(self, keep):
        if keep and self.kept:
            return self.kept, True
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        if keep:
            self.kept = connection
        return connection, False

    def _exchange(self, connection, method, path, body, sent):
        connection.request(method, path, json.dumps(body) if body is not None else None, sent)
        answer = connection.getresponse()
        text = answer.read()
        if answer.will_close:
            connection.close()
            if connection is self.kept:
                self.kept = None
        try:
            return answer.status, json.loads(text) if text else None
        except ValueError:
            return answer.status, text[:200].decode(errors="replace")


class Outcome:
    def __init__(self, at, kind, status, took, detail):
        self.at, self.kind, self.status, self.took = at, kind, status, took
        self.detail = detail

    @property
    def is_get(self):
        return self.kind.startswith("get")

    @property
    def failed(self):
        return not 200 <= self.status < 300

    def __str__(self):
        return f"{self.kind} {self.status} after {self.took:.2f} s: {self.detail}"


class Load:
    """kinds: operations a second, by name of the method that does one."""

    RATES = {"list": 12, "item": 12, "categories": 6, "me": 4,
             "product": 4, "register": 2, "login": 1}

    def __init__(self, port, token, category, tag):
        self.port, self.token, self.category, self.tag = port, token, category, tag
        self.outcomes, self.resent = [], 0
        self.addresses, self.products = [], []  # acknowledged
        self.random = random.Random(1)
        self.lock, self.stop_it = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self._repeat, args=(name, rate), daemon=True)
                        for name, rate in self.RATES.items()]

    def start(self):
        for t in self.threads:
            t.start()

    def stop(self):
        self.stop_it.set()
        for t in self.threads:
            t.join(2 * TIMEOUT)

    def _repeat(self, name, rate):
        api, due, serial = Api(self.port), time.monotonic(), 0
        while not self.stop_it.wait(max(0.0, due - time.monotonic())):
            # A slow answer delays what follows; it is not made up for by a burst.
            due = max(due + 1 / rate, time.monotonic() - 1)
            serial += 1
            began = time.monotonic()
            kind, status, value = getattr(self, "_" + name)(api, serial)
            detail = "" if 200 <= status < 300 else str(value)[:300]
            with self.lock:
                self.outcomes.append(Outcome(began, kind, status,
                                             time.monotonic() - began, detail))
                self.resent, api.resent = self.resent + api.resent, 0

    # ---- operations: (kind, status, value) --------------------------------------------

    def _list(self, api, serial):
        return "get list", *api.call("GET", f"/api/products?page_size={serial % 20 + 1}",
                                     keep=True)

    def _item(self, api, _serial):
        with self.lock:
            product = self.random.choice(self.products) if self.products else None
        if product is None:
            return "get health", *api.call("GET", "/health", keep=True)
        return "get item", *api.call("GET", f"/api/products/{product}", keep=True)

    def _categories(self, api, _serial):
        return "get categories", *api.call("GET", "/api/categories", keep=True)

    def _me(self, api, _serial):
        return "get me", *api.call("GET", "/api/auth/me", token=self.token, keep=True)

    def _product(self, api, serial):
        body = {"name": f"Product {serial}", "description": "made under load",
                "category": self.category, "price": "9.99"}
        status, value = api.call("POST", "/api/products", body, self.token, key(serial))
        if status == 201:
            with self.lock:
                self.products.append(value["id"])
        return "post product", status, value

    def _register(self, api, serial):
        name = f"load-{self.tag}-{serial}"
        body = {"username": name, "email": f"{name}@example.com", "password": "testpass123"}
        status, value = api.call("POST", "/api/auth/register", body, headers=key(serial))
        if status == 201:
            with self.lock:
                self.addresses.append(body["email"])
        return "post register", status, value

    def _login(self, api, _serial):
        body = {"username": "testuser", "password": "testpass123"}
        return "post login", *api.call("POST", "/api/auth/login", body)

    # ---- what came of it ----------------------------------------------------------------

    def since(self, began, until=None):
        with self.lock:
            return [o for o in self.outcomes
                    if o.at >= began and (until is None or o.at <= until)]


def key(serial):
    return {"Idempotency-Key": str(uuid.uuid4())} if serial % 2 else {}


def window(outcomes):
    """Seconds from the first failed request to the end of the last one."""
    failed = [o for o in outcomes if o.failed]
    if not failed:
        return 0.0
    return max(o.at + o.took for o in failed) - min(o.at for o in failed)
