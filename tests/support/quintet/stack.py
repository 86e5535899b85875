"""Real daemons as child processes: any of the five, on free ports, with keys of their own."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from . import env
from .client import Client, read_cert, server_key
from .contract import Contract

SERVICES = ("auth", "catalog", "mailer", "monitor", "gateway")
WITH_DATABASE = ("auth", "catalog", "mailer", "monitor")
KEEP = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")

DEFAULTS = {
    "AUTH_ARGON2_MEMORY_KIB": "1024", "AUTH_ARGON2_PASSES": "1",
    "LOG_LEVEL": os.environ.get("QUINTET_TEST_LOG_LEVEL", "info"),
    "EMAIL_BACKEND": "file", "RATE_LIMIT_EXEMPT": "127.0.0.0/8",
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:fast_unwind_on_malloc=0:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "LSAN_OPTIONS": "print_suppressions=0:suppressions="
                    + str(env.ROOT / "tests" / "support" / "lsan.supp"),
}


class Daemon:
    """One process. Its output goes to a file that failures show."""

    def __init__(self, name, environment, log):
        self.name, self.environment, self.log = name, environment, log
        self.process = None

    def start(self):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [*env.DIE_WITH_US, str(env.BIN / self.name)], env=self.environment, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True)

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """As kill -9 does."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=10.0):
        """TERM, then KILL. Returns the exit status."""
        if not self.process:
            return 0
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(env.seconds(timeout))
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(env.seconds(10))
            raise AssertionError(f"{self.name} did not end within {env.seconds(timeout):.0f}"
                                 f" s of TERM\n{self.tail()}") from None
        self.process = None
        return status

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def lines_with(self, text):
        """Its log's lines that hold the text, once there is one: a daemon writes what it
        says at the end of the turn in which it answers."""
        return env.wait_until(lambda: [x for x in self.output().splitlines() if text in x], 5,
                              f"{self.name} writes of {text}")

    def tail(self, lines=40):
        return "\n".join(self.output().splitlines()[-lines:])


