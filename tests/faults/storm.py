"""A storm of faults over a whole stack, and the reckoning after it.

Clients write down what they are about to ask (and sync it to disk) before they ask, and the
answer after. Faults come from a seeded schedule. When it is over everything is started again,
the queues run empty, and journal, database and mail server are held against each other, in
the words of Jepsen: attempted, acknowledged, ok, lost, duplicated, unexpected, recovered.
"""

import collections
import hashlib
import http.client
import json
import os
import pathlib
import random
import signal
import tempfile
import threading
import time

from quintet import env
from quintet.postgres import Cluster
from quintet.redis import Redis
from quintet.smtp import SmtpSink
from quintet.stack import Stack

PASSWORD = "testpass123"
DAEMONS = ("auth", "auth-2", "catalog", "catalog-2", "mailer", "mailer-2")

# Leases and time-outs short enough that a storm of minutes sees many of them run out.
SETTINGS = {
    "MAILER_LEASE_MS": "4000", "MAILER_SEND_TIMEOUT_MS": "1500",
    "MAILER_CONNECT_TIMEOUT_MS": "1000",
    # One mail under way in each mailer, so that a fault costs one verdict at most.
    "MAILER_CONNECTIONS": "1",
}

# Written down by the database itself: what happens to a job after its end.
WATCH_ENDS = """
    create table watch.ended (job_id uuid, was text, now text, at timestamptz default now());
    create function watch.note() returns trigger language plpgsql as $$
    begin
        insert into watch.ended (job_id, was, now) values (old.job_id, old.state, new.state);
        return new;
    end $$;
    create trigger watch_ends before update on mailer.job for each row
        when (old.state in ('sent', 'dead', 'expired', 'suppressed')
              and (old.state <> new.state or old.finished_at is distinct from new.finished_at))
        execute function watch.note();
    grant usage on schema watch to public;
    grant insert, select on watch.ended to public;
"""


class Journal:
    """One JSON object a line; `intent` returns once it is on the disk."""

    def __init__(self, path):
        self._file, self._lock = open(path, "a", encoding="utf-8"), threading.Lock()

    def _write(self, entry):
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def intent(self, key, what):
        with self._lock:
            self._write({"intent": key, **what})
            os.fdatasync(self._file.fileno())

    def answer(self, key, status, body):
        with self._lock:
            self._write({"answer": key, "status": status, "body": body[:500]})

    def close(self):
        self._file.close()


class Request:
    """What a client asked for, and what it knows of the outcome: None is "unknown"."""

    def __init__(self, name, kind, keyed):
        self.name, self.kind, self.keyed = name, kind, keyed
        self.status, self.body = None, ""
        self.statuses = []

    @property
    def acknowledged(self):
        return self.status == 201


