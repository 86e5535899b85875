"""A private Postgres cluster on a Unix socket, with a database per test module."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import tempfile

import psycopg2
from psycopg2 import sql

from . import env

SETTINGS = {
    "listen_addresses": "", "fsync": "off", "synchronous_commit": "off",
    "full_page_writes": "off", "max_connections": "300", "shared_buffers": "64MB",
    "autovacuum": "off", "log_min_messages": "warning", "max_wal_size": "256MB",
}


def find_bin():
    for path in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (path / "initdb").exists():
            return path
    raise RuntimeError("Postgres is not installed: /usr/lib/postgresql/*/bin/initdb")


def as_server(*command, alive=False):
    """Postgres refuses root: it runs as the user of Debian's package then. alive: a server,
    which must not outlive us either."""
    drop = ["setpriv"]
    if os.geteuid() == 0:
        drop += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    if alive:
        drop += ["--pdeathsig", "QUIT"]
    return [*(drop + ["--"] if len(drop) > 1 else []), *map(str, command)]


def statement_of(service, name):
    """The text of a daemon's own statement, without its comments."""
    text = (env.ROOT / "services" / service / "sql" / f"{name}.sql").read_text()
    return re.sub(r"--.*", "", text)


def plan_nodes(explained):
    """All nodes of what `explain (format json)` says, flat."""
    plan = explained if isinstance(explained, list) else json.loads(explained)
    nodes, todo = [], [plan[0]["Plan"]]
    while todo:
        nodes.append(todo.pop())
        todo += nodes[-1].get("Plans", [])
    return nodes


class Cluster:
    """A server. With QUINTET_TEST_POSTGRES (a socket directory) set, that one is used, so
    that several test processes share one. settings: for a server of one's own, to be
    killed and started again."""

    def __init__(self, **settings):
        shared = None if settings else os.environ.get("QUINTET_TEST_POSTGRES")
        self.settings = SETTINGS | settings
        self.owned = not shared
        self.user, self.port = "postgres", "5432"
        self.dir = pathlib.Path(shared or tempfile.mkdtemp(prefix="quintet-tests-pg-"))
        if self.owned:
            self._create()

    def _run(self, *command):
        done = subprocess.run(as_server(*command), stdout=subprocess.PIPE, cwd="/",
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}")

    def _create(self):
        path = find_bin()
        if os.geteuid() == 0:
            shutil.chown(self.dir, "postgres", "postgres")
        self._run(path / "initdb", "-D", self.dir / "data", "-U", self.user, "-A", "trust",
                  "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
        self.start()

    def _spawn(self):
        path = find_bin()
        options = [word for k, v in self.settings.items() for word in ("-c", f"{k}={v}")]
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                as_server(path / "postgres", "-D", self.dir / "data", "-k", self.dir,
                          *options, alive=True),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True)

    def start(self):
        """Also after kill(): what the last one left in shared memory may have to go first."""
        self._spawn()
        env.wait_until(self._answers, 60, "Postgres answers", every=0.05)

    def kill(self, how=signal.SIGKILL):
        """Ends the server: KILL as a crash does, QUIT as `pg_ctl stop -m immediate`."""
        self.process.send_signal(how)
        self.process.wait(env.seconds(20))

    def signal_all(self, number):
        """To the server and each of its processes, which are in groups of their own."""
        server = self.process.pid
        children = pathlib.Path(f"/proc/{server}/task/{server}/children").read_text()
        for pid in (server, *map(int, children.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _answers(self):
        if self.process.poll() is not None:
            assert "pre-existing shared memory" in (self.dir / "log").read_text()[-2000:], \
                (self.dir / "log").read_text()[-2000:]
            self._spawn()
            return False
        try:
            self.connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self):
        if self.owned:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(env.seconds(20))
            shutil.rmtree(self.dir, ignore_errors=True)

    def connect(self, database="postgres"):
        connection = psycopg2.connect(host=str(self.dir), port=self.port, user=self.user,
                                      dbname=database)
        connection.autocommit = True
        return connection

    def create_database(self):
        name = f"t_{secrets.token_hex(6)}"
        with contextlib.closing(self.connect()) as c, c.cursor() as cursor:
            cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return Database(self, name)


class Database:
    """A fresh database. Tests look at rows with `query`; services get `env()`."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name

    def env(self):
        return {"POSTGRES_HOST": str(self.cluster.dir), "POSTGRES_PORT": self.cluster.port,
                "POSTGRES_DB": self.name, "POSTGRES_USER": self.cluster.user,
                "POSTGRES_PASSWORD": "trusted"}

    def query(self, text, params=None, schema=None):
        """All rows as tuples ([] for statements without a result). schema: the service
        whose tables are meant."""
        connection = self.cluster.connect(self.name)
        with contextlib.closing(connection), connection.cursor() as cursor:
            if schema:
                cursor.execute("select set_config('search_path', %s, false)", (schema,))
            cursor.execute(text, params)
            return cursor.fetchall() if cursor.description else []

    def statement(self, service, name, *values):
        """The rows of a daemon's own statement; values: SQL expressions for $1, $2, ..."""
        return self.query(f"prepare it as {statement_of(service, name)}; execute it ({', '.join(values)})",
                          schema=service)

    @contextlib.contextmanager
    def locked(self, text, schema):
        """Somebody else's transaction, which holds the locks that `text` takes."""
        with contextlib.closing(self.cluster.connect(self.name)) as holder:
            holder.autocommit = False
            cursor = holder.cursor()
            cursor.execute("select set_config('search_path', %s, false)", (schema,))
            cursor.execute(text)
            yield
            holder.rollback()

    def drop(self):
        connection = self.cluster.connect()
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(sql.SQL("drop database if exists {} with (force)")
                           .format(sql.Identifier(self.name)))
            cursor.execute("select rolname from pg_roles where rolname like %s",
                           (self.name.replace("_", r"\_") + r"\_%",))
            for (role,) in cursor.fetchall():
                cursor.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
