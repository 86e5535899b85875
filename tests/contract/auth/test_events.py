"""The user stream: PUB, beacons, pull, and what retention keeps."""

import json

import pytest
import zmq
from quintet import env
from quintet.client import server_key


@pytest.fixture
def subscriber(stack):
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    pair = stack.client("auth", "mailer").key_pair
    socket.curve_publickey, socket.curve_secretkey = pair
    socket.curve_serverkey = server_key(stack.public, "auth")
    for topic in (b"user.", b"beacon.user"):
        socket.subscribe(topic)
    socket.connect(stack.environment("auth")["AUTH_EVENTS_LISTEN"])
    yield socket
    socket.close(linger=0)
    context.term()


def receive(socket, wanted, seconds=5):
    """The next message whose topic begins with `wanted`."""
    for _ in range(1000):
        assert socket.poll(int(env.seconds(seconds) * 1000)), f"no {wanted} came"
        topic, body = socket.recv_multipart()
        if topic.decode().startswith(wanted):
            return topic.decode(), json.loads(body)
    raise AssertionError(f"no {wanted} among 1000 messages")


def test_push_and_pull_say_the_same(subscriber, register, pull, stack):
    _, beacon = receive(subscriber, "beacon.user")
    assert beacon["stream"] == "user" and beacon["replica"]
    user = register(email="push@example.com")
    topic, pushed = receive(subscriber, "user.")
    assert topic == "user.v1.user.registered"
    assert pushed["aggregate_id"] == user["id"]
    answer = pull(pushed["seq"] - 1)
    event = answer["events"][0]
    assert pushed == event | {"stream": "user", "epoch": answer["epoch"],
                              "head": pushed["head"]}
    assert pushed["seq"] == beacon["head"] + 1
    while receive(subscriber, "beacon.user")[1]["head"] < pushed["seq"]:
        pass


def test_numbers_have_no_gap(register, pull, stack):
    for _ in range(20):
        register()
    env.wait_until(lambda: pull(pull()["head"])["events"] == [], 5, "all are numbered")
    events = pull()["events"]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert len({e["event_id"] for e in events}) == len(events)
    assert pull(5, limit=3)["events"] == events[5:8]


def test_another_epoch_or_a_cursor_ahead_is_refused(stack, pull):
    mailer = stack.client("auth", "mailer")
    now = pull()
    assert pull(0, epoch=now["epoch"])["epoch"] == now["epoch"]
    for body in ({"after": 0, "limit": 1, "epoch": "00000000-0000-0000-0000-000000000000"},
                 {"after": now["head"] + 1000, "limit": 1}):
        code, details = mailer.error("auth.events.pull", body)
        assert code == "conflict"
        assert details["epoch"] == now["epoch"] and details["head"] >= now["head"]


@pytest.mark.parametrize("body", [{"after": -1, "limit": 1}, {"after": 0, "limit": 0},
                                  {"after": 0, "limit": 501}, {"after": 0}])
def test_bad_pulls(stack, body):
    assert stack.client("auth", "mailer").error("auth.events.pull", body)[0] == "invalid"


def test_a_consumer_is_known_by_its_pulls(stack, database, register, pull):
    register()
    env.wait_until(lambda: pull()["head"] > 0, 5, "an event is numbered")
    env.wait_until(lambda: database.query(
        "select 1 from event_consumer where (name, stream) = ('mailer', 'user')",
        schema="auth") == [(1,)], 5, "the mailer is known")


def test_retention_waits_for_what_is_applied_not_for_what_is_read(stack, database, register,
                                                                  pull):
    register(), register()
    env.wait_until(lambda: pull()["head"] > 1, 5, "two events are numbered")
    status, _ = stack.client("auth", "gateway").call(
        "auth.events.pull", {"after": 2, "applied": 1, "limit": 1})
    assert status == 200
    env.wait_until(lambda: database.query(
        "select acked_seq from event_consumer where (name, stream) = ('gateway', 'user')",
        schema="auth") == [(1,)], 5, "what it applied is known")


def test_rows_committed_by_others_are_numbered_too(database, pull, subscriber):
    receive(subscriber, "beacon.user")
    database.query(
        "insert into outbox (event_id, stream, aggregate_id, type, version, payload) "
        "values (gen_random_uuid(), 'user', 4711, 'user.created', 1, '{}')", schema="auth")
    topic, event = receive(subscriber, "user.")
    assert topic == "user.v1.user.created" and event["aggregate_id"] == 4711
