"""The dashboard as a browser or a script uses it, and a daemon's telemetry by hand."""

import base64
import http.client
import http.cookies
import json
import time
import urllib.parse

import zmq

from quintet import env

VERSION = (env.ROOT / "VERSION").read_text().strip()
ADMIN = ("ops", "a-long-passphrase")
READER = ("look", "only:looking")
BASIC = f"{ADMIN[0]}:{ADMIN[1]},{READER[0]}:{READER[1]}:ro"


class Answer:
    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]


class Dashboard:
    """One caller: by Basic pair, by session (sign_in), or nobody. A browser sends Origin
    with what writes; a script does not."""

    def __init__(self, stack, basic=None, prefix="", browser=False):
        self.stack, self.basic, self.prefix, self.browser = stack, basic, prefix, browser
        self.cookie, self.csrf = None, None

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.stack.port['monitor.http']}"

    def headers(self, verb, more):
        sent = {}
        if self.basic:
            pair = base64.b64encode(":".join(self.basic).encode()).decode()
            sent["Authorization"] = f"Basic {pair}"
        if self.cookie:
            sent["Cookie"] = self.cookie
        if verb not in ("GET", "HEAD"):
            if self.csrf:
                sent["X-CSRF-Token"] = self.csrf
            if self.browser:
                sent["Origin"] = self.origin
        return {k: v for k, v in (sent | (more or {})).items() if v is not None}

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.stack.port["monitor.http"],
                                          timeout=env.seconds(20))

    def call(self, verb, path, body=None, headers=None):
        connection = self.connect()
        sent = self.headers(verb, headers)
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            sent = {"Content-Type": "application/json"} | sent
        try:
            connection.request(verb, self.prefix + path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), answer.headers)
        finally:
            connection.close()

    def get(self, path, headers=None, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.call("GET", path, headers=headers)

    def post(self, path, body=None, headers=None):
        return self.call("POST", path, body if body is not None else {}, headers)

    def sign_in(self, username, password, headers=None):
        answer = self.post("/api/session", {"username": username, "password": password},
                           headers)
        if answer.status == 200:
            cookie = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])
            name, morsel = next(iter(cookie.items()))
            self.cookie, self.csrf = f"{name}={morsel.value}", answer.json["csrf"]
        return answer

    def last_action(self, **query):
        """The newest entry of the record, once it says how it ended."""
        def ended():
            action = self.get("/api/audit", limit=1, **query).json["actions"][0]
            return action["outcome"] != "begun" and action
        return env.wait_until(ended, 10, "the action has ended")

    # --- what the overview says -----------------------------------------------------------

    def replicas(self, service):
        services = self.get("/api/overview").json["services"]
        return next(s["replicas"] for s in services if s["name"] == service)

    def replica(self, service, instance):
        return next((r for r in self.replicas(service) if r["instance"] == instance), None)


class Speaker:
    """A PUB with the key of a service, as a daemon's telemetry is."""

    def __init__(self, stack, name):
        self.context, self.name, self.began = zmq.Context(), name, time.time()
        self.socket = self.context.socket(zmq.PUB)
        self.socket.linger = 0
        public, secret = stack._make_client_key(name)
        self.socket.curve_publickey, self.socket.curve_secretkey = public, secret
        self.socket.curve_serverkey = stack.server_key("monitor")
        self.socket.connect(stack.daemons["monitor"].environment["MONITOR_TELEMETRY"])

    def message(self, **more):
        return {"service": self.name, "instance": f"{self.name}-t", "version": VERSION,
                "boot_id": "boot-1", "seq": 1, "at_us": int(time.time() * 1e6),
                "state": "ready", "why": None, "control": "tcp://127.0.0.1:1",
                "uptime_s": int(time.time() - self.began), "pid": 42, "rss_kib": 1000, "cpu_us": 10,
                "load": {"in_flight": 3}} | more

    def say(self, kind, **more):
        self.socket.send_multipart([kind.encode(), json.dumps(self.message(**more)).encode()])

    def close(self):
        self.socket.close()
        self.context.term()


def hear(speaker, condition, **more):
    """Beats until the condition holds: a PUB that has just connected loses its first."""
    def beat():
        speaker.say("beat", **more)
        return condition()
    return env.wait_until(beat, 10, "the beat is heard", every=0.1)
