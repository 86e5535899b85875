"""Mailers that freeze, fall, drain and come back while they share the work."""

import pathlib
import random
import signal
import time

import pytest
from quintet import env

from conftest import MAIL_SETTINGS

NAMES = ("mailer", "mailer-2", "mailer-3")


@pytest.fixture(scope="module")
def stack(start_stack, odd):
    stack = start_stack(["mailer"], replicas={"mailer": 3}, **(odd.env() | MAIL_SETTINGS))
    for name in NAMES[1:]:
        stack.start_replica(name)
    return stack


def by_worker(stack, worker):
    """The daemon that calls itself so in the database."""
    (found,) = [d for d in stack.daemons.values() if f'"instance":"{worker}"' in d.output()]
    return found


def states(pid):
    """Of each thread, as in proc(5)."""
    stats = pathlib.Path(f"/proc/{pid}/task").glob("*/stat")
    return {stat.read_text().rsplit(")", 1)[1].split()[0] for stat in stats}


def stop_wholly(process):
    """One thread takes the signal and stops the others, which run on until then."""
    process.send_signal(signal.SIGSTOP)
    env.wait_until(lambda: states(process.pid) == {"T"}, 10, "every thread stands still")


@pytest.mark.parametrize("where, copies", [("RCPT", 1), ("END", 2)])
def test_frozen_past_the_lease(auth, odd, stack, address, job_of, database, where, copies):
    """A mailer is stopped with a mail in hand; another sends it when the lease is over. What
    the first one writes after it wakes changes nothing, and before the body it sends
    nothing either."""
    to = address()
    odd.reached.clear()
    odd.go.clear()
    odd.script(where, "stop")
    auth.registered("ann", to)
    assert odd.reached.wait(env.seconds(10))
    frozen = by_worker(stack, job_of(to, "leased")["worker"])
    stop_wholly(frozen.process)
    late_before = frozen.output().count("late_ack")
    odd.go.set()
    after = job_of(to, "sent", attempt=2, timeout=20)
    assert after["worker"] not in frozen.output() and after["crashes"] == 0
    frozen.process.send_signal(signal.SIGCONT)
    env.wait_until(lambda: frozen.output().count("late_ack") > late_before, 10, "late_ack")
    assert job_of(to) == after
    assert len(odd.to(to)) == copies and len(set(odd.to(to))) == 1
    tries = database.query("select attempt, phase from attempt where job_id = %s "
                           "order by attempt", (after["job_id"],), schema="mailer")
    assert tries == [(1, "lost"), (2, "end")]


def drain(stack, name, rng):
    monitor = stack.client(name, "monitor")
    assert monitor.call("control.drain")[0] == 200
    time.sleep(rng.random() / 2)
    assert monitor.call("control.resume")[0] == 200


def kill(stack, name, rng):
    stack.daemons[name].kill()
    time.sleep(rng.random() / 4)
    stack.daemons[name].start()
    stack.wait_ready(name)


def stop(stack, name, rng):
    assert stack.daemons[name].stop() == 0
    time.sleep(rng.random() / 4)
    stack.daemons[name].start()
    stack.wait_ready(name)


def freeze(stack, name, rng):
    process = stack.daemons[name].process
    process.send_signal(signal.SIGSTOP)
    time.sleep(MAIL_SETTINGS["MAILER_LEASE_MS"] / 1000 * rng.choice((0.2, 1.2)))
    process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("seed", [2026])
def test_any_may_fall_at_any_time(auth, odd, stack, address, database, seed):
    """Random faults under a stream of mails: none is lost, copies are identical and no more
    than the faults."""
    rng = random.Random(seed)
    everyone, faults = [], 0
    odd.pace = 0.05  # so that mails are in hand when somebody falls
    for _ in range(14):
        for _ in range(20):
            everyone.append(address())
            auth.registered("ann", everyone[-1])
        act, name = rng.choice((kill, kill, stop, freeze, drain)), rng.choice(NAMES)
        print(act.__name__, name)
        act(stack, name, rng)
        faults += act in (kill, freeze)
    for to in everyone:
        odd.wait_for(to, timeout=30)
    env.wait_until(lambda: database.query(
        "select state, count(*) from job group by state", schema="mailer")
        == [("sent", len(everyone) + 2)], 30, "all are sent")
    odd.pace = 0.0
    copies = [odd.to(to) for to in everyone]
    assert all(len(set(c)) == 1 for c in copies)
    extra = sum(len(c) - 1 for c in copies)
    print(f"{len(everyone)} mails, {faults} faults, {extra} copies")
    assert extra <= faults * 4  # a mailer has up to four mails in hand when it falls
