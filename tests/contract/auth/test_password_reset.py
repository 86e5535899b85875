"""auth.forgot_password, auth.reset_password and the page behind the mailed link."""

import concurrent.futures
import html.parser
import statistics
import time

import pytest
from quintet import env, frame

SENT = (200, {"message": "Password reset email sent"})
DONE = (200, {"message": "Password reset successful"})
INVALID = "invalid_link"
PASSWORD = "a pass phrase of some length"  # of every account made here
NEW = "another pass phrase"
REQUESTED = "user.password_reset_requested"


def forgot(auth, email):
    return auth.call("auth.forgot_password", {"email": email})


def all_resolved(database):
    env.wait_until(lambda: database.query("select count(*) from link_request",
                                          schema="auth") == [(0,)], 10,
                   "every request is resolved")


def held(database, user):
    """The user's row, locked by somebody else."""
    return database.locked(f"select 1 from users where id = {user['id']} for update", "auth")


@pytest.fixture
def user(register, new_name):
    return register(email=f"{new_name()}@example.com")


@pytest.fixture
def ask(auth, database, events_of, open_seal):
    """A reset token of a user, by a new request (the cooldown is over)."""

    def get(user):
        def requests():
            return [e for e in events_of(user["id"]) if e["type"] == REQUESTED]
        database.query("update users set reset_sent_at = reset_sent_at - interval "
                       f"'61 seconds' where id = {user['id']}", schema="auth")
        before = len(requests())
        assert forgot(auth, user["email"]) == SENT
        env.wait_until(lambda: len(requests()) > before, 10, "the request has an event")
        return open_seal(requests()[-1])

    return get


def reset(auth, token, password=NEW, **more):
    return auth.call("auth.reset_password", {"token": token, "password": password, **more})


def code_of_login(auth, user, password):
    return auth.call("auth.login", {"username": user["username"], "password": password})[0]


# --- asking ---------------------------------------------------------------------------


def test_fp_01_a_known_address(auth, user, ask, events_of, stack, database):
    token = ask(user)
    assert len(token) == 43
    event = events_of(user["id"], 2)[1]
    assert event["type"] == REQUESTED and event["version"] == 1
    assert event["payload"] == {"user_id": user["id"], "username": user["username"],
                                "email": user["email"], "link_base": stack.url}
    (seconds,), = database.query(
        "select extract(epoch from expires_at - created_at)::int from email_token "
        f"where user_id = {user['id']} and purpose = 'reset'", schema="auth")
    assert seconds == 3600


@pytest.mark.parametrize("email", ["nobody@example.com", "nobody@bücher.example"])
def test_fp_02_an_unknown_address(auth, email):
    assert forgot(auth, email) == SENT


def test_fp_02_other_case(auth, user, events_of):
    assert forgot(auth, user["email"].upper()) == SENT
    event = events_of(user["id"], 2)[1]
    assert event["payload"]["email"] == user["email"]


@pytest.mark.parametrize("body, message", [
    ({}, "This field is required."),
    ({"email": ""}, "This field may not be blank."),
    ({"email": None}, "This field may not be null."),
    ({"email": 5}, "Enter a valid email address."),
    ({"email": "nope"}, "Enter a valid email address."),
], ids=["missing", "fp_03 blank", "null", "number", "no address"])
def test_fp_02_03_malformed(auth, body, message):
    assert auth.error("auth.forgot_password", body) == ("invalid", {"email": [message]})


@pytest.mark.parametrize("body", [b"[1]", b'{"email": "a\\u0000@example.com"}', b'"x"'])
def test_fp_04_def_12_never_a_500(auth, body):
    assert auth.error("auth.forgot_password", body)[0] == "invalid"


def test_fp_05_an_address_has_one_owner(auth, user, new_name):
    assert auth.error("auth.register", {
        "username": new_name(), "password": PASSWORD, "email": user["email"].upper()})[0] \
        == "invalid"


def test_def_4_no_enumeration(auth, user, new_name, database):
    """Known, unknown, inactive and blank-mailed users: one answer, one row, no look-up
    before the answer."""
    off = database.query("insert into users (username, username_key, email, email_key, "
                         "password, is_active, date_joined) values ('off', 'off', "
                         "'off@example.com', 'off@example.com', '!', false, now()) "
                         "returning id", schema="auth")[0][0]

    def stored():
        (n,), = database.query("select last_value from link_request_id_seq", schema="auth")
        return n

    assert forgot(auth, f"{new_name()}@example.com") == SENT
    before = stored()
    frames = [auth.call_frame("auth.forgot_password", {"email": email}) for email in
              (user["email"], f"{new_name()}@example.com", "off@example.com")]
    assert len({(f.status, f.body, tuple(sorted(k for k, _ in f.records)))
                for f in frames}) == 1
    assert stored() == before + len(frames)
    all_resolved(database)
    assert database.query("select count(*) from email_token where purpose = 'reset' "
                          f"and user_id = {off}", schema="auth") == [(0,)]


