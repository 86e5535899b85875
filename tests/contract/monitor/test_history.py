"""What the monitor keeps in its own schema, over its own restarts and Postgres's."""

import time
from datetime import datetime

import pytest

from dashboard import ADMIN, BASIC, Dashboard, Speaker, hear
from quintet import env

COUNTS = 20


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["monitor"], MONITOR_BASIC_AUTH=BASIC, MONITOR_REPLICA="monitor-1",
                       MONITOR_EXPECT="catalog:2,monitor",
                       clients=("gateway", "monitor", "mailer", "auth", "catalog"))


@pytest.fixture(scope="module")
def board(stack):
    return Dashboard(stack, ADMIN)


class Catalog(Speaker):
    """A catalog whose totals the test sets."""

    def __init__(self, stack):
        super().__init__(stack, "catalog")
        self.requests, self.errors = 0, 0

    def work(self, requests, errors=0):
        self.requests, self.errors = self.requests + requests, self.errors + errors
        counts = [0] * COUNTS
        counts[3] = self.requests  # 500 to 1000 us
        self.say("beat", instance="catalog-1", control="tcp://127.0.0.1:8",
                 counters={"rpc_errors": self.errors},
                 histograms={"rpc": {"sum_us": 700 * self.requests, "counts": counts}},
                 load={"in_flight": 1, "lag": 4})


@pytest.fixture(scope="module")
def catalog(stack, board):
    catalog = Catalog(stack)

    def heard():
        catalog.work(0)
        return board.replica("catalog", "catalog-1")
    env.wait_until(heard, 10, "the catalog is seen", every=0.1)
    yield catalog
    catalog.close()


def requests_of(board, **query):
    """Requests that history has of the last half hour, whatever the steps."""
    answer = board.get("/api/series", metric="requests", service="catalog", by="instance",
                       **query)
    if answer.status != 200:
        return None
    said = answer.json
    return sum(v * said["step_s"] for line in said["series"] for v in line["values"] if v)


def restart_keeping(stack):
    stack.restart("monitor")


def test_rates_and_times_are_live(board, catalog):
    def live():
        catalog.work(50, errors=1)
        r = board.replica("catalog", "catalog-1")
        return r["rate"] > 0 and r["p50_us"] and r
    r = env.wait_until(live, 10, "a rate is shown", every=0.2)
    assert 500 <= r["p50_us"] <= r["p99_us"] <= 1000
    assert 10 <= r["errors_permille"] <= 30
    service = next(s for s in board.get("/api/overview").json["services"]
                   if s["name"] == "catalog")
    assert service["figure"]["unit"] == "req/s" and service["figure"]["value"] > 0
    assert len(service["spark"]) == 60


def test_too_few_replicas_are_missed(board, catalog):
    def missed():
        catalog.work(0)
        return [x for x in board.get("/api/overview").json["attention"]
                if x["kind"] == "unseen" and x["subject"] == "catalog"]
    assert "1 of 2 replicas" in env.wait_until(missed, 15, "the second is missed")[0]["title"]


def test_history_is_there_after_a_restart(stack, board, catalog):
    env.wait_until(lambda: catalog.work(10) or catalog.requests >= 300, 10, "some work",
                   every=0.1)
    before = catalog.requests
    env.wait_until(lambda: catalog.work(0) or board.replica("catalog", "catalog-1"), 5, "heard")
    time_from = "2020-01-01T00:00:00Z"
    assert board.get("/api/series", metric="requests", **{"from": time_from}).status == 400
    stack.restart("monitor")
    kept = env.wait_until(lambda: requests_of(board), 15, "history answers")
    since = env.wait_until(lambda: board.get("/api/overview").json["history"]["since"], 15,
                           "it knows how far back it goes")
    assert catalog.began - datetime.fromisoformat(since).timestamp() < 30, "not since the hour began"
    assert before * 0.5 <= kept <= before + 1
    for tier_span in (1000, 10000, 100000):
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - tier_span))
        assert requests_of(board, **{"from": start}) == pytest.approx(kept, rel=0.01)
    changes = board.get("/api/series", metric="requests").json["changes"]
    assert any(c["text"].startswith("catalog-1 started") for c in changes)


