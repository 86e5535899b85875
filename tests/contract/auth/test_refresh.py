"""auth.refresh: rotation, grace, reuse, and everything that ends a session."""

import concurrent.futures
import threading

import jwt
import pytest

INVALID, INVALID_NUMBER = "token_not_valid", 1011


def peek(token):
    return jwt.decode(token, options={"verify_signature": False})


def refresh(client, token):
    return client.call("auth.refresh", {"refresh": token})


def code_of(client, token):
    return client.error("auth.refresh", {"refresh": token})[0]


@pytest.fixture
def user(register):
    return register()


def test_ref_02_rotation(auth, user, login):
    first = login(user)["refresh"]
    status, tokens = refresh(auth, first)
    assert status == 200
    old, new, access = map(peek, (first, tokens["refresh"], tokens["access"]))
    assert new["sid"] == old["sid"] == access["sid"]
    assert new["jti"] != old["jti"]
    assert access["token_type"] == "access"
    assert refresh(auth, tokens["refresh"])[0] == 200


@pytest.mark.parametrize("token", ["garbage", "a.b.c", 5, "x" * 5000])
def test_ref_04_07_not_a_token(auth, token):
    assert code_of(auth, token) == INVALID


def test_ref_06_fields(auth):
    for body, message in (({}, "This field is required."),
                          ({"refresh": ""}, "This field may not be blank."),
                          ({"refresh": None}, "This field may not be null.")):
        assert auth.error("auth.refresh", body) == ("invalid", {"refresh": [message]})


def test_ref_05_an_access_token_does_not_refresh(auth, user, login):
    assert code_of(auth, login(user)["access"]) == INVALID


def test_a_lost_reply_gets_the_same_child(auth, user, login):
    first = login(user)["refresh"]
    one, two = refresh(auth, first)[1], refresh(auth, first)[1]
    assert peek(one["refresh"]) == peek(two["refresh"])
    assert refresh(auth, two["refresh"])[0] == 200


def test_ref_03_reuse_ends_every_descendant(auth, user, login, database):
    first = login(user)["refresh"]
    second = refresh(auth, first)[1]["refresh"]
    third = refresh(auth, second)[1]["refresh"]
    jti = peek(first)["jti"]
    database.query("update refresh_token set used_at = used_at - interval '11 seconds' "
                     f"where jti = '{jti}'", schema="auth")
    assert code_of(auth, first) == INVALID
    assert code_of(auth, third) == INVALID
    assert database.query(f"select count(*) from audit where event = 'refresh.reused' "
                          f"and target_id = {user['id']}", schema="auth") == [(1,)]
    assert refresh(auth, login(user)["refresh"])[0] == 200  # a new session is untouched


def test_parallel_refreshes_have_one_child(stack, auth, user, login, database):
    token = login(user)["refresh"]

    def one(_):
        with type(auth)(auth.endpoint, auth.server, auth.key_pair) as client:
            return refresh(client, token)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert {s for s, _ in answers} == {200}
    assert len({peek(v["refresh"])["jti"] for _, v in answers}) == 1
    assert database.query("select count(*) from refresh_token where parent = "
                          f"'{peek(token)['jti']}'", schema="auth") == [(1,)]


def together(auth, calls, threads=16):
    """Makes the calls at once over sockets of their own; (status, value) of each."""
    start = threading.Barrier(threads)

    def work(mine):
        with type(auth)(auth.endpoint, auth.server, auth.key_pair, contract=auth.contract) as c:
            start.wait()
            return [call(c) for call in mine]

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        parts = pool.map(work, [calls[i::threads] for i in range(threads)])
        return [answer for part in parts for answer in part]


def living(auth, answers):
    """The refresh tokens among the answers whose line goes on."""
    tokens = {v["refresh"] for status, v in answers if status == 200}
    by_jti = {peek(t)["jti"]: t for t in tokens}
    return [t for t in by_jti.values() if refresh(auth, t)[0] == 200]


