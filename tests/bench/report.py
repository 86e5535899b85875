"""The table that `make bench` prints: figures, ratio, and where the rest goes."""
import statistics

import procfs

TARGET = 1.5
ORDER = (*procfs.DAEMONS, "Postgres", "Redis", "supervisor")
IO_PREFIX = "ZMQbg"            # libzmq's own threads
HTTP_PREFIXES = ("MHD", "http", "listen")


def median_of(rounds, pick):
    return statistics.median(pick(r) for r in rounds)


def by_process(rounds):
    """[(name, total, user, system)] in microseconds per request, medians."""
    rows = []
    for name in ORDER:
        if any(name in r["user"] for r in rounds):
            user = median_of(rounds, lambda r: r["user"].get(name, 0.0))
            system = median_of(rounds, lambda r: r["system"].get(name, 0.0))
            rows.append((name, user + system, user, system))
    return rows


def thread_medians(rounds, name):
    names = {thread for r in rounds for thread in r["threads"].get(name, {})}
    return {thread: median_of(rounds, lambda r: r["threads"].get(name, {}).get(thread, 0.0))
            for thread in names}


def split(threads):
    """Thread CPU as (HTTP listener, libzmq, everything else)."""
    http = sum(v for k, v in threads.items() if k.startswith(HTTP_PREFIXES))
    io = sum(v for k, v in threads.items() if k.startswith(IO_PREFIX))
    return http, io, sum(threads.values()) - http - io


def where(results):
    """[(part, product, floor)]: each part of the product beside its piece of a floor."""
    rounds, floors = results["product_rounds"], results["floor_rounds"]
    gateway_http, gateway_io, gateway_rest = split(thread_medians(rounds, "gateway"))
    _, catalog_io, catalog_rest = split(thread_medians(rounds, "catalog"))
    process = {name: total for name, total, _, _ in by_process(rounds)}
    handover = median_of(floors, lambda f: f["http"]["threads"].get("handover", 0.0))
    listener = median_of(floors, lambda f: f["http"]["total_us"]) - handover

    def zmq(key):
        return median_of(floors, lambda f: f["zmq"][key])

    def pg(key):
        return median_of(floors, lambda f: f["pg"][key])

    others = sum(process.get(n, 0.0) for n in ("auth", "mailer", "monitor", "Redis", "supervisor"))
    return [
        ("gateway: HTTP listener thread", gateway_http, listener),
        ("gateway: its other threads", gateway_rest, handover + zmq("client_thread_us")),
        ("libzmq's threads, both ends", gateway_io + catalog_io, zmq("io_us")),
        ("catalog: its loop", catalog_rest, zmq("server_thread_us") + pg("client_us")),
        ("Postgres", process.get("Postgres", 0.0), pg("postgres_us")),
        ("auth, mailer, monitor, Redis, supervisor", others, 0.0),
    ]


def show_processes(results, say):
    rounds = results["product_rounds"]
    say("\nCPU us per request            total    user  kernel   idle us/s   PSS MiB rest/after")
    before, after = results["pss_kib_before"], results["pss_kib_after"]
    for name, total, user, system in by_process(rounds):
        say(f"  {name:<26} {total:8.2f} {user:7.2f} {system:7.2f} "
            f"{results['idle_us_per_s'].get(name, 0.0):11,.0f}   "
            f"{before.get(name, 0) / 1024:8.1f} / {after.get(name, 0) / 1024:.1f}")
    say(f"  {'all':<26} {results['product_us']:8.2f}")


def show_ratio(results, say):
    floors = results["floors_us"]
    load = results["product_rounds"]
    say("\nfloors, CPU us per request")
    say(f"  libmicrohttpd, same bytes  {floors['http']:8.2f}")
    say(f"  ZeroMQ with CURVE          {floors['zmq']:8.2f}")
    say(f"  the SELECT through libpq   {floors['pg']:8.2f}   "
        f"(32 ids merged into one: {floors['pg_merged']:.2f})")
    say(f"  sum                        {results['floor_sum_us']:8.2f}")
    verdict = "within" if results["ratio"] <= TARGET else "ABOVE"
    say(f"\nratio {results['ratio']:.2f}, {verdict} the target of {TARGET}; product "
        f"{median_of(load, lambda r: r['load']['rate']):,.0f} req/s, p50 "
        f"{median_of(load, lambda r: r['load']['p50_us']):,.0f} us, p99 "
        f"{median_of(load, lambda r: r['load']['p99_us']):,.0f} us; statement: "
        f"{results['statement']}")


def show_where(results, say):
    say("\nwhere the rest goes               product   floor    rest")
    for part, product, floor in where(results):
        say(f"  {part:<40} {product:6.2f} {floor:7.2f} {product - floor:+7.2f}")
    for name in ("gateway", "catalog"):
        threads = thread_medians(results["product_rounds"], name)
        top = sorted(threads.items(), key=lambda kv: -kv[1])
        say(f"  {name} by thread: " + ", ".join(f"{k} {v:.2f}" for k, v in top if v >= 0.01))


def show_perf(texts, say):
    lines = [line.rstrip() for line in texts["comm,dso"].splitlines() if line.strip()]
    lines = [line for line in lines if " swapper " not in line and " load " not in line]
    say("\nperf, share of the machine's time by program and library (idle and load left out)")
    for line in lines[:14]:
        say("  " + line)


def show(results, texts, say):
    m = results["machine"]
    say(f"\n{m['cpu']}, {m['cores']} cores, {m['memory_mib']} MiB, Linux {m['kernel']}; "
        f"medians of {len(results['product_rounds'])} interleaved rounds")
    show_processes(results, say)
    show_ratio(results, say)
    show_where(results, say)
    if texts:
        show_perf(texts, say)
    if results.get("start_ms"):
        say("\nexec to ready, ms: " + ", ".join(
            f"{k} {v:.0f}" for k, v in sorted(results["start_ms"].items())))
    elif "start_ms" in results:
        say("\nexec to ready: unknown (.run/env names no *_OPS_LISTEN)")
