"""A private whole system: `deploy/local/run` in a directory and on ports of its own.

It is filled by SQL rather than through the API, so that the benchmark depends on nothing but
the table; columns are looked up, so that one more of them breaks nothing.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import procfs

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 180
STOP_SECONDS = 60
# What would tie the private stack to another one.
FOREIGN = re.compile(r"^(POSTGRES_|REDIS_|PG[A-Z]+$|EMAIL_|QUINTET_|KEYS_"
                     r"|RUN_DIR$|MONITOR_TELEMETRY$|PUBLIC_URL$|DJANGO_FRONTEND_URL$)"
                     r"|_(LISTEN|ENDPOINT|EVENTS|PORT)$|^MAKE")


class Impossible(Exception):
    """The measurement cannot be made; the text says why."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, path, timeout=5.0):
    """Status, header lines and body of one GET on loopback; status 0: no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    except (OSError, http.client.HTTPException):
        return 0, [], b""
    finally:
        connection.close()


class Stack:
    def __init__(self, supervisor, bin_dir):
        self.supervisor = supervisor
        self.bin_dir = bin_dir
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="quintet-bench-"))
        self.home.chmod(0o755)  # Postgres runs as another user when we are root
        self.run_dir = self.home / "run"
        self.log = self.home / "supervisor.log"
        self.port = free_port()
        self.monitor_port = free_port()
        self.process = None

    # ---- life ----------------------------------------------------------------------

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not FOREIGN.search(k)}
        env.update(RUN_DIR=str(self.run_dir), BIN_DIR=str(self.bin_dir),
                   GATEWAY_PORT=str(self.port), MONITOR_PORT=str(self.monitor_port),
                   RATE_LIMIT_EXEMPT="127.0.0.0/8,::1/128")
        return env

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.supervisor)], cwd=ROOT, env=self.environment(), stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)

    def start(self):
        self.launch()
        end = time.monotonic() + START_SECONDS
        while get(self.port, "/health")[0] != 200:
            if self.process.poll() is not None:
                raise Impossible(f"{self.supervisor} ended with {self.process.returncode}:"
                                 f"\n{self.log_tail()}")
            if time.monotonic() > end:
                raise Impossible(f"the stack is not healthy after {START_SECONDS} s:"
                                 f"\n{self.log_tail()}")
            time.sleep(0.1)

    def stop(self):
        """The supervisor stops its children; whatever is left of them is ours to end."""
        if not self.process:
            return
        members = {pid: procfs.started(pid) for pid in self.processes()}
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.end_leftovers(members, number)
        self.process = None

    @staticmethod
    def end_leftovers(members, number):
        for _ in range(20):
            left = [p for p, since in members.items() if since and procfs.started(p) == since
                    and procfs.read(f"/proc/{p}/cmdline")]
            if not left:
                return
            for pid in left:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            time.sleep(0.25)

    def remove(self):
        shutil.rmtree(self.home, ignore_errors=True)

    def log_tail(self):
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join("    " + line for line in lines[-15:])

    # ---- looking at it -------------------------------------------------------------

    def processes(self):
        return procfs.family(self.process.pid, str(self.run_dir))

    def daemon_pid(self, name):
        for pid in self.processes():
            if procfs.is_daemon(pid, name):
                return pid
        raise Impossible(f"{name} is not running")

    def pss_kib(self):
        """Proportional set size by process name."""
        total = {}
        for pid, name in self.processes().items():
            total[name] = total.get(name, 0) + procfs.pss_kib(pid)
        return total

    def settings(self):
        """What `.run/env` says, as the shell understands it."""
        script = 'set -a; . "$1" >/dev/null; exec env -0'
        out = subprocess.run(["bash", "-c", script, "bash", str(self.run_dir / "env")],
                             env={"PATH": os.environ["PATH"]}, check=True,
                             stdout=subprocess.PIPE).stdout.decode()
        return dict(pair.split("=", 1) for pair in out.split("\0") if "=" in pair)

    def ops_ports(self):
        """{daemon: port of its /readyz}, as far as `.run/env` tells."""
        settings = self.settings()
        ports = {}
        for name in procfs.DAEMONS:
            listen = settings.get(f"{name.upper()}_OPS_LISTEN", "")
            if ":" in listen:
                ports[name] = int(listen.rsplit(":", 1)[1])
        return ports

    # ---- its database --------------------------------------------------------------

    def database_environment(self):
        """Variables for psql and libpq: the stack's administrator, the catalog's schema."""
        s = self.settings()
        password = s.get("POSTGRES_PASSWORD", "")
        if not password and s.get("POSTGRES_PASSWORD_FILE"):
            password = pathlib.Path(s["POSTGRES_PASSWORD_FILE"]).read_text().strip()
        wanted = {"PGHOST": s.get("POSTGRES_HOST"), "PGPORT": s.get("POSTGRES_PORT"),
                  "PGUSER": s.get("POSTGRES_USER"), "PGDATABASE": s.get("POSTGRES_DB"),
                  "PGPASSWORD": password, "PGOPTIONS": "-c search_path=catalog"}
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        env.update({k: v for k, v in wanted.items() if v})
        return env

    def sql(self, text):
        done = subprocess.run(["psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-f", "-"],
                              input=text, text=True, env=self.database_environment(),
                              capture_output=True)
        if done.returncode:
            raise Impossible(f"psql: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def fill(self, products, already=0):
        """Categories 1..10 and products 1..N with descriptions of 120 characters; `already`:
        how many of them are there."""
        if not already:
            self.sql("""
                insert into category (id, name, description, created_at)
                select g, 'Category ' || g, 'For the bench', now() from generate_series(1, 10) g;
                select setval(pg_get_serial_sequence('category', 'id'), 1000);
                select setval(pg_get_serial_sequence('product', 'id'), 100000000);
                insert into user_name values (1000000001, 'bench', 1)""")
        self.sql(f"""
            insert into product (id, name, description, price, created_at, category_id,
                                 owner_id)
            select g, 'Product ' || g,
                   rpad('Description of product ' || g || ' ', 120, 'lorem ipsum '),
                   (g % 10000) / 100.0 + 1, now() - g * interval '1 s', 1 + g % 10, 1000000001
            from generate_series({already + 1}, {products}) g;
            delete from counter where kind = 'product';
            insert into counter
            select 'product', 0, 0, count(*) from product
            union all select 'product', category_id, 0, count(*) from product group by 2;
            vacuum analyze product;
            vacuum analyze category;""")

    def verb(self, daemon, *words, **settings):
        """`auth createsuperuser ...` with the settings of the stack."""
        done = subprocess.run([str(self.bin_dir / daemon), *words], text=True,
                              env=self.settings() | settings, capture_output=True)
        if done.returncode:
            raise Impossible(f"{daemon} {' '.join(words)}: {done.stderr.strip()}")

    def post(self, path, body, token=None):
        """The value of an answer that must be a success."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status not in (200, 201):
            raise Impossible(f"POST {path} answers {answer.status}: {text[:200]!r}")
        return json.loads(text)


