"""What each kind of request costs: ten of them, with few products and with many, in one run.

Reads of the catalog are held against their own floors, everything else against the item. The
targets are reported with their ratios; a missed one is no failure.
"""
import json
import statistics
import time
from typing import NamedTuple

import procfs
from stack import ROOT, Impossible, get

PASSWORD = "a pass phrase of the bench"
USERS = 32
REPORTED = {"list, any page", "filtered list", "search"}  # no target depends on them
PAGE = ROOT / "services/catalog/sql/product_newest.sql"


class Route(NamedTuple):
    name: str
    arguments: tuple
    path: str
    ids: int = 0            # of {id}; 0: as many as there are products
    connections: int = 0    # 0: as many as usual


def write(token):
    return ("--header", f"Authorization: Bearer {token}", "--header",
            "Content-Type: application/json")


class Routes:
    """Measures; `bench` is the Bench of `run`, whose stack is up and has `products` rows."""

    def __init__(self, bench, say):
        self.bench, self.stack, self.options, self.say = bench, bench.stack, bench.options, say
        self.found = {}   # {rows: {route: [sample]}}
        self.floors = {}  # {rows: {name: [us]}}

    # ---- what is asked ---------------------------------------------------------------

    def prepare(self):
        self.stack.verb("auth", "createsuperuser", "--no-input",
                        DJANGO_SUPERUSER_USERNAME="benchadmin", DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        for n in range(1, USERS + 1):
            self.stack.post("/api/auth/register", {"username": f"bench{n}", "password": PASSWORD})
        self.token = self.log_in("benchadmin")["access"]

    def log_in(self, name):
        return self.stack.post("/api/auth/login", {"username": name, "password": PASSWORD})

    def refresh_tokens(self):
        """A file with a fresh refresh token for each connection."""
        path = self.stack.home / "refresh"
        path.write_text("".join(self.log_in(f"bench{n}")["refresh"] + "\n"
                                for n in range(1, USERS + 1)))
        return path

    def routes(self):
        json_type = ("--header", "Content-Type: application/json")
        login = json.dumps({"username": "bench{id}", "password": PASSWORD})
        return [
            Route("item", ("--match", '"id":{id},'), "/api/products/{id}"),
            Route("list page 1", (), "/api/products"),
            Route("list page 900", (), "/api/products?page=900"),
            Route("list, any page", (), "/api/products?page={id}", 900),
            Route("filtered list", (), "/api/products?category={id}&price__gte=50", 10, 2),
            Route("search", (), "/api/products?search={id}", connections=4),
            Route("create", ("--method", "POST", "--status", "201", *write(self.token), "--body",
                             '{"name": "Made {id}", "price": "9.99", "category": 1}'),
                  "/api/products"),
            Route("update", ("--method", "PATCH", *write(self.token), "--body",
                             '{"price": "12.50"}'), "/api/products/{id}"),
            Route("login", ("--method", "POST", *json_type, "--body", login), "/api/auth/login",
                  USERS, 8),
            Route("refresh", ("--method", "POST", *json_type, "--body", '{"refresh": "{carry}"}',
                              "--carry", "refresh", "--carry-file"), "/api/auth/refresh"),
        ]

    def sample(self, route, rows, seconds):
        arguments = route.arguments
        if arguments and arguments[-1] == "--carry-file":
            arguments += (self.refresh_tokens(),)
        before = procfs.Cpu(self.stack.processes())
        load = self.bench.program(
            "load", "--connections", route.connections or min(self.options.connections, USERS),
            "--seconds", seconds, "--ids", route.ids or rows, *arguments,
            f"http://127.0.0.1:{self.stack.port}{route.path}")
        used = procfs.Cpu(self.stack.processes()).since(before, load["requests"])
        used["load"] = load
        used["total_us"] = sum(used["user"].values()) + sum(used["system"].values())
        used["hash_us"] = used["threads"].get("auth", {}).get("hash", 0.0)
        return used

    def try_sample(self, route, rows):
        """A sample; none, and a line, when a reported route does not answer in time: what
        counts many rows may take longer than its deadline on a busy machine."""
        try:
            self.sample(route, rows, 1)  # so that caches and plans are those of the long run
            return self.bench.undisturbed(
                lambda: self.sample(route, rows, self.options.route_seconds))
        except Impossible as why:
            if route.name not in REPORTED:
                raise
            self.say(f"{route.name} with {rows:,} products failed: {str(why).splitlines()[-1]}")
            return None

    # ---- floors ----------------------------------------------------------------------

    def take_page(self):
        """The answer of page 1 for the HTTP floor, and its statement for Postgres's: always
        page 1 of 10, whatever number comes as $1."""
        status, headers, body = get(self.stack.port, "/api/products")
        if status != 200:
            raise Impossible(f"GET /api/products answers {status}")
        self.page_size = len(body)
        home = self.stack.home
        (home / "page-body").write_bytes(body)
        (home / "page-headers").write_text((home / "headers").read_text())
        text = PAGE.read_text().replace("$1::bigint", "10::bigint")
        self.page_file = home / "page.sql"
        self.page_file.write_text(text.replace("$2::bigint", "least($1::bigint, 1)"))

    def page_floors(self):
        b, o = self.bench, self.options
        saved = b.body_file, b.headers_file, b.body_size
        home = self.stack.home
        b.body_file, b.headers_file, b.body_size = (home / "page-body", home / "page-headers",
                                                    self.page_size)
        try:
            return {"http": b.floor_http()["total_us"], "zmq": b.floor_zmq()["total_us"],
                    "pg": b.floor_pg(self.page_file, "--rows", 10)["total_us"]}
        finally:
            b.body_file, b.headers_file, b.body_size = saved

    def item_floors(self):
        b = self.bench
        return {"http": b.floor_http()["total_us"], "zmq": b.floor_zmq()["total_us"],
                "pg": b.floor_pg(b.point_file)["total_us"],
                "pg_merged": b.floor_pg(b.merged_file, "--merged")["total_us"]}

    # ---- the run ---------------------------------------------------------------------

    def measure(self, rows):
        self.take_page()
        self.options.products = rows
        samples = self.found.setdefault(rows, {})
        floors = self.floors.setdefault(rows, {"item": [], "page": []})
        for number in range(self.options.route_rounds):
            for route in self.routes():
                sample = self.try_sample(route, rows)
                if sample:
                    samples.setdefault(route.name, []).append(sample)
            floors["item"].append(self.item_floors())
            if rows == self.few:
                floors["page"].append(self.page_floors())
            worst = max(s[-1]["foreign_percent"] for s in samples.values())
            self.say(f"routes with {rows:,} products, round {number + 1}/"
                     f"{self.options.route_rounds}: item "
                     f"{samples['item'][-1]['total_us']:.1f} us; others used up to "
                     f"{worst:.0f} % of the machine")

    def run(self):
        self.prepare()
        self.few = few = self.options.products
        self.measure(few)
        if self.options.rows > few:
            began = time.monotonic()
            self.say(f"filling the catalog up to {self.options.rows:,} products ...")
            self.stack.fill(self.options.rows, few)
            self.say(f"  took {time.monotonic() - began:.0f} s")
            self.measure(self.options.rows)
        return self.results()

    # ---- afterwards ------------------------------------------------------------------

    def results(self):
        return {"routes": self.found, "route_floors": self.floors,
                "route_targets": [t._asdict() for t in targets(self.found, self.floors)]}


def middle(values):
    return statistics.median(values)


def cost(found, rows, route):
    return middle([s["total_us"] for s in found[rows][route]])


def floor(floors, rows, kind, *names):
    return middle([sum(f[n] for n in names) for f in floors[rows][kind]])


class Target(NamedTuple):
    name: str
    value: float
    most: float


def targets(found, floors):
    """[Target]: the ratios that are promised, those of the many rows last."""
    rows = sorted(found)
    few = rows[0]
    item, page, deep = (cost(found, few, r) for r in ("item", "list page 1", "list page 900"))
    three = ("http", "zmq", "pg")
    unmerged = item + floor(floors, few, "item", "pg") - floor(floors, few, "item", "pg_merged")
    login = found[few]["login"]
    outside = middle([(s["total_us"] - s["hash_us"]) / s["hash_us"] for s in login])
    result = [
        Target("item / sum of its floors", item / floor(floors, few, "item", *three), 1.35),
        Target("list page 1 / sum of its floors", page / floor(floors, few, "page", *three), 1.5),
        Target("list page 900 / list page 1", deep / page, 1.5),
        Target("refresh / item unmerged", cost(found, few, "refresh") / unmerged, 5.0),
        Target("login: CPU outside the hash / the hash", outside, 0.1),
    ]
    for many in rows[1:]:
        result += [Target(f"{r} with {many:,} / with {few:,}", cost(found, many, r) / cost(found, few, r), 1.5)
                   for r in ("item", "list page 1", "list page 900")]
    return result


def show(results, say):
    names = [*procfs.DAEMONS, "Postgres", "Redis"]
    for rows in sorted(results["routes"]):
        found, floors = results["routes"][rows], results["route_floors"][rows]
        say(f"\nCPU us per request with {rows:,} products")
        say(f"  {'':<14}" + "".join(f"{n:>9}" for n in names) + f"{'all':>10}{'req/s':>9}{'p50 us':>9}")
        for route, samples in found.items():
            by = [middle([s["user"].get(n, 0.0) + s["system"].get(n, 0.0) for s in samples])
                  for n in names]
            say(f"  {route:<14}" + "".join(f"{v:9.1f}" for v in by)
                + f"{middle([s['total_us'] for s in samples]):10.1f}"
                + f"{middle([s['load']['rate'] for s in samples]):9,.0f}"
                + f"{middle([s['load']['p50_us'] for s in samples]):9,.0f}")
        for kind in (kind for kind in floors if floors[kind]):
            parts = {n: middle([f[n] for f in floors[kind]]) for n in floors[kind][0]}
            say(f"  floors of {kind}: " + ", ".join(f"{n} {v:.1f}" for n, v in parts.items())
                + f"; sum {sum(v for n, v in parts.items() if n != 'pg_merged'):.1f}")
    say("\ntargets")
    for t in results["route_targets"]:
        verdict = "within" if t["value"] <= t["most"] else "ABOVE"
        say(f"  {t['name']:<48} {t['value']:6.2f}  {verdict} {t['most']:g}")