def test_def_4_the_time_tells_nothing(auth, user, new_name, database):
    """The statement an answer waits for never reads users: no lock held there, and so no
    work there, shows in it."""
    unknown = f"{new_name()}@example.com"
    took = {user["email"]: [], unknown: []}
    for _ in range(40):
        for email, times in took.items():
            began = time.perf_counter()
            assert forgot(auth, email) == SENT
            times.append(time.perf_counter() - began)
    known, other = (statistics.median(t) for t in took.values())
    assert abs(known - other) < 0.005 + 0.5 * max(known, other)
    with held(database, user):
        assert forgot(auth, user["email"]) == SENT
    all_resolved(database)


def test_one_mail_a_minute(auth, user, database, ask):
    token = ask(user)
    for _ in range(3):
        assert forgot(auth, user["email"]) == SENT
    all_resolved(database)
    assert database.query("select count(*) from outbox where type = "
                          f"'{REQUESTED}' and aggregate_id = {user['id']}",
                          schema="auth") == [(1,)]
    assert reset(auth, token) == DONE  # still the newest


def test_what_a_replica_left_is_taken_by_another(auth, user, database, events_of):
    database.query("insert into link_request (purpose, email_key, created_at) values "
                   f"('reset', '{user['email']}', now())", schema="auth")
    assert events_of(user["id"], 2)[1]["type"] == REQUESTED


# --- resetting ------------------------------------------------------------------------


def test_rp_01_the_form_of_the_original(auth, user, ask):
    query = f"uid={user['id']}&token={ask(user)}"
    assert auth.call("auth.reset_password", {"password": NEW}, query=query) == DONE
    assert code_of_login(auth, user, PASSWORD) == 1012
    assert code_of_login(auth, user, NEW) == 200


def test_rp_01_by_json(auth, user, ask):
    assert reset(auth, ask(user), password2=NEW, uid=user["id"]) == DONE
    assert code_of_login(auth, user, NEW) == 200


def test_rp_01_by_the_other_name(auth, user, ask):
    assert auth.call("auth.reset_password", {"token": ask(user), "new_password": NEW}) == DONE
    assert code_of_login(auth, user, NEW) == 200


def test_rp_01_by_form(auth, user, ask):
    body = f"token={ask(user)}&password=another+pass+phrase".encode()
    assert auth.call("auth.reset_password", body,
                     content_type="application/x-www-form-urlencoded") == DONE
    assert code_of_login(auth, user, NEW) == 200


def test_rp_02_once(auth, user, ask):
    token = ask(user)
    assert reset(auth, token) == DONE
    assert auth.error("auth.reset_password", {"token": token, "password": NEW})[0] \
        == INVALID
    assert auth.error("auth.reset_password", {"token": token, "password": PASSWORD})[0] \
        == INVALID


def test_rp_02_once_under_a_race(auth, user, ask, database):
    """All have read the link as good and wait for the row; one gets it."""
    token = ask(user)

    def one(n):
        with type(auth)(auth.endpoint, auth.server, auth.key_pair) as client:
            return reset(client, token, f"{NEW} number {n}")[0]

    def waiting():
        return database.query("select count(*) from pg_stat_activity where datname = "
                              "current_database() and wait_event_type = 'Lock'")[0][0]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        with held(database, user):
            calls = [pool.submit(one, n) for n in range(8)]
            env.wait_until(lambda: waiting() >= 2, 10, "resets wait for the row")
    answers = [c.result() for c in calls]
    assert sorted(answers) == [200] + [1004] * 7
    winner = answers.index(200)
    losers = [n for n in range(8) if n != winner][:3]
    assert [code_of_login(auth, user, f"{NEW} number {n}") for n in losers] == [1012] * 3
    assert code_of_login(auth, user, f"{NEW} number {winner}") == 200


@pytest.mark.parametrize("token", ["x", "A" * 43, "é" * 30, "' or 1=1 --"])
def test_rp_02_wrong(auth, token):
    assert auth.error("auth.reset_password", {"token": token, "password": NEW})[0] \
        == INVALID


def test_rp_02_expired(auth, user, ask, database):
    token = ask(user)
    database.query(f"update email_token set expires_at = now() where user_id = "
                   f"{user['id']} and purpose = 'reset'", schema="auth")
    assert auth.error("auth.reset_password", {"token": token, "password": NEW})[0] \
        == INVALID


