"""auth.login and the tokens it gives."""

import concurrent.futures
import json
import time

import jwt
import pytest

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


def test_tokens_by_another_library(auth, register, login):
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


def test_refused_alike(auth, register, database):
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
def test_fields(auth, body, details):
    assert auth.error("auth.login", body) == ("invalid", details)


def test_blanks_around_are_cut(auth, register):
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


def test_what_a_login_leaves(auth, register, login, database):
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


def test_hash_of_the_original_is_taken_and_replaced(auth, register, database, login):
    import base64
    import hashlib
    user = register()
    raw = hashlib.pbkdf2_hmac("sha256", b"testpass123", b"saltsaltsaltsaltsaltsa", 1000)
    old = "pbkdf2_sha256$1000$saltsaltsaltsaltsaltsa$" + base64.b64encode(raw).decode()
    database.query(f"update users set password = '{old}' where id = {user['id']}",
                     schema="auth")
    assert auth.error("auth.login", {"username": user["username"],
                                     "password": "testpass124"})[0] == REFUSED
    login({"username": user["username"], "password": "testpass123"})
    (now,), = database.query(f"select password from users where id = {user['id']}",
                             schema="auth")
    assert now.startswith("$argon2id$")
    login({"username": user["username"], "password": "testpass123"})