class Stack:
    """Some of the daemons around one database.

    with Stack(["auth"], database) as stack:
        status, value = stack.client("auth").call("auth.login", {...})
    """

    live = []  # for the report of a failed test

    def __init__(self, services, database=None, redis=None, clients=("gateway", "monitor"),
                 replicas=None, **settings):
        """replicas={"catalog": 3}: callers also know the addresses of catalog-2 and
        catalog-3, which start_replica starts."""
        self.services, self.database, self.redis = list(services), database, redis
        self.settings = {k: str(v) for k, v in settings.items()}
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="quintet-tests-"))
        self.keys, self.public = self.dir / "keys", self.dir / "keys" / "keys-public"
        self.contract = Contract()
        self.ports, self._clients = env.Ports(), {}
        self.port = {f"{s}.{kind}": self.ports.take() for s in SERVICES
                     for kind in ("rpc", "ops")}
        for name in ("auth.events", "monitor.telemetry", "gateway.http", "monitor.http"):
            self.port[name] = self.ports.take()
        self.replicas = {s: [s, *(f"{s}-{n}" for n in range(2, count + 1))]
                         for s, count in (replicas or {}).items()}
        self.port |= {f"{name}.{kind}": self.ports.take()
                      for names in self.replicas.values() for name in names[1:]
                      for kind in ("rpc", "ops", "events")}
        self.daemons = {}
        self._client_names = clients

    # --- settings ---------------------------------------------------------------------

    def _addresses(self):
        tcp = {k: f"tcp://127.0.0.1:{v}" for k, v in self.port.items()}
        plain = {k: f"127.0.0.1:{v}" for k, v in self.port.items()}
        found = {}
        for s in SERVICES:
            found[f"{s.upper()}_RPC_LISTEN"] = tcp[f"{s}.rpc"]
            found[f"{s.upper()}_ENDPOINT"] = ",".join(
                tcp[f"{name}.rpc"] for name in self.replicas.get(s, [s]))
            found[f"{s.upper()}_OPS_LISTEN"] = plain[f"{s}.ops"]
        return found | {
            "AUTH_EVENTS_LISTEN": tcp["auth.events"],
            "AUTH_EVENTS": ",".join(tcp[f"{name}.events"]
                                    for name in self.replicas.get("auth", ["auth"])),
            "MONITOR_TELEMETRY_LISTEN": tcp["monitor.telemetry"],
            "MONITOR_TELEMETRY": tcp["monitor.telemetry"],
            "GATEWAY_HTTP_LISTEN": plain["gateway.http"],
            "MONITOR_HTTP_LISTEN": plain["monitor.http"],
        }

    def environment(self, service):
        found = {k: os.environ[k] for k in KEEP if k in os.environ}
        found |= DEFAULTS | self._addresses()
        found |= {
            "KEYS_DIR": str(self.keys / f"keys-{service}"),
            "KEYS_PUBLIC_DIR": str(self.public), "PUBLIC_URL": self.url,
            "EMAIL_FILE_PATH": str(self.mail_dir), "REPLICA": service,
        }
        if self.database:
            found |= self.database.env()
        if self.redis:
            found["REDIS_URL"] = self.redis.url
        return found | self.settings

    @property
    def mail_dir(self):
        return self.dir / "mail"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port['gateway.http']}"

    @property
    def monitor_url(self):
        return f"http://127.0.0.1:{self.port['monitor.http']}"

    # --- life ---------------------------------------------------------------------------

    def verb(self, service, *arguments, check=True, typed="", **settings):
        """Runs a verb of a daemon (`migrate`, `createsuperuser`...) to its end."""
        environment = self.environment(service) | {k: str(v) for k, v in settings.items()}
        done = subprocess.run(
            [str(env.BIN / service), *map(str, arguments)], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, input=typed,
            timeout=env.seconds(60))
        assert not env.SANITIZER.search(done.stderr), done.stderr
        if check:
            assert done.returncode == 0, (f"{service} {' '.join(map(str, arguments))} ended "
                                          f"with {done.returncode}:\n{done.stderr}")
        return done

    def make_keys(self):
        self.keys.mkdir(mode=0o700, exist_ok=True)
        self.verb(self.services[0], "keygen", "--dir", self.keys)
        for name in self._client_names:
            self._make_client_key(name)

    def _make_client_key(self, name):
        out = self.dir / "clients"
        out.mkdir(mode=0o700, exist_ok=True)
        if not (out / f"{name}.key_secret").exists():
            self.verb(self.services[0], "keygen", "--dir", self.keys, "--client", name,
                      "--out", out)
        return read_cert(out / f"{name}.key_secret")

    def start(self):
        Stack.live.append(self)
        self.mail_dir.mkdir()
        self.make_keys()
        if self.database:
            for s in WITH_DATABASE:
                if s in self.services:
                    self.verb(s, "migrate")
        for s in self.services:
            self.daemons[s] = Daemon(s, self.environment(s), self.dir / f"{s}.log")
            self.daemons[s].start()
        for s in self.services:
            self.wait_ready(s)
        return self

    def start_replica(self, name):
        """Starts one of the replicas announced to the constructor ("catalog-2")."""
        service = name.rsplit("-", 1)[0]
        environment = self.environment(service) | {
            f"{service.upper()}_RPC_LISTEN": self.endpoint(name),
            f"{service.upper()}_OPS_LISTEN": f"127.0.0.1:{self.port[name + '.ops']}",
            f"{service.upper()}_REPLICA": name}
        if service == "auth":
            environment["AUTH_EVENTS_LISTEN"] = f"tcp://127.0.0.1:{self.port[name + '.events']}"
        self.daemons[name] = Daemon(service, environment, self.dir / f"{name}.log")
        self.daemons[name].start()
        self.wait_ready(name)

    def restart(self, service, **settings):
        """Starts a daemon that has ended (or stops it first), and waits until ready."""
        daemon = self.daemons[service]
        daemon.stop()
        daemon.environment |= {k: str(v) for k, v in settings.items()}
        daemon.start()
        self.wait_ready(service)

    def wait_ready(self, service, timeout=30.0):
        daemon = self.daemons[service]

        def ready():
            assert daemon.running, (f"{service} ended with {daemon.process.returncode}:\n"
                                    f"{daemon.tail()}")
            return self.ops(service, "/readyz")[0] == 200

        try:
            env.wait_until(ready, timeout, f"{service} gets ready")
        except AssertionError as e:
            said = self.ops(service, "/readyz")
            raise AssertionError(f"{e}; /readyz says {said}\n{daemon.tail()}") from None

    def stop(self):
        """Stops everything and looks for what must not be: sanitizer reports, panics, an
        exit status other than 0."""
        problems = []
        for client in self._clients.values():
            client.close()
        for daemon in reversed(list(self.daemons.values())):
            try:
                status = daemon.stop()
            except AssertionError as e:
                problems.append(str(e))
                continue
            if status != 0:
                problems.append(f"{daemon.name} ended with {status}:\n{daemon.tail()}")
        problems += self.sanitizer_reports()
        self.ports.close()
        if self in Stack.live:
            Stack.live.remove(self)
        if problems or os.environ.get("QUINTET_KEEP"):
            print(f"kept for a look: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        assert not problems, "\n".join(problems)

    def sanitizer_reports(self):
        return [f"{d.name}:\n{d.tail(80)}" for d in self.daemons.values()
                if env.SANITIZER.search(d.output())]

    def tails(self):
        return "\n".join(f"--- {d.name} {'runs' if d.running else 'has ended'}\n{d.tail(30)}"
                         for d in self.daemons.values())

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self._give_up()
            raise

    def _give_up(self):
        try:
            self.stop()
        except AssertionError:
            pass  # the first failure is the one to tell

    def __exit__(self, *_):
        self.stop()

    # --- talking to it ------------------------------------------------------------------

    def client(self, service, name="gateway"):
        """A REQ client of a service, with a key that carries the name of another one."""
        if (service, name) not in self._clients:
            self._clients[service, name] = Client(
                self.endpoint(service), self.server_key(self.daemons[service].name),
                self._make_client_key(name), contract=self.contract)
        return self._clients[service, name]

    def endpoint(self, service):
        return f"tcp://127.0.0.1:{self.port[f'{service}.rpc']}"

    def server_key(self, service):
        pair = read_cert(self.keys / f"keys-{service}" / "curve.key_secret")
        return pair[0] if pair else server_key(self.public, service)

    def ops(self, service, path):
        """(status, text) of an ops port; (0, reason) when nobody listens."""
        try:
            return get(f"http://127.0.0.1:{self.port[f'{service}.ops']}{path}")
        except (OSError, http.client.HTTPException) as e:
            return 0, str(e)

    def http(self, verb, path, body=None, token=None, headers=None):
        """A request to the gateway: (status, parsed JSON or text, headers)."""
        return http_to(self.port["gateway.http"], verb, path, body, token, headers)


def http_to(port, verb, path, body=None, token=None, headers=None):
    """A request to a loopback port: (status, parsed JSON or text, headers)."""
    data = body if isinstance(body, bytes) else None
    if body is not None and data is None:
        data = json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} if data is not None else {}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=env.seconds(20))
    try:
        connection.request(verb, path, data, sent | (headers or {}))
        answer = connection.getresponse()
        raw, kind = answer.read(), answer.headers.get("Content-Type", "")
        value = json.loads(raw) if "json" in kind and raw else raw.decode()
        return answer.status, value, answer.headers
    finally:
        connection.close()


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=env.seconds(5)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
