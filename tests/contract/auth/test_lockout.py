"""The guard in front of a login: how guessing gets slow, and whom it leaves alone."""

import concurrent.futures
import copy
import re

import pytest
from many import ask_many, hashes
from quintet import env, frame
from quintet.client import value_of
from quintet.stack import Daemon

WRONG, PASSWORD = "not the password", "a pass phrase of some length"
REFUSED, LOCKED = 1012, 1021
HOME, AWAY = "203.0.113.7", "198.51.100.1"
DELAY = 30


@pytest.fixture
def user(register, new_name):
    return register(email=f"{new_name()}@example.com")


@pytest.fixture
def attempt(auth):
    """attempt(user or name, password, address) -> the Frame of the answer."""

    def one(user, password=WRONG, address=HOME):
        name = user if isinstance(user, str) else user["username"]
        return auth.call_frame("auth.login", {"username": name, "password": password},
                               headers={frame.CLIENT_ADDRESS: address})

    return one


@pytest.fixture
def guards(database):
    def rows(where="true"):
        return database.query("select network, attempts, failures, locked_until > now() "
                              f"from login_guard where {where} order by network",
                              schema="auth")
    database.query("truncate login_guard", schema="auth")
    return rows


@pytest.fixture
def pass_time(database):
    """The guard's clock, put on."""

    def put_on(seconds):
        database.query("update login_guard set locked_until = locked_until - d, "
                       "forget_at = forget_at - d, reserved_at = reserved_at - d "
                       f"from (values (interval '{seconds} seconds')) v (d)",
                       schema="auth")

    return put_on


@pytest.fixture(scope="module")
def second(stack, auth):
    """A client of another replica."""
    port = stack.ports.take()
    daemon = Daemon("auth", stack.daemons["auth"].environment | {
        "AUTH_RPC_LISTEN": f"tcp://127.0.0.1:{port}",
        "AUTH_OPS_LISTEN": f"127.0.0.1:{stack.ports.take()}",
        "AUTH_EVENTS_LISTEN": f"tcp://127.0.0.1:{stack.ports.take()}"},
        stack.dir / "auth-second.log")
    daemon.start()
    with type(auth)(f"tcp://127.0.0.1:{port}", auth.server, auth.key_pair) as client:
        env.wait_until(lambda: client.call("auth.jwks")[0] == 200, 10, "the second replica")
        yield client
    assert daemon.stop() == 0


def metric(stack, name):
    _, text = stack.ops("auth", "/metrics")
    found = re.search(rf"^{re.escape(name)} (\d+)", text, re.M)
    return int(found[1]) if found else 0


def login_frame(auth, name, password, address=HOME):
    return auth.request("auth.login", {"username": name, "password": password},
                        headers={frame.CLIENT_ADDRESS: address})


# --- the count ------------------------------------------------------------------------


def test_200_parallel_wrong_logins_are_at_most_5_hashes(stack, auth, user, guards):
    """... and the right password, sent in the same burst after the lock, is refused."""
    before = hashes(stack)
    frames = [login_frame(auth, user["username"], f"{WRONG} {n}") for n in range(200)]
    frames.append(login_frame(auth, user["username"], PASSWORD))
    statuses = [a.status for a in ask_many(auth, frames, len(frames))]
    assert hashes(stack) - before == 5
    assert sorted(statuses) == [REFUSED] * 5 + [LOCKED] * 196
    assert statuses[-1] == LOCKED
    assert guards("network <> '*'") == [("203.0.113.0/24", 5, 5, True)]


def test_200_parallel_wrong_logins_from_200_networks(stack, auth, user, guards):
    """The identity as a whole has a limit too, and it is as exact."""
    before = hashes(stack)
    frames = [login_frame(auth, user["username"], WRONG, f"10.1.{n}.1") for n in range(200)]
    statuses = [a.status for a in ask_many(auth, frames, len(frames))]
    assert hashes(stack) - before == 20
    assert sorted(set(statuses)) == [REFUSED, LOCKED] and statuses.count(REFUSED) == 20
    (_, attempts, failures, locked), = guards("network = '*'")
    assert (attempts, failures, locked) == (20, 20, True)
    assert all(a == f for _, a, f, _ in guards("network <> '*' and attempts > 0"))


