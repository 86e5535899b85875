"""What is done to the containers while load goes on, and what the load may see of it."""

import collections
import json
import re
import time

from engine import run, wait_until
from load import Api, window

# Where each replica counts what it was asked: ops port, and the samples' names.
COUNTERS = {
    "gateway": (9000, "http_server_request_duration_seconds_count"),
    "auth": (9001, r'rpc_server_request_duration_seconds_count\{method="auth\.'),
    "catalog": (9002, r'rpc_server_request_duration_seconds_count\{method="catalog\.'),
}
DISCOVERY = 7  # s: names are resolved again every 5 s
GRACE = "35"   # s, as stop_grace_period
POSTING = 3    # requests that change something and can be in flight at a time


# ---- judging ------------------------------------------------------------------------------

def summary(outcomes):
    failed = [o for o in outcomes if o.failed]
    slowest = max((o.took for o in outcomes), default=0)
    text = f"{len(failed)} of {len(outcomes)} requests failed, slowest {slowest:.2f} s"
    if failed:
        kinds = collections.Counter(f"{o.kind} {o.status}" for o in failed)
        text += f", within {window(outcomes):.1f} s: {dict(kinds)}"
    return text


def trace(stack, outcomes):
    """Prints what the daemons logged about the first of the failed requests."""
    ids = [m.group(1) for o in outcomes if o.failed
           for m in [re.search(r"'request_id': '(\w+)'", o.detail)] if m][:3]
    for service in ("gateway", "auth", "catalog") if ids else ():
        for line in stack.project.logs(service).splitlines():
            if any(i in line for i in ids):
                print(f"    {service}: {line[:500]}")


def expect_none(stack, report, name, began):
    """No request that began since then may have failed."""
    outcomes = stack.load.since(began)
    report.figure(name, summary(outcomes))
    failed = [str(o) for o in outcomes if o.failed]
    trace(stack, outcomes)
    report.check(f"{name}: no request failed", outcomes and not failed, failed[:6])


def counts(stack, service):
    port, pattern = COUNTERS[service]
    return {c: stack.project.counter(c, port, pattern) for c in stack.project.ids(service)}


def shares(before, after):
    grown = {c: after[c] - before.get(c, 0) for c in after}
    total = sum(grown.values()) or 1
    return sorted(round(100 * n / total) for n in grown.values())


def all_used(stack):
    """True once every replica has been asked something since it started."""
    return all(n > 0 for service in COUNTERS for n in counts(stack, service).values())


# ---- scaling ------------------------------------------------------------------------------

def scale(stack, report, many, one):
    project = stack.project
    report.step(f"scale up to {many}, under load")
    began = time.monotonic()
    project.up(many)
    project.wait_healthy()
    report.figure("scale up took", f"{time.monotonic() - began:.0f} s")
    _, took = wait_until(lambda: all_used(stack), 20, "every replica used", every=0.5)
    report.figure("every new replica used", f"{took:.1f} s after all were healthy")
    measure_shares(stack, report)
    report.figure("memory under load, MiB", ", ".join(
        f"{name} {' '.join(map(str, used))}" for name, used in sorted(project.memory().items())))
    expect_none(stack, report, "scale up", began)
    report.step("scale down to one of each, under load")
    began = time.monotonic()
    project.up(one)
    report.figure("scale down took", f"{time.monotonic() - began:.0f} s")
    project.wait_healthy()
    time.sleep(DISCOVERY)
    expect_none(stack, report, "scale down", began)
    report.check("scaled down to one of each",
                 all(len(project.ids(name)) == n for name, n in one.items()))


def measure_shares(stack, report):
    before = {service: counts(stack, service) for service in COUNTERS}
    began = time.monotonic()
    time.sleep(10)
    asked = len(stack.load.since(began))
    for service, was in before.items():
        part = shares(was, counts(stack, service))
        report.figure(f"share of each {service}", f"{part} % ({asked} requests in all)")
        report.check(f"every {service} does at least half of its share",
                     part[0] >= 100 / len(part) / 2, part)


def scale_for_faults(stack, report, two):
    report.step(f"scale to {two}")
    began = time.monotonic()
    stack.project.up(two)
    stack.project.wait_healthy()
    wait_until(lambda: all_used(stack), 20, "every replica used", every=0.5)
    expect_none(stack, report, "scale to two of each", began)


# ---- rolling ------------------------------------------------------------------------------

def roll(stack, report):
    report.step("rolling restart of every service")
    began_all = time.monotonic()
    for service in ("gateway", "auth", "catalog", "mailer"):
        began = time.monotonic()
        run(str(stack.clone / "deploy" / "roll"), service, cwd=stack.clone,
            env=stack.project.env, timeout=240)
        report.figure(f"deploy/roll {service}", f"{time.monotonic() - began:.0f} s, "
                      + summary(stack.load.since(began)))
    for container in stack.project.ids("monitor"):
        run("docker", "restart", "-t", GRACE, container, timeout=60)
        stack.project.wait_container(container)
    for container in stack.project.ids("proxy"):
        run("docker", "kill", "--signal=USR2", container)  # HAProxy's: begin anew, drain the old
    time.sleep(5)
    expect_none(stack, report, "rolling restart of everything", began_all)
    codes = [c["State"]["ExitCode"] for c in stack.project.describe()]
    report.check("nothing ended with an error", not any(codes), codes)


# ---- killing ------------------------------------------------------------------------------