def test_rp_02_another_users_uid(auth, user, register, ask):
    token, other = ask(user), register()
    for query in (f"uid={other['id']}&token={token}", f"uid={10**18}&token={token}"):
        assert auth.error("auth.reset_password", {"password": NEW}, query=query)[0] \
            == INVALID
    assert auth.error("auth.reset_password", {"token": token, "password": NEW,
                                              "uid": other["id"]})[0] == INVALID
    assert reset(auth, token) == DONE


@pytest.mark.parametrize("uid", ["", "abc", "-1", "0", "1.5", "9" * 30, "%00"],
                         ids=["rp_03 none", "rp_04 def_12 text", "negative", "zero",
                              "fraction", "long", "nul"])
def test_rp_03_04_odd_uids(auth, user, ask, uid):
    token = ask(user)
    code, _ = auth.error("auth.reset_password", {"password": NEW},
                         query=f"uid={uid}&token={token}")
    assert code == ("invalid" if uid == "%00" else INVALID)
    assert reset(auth, token) == DONE


def test_rp_03_no_uid(auth, user, ask):
    assert auth.error("auth.reset_password", {"password": NEW},
                      query=f"token={ask(user)}")[0] == INVALID
    assert auth.error("auth.reset_password", {"password": NEW})[0] == INVALID


@pytest.mark.parametrize("body, message", [
    ({}, "This field is required."),
    ({"password": ""}, "This field may not be blank."),
    ({"password": None}, "This field may not be null."),
])
def test_rp_05_def_12b_no_password(auth, user, ask, body, message):
    """The original set an unusable password here, and the account was locked."""
    token = ask(user)
    assert auth.error("auth.reset_password", {"token": token, **body}) == (
        "invalid", {"password": [message]})
    assert auth.error("auth.reset_password", body,
                      query=f"uid={user['id']}&token={token}") == (
        "invalid", {"password": [message]})
    assert code_of_login(auth, user, PASSWORD) == 200
    assert reset(auth, token) == DONE


@pytest.mark.parametrize("password, messages", [
    ("short", ["This password is too short. It must contain at least 8 characters."]),
    ("password", ["This password is too common."]),
    ("NAME", ["The password is too similar to the username."]),
])
def test_rp_06_a_weak_password_spends_nothing(auth, user, ask, password, messages):
    token = ask(user)
    password = user["username"] if password == "NAME" else password
    assert auth.error("auth.reset_password", {"token": token, "password": password}) == (
        "invalid", {"password": messages})
    assert auth.error("auth.reset_password", {"token": token, "password": NEW,
                                              "password2": NEW + "x"}) == (
        "invalid", {"password2": ["The two password fields didn't match."]})
    assert code_of_login(auth, user, PASSWORD) == 200
    assert reset(auth, token) == DONE


def test_rp_07_def_9_every_session_ends(auth, user, ask, login, database, events_of):
    refreshes = [login(user)["refresh"] for _ in range(3)]
    assert reset(auth, ask(user)) == DONE
    for token in refreshes:
        assert auth.error("auth.refresh", {"refresh": token})[0] == "token_not_valid"
    assert database.query("select uv, session_min_uv from users where id = "
                          f"{user['id']}", schema="auth") == [(2, 2)]
    event = events_of(user["id"], 3)[2]
    assert event["type"] == "user.password_changed" and event["sealed"] is None
    assert event["payload"] == {"user_id": user["id"], "username": user["username"],
                                "email": user["email"], "uv": 2, "min_uv": 2}
    fresh = login(user | {"password": NEW})["refresh"]
    assert auth.call("auth.refresh", {"refresh": fresh})[0] == 200


def test_rp_07_an_older_link_is_void(auth, user, ask):
    old, new = ask(user), ask(user)
    assert auth.error("auth.reset_password", {"token": old, "password": NEW})[0] == INVALID
    assert reset(auth, new) == DONE
    assert auth.error("auth.reset_password", {"token": old, "password": NEW})[0] == INVALID


def test_a_login_that_races_a_reset_does_not_survive(auth, register, ask, new_name):
    """Whatever order they come in: no session of the old password works afterwards."""
    for _ in range(5):
        user = register(email=f"{new_name()}@example.com")
        token = ask(user)

        def one(n):
            with type(auth)(auth.endpoint, auth.server, auth.key_pair) as client:
                if n == 3:
                    return reset(client, token)
                return client.call("auth.login", {"username": user["username"],
                                                  "password": PASSWORD})

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(one, range(8)))
        assert answers[3] == DONE
        for status, value in answers[:3] + answers[4:]:
            if status == 200:
                assert auth.call("auth.refresh", {"refresh": value["refresh"]})[0] == 1011