def test_what_changed_is_there_after_a_restart(stack, board, catalog):
    """The monitor hears who ran all the time for the first time: that is no start."""
    def changes(of):
        catalog.work(0)
        return [(c["at"], c["text"]) for c in of()["changes"] if c["subject"] == "catalog-1"]
    overview = lambda: board.get("/api/overview").json  # noqa: E731
    before = env.wait_until(lambda: changes(overview), 15, "something changed", every=0.2)
    stack.restart("monitor")
    env.wait_until(lambda: catalog.work(0) or board.replica("catalog", "catalog-1"), 15, "heard",
                   every=0.1)
    again = env.wait_until(lambda: len(c := changes(overview)) >= len(before) and c, 15,
                           "they are read")
    heard = time.monotonic()
    env.wait_until(lambda: catalog.work(0) or time.monotonic() - heard > 2, 10, "two more ticks",
                   every=0.2)
    assert changes(overview) == again
    assert sum("catalog-1 started" in text for _, text in again) == 1
    assert set(before) <= set(again)
    assert changes(lambda: board.get("/api/replicas/catalog-1").json) == again


def test_two_runs_of_the_monitor_add_up(stack, board, catalog):
    before = requests_of(board)
    env.wait_until(lambda: catalog.work(0) or board.replica("catalog", "catalog-1"), 10, "heard",
                   every=0.1)
    catalog.work(1000)
    env.wait_until(lambda: catalog.work(0) or board.replica("catalog", "catalog-1")["rate"], 10,
                   "counted", every=0.2)
    stack.restart("monitor")
    after = env.wait_until(lambda: requests_of(board), 15, "history answers")
    assert after - before == pytest.approx(1000, rel=0.02)


def test_histograms_and_gauges(board):
    said = board.get("/api/histogram", metric="requests", by="instance").json
    line = next(x for x in said["series"] if x["key"] == "catalog-1")
    assert len(said["buckets_us"]) == COUNTS - 1 and len(line["counts"]) == COUNTS
    assert line["count"] == line["counts"][3] > 0 and 500 <= line["p50_us"] <= 1000
    lag = board.get("/api/series", metric="lag", by="service").json["series"]
    assert next(x for x in lag if x["key"] == "catalog")["max"]


@pytest.mark.parametrize("query", [
    {"metric": "colour"}, {}, {"metric": "requests", "by": "colour"},
    {"metric": "requests", "from": "soon"},
    {"metric": "requests", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
    {"metric": "requests", "from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"},
])
def test_questions_are_checked(board, query):
    assert board.get("/api/series", **query).status == 400


@pytest.mark.parametrize("to,points", [
    ("00:10:00Z", 60), ("00:10:00.000001Z", 61), ("00:10:00.999999Z", 61), ("00:10:01Z", 61),
    ("00:10:10Z", 61), ("00:10:10.5Z", 62),
])
def test_a_step_is_shown_from_its_first_moment(board, to, points):
    said = board.get("/api/series", metric="requests",
                     **{"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T" + to}).json
    assert (said["step_s"], said["points"]) == (10, points)


def test_what_is_too_old_goes(stack, board, database):
    database.query("insert into rollup select 0, g, 'x', 'x', 1, '{}' from"
                   " generate_series(1, 20) g returning 1", schema="monitor")
    old = "select count(*) from rollup where start_s < 1000"
    assert database.query(old, schema="monitor") == [(20,)]
    database.statement("monitor", "rollup_retire", "0", "1000", "500000")
    assert database.query(old, schema="monitor") == [(0,)]


def test_too_many_rows_go_whatever_their_age(database):
    database.query("insert into rollup select 0, g, 'y', 'y', 1, '{}' from"
                   " generate_series(4000000000, 4000000099) g returning 1", schema="monitor")
    database.statement("monitor", "rollup_retire", "0", "0", "10")
    kept = database.query("select count(*) from rollup where tier = 0", schema="monitor")
    assert kept[0][0] <= 11
    database.query("delete from rollup where service = 'y' returning 1", schema="monitor")


def test_without_postgres_it_is_live_and_says_so(start_stack, cluster):
    """A monitor whose database cannot be reached from its start."""
    lost = start_stack(["monitor"], MONITOR_BASIC_AUTH=BASIC, MONITOR_REPLICA="monitor-2",
                       database=cluster.create_database())
    lost.restart("monitor", POSTGRES_HOST="/nonexistent")
    board = Dashboard(lost, ADMIN)
    said = board.get("/api/overview").json
    assert said["history"]["state"] == "unavailable"
    assert any(x["kind"] == "history" for x in said["attention"])
    answer = env.wait_until(lambda: (a := board.get("/api/series", metric="requests")).status
                            == 503 and a, 20, "history says that it is away")
    assert answer.code == "history_unavailable"
    done = board.post("/api/actions/replica.forget", {"instance": "monitor-2",
                                                      "reason": "to see"})
    assert (done.status, done.code) == (503, "history_unavailable")
    assert lost.ops("monitor", "/readyz")[0] == 200