class Client(threading.Thread):
    """Registers users and adds products, one after the other, until told to end. A request
    with a key is repeated with the same key until its outcome is known; one without is
    sent once."""

    def __init__(self, storm, number):
        super().__init__(daemon=True)
        self.storm, self.number = storm, number
        self.random = random.Random(f"{storm.seed}-client-{number}")
        self.requests = []
        self._connection = None

    def _send(self, path, headers, body):
        if not self._connection:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self.storm.stack.port["gateway.http"], timeout=env.seconds(20))
        try:
            self._connection.request("POST", path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as e:
            self._connection.close()
            self._connection = None
            return 0, repr(e)

    def _ask(self, request, path, headers, value):
        body = json.dumps(value).encode()
        headers = {"Content-Type": "application/json"} | headers
        if request.keyed:
            headers["Idempotency-Key"] = request.name
        self.storm.journal.intent(request.name, {
            "path": path, "keyed": request.keyed, "hash": hashlib.sha256(body).hexdigest()})
        for _ in range(200 if request.keyed else 1):
            status, text = self._send(path, headers, body)
            self.storm.journal.answer(request.name, status, text)
            request.statuses.append(status)
            if status not in (0, 409, 502, 503, 504):
                request.status, request.body = status, text
                return
            if self.storm.over.wait(self.random.uniform(0.05, 0.3)) and not request.keyed:
                return

    def _register(self, serial):
        name = f"u{self.number}x{serial}"
        request = Request(name, "user", self.random.random() < 0.7)
        self.requests.append(request)
        self._ask(request, "/api/auth/register", {}, {
            "username": name, "email": f"{name}@example.com", "password": PASSWORD})

    def _add_product(self, serial):
        name = f"p{self.number}x{serial}"
        request = Request(name, "product", self.random.random() < 0.3)
        self.requests.append(request)
        self._ask(request, "/api/products",
                  {"Authorization": f"Bearer {self.storm.token}"},
                  {"name": name, "price": "1.00", "category": self.storm.category})

    def run(self):
        serial = 0
        while not self.storm.enough.wait(self.storm.pace):
            serial += 1
            if self.random.random() < 0.75:
                self._register(serial)
            else:
                self._add_product(serial)
        if self._connection:
            self._connection.close()


class Faults(threading.Thread):
    """One fault after another, as the seed says, until there have been enough."""

    KINDS = (  # weight, method
        (8, "kill_daemon"), (6, "stop_daemon"), (4, "kill_postgres"), (1, "stop_postgres"),
        (2, "mail_server_away"), (2, "mail_server_grumbles"), (2, "verdict_comes_late"),
    )

    def __init__(self, storm, count, pause):
        super().__init__(daemon=True)
        self.storm, self.count, self.pause = storm, count, pause
        self.random = random.Random(f"{storm.seed}-faults")
        self.done = collections.Counter()
        self.finished, self.error = threading.Event(), None

    def _pick_daemon(self):
        return self.random.choice(DAEMONS)

    def kill_daemon(self):
        name = self._pick_daemon()
        daemon = self.storm.stack.daemons[name]
        daemon.kill()
        time.sleep(self.random.uniform(0, 0.5))
        daemon.start()
        return f"kill {name}"

    def stop_daemon(self):
        name = self._pick_daemon()
        pid = self.storm.stack.daemons[name].process.pid
        seconds = self.random.choice((0.5, 1.5, 3.5, 6.0))
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        return f"stop {name} for {seconds} s"

    def kill_postgres(self):
        """At once, or hanging first, so that statements are under way when it dies."""
        how = self.random.choice((signal.SIGKILL, signal.SIGQUIT))
        hang = self.random.choice((0, 0.3))
        if hang:
            self.storm.cluster.signal_all(signal.SIGSTOP)
            time.sleep(hang)
            self.storm.cluster.signal_all(signal.SIGKILL)
        self.storm.cluster.kill(how)
        time.sleep(self.random.uniform(0, 0.5))
        self.storm.cluster.start()
        return f"postgres {'hangs and ' if hang else ''}ends with {how.name}"

    def stop_postgres(self):
        self.storm.cluster.signal_all(signal.SIGSTOP)
        time.sleep(self.random.uniform(0.5, 2.5))
        self.storm.cluster.signal_all(signal.SIGCONT)
        return "stop postgres"

    def mail_server_away(self):
        self.storm.smtp.stop()
        time.sleep(self.random.uniform(0.2, 1.0))
        self.storm.smtp.start()
        return "mail server away"

    def mail_server_grumbles(self):
        replies = [self.random.choice(("451 4.3.0 later", "421 4.3.2 going down",
                                       "452 4.2.2 full")) for _ in range(5)]
        self.storm.smtp.script(self.random.choice(("RCPT", "DATA")), *replies)
        return "mail server grumbles"

    def verdict_comes_late(self):
        """A mailer sleeps beyond its lease while the server's answer waits to be read."""
        name = self.random.choice(("mailer", "mailer-2"))
        pid = self.storm.stack.daemons[name].process.pid
        self.storm.smtp.delay = 0.5
        time.sleep(1.0)
        os.kill(pid, signal.SIGSTOP)
        self.storm.smtp.delay = 0
        time.sleep(6.0)
        os.kill(pid, signal.SIGCONT)
        return f"{name} reads a verdict too late"

    def run(self):
        weights = [w for w, _ in self.KINDS]
        try:
            for number in range(1, self.count + 1):
                if self.storm.over.wait(self.random.uniform(*self.pause)):
                    return
                _, kind = self.random.choices(self.KINDS, weights)[0]
                what = getattr(self, kind)()
                self.done[kind] += 1
                self.storm.tell(f"fault {number}/{self.count}: {what}")
        except BaseException as e:  # told by the storm, which must not wait for more
            self.error = e
        finally:
            self.finished.set()
            # What this thread has started dies with it (PR_SET_PDEATHSIG is per thread).
            self.storm.ended.wait()


class Storm:
    """with Storm(seed=7, acks=3000, faults=100) as storm: verdict = storm.run()"""

    """pause: seconds between faults, from and to; pace: seconds between two requests of a
    client; limit: seconds after which it ends, enough or not."""

    def __init__(self, seed, acks, faults, clients=6, pause=(0.3, 1.5), pace=0.05,
                 tell=print, limit=3600):
        self.seed, self.acks, self.tell, self.limit = seed, acks, tell, limit
        self.enough, self.over, self.ended = (threading.Event() for _ in range(3))
        self.nfaults, self.nclients = faults, clients
        self.pause, self.pace = pause, pace
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="quintet-storm-"))
        self.journal = Journal(self.dir / "journal")

    def __enter__(self):
        self.cluster = Cluster(synchronous_commit="on", max_connections="200")
        self.database = self.cluster.create_database()
        self.redis, self.smtp = Redis(), SmtpSink()
        self.stack = Stack(["auth", "catalog", "mailer", "gateway"], self.database,
                           self.redis, replicas={"auth": 2, "catalog": 2, "mailer": 2},
                           **SETTINGS, **self.smtp.env())
        self.stack.__enter__()
        for name in ("auth-2", "catalog-2", "mailer-2"):
            self.stack.start_replica(name)
        self._prepare()
        return self

    def _prepare(self):
        self.database.query("create schema watch")
        self.database.query(WATCH_ENDS)
        self.stack.verb("auth", "createsuperuser", "--no-input",
                        DJANGO_SUPERUSER_USERNAME="boss",
                        DJANGO_SUPERUSER_EMAIL="boss@example.com",
                        DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        status, tokens, _ = self.stack.http("POST", "/api/auth/login",
                                            {"username": "boss", "password": PASSWORD})
        assert status == 200, tokens
        self.token = tokens["access"]
        status, category, _ = self.stack.http("POST", "/api/categories", {"name": "c"},
                                              token=self.token)
        assert status == 201, category
        self.category = category["id"]

    def __exit__(self, *_):
        self.over.set()
        try:
            self.stack.stop()
        finally:
            self.journal.close()
            self.smtp.close()
            self.redis.stop()
            self.cluster.stop()
            self.ended.set()

    # --- the storm ----------------------------------------------------------------------

    def run(self):
        self.clients = [Client(self, n) for n in range(self.nclients)]
        self.faults = Faults(self, self.nfaults, self.pause)
        for thread in (*self.clients, self.faults):
            thread.start()
        stuck = self._wait_for_enough()
        self.enough.set()
        self.over.set()
        self.faults.finished.wait(env.seconds(60))
        self._calm_down()
        for client in self.clients:
            client.join(env.seconds(90))
        stuck = stuck or any(c.is_alive() for c in self.clients)
        quiet = self._wait_until_quiet()
        return Verdict(self, stuck, quiet)

    def _acknowledged(self):
        return sum(r.acknowledged for c in self.clients for r in list(c.requests))

    def _wait_for_enough(self):
        """True when nothing more was acknowledged for a minute although all of it should
        be up again within seconds, or when the time is over."""
        most, moved = 0, time.monotonic()
        end = moved + self.limit
        while self._acknowledged() < self.acks or not self.faults.finished.is_set():
            time.sleep(0.2)
            now, count = time.monotonic(), self._acknowledged()
            if count > most:
                most, moved = count, now
            if self.faults.error:
                raise self.faults.error
            if now - moved > env.seconds(60) or now > end:
                return True
        return False

    def _calm_down(self):
        """Everything is started and goes on; the mail server says yes to all."""
        self.smtp.clear()
        self.smtp.delay = 0
        for name, daemon in self.stack.daemons.items():
            if not daemon.running:
                daemon.start()
            os.kill(daemon.process.pid, signal.SIGCONT)
            self.stack.wait_ready(name, 60)

    def _left(self):
        """Events and mails that are still on their way."""
        return self.database.query(
            "select (select count(*) from auth.outbox where seq is null)"
            " + (select head from auth.event_stream where stream = 'user')"
            " - (select seq from mailer.cursor where stream = 'user')"
            " + (select count(*) from mailer.job where state in ('ready', 'leased'))")[0][0]

    def _wait_until_quiet(self):
        # Mails that were refused wait for up to 30 minutes: the storm has no use for that.
        end = time.monotonic() + env.seconds(120)
        while self._left() > 0:
            self.database.query("update mailer.job set run_at = now() where state = 'ready'")
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True


class Verdict:
    """What is true after the storm. `problems` is empty when every promise was kept."""

    def __init__(self, storm, stuck, quiet):
        self.problems = []
        self.faults = sum(storm.faults.done.values())
        requests = [r for c in storm.clients for r in c.requests]
        users = [r for r in requests if r.kind == "user"]
        products = [r for r in requests if r.kind == "product"]
        self._check(not stuck, "clients made no progress for a minute")
        self._check(quiet, f"{storm._left()} events or mails are still on their way")
        self.count = collections.Counter(
            attempted=len(requests), acknowledged=sum(r.acknowledged for r in requests))
        self._judge_users(storm, users)
        self._judge_products(storm, products)
        self._judge_answers(requests)
        self._judge_jobs(storm)
        self.late = sum(d.output().count('"late_ack"') for d in storm.stack.daemons.values())

    def _check(self, fine, problem):
        if not fine:
            self.problems.append(problem)

    def _judge_users(self, storm, users):
        rows = dict(storm.database.query(
            "select u.username, count(o.id) from auth.users u left join auth.outbox o"
            " on o.aggregate_id = u.id and o.type = 'user.registered' group by u.id"))
        copies = collections.defaultdict(list)
        for mail in storm.smtp.mails:
            copies[mail.recipients[0].split("@")[0]].append(mail.raw)
        for r in users:
            self._judge_user(r, rows.get(r.name), copies.get(r.name, []))
        known = {r.name for r in users if r.name in rows}
        for name in sorted(set(copies) - known - {"boss"}):
            self._unexpected(f"a mail to {name}, who is not registered")
        self.count["extra copies"] = sum(len(c) - 1 for c in copies.values())
        self._check(self.count["extra copies"] <= self.faults,
                    f"{self.count['extra copies']} extra copies for {self.faults} faults")

    def _judge_user(self, request, events, mails):
        name = request.name
        if events is None:
            if request.acknowledged:
                self._lost(f"{name} was acknowledged and is not there")
            return
        if not request.acknowledged:
            self.count["recovered"] += 1
        if events != 1:
            self._unexpected(f"{name} has {events} events")
        if not mails:
            self._lost(f"{name} got no mail")
            return
        self.count["ok"] += 1
        if len(mails) > 1:
            self.count["duplicated"] += 1
        self._check(len(mails) <= 3, f"{name} got {len(mails)} copies")
        self._check(len(set(mails)) == 1, f"the copies to {name} differ")

    def _judge_products(self, storm, products):
        rows = collections.Counter(name for (name,) in storm.database.query(
            "select name from catalog.product"))
        for r in products:
            if r.acknowledged and not rows[r.name]:
                self._lost(f"{r.name} was acknowledged and is not there")
            elif rows[r.name] > 1:
                self._unexpected(f"{r.name} is there {rows[r.name]} times")
            elif rows[r.name]:
                self.count["ok" if r.acknowledged else "recovered"] += 1

    def _judge_answers(self, requests):
        """A first request for a fresh name is never refused; a key always ends in 201."""
        for r in requests:
            if r.status not in (None, 201):
                self._unexpected(f"{r.name} was answered {r.status}: {r.body[:200]}")
            if r.keyed and r.status is None:
                self._unexpected(f"{r.name} never learned its outcome: {r.statuses[-5:]}")
            if 500 in r.statuses:
                self._unexpected(f"{r.name} was answered 500")

    def _judge_jobs(self, storm):
        for job, state, error in storm.database.query(
                "select job_id, state, last_error from mailer.job where state <> 'sent'"):
            self._check(False, f"job {job} is {state}: {error}")
        for job, was, now in storm.database.query("select job_id, was, now from watch.ended"):
            self._unexpected(f"job {job} had ended ({was}) and was written again ({now})")

    def _lost(self, what):
        self.count["lost"] += 1
        self.problems.append("lost: " + what)

    def _unexpected(self, what):
        self.count["unexpected"] += 1
        self.problems.append("unexpected: " + what)

    def __str__(self):
        words = ("attempted", "acknowledged", "ok", "lost", "duplicated", "extra copies",
                 "unexpected", "recovered")
        return (f"{self.faults} faults: " + ", ".join(f"{self.count[w]} {w}" for w in words)
                + f"; {self.late} late verdicts refused")