def test_kinds_of_links_are_apart(auth, user, ask, events_of, open_seal):
    verify = open_seal(events_of(user["id"])[0])
    token = ask(user)
    assert auth.error("auth.verify_email", {"token": token})[0] == INVALID
    assert auth.error("auth.reset_password", {"token": verify, "password": NEW})[0] \
        == INVALID
    assert auth.call("auth.verify_email", {"token": verify})[0] == 200
    assert reset(auth, token) == DONE


def test_an_inactive_user_gets_and_uses_no_link(auth, user, ask, database):
    token = ask(user)
    database.query(f"update users set is_active = false where id = {user['id']}",
                   schema="auth")
    assert auth.error("auth.reset_password", {"token": token, "password": NEW})[0] \
        == INVALID


def test_nothing_usable_in_the_database(auth, user, ask, database):
    token = ask(user)
    rows = database.query("select u::text from users u union all "
                          "select t::text from email_token t union all "
                          "select r::text from link_request r union all "
                          "select o::text from outbox o", schema="auth")
    dump = "\n".join(r[0] for r in rows)
    assert REQUESTED in dump and token not in dump


def test_the_trail(auth, user, ask, database):
    reset(auth, ask(user))
    trail = database.query("select event from audit where target_id = "
                           f"{user['id']} order by id", schema="auth")
    assert [e for e, in trail] == ["user.registered", REQUESTED, "password.reset"]


# --- the page -------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    def __init__(self, reply):
        super().__init__()
        assert reply.text(frame.CONTENT_TYPE) == "text/html; charset=utf-8"
        assert reply.text(frame.CACHE_CONTROL) == "no-store"
        self.tags, self.text = [], ""
        self.feed(reply.body.decode())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [a for t, a in self.tags if t == tag]

    @property
    def hidden(self):
        return {i["name"]: i["value"] for i in self.all("input") if i["type"] == "hidden"}


def press(auth, page, one, two):
    fields = page.hidden | {"password": one, "password2": two}
    body = "&".join(f"{k}={v.replace(' ', '+')}" for k, v in fields.items()).encode()
    return auth.call_frame("auth.reset_password", body,
                           content_type="application/x-www-form-urlencoded")


def open_page(auth, query):
    return auth.call_frame("auth.reset_password_page", query=query,
                           headers={frame.ACCEPT: "text/html"})


def test_the_page_sets_a_password(auth, user, ask):
    token = ask(user)
    reply = open_page(auth, f"uid={user['id']}&token={token}")
    page = Page(reply)
    assert reply.status == 200 and not page.all("script")
    assert page.all("form") == [{"method": "post", "action": "/api/auth/reset-password"}]
    assert page.hidden == {"uid": str(user["id"]), "token": token, "view": "page"}
    assert [i["name"] for i in page.all("input") if i["type"] == "password"] == [
        "password", "password2"]
    again = press(auth, page, "short", "shorter")
    assert again.status == 400
    page = Page(again)
    assert "too short" in page.text and "didn't match" in page.text
    done = press(auth, page, NEW, NEW)
    assert done.status == 200 and "Password changed" in Page(done).text
    used = press(auth, page, NEW, NEW)
    assert used.status == 400 and "does not work" in Page(used).text
    assert code_of_login(auth, user, NEW) == 200


def test_opening_the_page_spends_nothing(auth, user, ask):
    token = ask(user)
    for _ in range(3):
        assert open_page(auth, f"uid={user['id']}&token={token}").status == 200
    assert reset(auth, token) == DONE


def test_what_came_is_text_in_the_page(auth):
    token = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E" + "a" * 16  # 43 when decoded
    reply = open_page(auth, f"uid=%22%3E%3Cb%3E&token={token}")
    assert b"<script" not in reply.body and b"<b>" not in reply.body
    assert Page(reply).hidden["token"].startswith('"><script>')


def test_no_page_for_who_asks_for_json(auth, user, ask):
    page, whole = "auth.reset_password_page", f"uid={user['id']}&token={ask(user)}"
    assert auth.error(page, query=whole) == ("not_acceptable", None)
    assert auth.error(page, query="uid=1&token=short")[0] == "invalid_link"


def test_a_broken_link(auth):
    for query in ("", "uid=1", "uid=1&token=short"):
        reply = open_page(auth, query)
        assert reply.status == 400 and "does not work" in Page(reply).text
