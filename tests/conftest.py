"""Fixtures of all tests. The package behind them is tests/support/quintet."""

import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))

from quintet import env  # noqa: E402
from quintet.contract import Contract  # noqa: E402
from quintet.postgres import Cluster  # noqa: E402
from quintet.redis import Redis  # noqa: E402
from quintet.smtp import SmtpSink  # noqa: E402
from quintet.stack import Stack  # noqa: E402

TEST_TIMEOUT = 120  # s, each phase of one test


def pytest_configure(config):
    del config
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


@pytest.fixture(scope="session")
def contract():
    return Contract()


@pytest.fixture(scope="session")
def cluster():
    server = Cluster()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def database(cluster):
    fresh = cluster.create_database()
    yield fresh
    fresh.drop()


@pytest.fixture(scope="module")
def redis():
    server = Redis()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def smtp():
    sink = SmtpSink()
    yield sink
    sink.close()


@pytest.fixture(scope="module")
def start_stack(database):
    """start_stack(["auth"], AUTH_REFRESH_ROTATION="off"): a Stack on the module's
    database, stopped at the end of the module."""
    started = []

    def start(services, **settings):
        stack = Stack(services, database=settings.pop("database", database), **settings)
        started.append(stack)
        return stack.__enter__()

    yield start
    problems = []
    for stack in reversed(started):
        try:
            stack.stop()
        except AssertionError as e:
            problems.append(str(e))
    assert not problems, "\n".join(problems)


def _limited(what):
    def on_alarm(*_):
        raise AssertionError(f"{what} took more than {env.seconds(TEST_TIMEOUT):.0f} s")

    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(int(env.seconds(TEST_TIMEOUT)))
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from _limited(f"the set-up of {item.name}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    yield from _limited(item.name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    yield from _limited(f"the end of {item.name}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for stack in Stack.live:
            report.sections.append(("output of the daemons", stack.tails()))
            for text in stack.sanitizer_reports():
                report.sections.append(("sanitizer", text))