class StartWatch:
    """Time from exec to ready of each daemon, while the whole system starts.

    New processes are looked for, and /readyz is asked, every 2 ms; so a figure is right to
    about 4 ms, and it holds what the daemon waits for (its database connection, and for the
    gateway the auth service), but no initdb, keys or migrations: the system ran before.
    """

    def __init__(self, stack):
        self.stack = stack
        self.ports = stack.ops_ports()
        self.known = set(procfs.all_pids())
        self.seen = {}
        self.ready = {}

    def look(self, now):
        fresh = [p for p in procfs.all_pids() if p not in self.known]
        for pid in fresh:
            name = os.path.basename(procfs.executable(pid))
            if name not in self.ports or not procfs.mentions(pid, str(self.stack.run_dir)):
                continue  # not yet exec'ed, or nothing of ours
            self.known.add(pid)
            if procfs.is_daemon(pid, name):
                self.seen.setdefault(name, now)

    def ask(self):
        for name in self.seen:
            if name not in self.ready and get(self.ports[name], "/readyz", 0.5)[0] == 200:
                self.ready[name] = time.monotonic()

    def run(self):
        end = time.monotonic() + 60
        while len(self.ready) < len(self.ports) and time.monotonic() < end:
            turn = time.monotonic()
            self.look(turn)
            self.ask()
            time.sleep(max(0.0, 0.002 - (time.monotonic() - turn)))
        return {name: (self.ready[name] - self.seen[name]) * 1e3 for name in self.ready}


def start_times(stack, restarts):
    """Medians in ms of so many restarts of the whole system; the last one stays up."""
    samples = {}
    for _ in range(restarts):
        stack.stop()
        watch = StartWatch(stack)
        stack.launch()
        for name, ms in watch.run().items():
            samples.setdefault(name, []).append(ms)
    return {name: sorted(ms)[len(ms) // 2] for name, ms in samples.items()}