def test_a_thousand_races_leave_one_line(auth, user, login, database):
    """Every winner holds the same child, and only one line of descent goes on."""
    token = login(user)["refresh"]
    answers = together(auth, [lambda c: refresh(c, token)] * 1000)
    assert len(answers) == 1000 and 200 in {s for s, _ in answers}
    jtis = {peek(v["refresh"])["jti"] for s, v in answers if s == 200}
    assert len(jtis) == 1, "two lines of descent"
    assert database.query("select count(*) from refresh_token where sid = "
                          f"'{peek(token)['sid']}'", schema="auth") == [(2,)]
    assert len(living(auth, answers)) == 1


def test_racing_clients_that_go_on_end_in_one_line_or_none(auth, user, login, database):
    """Each client uses whatever it gets at once, as thieves do."""
    token = login(user)["refresh"]

    def chain(client):
        status, answer = 200, {"refresh": token}
        for _ in range(10):
            status, answer = refresh(client, answer["refresh"])
            if status != 200:
                break
        return status, answer

    answers = together(auth, [chain] * 16)
    assert len(living(auth, answers)) <= 1
    branches = database.query(
        f"select parent from refresh_token where sid = '{peek(token)['sid']}' "
        "group by parent having count(*) > 1", schema="auth")
    assert branches == [], "a token with two children"


def test_a_replay_ends_all_descendants_also_in_a_race(auth, register, login):
    """A -> B -> C; A comes back while C is being used: nothing of the family works then."""
    for _ in range(10):
        first = login(register())["refresh"]
        second = refresh(auth, first)[1]["refresh"]
        third = refresh(auth, second)[1]["refresh"]
        answers = together(auth, [lambda c: refresh(c, first)] * 4 +
                           [lambda c: refresh(c, third)] * 4, threads=8)
        assert INVALID_NUMBER in [s for s, _ in answers]
        assert living(auth, answers) == []
        assert {code_of(auth, t) for t in (first, second, third)} == {INVALID}


@pytest.mark.parametrize("statement, code", [
    ("update users set is_active = false where id = %d", "user_inactive"),
    ("update users set uv = uv + 1, session_min_uv = uv + 1 where id = %d", INVALID),
    ("update session set revoked_at = now() where user_id = %d", INVALID),
    ("delete from users where id = %d", "user_not_found"),
])
def test_ref_08_09_def_8_what_ends_a_session(auth, user, login, database, statement, code):
    token = login(user)["refresh"]
    database.query(statement % user["id"], schema="auth")
    assert code_of(auth, token) == code


def test_a_role_change_arrives_with_the_next_refresh(auth, user, login, database):
    token = login(user)["refresh"]
    database.query(f"update users set role = 'ADMIN', uv = uv + 1 where id = {user['id']}",
                     schema="auth")
    claims = peek(refresh(auth, token)[1]["access"])
    assert claims["role"] == "ADMIN" and claims["uv"] == 2


def test_ref_01_other_modes(stack, auth, user, login, database):
    token = login(user)["refresh"]
    stack.restart("auth", AUTH_REFRESH_ROTATION="off")
    for _ in range(3):
        status, answer = refresh(auth, token)
        assert status == 200 and list(answer) == ["access"]
    secret = "a shared secret of at least 32 bytes"
    stack.restart("auth", JWT_ALGORITHM="HS256", DJANGO_SECRET_KEY=secret)
    assert auth.call("auth.jwks")[1] == {"keys": []}
    assert code_of(auth, token) == INVALID
    tokens = login(user)
    assert jwt.get_unverified_header(tokens["access"]) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(tokens["refresh"], secret, algorithms=["HS256"],
                        audience="quintet")
    made = jwt.encode(claims, secret, algorithm="HS256")
    assert refresh(auth, made)[0] == 200  # another library's token of the same claims
    forged = jwt.encode(claims, "A" + secret[1:], algorithm="HS256")
    assert code_of(auth, forged) == INVALID