def test_parallel_right_logins_are_all_let_in(auth, user, guards):
    """More of them at once than the limit: the surplus waits for the others' end."""
    frames = [login_frame(auth, user["username"], PASSWORD) for _ in range(40)]
    assert {a.status for a in ask_many(auth, frames, len(frames))} == {200}
    assert all(a == f == 0 for _, a, f, _ in guards())


def test_a_good_login_forgives(attempt, user, guards):
    for _ in range(3):
        for _ in range(4):
            assert attempt(user).status == REFUSED
        assert attempt(user, PASSWORD).status == 200
    assert guards("network <> '*'")[0][1:3] == (0, 0)


def test_the_delay_grows_and_heals(attempt, user, guards, pass_time):
    for _ in range(5):
        assert attempt(user).status == REFUSED
    for delay in (DELAY, 2 * DELAY, 4 * DELAY, 8 * DELAY, 16 * DELAY, 900, 900):
        answer = attempt(user, PASSWORD)
        assert answer.status == LOCKED
        retry = int.from_bytes(answer.record(frame.RETRY_AFTER), "little")
        assert delay - 5 <= retry <= delay
        pass_time(delay + 1)
        assert attempt(user).status == REFUSED  # one more try, and locked again
    pass_time(901)
    assert attempt(user, PASSWORD).status == 200
    assert attempt(user).status == REFUSED


def test_old_failures_are_forgotten(attempt, user, guards, pass_time):
    for _ in range(3):
        for _ in range(4):
            assert attempt(user).status == REFUSED
        pass_time(901)
    assert attempt(user).status == REFUSED
    assert guards("network <> '*'")[0][1:3] == (1, 1)


def test_a_lock_is_of_one_network(attempt, user, guards):
    for _ in range(5):
        attempt(user, address=AWAY)
    assert attempt(user, PASSWORD, AWAY).status == LOCKED
    assert attempt(user, PASSWORD, "198.51.100.200").status == LOCKED
    assert attempt(user, PASSWORD, HOME).status == 200
    assert attempt(user, PASSWORD, AWAY).status == LOCKED


def test_replicas_count_together(stack, auth, user, guards, second):
    """Two of them, 200 wrong passwords and two right ones at once, five comparisons."""
    before = hashes(stack)
    frames = [login_frame(auth, user["username"], f"{WRONG} {n}") for n in range(100)]
    frames.append(login_frame(auth, user["username"], PASSWORD))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda c: ask_many(c, copy.deepcopy(frames), len(frames)),
                           (auth, second))
        statuses = [a.status for one in answers for a in one]
    # The other replica's share of the hashes is what this one did not do.
    assert sorted(statuses) == [REFUSED] * 5 + [LOCKED] * 197
    assert hashes(stack) - before <= 5
    assert guards("network <> '*'") == [("203.0.113.0/24", 5, 5, True)]


def test_a_lock_outlives_a_restart(stack, attempt, user, guards):
    for _ in range(5):
        attempt(user)
    stack.daemons["auth"].kill()
    stack.restart("auth")
    assert attempt(user, PASSWORD).status == LOCKED


def test_attempts_of_a_killed_process_stay_counted(attempt, user, guards, database):
    """Taken and never settled: a failure, as soon as no comparison can last so long."""
    attempt(user)
    database.query("update login_guard set attempts = 5, failures = 0, "
                   "reserved_at = now() - interval '31 seconds' where network <> '*'",
                   schema="auth")
    assert attempt(user).status == REFUSED
    assert guards("network <> '*'") == [("203.0.113.0/24", 6, 6, True)]


# --- all networks together ------------------------------------------------------------


def guess_from_everywhere(attempt, user, count=20):
    for n in range(count):
        assert attempt(user, address=f"10.2.{n}.1").status == REFUSED


