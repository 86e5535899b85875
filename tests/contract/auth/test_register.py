"""auth.register: what it stores, refuses, says, and publishes."""

import concurrent.futures

import pytest
from quintet import frame

PASSWORD = "a pass phrase of some length"
NAME_TAKEN = "A user with that username already exists."
EMAIL_TAKEN = "A user with that email already exists."
COMMON = "This password is too common."
SHORT = "This password is too short. It must contain at least 8 characters."
NAME_RULE = ("Enter a valid username. This value may contain only letters, numbers, "
             "and @/./+/-/_ characters.")
NUMERIC = "This password is entirely numeric."


def test_reg_01_02_the_readme_example(auth):
    status, user = auth.call("auth.register", {
        "username": "testuser", "email": "test@example.com",
        "password": "testpass123", "password2": "testpass123"})
    assert status == 201
    assert list(user) == ["id", "username", "email", "role"]
    assert user | {"id": 0} == {"id": 0, "username": "testuser",
                                "email": "test@example.com", "role": "USER"}
    assert auth.error("auth.register", {"username": "testuser", "password": PASSWORD}) == (
        "invalid", {"username": [NAME_TAKEN]})


@pytest.mark.parametrize("body, details", [
    ({}, {"username": ["This field is required."], "password": ["This field is required."]}),
    ({"username": "", "password": "", "email": ""},
     {"username": ["This field may not be blank."],
      "password": ["This field may not be blank."]}),
    ({"username": None, "password": None, "email": None},
     {f: ["This field may not be null."] for f in ("username", "password", "email")}),
    ({"username": "a b", "email": "nope", "role": "BOSS", "password": PASSWORD},
     {"username": [NAME_RULE], "email": ["Enter a valid email address."]}),
    ({"username": "x" * 151, "password": PASSWORD},
     {"username": ["Ensure this field has no more than 150 characters."]}),
    ({"username": "someone", "password": PASSWORD, "password2": "other"},
     {"password2": ["The two password fields didn't match."]}),
    ({"username": "someone", "password": "password"}, {"password": [COMMON]}),
    ({"username": "someone", "password": "12345678"}, {"password": [COMMON, NUMERIC]}),
    ({"username": "someone", "password": "abc"}, {"password": [SHORT, COMMON]}),
    ({"username": "someone", "password": "1"}, {"password": [SHORT, COMMON, NUMERIC]}),
    ({"username": "u1example", "password": "u1example"},
     {"password": ["The password is too similar to the username."]}),
], ids=["REG-03", "REG-04", "REG-05", "REG-06", "REG-07", "REG-14",
        "11-common", "11-common-numeric", "11-short-common", "11-all", "11-username"])
def test_reg_refused(auth, body, details):
    assert auth.error("auth.register", body) == ("invalid", details)


def test_reg_16_def_7_nobody_has_to_listen(auth, new_name, events_of):
    """No mailer is there: the event is kept for it."""
    name = new_name()
    status, user = auth.call("auth.register", {
        "username": name, "email": f"{name}@example.com", "password": PASSWORD})
    assert status == 201
    assert [e["type"] for e in events_of(user["id"])] == ["user.registered"]


def test_reg_17_all_problems_come_at_once(auth, register):
    taken = register(email="all@example.com")
    code, details = auth.error("auth.register", {
        "username": taken["username"].upper(), "email": "ALL@example.com",
        "password": "abc", "password2": "x"})
    assert code == "invalid"
    assert details == {"username": [NAME_TAKEN], "password": [SHORT, COMMON],
                       "password2": ["The two password fields didn't match."],
                       "email": [EMAIL_TAKEN]}


def test_reg_08_09_10_11_def_1_what_is_kept(auth, register, new_name):
    name = new_name()
    assert register(username=f"  {name}  ", email=" Sp@EX.com ")["username"] == name
    assert register(email="UPPER@Example.COM")["email"] == "UPPER@example.com"
    assert register(username="ﬁne" + name)["username"] == "fine" + name
    assert register()["email"] == ""
    assert register(role="ADMIN", is_staff=True, is_verified=True, id=1)["role"] == "USER"


def test_def_6_twins_by_case_or_form_are_taken(auth, register, new_name):
    name = new_name()
    register(username="a" + name)
    for twin in ("A" + name, "ª" + name, "Ａ" + name):
        assert auth.error("auth.register", {"username": twin, "password": PASSWORD}) == (
            "invalid", {"username": [NAME_TAKEN]}), twin


def test_reg_12_a_form_body(auth, new_name):
    body = f"username={new_name()}&password=a+long+pass+phrase".encode()
    status, _ = auth.call("auth.register", body,
                          content_type="application/x-www-form-urlencoded")
    assert status == 201


def test_reg_15_def_5_parallel_equal_requests_make_one_user(auth, database, new_name):
    body = {"username": new_name(), "password": PASSWORD}

    def one(_):
        with type(auth)(auth.endpoint, auth.server, auth.key_pair) as client:
            return client.call("auth.register", body)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, range(4)))
    assert sorted(s for s, _ in answers) == [201, 1002, 1002, 1002]
    assert all(v == {"username": [NAME_TAKEN]} for s, v in answers if s == 1002)
    assert database.query("select count(*) from users where username = '%s'"
                          % body["username"], schema="auth") == [(1,)]


def test_idempotency_key(auth, database, new_name):
    body = {"username": new_name(), "password": PASSWORD}
    key = {frame.IDEMPOTENCY_KEY: "key-" + body["username"]}
    first = auth.call_frame("auth.register", body, headers=key)
    again = auth.call_frame("auth.register", body, headers=key)
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    code, _ = auth.error("auth.register", body | {"password": "other " + PASSWORD},
                         headers=key)
    assert code == "idempotency_mismatch"
    code, details = auth.error("auth.register", body)
    assert details == {"username": [NAME_TAKEN]}


def test_nothing_usable_in_the_database(auth, register, events_of, open_seal, database):
    user = register(email="secret@example.com")
    event, = events_of(user["id"])
    token = open_seal(event)
    assert len(token) == 43
    rows = database.query("select u::text from users u union all "
                          "select t::text from email_token t union all "
                          "select o::text from outbox o union all "
                          "select i::text from idempotency i", schema="auth")
    dump = "\n".join(r[0] for r in rows)
    assert user["username"] in dump
    assert token not in dump and PASSWORD not in dump
    assert "$argon2id$" in dump


def test_the_event(auth, register, events_of, stack):
    user = register(email="event@example.com")
    event, = events_of(user["id"])
    assert event["type"] == "user.registered" and event["version"] == 1
    assert event["payload"] == {"user_id": user["id"], "username": user["username"],
                                "email": "event@example.com", "link_base": stack.url}
    assert event["expires_at"] > event["created_at"]
    silent = register()
    event, = events_of(silent["id"])
    assert event["sealed"] is None and event["expires_at"] is None
    assert event["payload"]["email"] == ""