def kill_one(stack, service):
    container = stack.project.ids(service)[0]
    was = stack.project.inspect(container)[0]["State"]["StartedAt"]
    began = time.monotonic()
    stack.project.kill(container)
    stack.killed += 1
    wait_until(lambda: stack.project.inspect(container)[0]["State"]["StartedAt"] != was, 30,
               f"{service} started again")
    took = stack.project.wait_container(container)
    return began, took


def kill_replicas(stack, report):
    report.step("kill -9 of one replica of each")
    gets, posts, windows = [], [], {}
    for service in ("gateway", "auth", "catalog", "mailer", "monitor"):
        began, took = kill_one(stack, service)
        time.sleep(DISCOVERY if service in COUNTERS else 2)
        seen = stack.load.since(began)
        report.figure(f"kill of {service}", f"healthy again after {took:.0f} s, {summary(seen)}")
        gets += [o for o in seen if o.is_get]
        posts.append([o for o in seen if o.failed and not o.is_get])
        windows[service] = window(seen)
    failed = [str(o) for o in gets if o.failed]
    report.check("kill: at most 0.1 % of the GETs failed", len(failed) * 1000 <= len(gets),
                 f"{len(failed)} of {len(gets)}: {failed[:5]}")
    report.check("kill: what failed, failed within 3 s", max(windows.values()) <= 3, windows)
    most = max(posts, key=len)
    report.check("kill: no more POSTs failed than were in flight", len(most) <= POSTING,
                 [str(o) for o in most[:5]])


def cut_off(stack, report):
    report.step("the network of one catalog cut for 20 s")
    project = stack.project
    container = project.ids("catalog")[0]
    network = project.network("services")
    began = time.monotonic()
    run("docker", "network", "disconnect", network, container)
    time.sleep(20)
    seen = stack.load.since(began)
    # With the alias that Compose gave it: its service's name.
    run("docker", "network", "connect", "--alias", "catalog", network, container)
    report.figure("network cut", summary(seen))
    report.check("network cut: what failed, failed within 5 s", window(seen) <= 5, summary(seen))
    before = counts(stack, "catalog")[container]
    _, took = wait_until(lambda: counts(stack, "catalog")[container] > before + 5, 40,
                         "the reconnected replica is used again", every=0.5)
    report.figure("reconnected replica used again after", f"{took:.1f} s")
    time.sleep(2)
    back = time.monotonic()
    time.sleep(5)
    expect_none(stack, report, "network back", back)


def kill_stores(stack, report):
    for service in ("redis", "db"):
        report.step(f"kill -9 of {service}")
        began, took = kill_one(stack, service)
        time.sleep(DISCOVERY + 3)
        seen = stack.load.since(began)
        report.figure(f"kill of {service}", f"healthy again after {took:.0f} s, {summary(seen)}")
        if service == "redis":
            report.check("kill of redis: no request failed", not any(o.failed for o in seen),
                         summary(seen))
            continue
        odd = [str(o) for o in seen if o.failed and o.status not in (503, 504)]
        report.check("kill of db: nothing but 503 and 504", not odd, odd[:5])
        wait_until(lambda: recovered(stack), 40, "all kinds of requests succeed again")
        back = time.monotonic()
        time.sleep(5)
        expect_none(stack, report, "after the kill of db", back)


def recovered(stack):
    """The last answer of each kind is a success."""
    last = {o.kind: o for o in stack.load.since(0)}
    return not any(o.failed for o in last.values())


# ---- counting -----------------------------------------------------------------------------

def mailed(stack):
    """Address -> Message-IDs of the mails that the catcher holds."""
    found = collections.defaultdict(list)
    for line in stack.project.logs("mailcatcher").splitlines():
        if line.startswith("{"):
            mail = json.loads(line)
            for address in mail["to"]:
                found[address].append(mail["id"])
    return found


def reconcile(stack, report):
    report.step("what was acknowledged is there")
    load, api = stack.load, Api(stack.port)
    load.stop()
    missing = lambda: set(load.addresses) - set(mailed(stack))
    try:
        wait_until(lambda: not missing(), 90, "every mail")
    finally:
        lost = missing()
        report.check(f"each of {len(load.addresses)} registrations has its mail",
                     load.addresses and not lost, sorted(lost)[:10])
    mails = mailed(stack)
    copies = sum(len(ids) - len(set(ids)) for ids in mails.values())
    report.figure("mails", f"{sum(map(len, mails.values()))}, of them {copies} copies of another")
    report.check("no more copies than faults", copies <= stack.killed + 1, copies)
    lost = [p for p in load.products if api.call("GET", f"/api/products/{p}")[0] != 200]
    report.check(f"each of {len(load.products)} products is there", load.products and not lost,
                 lost[:10])
    _, page = api.call("GET", "/api/products?page_size=1")
    report.figure("products never acknowledged but there",
                  page["count"] - len(load.products) - 1)
    every = load.since(0)
    odd = [str(o) for o in every if o.status == 500 or o.status in (401, 404, 429)]
    report.check("no answer of the whole run was a wrong one", not odd, odd[:5])
    report.figure("requests of the whole run", summary(every))
    report.figure("GETs sent once more on a new connection", load.resent)
    restarts = sum(c["RestartCount"] for c in stack.project.describe())
    report.check("nothing ended but what was killed", restarts <= stack.killed,
                 f"{restarts} restarts, {stack.killed} kills")