def test_many_networks_only_space_the_logins(attempt, user, guards, pass_time):
    guess_from_everywhere(attempt, user)
    answer = attempt(user, PASSWORD, AWAY)
    assert answer.status == LOCKED
    assert int.from_bytes(answer.record(frame.RETRY_AFTER), "little") == 1
    pass_time(2)
    assert attempt(user, PASSWORD, AWAY).status == 200


def test_a_known_network_is_not_spaced(attempt, user, guards, database):
    assert attempt(user, PASSWORD, HOME).status == 200
    guess_from_everywhere(attempt, user)
    assert attempt(user, PASSWORD, HOME).status == 200
    assert attempt(user, PASSWORD, AWAY).status == LOCKED
    database.query("update login_network set seen_at = seen_at - interval '31 days'",
                   schema="auth")
    assert attempt(user, PASSWORD, HOME).status == LOCKED


def test_the_spacing_grows_to_half_a_minute(attempt, user, guards, pass_time):
    guess_from_everywhere(attempt, user)
    for n, delay in enumerate((1, 2, 4, 8, 16, 30, 30)):
        answer = attempt(user, PASSWORD, AWAY)
        assert answer.status == LOCKED
        retry = int.from_bytes(answer.record(frame.RETRY_AFTER), "little")
        assert delay - 1 <= retry <= delay
        pass_time(delay)
        assert attempt(user, address=f"10.3.{n}.1").status == REFUSED


# --- the way out ----------------------------------------------------------------------


def test_a_reset_always_works_and_unlocks(auth, attempt, user, guards, events_of, open_seal):
    guess_from_everywhere(attempt, user)
    for address in (HOME, AWAY):
        for _ in range(6):
            attempt(user, address=address)
    assert auth.call("auth.forgot_password", {"email": user["email"]})[0] == 200
    token = open_seal(events_of(user["id"], 2)[-1])
    status, _ = auth.call("auth.reset_password", {"token": token, "password": "new " + PASSWORD},
                          headers={frame.CLIENT_ADDRESS: HOME})
    assert status == 200
    assert attempt(user, "new " + PASSWORD, HOME).status == 200


# --- what it tells --------------------------------------------------------------------


def seen(answer):
    return (answer.status, value_of(answer),
            [(k, v) for k, v in answer.records if k not in (frame.LOAD, frame.RETRY_AFTER)])


def test_an_operator_unlocks(stack, attempt, user, new_name, register, guards, database):
    """`auth users unlock`: everywhere, for all spellings of the name, and for nobody else."""
    other, name = register(), user["username"]
    for n in range(20):
        attempt(name.upper() if n % 2 else name, address=f"10.7.{n % 4}.1")
    for _ in range(5):
        attempt(other)
    assert [attempt(u, PASSWORD, "10.7.0.1").status for u in (user, user)] == [LOCKED] * 2
    shown = stack.verb("auth", "users", "show", name).stdout
    assert re.search(r"^logins      5 failed from 10\.7\.0\.0/24, locked until 20\S+Z$", shown, re.M)
    assert re.search(r"^logins      20 failed from all networks together, locked until 20\S+Z$",
                     shown, re.M)

    done = stack.verb("auth", "users", "unlock", name)
    assert done.stdout == f"{name}: failed logins forgotten, no lock is left.\n"
    assert "logins  " not in stack.verb("auth", "users", "show", name).stdout
    assert guards() == [("*", 5, 5, None), ("203.0.113.0/24", 5, 5, True)], "the other one's"
    assert attempt(user, PASSWORD, "10.7.0.1").status == 200
    assert attempt(other, PASSWORD).status == LOCKED
    assert database.query("select target_id, detail from audit where event = 'login.unlocked'",
                          schema="auth") == [(user["id"], {"by": "auth users", "networks": {
                              "*": 20} | {f"10.7.{n}.0/24": 5 for n in range(4)}})]
    again = stack.verb("auth", "users", "unlock", other["username"] + "x", check=False)
    assert again.returncode == 65 and "no user" in again.stderr
    stack.verb("auth", "users", "unlock", name)
    assert stack.verb("auth", "users", "unlock", name).stdout == f"{name}: nothing to change.\n"


