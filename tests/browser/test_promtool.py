"""Prometheus' own opinion of every /metrics. Here because promtool's package is as large as
a browser; `make test` reads the figures by rules of its own (tests/e2e/test_metrics.py)."""

import shutil
import subprocess

import pytest
from quintet import env
from quintet.stack import http_to

DAEMONS = ["auth", "catalog", "mailer", "monitor", "gateway"]


@pytest.fixture(scope="module")
def stack(start_stack, redis):
    assert shutil.which("promtool"), "deploy/local/install browser"
    stack = start_stack(DAEMONS, redis=redis, RATE_LIMIT_EXEMPT="")
    user = {"username": "metric", "email": "metric@example.org", "password": "testpass123"}
    assert stack.http("POST", "/api/auth/register", user)[0] == 201
    assert stack.http("POST", "/api/auth/login", user)[0] == 200
    assert stack.http("GET", "/api/products", token="x")[0] == 401
    return stack


def check(text):
    return subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_promtool_has_nothing_to_say(stack, daemon):
    status, text = stack.ops(daemon, "/metrics")
    done = check(text)
    assert (status, done.returncode, done.stdout) == (200, 0, "")


def test_promtool_has_nothing_to_say_to_the_dashboards_own(stack):
    """:5555/metrics, with figures in every family: mails were sent, replicas have beaten."""
    def metrics(*families):
        status, body, _ = http_to(stack.port["monitor.http"], "GET", "/metrics")
        assert status == 200
        return body if all(f in body for f in families) else None
    env.wait_until(lambda: metrics("flower_worker_prefetched_tasks{"), 20, "the mailer is heard")
    # What became of a mail is told once, and whoever is not there yet does not hear it.
    user = {"username": "heard", "email": "heard@example.org", "password": "testpass123"}
    assert stack.http("POST", "/api/auth/register", user)[0] == 201
    text = env.wait_until(lambda: metrics("flower_task_runtime_seconds_bucket", "quintet_",
                                          "flower_events_total{", "flower_worker_online{"),
                          20, "a mail is counted")
    done = check(text)
    assert (done.returncode, done.stdout) == (0, "")


def test_promtool_would_say_something(stack):
    text = stack.ops("gateway", "/metrics")[1].replace("# HELP redis_up", "# hush redis_up")
    assert "redis_up" in check(text).stdout
