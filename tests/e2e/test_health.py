"""Row by row, what http-contract 12 says of /health and of throttling, on the whole system."""

import time

import pytest

from quintet import env

DAEMONS = ["auth", "catalog", "gateway"]


@pytest.fixture(scope="module")
def stack(start_stack, redis):
    return start_stack(DAEMONS, redis=redis, RATE_LIMIT_EXEMPT="", RATE_LIMIT_LOGIN="2/m",
                       TRUSTED_PROXIES="127.0.0.0/8")


def health(stack, path="/health", **headers):
    return stack.http("GET", path, headers=headers)


def becomes(stack, status, word):
    """An answer is shared for a second, and daemons connect again in their own time."""
    def seen():
        answer = health(stack)
        return answer if (answer[0], answer[1]["status"]) == (status, word) else None

    return env.wait_until(seen, 20, f"/health says {status} {word}", every=0.2)


def test_12_health_is_200_in_the_originals_shape(stack):
    _, value, headers = becomes(stack, 200, "healthy")
    assert list(value) == ["status", "service", "version", "checks"]
    assert isinstance(value["service"], str) and isinstance(value["version"], str)
    assert list(value["checks"])[:2] == ["database", "redis"]
    for check in value["checks"].values():
        assert list(check) == ["status", "message"]
        assert check["status"] == "healthy"
    assert value["checks"]["database"]["message"] == "Database connection is working"
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"


def test_12_both_slash_forms_are_the_same(stack):
    assert health(stack)[1] == health(stack, "/health/")[1]


@pytest.mark.parametrize("header", ["Bearer junk", "Bearer", "Bearer a b", "Basic x", "x"])
def test_12_a_bad_bearer_is_ignored(stack, header):
    assert health(stack, Authorization=header)[0] == 200


@pytest.mark.parametrize("path", ["/health", "/health/"])
@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE"])
def test_12_other_verbs_are_405(stack, path, verb):
    status, value, headers = stack.http(verb, path)
    assert (status, value["code"]) == (405, "method_not_allowed")
    assert headers["Allow"] == "GET, HEAD, OPTIONS"


def test_12_head_and_options(stack):
    status, text, headers = stack.http("HEAD", "/health")
    assert (status, text) == (200, "")
    assert int(headers["Content-Length"]) > 0
    assert stack.http("OPTIONS", "/health")[0] == 200


def test_12_redis_down_is_200_degraded(stack, redis):
    redis.kill()
    try:
        _, value, _ = becomes(stack, 200, "degraded")
        assert value["checks"]["redis"]["status"] == "unhealthy"
        assert value["checks"]["database"]["status"] == "healthy"
        assert str(redis.dir) not in str(value)
    finally:
        redis.start()
    becomes(stack, 200, "healthy")


def shut(database, closed):
    """As if the database were gone: nobody gets in, and who was in is out."""
    database.cluster.connect().cursor().execute(
        f"alter database {database.name} allow_connections {'false' if closed else 'true'}")
    if closed:
        database.cluster.connect().cursor().execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
            (database.name,))


def test_12_database_down_is_503_without_details(stack, database):
    shut(database, True)
    try:
        _, value, headers = becomes(stack, 503, "unhealthy")
        assert value["checks"]["database"] == {
            "status": "unhealthy", "message": "Not every service can use its database"}
        assert int(headers["Retry-After"]) >= 1
        text = str(value).lower()
        for hint in (database.name, str(database.cluster.dir), "psql", "libpq", "fatal",
                     "password", "sqlstate", "socket", "trusted"):
            assert hint.lower() not in text
    finally:
        shut(database, False)
    becomes(stack, 200, "healthy")


def test_12_a_service_down_is_503(stack):
    stack.daemons["catalog"].kill()
    try:
        _, value, _ = becomes(stack, 503, "unhealthy")
        assert value["checks"]["catalog"]["status"] == "unhealthy"
        assert value["checks"]["auth"]["status"] == "healthy"
    finally:
        stack.restart("catalog")
    becomes(stack, 200, "healthy")


def test_12_each_check_has_a_time_limit(stack, redis):
    redis.freeze()
    try:
        began = time.monotonic()
        becomes(stack, 200, "degraded")
        assert time.monotonic() - began < env.seconds(5)
    finally:
        redis.thaw()
    becomes(stack, 200, "healthy")


def test_12_liveness_and_readiness_are_apart(stack):
    for daemon in DAEMONS:
        assert stack.ops(daemon, "/livez")[0] == 200
        assert stack.ops(daemon, "/readyz")[0] == 200


def login(stack, forwarded):
    return stack.http("POST", "/api/auth/login", {"username": "nobody", "password": "x"},
                      headers={"X-Forwarded-For": forwarded})


def test_12_429_has_retry_after_and_the_envelope(stack):
    assert [login(stack, "5.0.0.1")[0] for _ in range(2)] == [401, 401]
    status, value, headers = login(stack, "5.0.0.1")
    assert status == 429
    assert (value["error"], value["status_code"], value["message"]) == \
        (True, 429, "Too Many Requests")
    assert value["details"] == {"detail": "Rate limit exceeded. Please try again later."}
    assert headers["Retry-After"].isdigit() and 1 <= int(headers["Retry-After"]) <= 30


def test_12_a_client_cannot_dodge_the_limit_by_a_header(stack):
    """The original's limiter took the whole header, so each value was a new client."""
    seen = [login(stack, f"9.9.9.{i}, 5.0.0.2")[0] for i in range(3)]
    assert seen == [401, 401, 429]
