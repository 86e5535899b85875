"""auth.login and the tokens it gives."""

import concurrent.futures
import json
import time

import jwt
import pytest
from many import ask_many, hashes

REFUSED = "no_active_account"


def keys_of(auth):
    status, jwks = auth.call("auth.jwks")
    assert status == 200
    return {k["kid"]: jwt.PyJWK(k).key for k in jwks["keys"]}


def claims_of(auth, token):
    header = jwt.get_unverified_header(token)
    assert header["alg"] == "ES256" and header["typ"] == "JWT"
    return jwt.decode(token, keys_of(auth)[header["kid"]], algorithms=["ES256"],
                      audience="quintet", issuer="quintet")


def test_log_01_tokens_by_another_library(auth, register, login):
    user = register()
    tokens = login(user)
    assert list(tokens) == ["refresh", "access"]
    access, refresh = (claims_of(auth, tokens[k]) for k in ("access", "refresh"))
    for claims, kind, life in ((access, "access", 1800), (refresh, "refresh", 86400)):
        assert claims["token_type"] == kind
        assert claims["exp"] - claims["iat"] == life
        assert abs(claims["iat"] - time.time()) < 10
        assert claims["user_id"] == user["id"] and claims["sub"] == str(user["id"])
        assert claims["role"] == "USER" and claims["username"] == user["username"]
        assert len(claims["jti"]) == 32 and len(claims["sid"]) == 32
        assert claims["uv"] == 1
    assert access["sid"] == refresh["sid"] and access["jti"] != refresh["jti"]


def test_no_private_member_in_the_key_set(auth):
    _, jwks = auth.call("auth.jwks")
    assert jwks["keys"]
    for key in jwks["keys"]:
        assert set(key) == {"kty", "crv", "alg", "use", "kid", "x", "y"}


def test_log_02_05_refused_alike(auth, register, database):
    user, off = register(), register()
    database.query(f"update users set is_active = false where id = {off['id']}",
                     schema="auth")
    cases = [(user["username"], "wrong"), ("nobody-here", user["password"]),
             (user["username"].upper(), user["password"]),
             (off["username"], off["password"])]
    answers = {json.dumps(auth.error("auth.login", {"username": u, "password": p}))
               for u, p in cases}
    assert len(answers) == 1
    assert json.loads(answers.pop())[0] == REFUSED


@pytest.mark.parametrize("body, details", [
    ({}, {f: ["This field is required."] for f in ("username", "password")}),
    ({"username": "", "password": ""},
     {f: ["This field may not be blank."] for f in ("username", "password")}),
    ({"username": None, "password": None},
     {f: ["This field may not be null."] for f in ("username", "password")}),
    ({"username": 1, "password": True}, {"password": ["Not a valid string."]}),
    ({"username": "a\0b", "password": "x"},
     {"username": ["Null characters are not allowed."]}),
])
def test_log_03_04_07_fields(auth, body, details):
    assert auth.error("auth.login", body) == ("invalid", details)


def test_log_06_blanks_around_are_cut(auth, register):
    user = register()
    status, _ = auth.call("auth.login", {"username": f" {user['username']} ",
                                         "password": f" {user['password']} "})
    assert status == 200


def test_parallel_logins_of_one_user(auth, register, database):
    user = register()
    body = {"username": user["username"], "password": user["password"]}

    def one(_):
        with type(auth)(auth.endpoint, auth.server, auth.key_pair) as client:
            return [client.call("auth.login", body)[0] for _ in range(5)]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = sum(pool.map(one, range(6)), [])
    assert answers == [200] * 30
    assert database.query(f"select count(*) from session where user_id = {user['id']}",
                          schema="auth") == [(30,)]


def test_def_20_what_a_login_leaves(auth, register, login, database):
    user = register()
    login(user)
    auth.error("auth.login", {"username": user["username"], "password": "wrong"})
    assert database.query(f"select last_login is not null from users where id = {user['id']}",
                          schema="auth") == [(True,)]
    assert database.query(f"select count(*) from session where user_id = {user['id']}",
                          schema="auth") == [(1,)]
    trail = database.query(f"select event from audit where target_id = {user['id']} "
                           "order by id", schema="auth")
    assert [e for e, in trail] == ["user.registered", "login.succeeded", "login.failed"]


