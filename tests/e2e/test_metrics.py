"""The figures of all five daemons: well formed, bounded, and right after known work."""

import re

import pytest

DAEMONS = ["auth", "catalog", "mailer", "monitor", "gateway"]
SAMPLE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
COMMON = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
          "process_start_time_seconds", "build_info", "rpc_server_in_flight"}
OWN = {
    "gateway": {"http_server_requests_total", "http_server_request_duration_seconds",
                "http_server_in_flight", "rpc_client_requests_total",
                "rpc_client_request_duration_seconds", "rpc_client_retries_total",
                "token_rejections_total", "rate_limit_decisions_total", "redis_up",
                "redis_calls_total", "redis_call_duration_seconds"},
    "auth": {"rpc_server_requests_total", "rpc_server_request_duration_seconds",
             "auth_hash_busy", "auth_hash_waiting", "auth_hash_duration_seconds",
             "auth_logins_total", "db_connections", "db_queries_total",
             "db_query_duration_seconds", "events_backlog", "events_sequenced_total"},
    "catalog": {"rpc_server_requests_total", "db_connections", "db_queries_total",
                "db_query_duration_seconds", "events_consumer_lag"},
    "mailer": {"mailer_queue_jobs", "mailer_queue_oldest_seconds", "mailer_attempts_total",
               "mailer_attempt_duration_seconds", "db_connections", "events_consumer_lag"},
    "monitor": {"monitor_live_streams"},
}


class Figures:
    """An exposition, read as strictly as its format is written down."""

    def __init__(self, text):
        assert text.endswith("\n")
        self.type, self.help, self.samples = {}, {}, {}
        family = None
        for line in text.splitlines():
            if line.startswith("# HELP "):
                _, _, family, said = line.split(" ", 3)
                assert family not in self.help, f"{family} in two places"
                assert said and not said.endswith(".")
                self.help[family] = said
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == family and kind in ("counter", "gauge", "histogram")
                self.type[name] = kind
            else:
                self._sample(line, family)
        self._check_names()
        self._check_histograms()

    def _sample(self, line, family):
        found = SAMPLE.match(line)
        assert found, line
        name, labels = found[1], tuple(LABEL.findall(found[2] or ""))
        suffix = name.removeprefix(family)
        assert name.startswith(family) and suffix in (
            ("_bucket", "_sum", "_count") if self.type[family] == "histogram" else ("",)), line
        assert len({k for k, _ in labels}) == len(labels), line
        key = name, frozenset(labels)
        assert key not in self.samples, f"twice: {line}"
        self.samples[key] = float(found[3])

    def _check_names(self):
        assert set(self.type) == set(self.help)
        for name, kind in self.type.items():
            assert name.endswith("_total") == (kind == "counter"), name
            assert not re.search(r"_(ms|us|millis|kib|kb)(_|$)", name), f"{name}: base units"
        assert all(value >= 0 for value in self.samples.values())

    def _check_histograms(self):
        for (name, labels), count in self.samples.items():
            if not name.endswith("_count"):
                continue
            buckets = sorted(
                (float(dict(other)["le"]), value) for (n, other), value in self.samples.items()
                if n == name.removesuffix("_count") + "_bucket"
                and {x for x in other if x[0] != "le"} == set(labels))
            values = [value for _, value in buckets]
            assert values == sorted(values) and buckets[-1] == (float("inf"), count), name

    def value(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())), 0)

    def labels(self):
        return {(k, v) for _, labels in self.samples for k, v in labels if k != "le"}


@pytest.fixture(scope="module")
def stack(start_stack, redis):
    stack = start_stack(DAEMONS, redis=redis, RATE_LIMIT_EXEMPT="")
    user = {"username": "metric", "email": "metric@example.org", "password": "testpass123"}
    assert stack.http("POST", "/api/auth/register", user)[0] == 201
    assert stack.http("POST", "/api/auth/login", user)[0] == 200
    assert stack.http("GET", "/api/products/4711")[0] == 404
    return stack


def figures(stack, daemon):
    status, text = stack.ops(daemon, "/metrics")
    assert status == 200
    return Figures(text)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_the_exposition_is_well_formed_and_complete(stack, daemon):
    seen = figures(stack, daemon)
    assert COMMON | OWN[daemon] <= set(seen.type)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_labels_come_from_bounded_sets(stack, daemon):
    for name, value in figures(stack, daemon).labels():
        assert not re.search(r"metric@|testpass|\d+\.\d+\.\d+\.\d+|[0-9a-f]{16}|4711", value), \
            f'{name}="{value}"'


def test_requests_errors_and_durations_by_route(stack):
    route = {"method": "GET", "route": "/api/products/{id}"}
    before = figures(stack, "gateway")
    for _ in range(3):
        assert stack.http("GET", "/api/products/815")[0] == 404
    after = figures(stack, "gateway")

    def rise(name, **labels):
        return after.value(name, **labels) - before.value(name, **labels)

    assert rise("http_server_requests_total", status="404", **route) == 3
    assert rise("http_server_request_duration_seconds_count", **route) == 3
    assert rise("rate_limit_decisions_total", result="allowed", counted="local",
                **{"class": "read"}) == 3
    assert rise("rpc_client_requests_total", peer="catalog", result="not_found") == 3


def test_a_login_in_the_figures_of_both(stack):
    def seen():
        gateway, auth = figures(stack, "gateway"), figures(stack, "auth")
        return (gateway.value("rate_limit_decisions_total", result="allowed", counted="redis",
                              **{"class": "login"}),
                gateway.value("redis_calls_total", result="ok"),
                gateway.value("token_rejections_total", cause="malformed"),
                auth.value("rpc_server_requests_total", method="auth.login",
                           result="no_active_account"),
                auth.value("auth_hash_duration_seconds_count"))

    before = seen()
    assert stack.http("POST", "/api/auth/login", {"username": "metric", "password": "x"})[0] \
        == 401
    assert stack.http("GET", "/api/products", token="x")[0] == 401
    assert [b - a for a, b in zip(before, seen())] == [1] * 5