def test_log_10_unknown_unverified_and_disabled_are_locked_alike(stack, attempt, user, register,
                                                          guards, new_name, database):
    """The same answers after the same number of hashes."""
    verified, off = register(), register()
    database.query("update users set is_verified = true where id = "
                   f"{verified['id']}", schema="auth")
    database.query(f"update users set is_active = false where id = {off['id']}",
                   schema="auth")
    stories = set()
    for name in (user["username"], verified["username"], off["username"], new_name(),
                 user["username"].upper()):
        database.query("truncate login_guard", schema="auth")
        before = hashes(stack)
        answers = [seen(attempt(name)) for _ in range(7)]
        stories.add((repr(answers), hashes(stack) - before))
    (story, count), = stories
    assert count == 5 and story.count("1012") == 5 and story.count("1021") == 2


def test_no_name_is_kept_in_clear(attempt, guards, database):
    attempt("my-secret-typed-into-the-name")
    rows = database.query("select g::text from login_guard g", schema="auth")
    assert rows and "secret" not in repr(rows)
    assert "my-secret".encode().hex() not in repr(rows)


def test_the_trail_and_the_numbers(stack, attempt, user, guards, database):
    before = {r: metric(stack, 'auth_logins_total{result="%s"}' % r)
              for r in ("succeeded", "refused", "locked")}
    locks = metric(stack, 'auth_lockouts_total{scope="network"}')
    for _ in range(6):
        attempt(user)
    attempt(user, PASSWORD, AWAY)
    trail = database.query("select event, detail from audit where target_id = "
                           f"{user['id']} order by id", schema="auth")
    assert [e for e, _ in trail] == ["user.registered"] + ["login.failed"] * 5 + [
        "login.locked", "login.succeeded"]
    assert trail[-2][1]["network"] == "203.0.113.0/24" and trail[-2][1]["failures"] == 5
    for result, more in (("succeeded", 1), ("refused", 5), ("locked", 1)):
        assert metric(stack, 'auth_logins_total{result="%s"}' % result) \
            == before[result] + more
    assert metric(stack, 'auth_lockouts_total{scope="network"}') == locks + 1


def test_nothing_is_kept_for_ever(stack, attempt, user, guards, database, pass_time):
    """What the daemon prunes once a minute, by its own statement."""
    attempt(user)
    attempt(user, PASSWORD, AWAY)
    pass_time(1000)
    database.query("update login_network set seen_at = seen_at - interval '31 days'",
                   schema="auth")
    known_since = "now() - interval '30 days'"
    (most,), = database.query("select greatest((select count(*) from login_guard),"
                              " (select count(*) from login_network))", schema="auth")
    assert int(most) >= 3
    assert database.statement("auth", "login_guard_prune", "now()", known_since) \
        == [(int(most),)]
    assert guards() == []
    assert database.query("select 1 from login_network", schema="auth") == []


def test_names_that_were_tried_go_faster_than_they_come(database, guards):
    """A full batch says so: the daemon goes on with the next at once."""
    database.query(
        "insert into login_guard select int4send(i), 'none', 1, 1, now(), null, "
        "now() - interval '1 day' from generate_series(1, 1500) i", schema="auth")
    taken = [database.statement("auth", "login_guard_prune", "now()", "now()")[0][0]
             for _ in range(3)]
    assert taken == [1000, 500, 0] and guards() == []


def test_off(stack, auth, attempt, user, guards):
    stack.restart("auth", AUTH_LOCKOUT_FAILURES=0)
    try:
        assert {attempt(user).status for _ in range(25)} == {REFUSED}
        assert attempt(user, PASSWORD).status == 200
    finally:
        stack.restart("auth", AUTH_LOCKOUT_FAILURES=5)