IMPORTED = [  # of "testpass123", as other systems made them
    "pbkdf2_sha256$1000$saltsaltsaltsaltsaltsa$+pu7YyaiaKtSlwX66h/ddARyiXW3slmk8e5Th/w3/JQ=",
    "pbkdf2_sha1$1000$saltsaltsaltsaltsaltsa$EgP4X4xeUYWA8TBYlmqb1oDBpCs=",
    "bcrypt_sha256$$2b$04$hc3iGvGQtKMcKtNAA7UXzObrrP8d6AKFYrrNHrI0eYSJD4V90Azs6",
    "bcrypt$$2b$04$xjRrbTYo3lD2ln2eCXCmM.fy7G8WQoZP866.3QGh73mZVrJu1zpM6",
    "$2b$04$Soo0iCD0uO43666zTNjik.0JKJBzk20eSzEGQ27ujTD6Ex6qAwC2S",
    "argon2$argon2id$v=19$m=256,t=2,p=8$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYQ"
    "$WBcS6MXDajrAsPM8sTH8wQ",
    "scrypt$1024$saltsaltsaltsaltsaltsa$8$1$qgXZUO4kbXmDuRM6zTRV6O46jUH+Yvd9m4iaKsJp08tj5E"
    "ocZfirzX0XPtcpoA32FvAefgoDveuMGS3+eeg0fA==",
]


@pytest.fixture
def imported(register, database):
    """An account with a hash that another system made."""

    def make(hash_text):
        user = register()
        database.query("update users set password = %s where id = %s",
                       [hash_text, user["id"]], schema="auth")
        return user | {"password": "testpass123"}

    return make


def kept(database, user):
    (text,), = database.query(f"select password from users where id = {user['id']}",
                              schema="auth")
    return text


@pytest.mark.parametrize("text", IMPORTED, ids=lambda t: t.split("$")[0] or t.split("$")[1])
def test_hashes_of_other_systems_are_taken_and_replaced(auth, imported, database, login,
                                                        text):
    user = imported(text)
    assert auth.error("auth.login", {"username": user["username"],
                                     "password": "testpass124"})[0] == REFUSED
    assert kept(database, user) == text
    login(user)
    assert kept(database, user).startswith("$argon2id$v=19$m=1024,t=1,p=1$")
    login(user)


def test_parallel_first_logins_all_succeed(auth, imported):
    """Only one of them replaces the hash; to the others that is no wrong password."""
    user = imported(IMPORTED[2])
    body = {"username": user["username"], "password": user["password"]}
    frames = [auth.request("auth.login", body) for _ in range(12)]
    assert [a.status for a in ask_many(auth, frames)] == [200] * 12


@pytest.mark.parametrize("text", ["!AnUnusablePassword", "", "md5$salt$hash", "plain"])
def test_without_a_usable_password_the_same_work_is_done(stack, auth, imported, text):
    user = imported(text)
    before = hashes(stack)
    for password in ("testpass123", text or "x"):
        assert auth.error("auth.login", {"username": user["username"],
                                         "password": password})[0] == REFUSED
    assert hashes(stack) - before == 2


def test_parameters_are_upgraded(stack, auth, register, database, login):
    user = register()
    assert "m=1024,t=1," in kept(database, user)
    stack.restart("auth", AUTH_ARGON2_MEMORY_KIB=2048, AUTH_ARGON2_PASSES=2)
    try:
        login(user)
        assert "m=2048,t=2," in kept(database, user)
    finally:
        stack.restart("auth", AUTH_ARGON2_MEMORY_KIB=1024, AUTH_ARGON2_PASSES=1)


def test_sessions_that_ran_out_go_faster_than_they_come(database, register, login):
    """A full batch of any kind says so, and the daemon goes on with the next at once."""
    user = register()
    login(user)
    database.query(
        "insert into session select gen_random_uuid(), %s, 1, now(), now() - interval '2 days'"
        " from generate_series(1, 1500)", (user["id"],), schema="auth")
    taken = [database.statement("auth", "prune", "now()", "now()", "now()", "'-infinity'")[0][0]
             for _ in range(2)]
    assert taken == [1000, 500]
    assert database.query("select count(*) from session where user_id = %s", (user["id"],),
                          schema="auth") == [(1,)]
