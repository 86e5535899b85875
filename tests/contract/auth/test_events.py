"""The user stream: PUB, beacons, pull, and what retention keeps."""

import json

import jsonschema
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


def test_messages_are_what_asyncapi_says(subscriber, register, stack):
    """Each kind that PUB brings, against the document that the gateway serves."""
    document = json.loads(stack.verb("gateway", "asyncapi").stdout)
    resolver = jsonschema.RefResolver.from_schema(document)
    receive(subscriber, "beacon.user")  # connected
    user = register(email="told@example.com")
    stack.verb("auth", "users", "end-sessions", user["username"])
    stack.verb("auth", "users", "delete", user["username"])
    for wanted in ("user.v1.user.registered", "user.v1.user.updated", "user.v1.user.deleted",
                   "beacon.user"):
        topic, message = receive(subscriber, wanted)
        kind = document["channels"][topic]["subscribe"]["message"]
        _, schema = resolver.resolve(kind["$ref"])
        check = jsonschema.Draft7Validator(schema["payload"], resolver=resolver)
        assert not [e.message for e in check.iter_errors(message)], (topic, message)
        assert list(check.iter_errors(message | {"head": "x"})), "the check can fail"


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


@pytest.fixture
def status(stack):
    def ask():
        code, answer = stack.client("auth", "monitor").call("auth.events.status")
        assert code == 200, answer
        return answer
    return ask


def test_the_owner_tells_where_the_stream_and_its_readers_are(stack, register, pull, status):
    register()
    head = env.wait_until(lambda: pull()["head"], 5, "an event is numbered")
    stack.client("auth", "catalog").call("auth.events.pull",
                                         {"after": head, "applied": head - 1, "limit": 1})

    def catalog():
        return [c for c in status()["consumers"] if c["name"] == "catalog"]
    said = env.wait_until(catalog, 5, "the catalog is known")[0]
    now = status()
    assert now["epoch"] == pull()["epoch"] and now["head"] >= head
    assert (said["acked"], said["lag"]) == (head - 1, now["head"] - head + 1)
    assert [c["name"] for c in now["consumers"]] == sorted(c["name"] for c in now["consumers"])


def test_what_waits_in_the_outbox_is_told_with_its_age(database, status):
    """While somebody else holds the head row nothing can be numbered."""
    with database.locked("select 1 from event_stream where stream = 'user' for no key update",
                         schema="auth"):
        database.query(
            "insert into outbox (event_id, stream, aggregate_id, type, version, payload, "
            "created_at) values (gen_random_uuid(), 'user', 4712, 'user.created', 1, '{}', "
            "now() - interval '5 minutes')", schema="auth")
        now = status()
        assert now["waiting"] == 1 and 300 <= now["oldest_s"] < 360
    env.wait_until(lambda: status()["waiting"] == 0, 5, "it is published")
    assert status()["oldest_s"] == 0


def test_only_the_monitor_may_ask(stack):
    assert stack.client("auth", "gateway").error("auth.events.status")[0] == "peer_not_allowed"


def test_rows_committed_by_others_are_numbered_too(database, pull, subscriber):
    receive(subscriber, "beacon.user")
    database.query(
        "insert into outbox (event_id, stream, aggregate_id, type, version, payload) "
        "values (gen_random_uuid(), 'user', 4711, 'user.created', 1, '{}')", schema="auth")
    topic, event = receive(subscriber, "user.")
    assert topic == "user.v1.user.created" and event["aggregate_id"] == 4711
