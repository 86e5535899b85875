"""The real pages over a made-up day: a server that answers the monitor's API (API.md) with rich,
always equal data. For screenshots and for tests of what the pages do with data that is hard
to bring about. Nothing of this is shipped.

    python3 tests/browser/made_up.py [PORT]        then http://127.0.0.1:5599/
"""

import datetime
import http.server
import json
import math
import pathlib
import queue
import random
import re
import sys
import threading
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEB = ROOT / "services" / "monitor" / "web"
AHEAD = {".css": (ROOT / "lib" / "svc" / "web" / "tokens.css").read_bytes()}  # as mk/embed.sh does
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
       "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'self'; "
       "frame-ancestors 'none'; require-trusted-types-for 'script'")
FRAME_CSP = ("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'self'; sandbox")
PAGES = re.compile(r"^/(|((workers|tasks|mails)(/[^/]+)?|flow|missed|dead|audit|login)/?)$")
BAD = "<img src=x onerror=alert(1)>"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ago(seconds):
    return iso(now() - datetime.timedelta(seconds=seconds))


class World:
    """What there is. `hostile` puts markup into every text that comes from outside."""

    def __init__(self, well=False, hostile=False, signed_in=True, rows=1519):
        self.random = random.Random(7)
        self.well, self.hostile, self.signed_in = well, hostile, signed_in
        self.listeners, self.lock = [], threading.Lock()
        self.actions, self.posts, self.paused, self.per_minute, self.far, self.matching = [], [], False, None, 0, None
        self.mails = [self._mail(i) for i in range(rows)]
        self._audit()

    def text(self, said):
        return BAD if self.hostile else said

    # --- mails ---

    def _uuid(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _mail(self, i):
        r = self.random
        state = "sent"
        if i in (1, 9):
            state = "leased"
        elif i in (2, 14, 30):
            state = "retry"
        elif i in (4, 21, 22, 60, 61, 62, 90) and not self.well:
            state = "dead"
        elif i % 72 == 7:
            state = "expired"
        elif i in (0, 5, 12, 13):
            state = "ready" if i < 1 else "sent"
        people = ["noor", "li.wei", "samir", "tomas", "kim", "ana", "joe", "mia", "ivo", "zoe",
                  "ben", "una", "grete", "kofi", "yuki", "lena"]
        domains = ["example.com", "example.net", "example.org"]
        age = i * 57 + r.randrange(40)
        took = r.choice([0.17, 0.18, 0.19, 0.21, 0.22, 0.24, 0.31, 2.04])
        who = people[i % len(people)] if i < 16 else f"{people[i % len(people)]}{r.randrange(100)}"
        dead = {0: (550, "550 5.1.1 mailbox unavailable"), 1: (554, "554 5.7.1 message refused by policy"),
                2: (550, "550 5.1.1 mailbox unavailable")}[i % 3]
        done = state in ("sent", "dead", "expired")
        return {"job_id": self._uuid(), "event_id": self._uuid(),
                "template": ["verification", "password_reset", "verification", "welcome", "verification",
                             "verification", "password_changed"][i % 7],
                "recipient": self.text(f"{who}@{domains[i % 3] if state != 'dead' else 'example.org'}"),
                "state": "ready" if state == "retry" else state,
                "attempt": {"retry": 3, "ready": 0, "expired": 9}.get(state, 1 + (r.random() < .05)),
                "age": age, "took": took, "done": done,
                "run_in": 38 + i if state == "retry" else 0,
                "last_code": dead[0] if state == "dead" else 451 if state == "retry" else 250 if state == "sent" else None,
                "last_error": self.text(dead[1]) if state == "dead" else
                self.text("451 4.3.0 try again later") if state == "retry" else
                "the link ran out before it could be sent" if state == "expired" else None,
                "worker": None if state in ("expired", "ready") else f"mailer-{1 + i % 2}",
                "request_id": self._uuid().replace("-", ""), "user_id": 4117 - i}

    def job(self, m):
        found = {k: v for k, v in m.items() if k not in ("age", "took", "done", "run_in")}
        found["created_at"] = ago(m["age"])
        found["run_at"] = ago(-m["run_in"])
        found["finished_at"] = ago(m["age"] - m["took"]) if m["done"] else None
        return found

    def counts(self):
        found = {}
        for m in self.mails:
            found[m["state"]] = found.get(m["state"], 0) + 1
        return found

    def list_mails(self, q):
        limit, begin = int(q.get("limit", 50)), int(q.get("before", 0))
        text, words, rows = q.get("q", ""), q.get("q", "").split(), self.mails
        if text.count("(") != text.count(")"):
            return 400, {"error": True, "status_code": 400, "code": "invalid", "message": "Bad Request",
                         "detail": "The search is not well-formed.", "position": len(text[:text.index("(") if "(" in text else text.index(")")].encode()),
                         "details": {"q": ["This parenthesis has no partner."]}}
        if q.get("state"):
            rows = [m for m in rows if m["state"] == q["state"]]
        for w in words:
            no, w = w.startswith("-"), w.lstrip("-")
            field, _, value = w.rpartition(":")
            value = value.strip('"')
            keys = {"to": ["recipient"], "state": ["state"], "code": ["last_code"], "error": ["last_error"]}.get(field, ["recipient", "template", "last_error", "worker", "job_id"])
            if (field, value) == ("state", "retry"):
                rows = [m for m in rows if (m["state"] == "ready" and m["attempt"] > 0) != no]
                continue
            rows = [m for m in rows if any(value.lower() in str(m[k]).lower() for k in keys) != no]
        for key, keep in (("from", lambda a, t: a >= t), ("to", lambda a, t: a < t)):
            if q.get(key):
                rows = [m for m in rows if keep(ago(m["age"]), q[key])]
        if q.get("sort") == "created_at":
            rows = rows[::-1]
        if begin < self.far and text:
            return 200, {"jobs": [], "counts": self.counts(), "next": str(begin + 1), "looked_at": 100000, "exact": False, "queue": None}
        page = rows[begin:begin + limit]
        return 200, {"jobs": [self.job(m) for m in page], "counts": self.counts(),
                     "next": str(begin + limit) if begin + limit < len(rows) else None,
                     **({"matching": self.matching[0], "matching_more": self.matching[1]} if self.matching else {}),
                     "queue": {"paused": self.paused, "why": None, "connections": 2, "per_minute": None}}

    def show_mail(self, job_id):
        m = next((m for m in self.mails if m["job_id"] == job_id), None)
        if not m:
            return None
        found, at = self.job(m), m["age"]
        who = found["recipient"].split("@")[0]
        line = lambda dt, what, who, text=None, ms=None, code=None: {  # noqa: E731
            "at": ago(at - dt), "what": what, "who": who, "text": text, "code": code, "duration_ms": ms}
        found["timeline"] = [
            line(0, "registered", None, self.text(f"as {who}, from 203.0.113.7"), None),
            line(.02, "published", "auth-1", "sequence 18,402", 1),
            line(.03, "received", "mailer-1", "from the live stream", 3),
            line(.05, "attempt", m["worker"] or "mailer-1", self.text("mx.example.org:25, STARTTLS"), 12)]
        last = {"sent": ("sent", "250 2.0.0 accepted"), "dead": ("dead", found["last_error"]),
                "ready": ("deferred", found["last_error"]), "leased": ("claimed", None),
                "expired": ("expired", found["last_error"])}[m["state"]]
        found["timeline"].append(line(m["took"], last[0], m["worker"], last[1], int(m["took"] * 1000), found["last_code"]))
        phase = {"sent": "end", "dead": "recipient"}.get(m["state"], "recipient")
        said = found["last_error"] or "250 2.0.0 accepted"
        dialogue = [{"ms": 21, "phase": "connect", "text": self.text("220 mx.example.org ESMTP")}, {"ms": 44, "phase": "hello", "text": "250 STARTTLS"},
                    {"ms": 103, "phase": "sender", "text": "250 2.1.0 OK"}, {"ms": int(m["took"] * 1000), "phase": phase, "text": said}]
        found["attempts"] = [{"attempt": i + 1, "at": ago(at - .05 - 60 * i), "worker": "mailer-1", "phase": phase, "code": found["last_code"], "text": said,
                              "duration_ms": int(m["took"] * 1000), "dialogue": dialogue} for i in range(max(1, min(3, m["attempt"])))]
        found |= {"message_id": f"<{m['job_id'][:8]}@quintet.example>", "subject": self.text("Confirm your address"), "expires_at": ago(-76320), "event_seq": 18402,
                  "preview": f"Confirm your address\n\nHello {who},\n\nplease confirm that this address is yours:\n\n  [link hidden]\n\nThe link works for one day.",
                  "uncertain": 0, "crashes": 0, "can_retry": m["state"] in ("dead", "ready"), "can_revoke": m["state"] == "ready",
                  "headers": {"From": "Quintet <no-reply@example.com>", "To": found["recipient"], "Subject": self.text("Confirm your address"), "Message-ID": f"<{m['job_id'][:8]}@quintet.example>"},
                  "actions": [{"id": 3, "method": "mailer.jobs.retry", "actor": self.text("ada"), "reason": self.text("mx.example.org is back"), "at": ago(60)}] if m["state"] == "dead" else []}
        return found

    def spans(self, request_id):
        begin = int(now().timestamp() * 1e6)
        row = lambda service, name, start, took, status: {  # noqa: E731
            "request_id": request_id, "service": service, "instance": f"{service}-1", "name": name,
            "start_us": begin + start, "duration_us": took, "status": status}
        return [row("gateway", "POST /api/auth/register", 0, 21600, 201), row("auth", "hash pool", 900, 17800, 0),
                row("auth", "one statement", 18800, 1900, 0), row("auth", "sequencer to PUB", 20900, 700, 0)]

    # --- replicas ---

    def replica(self, service, n, **more):
        r = random.Random(f"{service}{n}")
        busy = {"gateway": 4206, "auth": 65.5, "catalog": 2760, "mailer": 3.1, "monitor": 0.4}[service]
        frozen = service == "catalog" and n == 2 and not self.well
        processed = int(busy * 86400 * r.uniform(.7, .9))
        found = {"service": service, "instance": f"{service}-{n}" if service != "monitor" else "monitor", "status": "frozen" if frozen else "up",
                 "evidence": "Last beat 14 s ago, TCP still open, 3 requests unanswered." if frozen else "A beat 0.4 s ago.",
                 "since": ago(14 if frozen else 71000), "version": "0.4.2", "control": f"tcp://10.0.0.{n + 2}:700{n}", "pid": 70 + n,
                 "uptime_s": 71000 + n, "silent_ms": 14000 if frozen else 400, "rss_kib": int({"gateway": 2970, "auth": 3277, "catalog": 1741, "mailer": 2816, "monitor": 8090}[service] * r.uniform(.97, 1.03)),
                 "cpu_permille": 0 if frozen else int(r.uniform(20, 420)), "restarts": 0, "rate": 0.0 if frozen else busy * r.uniform(.95, 1.05),
                 "p50_us": None if frozen else 400, "p99_us": None if frozen else 1600, "errors_permille": 0,
                 "active": 3 if frozen else r.randrange(3), "processed": processed, "failed": 7 if service == "mailer" and n == 1 else 0,
                 "succeeded": processed - 7, "retried": 15 if service == "mailer" else None, "loadavg": [0.42, 0.38, 0.31],
                 "load": {"in_flight": 3, "db_in_flight": 2, "cursor": 18402, "lag": 0}}
        if service == "mailer":
            found["load"] = {"ready": 2, "sending": 1, "oldest_s": 1, "connections": 2, "busy": 1, "cursor": 18402, "lag": 0}
        return found | more

    def services(self):
        tick = now().timestamp()
        found = []
        for name, n, rate, unit, p50, p99 in (("gateway", 2, 8412.0, "req/s", 900, 3100), ("auth", 2, 131.0, "req/s", 1200, 24000),
                                              ("catalog", 3, 8281.0, "req/s", 400, 1600), ("mailer", 2, 6.1, "mails/s", 210000, 900000),
                                              ("monitor", 1, 10.0, "replicas", None, None)):
            r = random.Random(name)
            phase = r.uniform(0, 6)
            spark = [rate * (1 + .16 * math.sin(phase + i / 7) + r.uniform(-.09, .09)) for i in range(60)]
            if name == "monitor":
                spark = [rate * (1 + r.uniform(-.03, .03)) * .25 for _ in range(60)]
            replicas = [self.replica(name, i + 1) for i in range(n)]
            load = {"mailer": {"ready": 4, "sending": 2, "oldest_s": 0.8}, "auth": {"hash_queue": 1}, "monitor": {"events": 412806}}.get(name, {"in_flight": 3})
            found.append({"name": name, "expected": True, "figure": {"value": rate + round(math.sin(tick)) * (rate > 1000), "unit": unit}, "spark": spark,
                          "p50_us": p50, "p99_us": p99, "errors_permille": 0, "rss_kib": sum(x["rss_kib"] for x in replicas),
                          "cpu_permille": sum(x["cpu_permille"] for x in replicas), "load": load, "replicas": replicas})
        return found

    def edges(self):
        return [{"from": "clients", "to": "gateway", "kind": "http", "rate": 8412.0, "p50_us": 900, "p99_us": 3100, "errors_permille": 0},
                {"from": "gateway", "to": "auth", "kind": "rpc", "rate": 131.0, "p50_us": 1200, "p99_us": 24000, "errors_permille": 0},
                {"from": "gateway", "to": "catalog", "kind": "rpc", "rate": 8281.0, "p50_us": 400, "p99_us": 1600, "errors_permille": 0},
                {"from": "auth", "to": "mailer", "kind": "events", "rate": 6.2, "lag": 0, "gaps": 3, "pulls": 3, "head": 18402},
                {"from": "auth", "to": "catalog", "kind": "events", "rate": 6.2, "lag": 0, "gaps": 0, "pulls": 0, "head": 18402},
                {"from": "mailer", "to": "smtp", "kind": "smtp", "rate": 6.1, "p50_us": 210000, "p99_us": 900000, "errors_permille": 4}]

    def overview(self, live=False):
        attention = [] if self.well else [
            {"level": "broken", "kind": "replica", "subject": "catalog-2", "title": "catalog-2 is frozen.",
             "text": "Last beat 14 s ago, TCP still open, 3 requests unanswered. Traffic moved to catalog-1 and catalog-3 after 1.9 s; 0 failed requests.",
             "page": "workers/catalog-2", "label": "Evidence", "since": ago(14)},
            {"level": "attention", "kind": "missed", "subject": "mail", "title": "2 people did not get their mail.",
             "text": self.text("Both refused by mx.example.org: 550 mailbox unavailable. Registered 09:12 and 09:40."), "page": "missed", "label": "Look and resend", "since": None}]
        r = random.Random(3)
        start = now().replace(minute=0, second=0, microsecond=0) - datetime.timedelta(hours=23)
        sent = [int(52 + 34 * max(0, math.sin((i - 4) / 24 * 2 * math.pi)) + r.randrange(8)) for i in range(24)]
        dead = [0] * 24
        if not self.well:
            dead[9], dead[10], dead[17] = 2, 4, 1
        found = {"now": iso(now()), "version": "0.4.2", "history": {"state": "ok", "since": ago(30 * 86400), "why": None},
                 "attention": attention, "counts": {"missed": 0 if self.well else 2, "dead": self.counts().get("dead", 0)},
                 "services": self.services(), "flow": {"window_s": 10, "edges": self.edges()}}
        if not live:
            found["mails"] = {"start": iso(start), "step_s": 3600, "complete": True, "sent": sent, "deferred": [0] * 24, "dead": dead,
                              "totals": {"sent": sum(sent), "deferred": 30, "dead": sum(dead)}}
            found["changes"] = [{"id": 75 - i, "at": ago(60 * m), "kind": k, "subject": s, "text": t, "who": None} for i, (m, k, s, t) in enumerate((
                (1, "frozen", "catalog-2", "catalog-2 froze"), (28, "scaled", "catalog", "catalog scaled 2 \u2192 3"), (57, "action", "mail", self.text("ada set mail rate 10/s \u2192 off")),
                (79, "version", "auth", "auth 0.4.1 \u2192 0.4.2"), (107, "action", "auth", "signing key rotated")))]
        return found

    def described(self, r):
        option = lambda name, value, default, source, help_, secret=False: {  # noqa: E731
            "name": name, "flag": "--" + name.lower().replace("_", "-"), "value": value, "default": default, "source": source, "secret": secret, "help": help_}
        return {"service": r["service"], "instance": r["instance"], "version": "0.4.2", "started_at": ago(r["uptime_s"]),
                "system": {"host": "a1", "kernel": "Linux 6.1", "machine": "x86_64", "cpus": 2, "pid": r["pid"], "uid": 65532, "threads": 4, "open_fds": 31, "rss_kib": r["rss_kib"],
                           "peak_rss_kib": r["rss_kib"] + 400, "cpu_user_us": 81234567, "cpu_system_us": 31234567, "minor_faults": 1212, "major_faults": 0,
                           "voluntary_switches": 98121, "involuntary_switches": 1211},
                "options": [option("MAIL_CONNECTIONS", "2", "2", "default", "SMTP connections at a time"), option("EMAIL_HOST", "mx.example.org", "localhost", "environment", "The mail server"),
                            option("EMAIL_HOST_PASSWORD", "set", None, "file", "Its password", True), option("MAIL_MAX_ATTEMPTS", "25", "25", "default", "Tries before a mail is given up"),
                            option("POSTGRES_URL", "postgresql://mailer:***@db/quintet", "", "environment", "The database"), option("LOG_LEVEL", "info", "info", "default", "What is logged")],
                "endpoints": [{"name": "rpc", "address": r["control"]}, {"name": "ops", "address": "127.0.0.1:9003"}],
                "pools": [{"name": "database connections", "size": 4, "busy": 0}],
                "methods": [{"name": "mailer.jobs.list", "requests": 1212, "errors": 0, "p50_us": 900, "p99_us": 1200}, {"name": "mailer.jobs.show", "requests": 96, "errors": 1, "p50_us": 700, "p99_us": 2400}],
                "counters": [{"name": "mailer_attempts_total", "labels": 'outcome="sent"', "value": 1482}, {"name": "mailer_attempts_total", "labels": 'outcome="deferred"', "value": 30}],
                "log_levels": "info", "draining": False}

    def flow(self):
        return {"stream": {"epoch": "6b1f0c52-3f0e-4a8e-9a53-1d2c3b4a5f60", "head": 18402, "outbox": 0, "oldest_s": 0, "error": None},
                "readers": [{"name": n, "acked": 18402 - lag, "lag": lag, "seen_at": ago(s)} for n, lag, s in (("catalog", 212, 340), ("gateway", 18, 96), ("mailer", 4, 12))],
                "consumers": [{"name": f"{n}-1", "service": n, "applied": 18402, "lag": 0, "seen_at": ago(1), "gaps": g, "pulls": g} for n, g in (("mailer", 3), ("catalog", 0), ("gateway", 0))],
                "queues": [{"name": "mail", "messages": 6, "ready": 4, "unacked": 2, "consumers": 2, "oldest_s": 1, "paused": self.paused, "connections": None, "connections_default": 2, "per_minute": self.per_minute}],
                "edges": self.edges(), "endpoints": [{"service": r["service"], "instance": r["instance"], "control": r["control"], "status": r["status"]} for s in self.services() for r in s["replicas"]],
                "redis": {"state": "up", "why": None}, "postgres": [{"service": s, "instance": f"{s}-1", "connected": True, "in_flight": 1, "live": self.well or s != "catalog", "seen_at": ago(14 if s == "catalog" else 1)} for s in ("auth", "catalog", "mailer", "monitor")]}

    def missed(self):
        dead = [m for m in self.mails if m["state"] == "dead"][:2]
        return {"checked_at": ago(2), "count": len(dead), "after_s": 60, "next": None, "missed": [
            {"user_id": m["user_id"], "username": m["recipient"].split("@")[0], "email": m["recipient"], "event_id": m["event_id"], "event": "user.registered",
             "registered_at": ago(m["age"]), "why": "dead", "text": m["last_error"], "job_id": m["job_id"]} for m in dead]}

    # --- acting ---

    def _audit(self):
        for i, (who, action, subject, n, why, said) in enumerate((
                ("ada", "session.start", "", None, "", "Signed in."), ("ada", "queue.settings", "mail", None, "sink is slow again", "At most 600 mails a minute."),
                ("ada", "queue.settings", "mail", None, "the sink is fast enough now", "No limit of mails a minute."), ("", "session.refused", "", None, "", "Authentication credentials were not provided or are invalid."),
                ("ada", "mails.retry", "mail", 3, "mx.example.org is back", "3 mails will be sent again."), ("ada", "replica.log_level", "auth-1", None, "looking for slow hashes", "auth-1 logs info,db=debug."))):
            self.actions.insert(0, {"id": i + 1, "at": ago(7200 - 900 * i), "actor": self.text(who), "via": "session", "action": action, "subject": subject, "count": n, "reason": self.text(why),
                                    "outcome": "failed" if action.endswith("refused") else "done", "summary": self.text(said), "client": "203.0.113.7"})

    def act(self, action, body):
        self.posts.append((action, body))
        rows = [m for m in self.mails if m["job_id"] in body.get("ids", [])] if "ids" in body else self.list_mails({"q": body.get("q", ""), "limit": "1000"})[1]["jobs"] if "q" in body else []
        sample = [{"id": m["job_id"], "text": f"{m['template']} to {m['recipient']}"} for m in rows[:5]]
        count, word = len(rows) or 1, action.split(".")[1]
        if body.get("preview"):
            title, said = {"retry": (f"Send {count} mails again" if count > 1 else "Send this mail again", f"{count} mails to {len({m['recipient'] for m in rows})} addresses are queued again."),
                           "pause": ("Pause the queue", "No mail is sent until somebody resumes it. 4 mails are ready, 2 under way are finished.")}.get(word, (f"{word.capitalize()} {body.get('instance', '')}", "This happens at once."))
            return {"preview": True, "title": title, "summary": said, "count": count, "sample": sample, "skipped": 0}
        if action in ("queue.pause", "queue.resume"):
            self.paused = action == "queue.pause"
        if action == "mails.resend":
            next(m for m in self.mails if m["user_id"] == body["user_id"])["state"] = "sent"
        if action == "queue.settings":
            self.per_minute = body["per_minute"]
        for m in rows:
            row = next(x for x in self.mails if x["job_id"] == m["job_id"])
            row["state"] = "ready" if word == "retry" else "revoked"
            self.say("mail", {"job_id": m["job_id"], "state": row["state"]})
        done = {"id": len(self.actions) + 1, "at": ago(0), "actor": "ada", "via": "session", "action": action, "subject": body.get("instance", "mail"), "count": count,
                "reason": body["reason"], "outcome": "done", "summary": {"retry": f"{count} mails will be sent again.", "pause": "The queue is paused."}.get(word, "Done."), "client": "127.0.0.1"}
        self.actions.insert(0, done)
        self.say("action", done)
        undo = {"action": "queue.resume", "body": {}, "label": "Resume"} if action == "queue.pause" else None
        return {"done": True, "summary": done["summary"], "count": count, "audit_id": done["id"], "undo": undo}

    def add_mail(self):
        m = self._mail(3)
        m["age"] = 0
        self.mails.insert(0, m)
        self.say("mail", {"job_id": m["job_id"], "state": "sent"})

    def say(self, event, data):
        with self.lock:
            for q in self.listeners:
                q.put((event, data))

    # --- history ---

    def series(self, q):
        metric = q["metric"]
        parse = lambda t: datetime.datetime.fromisoformat(t.replace("Z", "+00:00"))  # noqa: E731
        end = parse(q["to"]) if q.get("to") else now()
        begin = parse(q["from"]) if q.get("from") else end - datetime.timedelta(hours=1)
        span = (end - begin).total_seconds()
        step = 10 if span <= 1800 else 60 if span <= 14400 else 600 if span <= 172800 else 3600
        n = max(1, int(span // step))
        r = random.Random(metric)
        wave = [.55 + .45 * math.sin(i / n * 12) + r.uniform(-.1, .1) for i in range(n)]
        scale = {"requests": 4000, "sent": 12, "rss_kib": 2900, "deferred": 0, "dead": 0}.get(metric, 1)
        values = [max(0, round(w * scale)) for w in wave] if metric in ("sent", "requests") else [scale * r.uniform(.97, 1.03) for _ in range(n)]
        if metric == "dead" and not self.well:
            values = [1 if i % 37 == 11 else 0 for i in range(n)]
        return {"metric": metric, "start": iso(begin), "step_s": step, "points": n, "history": "ok", "unit": "", "series": [
            {"key": "all", "values": values, "p50_us": [400] * n, "p99_us": [int(1200 + 800 * w) for w in wave], "errors": [0] * n}], "changes": self.overview()["changes"][1:3]}

    def histogram(self, q):
        bounds = [int(100 * 1.5 ** i) for i in range(28)]
        found = []
        for r in next(s["replicas"] for s in self.services() if s["name"] == q["service"]):
            middle = 6 if r["status"] == "up" else 13
            counts = [int(4000 * math.exp(-((i - middle) / 2.2) ** 2)) for i in range(29)]
            found.append({"key": r["instance"], "counts": counts, "p50_us": bounds[middle], "p99_us": bounds[middle + 4], "count": sum(counts)})
        return {"buckets_us": bounds, "series": found}


def route(world, method, path, q, body):
    """(status, value) of an API address."""
    if path == "/api/session":
        if method == "DELETE":
            world.signed_in = False
            return 204, None
        if method == "POST":
            if body.get("password") != "a-long-passphrase":
                return 401, {"error": True, "status_code": 401, "code": "no_active_account", "detail": "No active account with these credentials."}
            world.signed_in = True
        if not world.signed_in:
            return 200, {"signed_in": False, "staff_read_only": False, "accounts": True, "first_admin": ". .run/env && build/release/bin/auth createsuperuser"}
        return 200, {"signed_in": True, "name": world.text("ada"), "role": "admin", "via": "session", "csrf": "k3", "read_only": False, "may_act": True, "expires_at": ago(-40000), "version": "0.4.2"}
    if not world.signed_in:
        return 401, {"error": True, "status_code": 401, "code": "not_authenticated", "detail": "Please sign in."}
    if method == "POST" and path.startswith("/api/actions/"):
        return 200, world.act(path[len("/api/actions/"):], body)
    simple = {"/api/overview": world.overview, "/api/flow": world.flow, "/api/missed": world.missed,
              "/api/audit": lambda: {"actions": world.actions, "next": None},
              "/api/replicas": lambda: {"replicas": [r for s in world.services() for r in s["replicas"]], "services": [{"name": s["name"], "expected": True, "count": len(s["replicas"])} for s in world.services()]}}
    if path in simple:
        return 200, simple[path]()
    if path == "/api/mails":
        return world.list_mails(q)
    if path == "/api/series":
        return 200, world.series(q)
    if path == "/api/histogram":
        return 200, world.histogram(q)
    if path == "/api/search":
        return 200, {"page": "tasks?q=" + urllib.parse.quote(q.get("q", ""))}
    if path.startswith("/api/requests/"):
        return 200, {"spans": world.spans(path.split("/")[-1])}
    if path.startswith("/api/mails/"):
        found = world.show_mail(path.split("/")[3])
        return (200, found) if found else (404, {"error": True, "status_code": 404, "code": "not_found", "detail": "No such mail."})
    if path.startswith("/api/replicas/"):
        name = urllib.parse.unquote(path.split("/")[-1])
        r = next((r for s in world.services() for r in s["replicas"] if r["instance"] == name), None)
        if r:
            up = r["status"] == "up"
            return 200, {"replica": r, "described": world.described(r) if up else None, "described_at": ago(1), "described_error": None if up else "No answer within 2 s.",
                         "changes": world.overview()["changes"][:3], "boot_id": "0193a5b0-7c11-7d0e-9f00-2f6d1c000000", "spans": world.spans("a91c07f2" * 4)}
    return 404, {"error": True, "status_code": 404, "code": "not_found", "detail": "Nothing is here."}


HTML = ("<!doctype html><meta charset=utf-8><style>body{{font:15px/1.5 sans-serif;margin:24px}}b{{font-size:17px}}span{{background:#ecebff;padding:2px 8px;border-radius:4px}}</style>"
        "<p><b>Confirm your address</b><p>Hello {}, please confirm that this address is yours.<p><span>link hidden</span>")


def handler(world):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status, kind, data, csp=CSP):
            self.send_response(status)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(data))), ("Content-Security-Policy", csp), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def live(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            mine = queue.Queue()
            with world.lock:
                world.listeners.append(mine)
            try:
                while True:
                    try:
                        event, data = mine.get(timeout=1)
                    except queue.Empty:
                        event, data = "overview", world.overview(live=True)
                    if event == "close":
                        return
                    self.wfile.write(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())
                    self.wfile.flush()
            except OSError:
                pass
            finally:
                with world.lock:
                    world.listeners.remove(mine)
                self.close_connection = True

        def handle_all(self):
            url = urllib.parse.urlsplit(self.path)
            q = dict(urllib.parse.parse_qsl(url.query))
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            if url.path == "/api/live":
                return self.live()
            if re.fullmatch(r"/api/mails/[^/]+/html", url.path):
                name = (world.show_mail(url.path.split("/")[3]) or {"recipient": "you"})["recipient"].split("@")[0]
                return self.answer(200, TYPES[".html"], HTML.format(name.replace("<", "&lt;")).encode(), FRAME_CSP)
            if url.path.startswith("/api/"):
                status, value = route(world, self.command, url.path, q, body)
                return self.answer(status, "application/json", b"" if value is None else json.dumps(value).encode())
            file, status = WEB / url.path[1:].removeprefix("assets/"), 200
            if PAGES.match(url.path):
                file = WEB / "index.html"
            elif not url.path.startswith("/assets/") or not file.is_file():
                if "text/html" not in self.headers.get("Accept", ""):
                    return self.answer(404, "application/json", b'{"error": true, "status_code": 404, "code": "not_found"}')
                file, status = WEB / "index.html", 404
            return self.answer(status, TYPES[file.suffix], AHEAD.get(file.suffix, b"") + file.read_bytes())

        do_GET = do_POST = do_DELETE = handle_all

    return Handler


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a browser opens several connections at once, and 5 are few


class Server:
    """with Server(World()) as url: ..."""

    def __init__(self, world, port=0):
        self.world = world
        self.http = Listener(("127.0.0.1", port), handler(world))

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def __exit__(self, *_):
        self.world.say("close", None)
        self.http.shutdown()
        self.http.server_close()


if __name__ == "__main__":
    server = Server(World(), int(sys.argv[1]) if len(sys.argv) > 1 else 5599)
    print(f"http://127.0.0.1:{server.http.server_address[1]}/")
    server.http.serve_forever()
