"""Who may come in, who may act, and where a request must come from."""

import hashlib
import secrets
import time

import pytest

from dashboard import ADMIN, BASIC, READER, Dashboard
from quintet import env

PASSWORD = "a pass phrase of some length"


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["auth", "monitor"], MONITOR_BASIC_AUTH=BASIC)


@pytest.fixture(scope="module")
def admin(stack):
    """Name of an account with the role ADMIN."""
    name = "ada" + secrets.token_hex(3)
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME=name,
               DJANGO_SUPERUSER_EMAIL=f"{name}@example.com",
               DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    return name


@pytest.fixture
def ada(stack, admin):
    """Ada's browser, signed in."""
    board = Dashboard(stack, browser=True)
    answer = board.sign_in(admin, PASSWORD)
    assert answer.status == 200, answer.body
    return board


def new_user(stack):
    name = "u" + secrets.token_hex(4)
    status, user = stack.client("auth").call(
        "auth.register", {"username": name, "password": PASSWORD})
    assert status == 201
    return user


@pytest.mark.parametrize("path", ["/api/overview", "/api/mails", "/api/mails/x",
                                  "/api/requests/00"])
def test_nobody_sees_anything_without_an_account(stack, path):
    answer = Dashboard(stack).get(path)
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_browser_gets_no_password_dialog(stack):
    answer = Dashboard(stack).get("/api/overview", {"Sec-Fetch-Mode": "cors"})
    assert answer.status == 401 and "WWW-Authenticate" not in answer.headers


def test_what_is_open_is_open(stack):
    nobody = Dashboard(stack)
    assert nobody.get("/healthcheck").body == b"OK"
    assert nobody.get("/").status == 200
    said = nobody.get("/api/session").json
    assert said["signed_in"] is False and "createsuperuser" in said["first_admin"]


def test_a_signed_in_administrator_is_known(stack, ada, admin):
    said = ada.get("/api/session").json
    assert (said["name"], said["role"], said["via"]) == (admin, "admin", "session")
    assert said["may_act"] is True and said["csrf"] == ada.csrf
    assert ada.get("/api/overview").status == 200


def test_the_cookie_is_for_this_page_only(stack, admin):
    answer = Dashboard(stack, browser=True).sign_in(admin, PASSWORD)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("quintet_monitor=") and "Secure" not in cookie
    for part in ("HttpOnly", "SameSite=Strict", "Path=/;"):
        assert part in cookie
    assert PASSWORD not in answer.body.decode() and "eyJ" not in answer.body.decode()


def test_under_https_the_cookie_is_bound_to_it(stack, admin):
    board = Dashboard(stack)
    answer = board.sign_in(admin, PASSWORD, {"Origin": "https://ops.example.com",
                                             "Host": "ops.example.com"})
    assert answer.status == 200
    assert answer.headers["Set-Cookie"].startswith("__Host-quintet_monitor=")
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert board.get("/api/overview").status == 200


@pytest.mark.parametrize("body,field", [({}, "username"), ({"username": "x"}, "password"),
                                        ({"username": 7, "password": "x"}, "username"),
                                        ({"username": "x", "password": "y", "z": 1}, "z")])
def test_a_sign_in_is_checked(stack, body, field):
    answer = Dashboard(stack).post("/api/session", body)
    assert (answer.status, answer.code) == (400, "invalid")
    assert field in answer.json["details"]


def test_a_sign_in_must_be_json(stack):
    answer = Dashboard(stack).call("POST", "/api/session", b"username=a&password=b",
                                   {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 415


def test_a_wrong_password_is_refused(stack, admin):
    answer = Dashboard(stack).sign_in(admin, "no")
    assert (answer.status, answer.code) == (401, "no_active_account")
    assert "Set-Cookie" not in answer.headers


def test_an_ordinary_account_stays_outside_and_is_in_the_audit(stack, database):
    user = new_user(stack)["username"]
    answer = Dashboard(stack).sign_in(user, PASSWORD)
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert "administrators" in answer.json["detail"]
    env.wait_until(lambda: database.query("select 1 from action where action = 'session.refused' and outcome = 'failed'"
                                          " and actor = %s", (user,), schema="monitor"), 10, "it is in the audit")


def test_an_ordinary_account_does_not_fill_the_audit(stack):
    stack.restart("monitor")  # counts anew
    user = new_user(stack)["username"]
    board = Dashboard(stack)
    env.wait_until(lambda: board.get("/api/session").json["accounts"], 10, "auth is found")
    seen = [board.sign_in(user, PASSWORD).status for _ in range(25)]
    assert seen == [403] * 20 + [429] * 5
    stack.restart("monitor")


def test_signing_out_ends_the_session_here_and_in_auth(stack, ada, database):
    assert ada.call("DELETE", "/api/session").status == 204
    assert ada.get("/api/overview").status == 401
    ended = database.query("select count(*) from session where revoked_at is not null",
                           schema="auth")
    assert ended[0][0] >= 1


def kept(database):
    return database.query("select encode(hash, 'hex'), name, role from session", schema="monitor")


def row_of(board, database):
    digest = hashlib.sha256(board.cookie.split("=", 1)[1].encode()).hexdigest()
    return env.wait_until(lambda: [r for r in kept(database) if r[0] == digest], 10, "the session is written")[0]


def test_a_restart_signs_nobody_out(stack, ada, admin, database):
    assert row_of(ada, database)[1:] == (admin, "admin")
    stack.restart("monitor")
    said = ada.get("/api/session").json
    assert said["signed_in"] and (said["name"], said["csrf"]) == (admin, ada.csrf)

    def may_act():
        answer = ada.post("/api/actions/nothing")
        assert answer.status in (404, 503), answer.body
        return answer.status == 404
    env.wait_until(may_act, 10, "auth has confirmed the account")


def test_who_cannot_be_looked_up_is_not_taken_for_nobody(stack, ada, admin, database):
    """The monitor restarts while its table of sessions cannot be read."""
    row_of(ada, database)
    with database.locked("lock table session", schema="monitor"):
        stack.restart("monitor")
        for path in ("/api/overview", "/api/live"):
            answer = ada.get(path)
            assert (answer.status, answer.code) == (503, "unavailable") and "database" in answer.json["detail"]
        said = ada.get("/api/session").json
        assert (said["signed_in"], said["undecided"]) == (False, True)
        assert Dashboard(stack).get("/api/session").json["undecided"] is False
        for headers in ({}, {"Cookie": "theme=dark"}):
            assert Dashboard(stack).get("/api/overview", headers).status == 401
        anew = Dashboard(stack, browser=True)
        anew.cookie = ada.cookie
        assert anew.sign_in(admin, PASSWORD).status == 200, "nobody has to wait"
        assert anew.get("/api/overview").status == 200
    env.wait_until(lambda: ada.get("/api/session").json["signed_in"], 10, "who was signed in, is")
    assert ada.get("/api/overview").status == 200


def test_what_the_database_does_not_take_is_written_later(stack, ada, admin, database):
    digest = row_of(ada, database)[0]
    with database.locked("lock table session", schema="monitor"):
        board = Dashboard(stack, browser=True)
        assert board.sign_in(admin, PASSWORD).status == 200
        assert ada.call("DELETE", "/api/session").status == 204
        time.sleep(2.5)  # longer than a write is waited for
    row_of(board, database)
    env.wait_until(lambda: digest not in [r[0] for r in kept(database)], 10, "the ended one is gone")


def test_the_cookie_is_not_in_the_database(stack, ada, database):
    row_of(ada, database)
    everything = str(database.query("select t::text from session t", schema="monitor"))
    for secret in (ada.cookie.split("=", 1)[1], ada.csrf, "eyJ"):
        assert secret not in everything


def test_signing_out_is_for_good(stack, ada, database):
    digest = row_of(ada, database)[0]
    assert ada.call("DELETE", "/api/session").status == 204
    env.wait_until(lambda: digest not in [r[0] for r in kept(database)], 10, "its row is gone")
    stack.restart("monitor")
    assert ada.get("/api/session").json["signed_in"] is False


def test_what_was_left_for_too_long_does_not_come_back(stack, ada, database):
    digest = row_of(ada, database)[0]
    stack.daemons["monitor"].stop()
    database.query("update session set used_at = used_at - interval '31 minutes'", schema="monitor")
    stack.restart("monitor")
    assert ada.get("/api/session").json["signed_in"] is False
    assert digest not in [r[0] for r in kept(database)]


def test_who_lost_the_role_while_the_monitor_was_down_is_out(stack, admin, database):
    board = Dashboard(stack, browser=True)
    assert board.sign_in(admin, PASSWORD).status == 200
    row_of(board, database)
    stack.daemons["monitor"].stop()
    database.query("update users set role = 'USER' where username = %s", (admin,), schema="auth")
    try:
        stack.restart("monitor")
        answer = board.post("/api/actions/nothing")
        assert answer.status in (401, 503), "never acts"
        env.wait_until(lambda: board.get("/api/session").json["signed_in"] is False, 10, "it is out")
        env.wait_until(lambda: admin not in [r[1] for r in kept(database)], 10, "its row is gone")
    finally:
        database.query("update users set role = 'ADMIN' where username = %s", (admin,), schema="auth")


def test_draining_the_only_auth_locks_no_operator_out(stack, ada, database):
    """Auth is asked whether the account still may act, also by the one who wants to resume it."""
    env.wait_until(lambda: ada.replicas("auth"), 10, "auth is seen")
    auth = {"instance": ada.replicas("auth")[0]["instance"], "reason": "a drill"}
    row_of(ada, database)
    assert ada.post("/api/actions/replica.drain", auth).status == 200
    stack.restart("monitor")  # so that nobody is believed before auth was asked
    env.wait_until(lambda: ada.replicas("auth"), 10, "auth is seen again")

    def resumed():
        answer = ada.post("/api/actions/replica.resume", auth)
        assert answer.status in (200, 503), answer.body
        return answer.status == 200
    try:
        env.wait_until(resumed, 10, "it is resumed")
    finally:
        stack.client("auth", "monitor").call("control.resume")
    env.wait_until(lambda: stack.ops("auth", "/readyz")[0] == 200, 10, "auth works again")


def test_a_token_of_another_session_does_not_write(stack, ada, admin):
    other = Dashboard(stack, browser=True)
    other.sign_in(admin, PASSWORD)
    for token in (None, "", "x" * 43, other.csrf):
        answer = ada.call("DELETE", "/api/session", headers={"X-CSRF-Token": token})
        assert (answer.status, answer.code) == (403, "csrf_failed"), token


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"},
    {"Origin": None, "Sec-Fetch-Site": "cross-site"},
    {"Origin": None, "Sec-Fetch-Site": "same-site"},
])
def test_another_site_does_not_write(stack, ada, admin, headers):
    answer = ada.call("DELETE", "/api/session", headers=headers)
    assert (answer.status, answer.code) == (403, "csrf_failed")
    answer = ada.post("/api/session", {"username": admin, "password": PASSWORD}, headers)
    assert (answer.status, answer.code) == (403, "csrf_failed")


def test_a_demoted_administrator_is_out_within_a_minute(stack, database):
    user = new_user(stack)
    database.query("update users set role = 'ADMIN' where id = %s returning id",
                   (user["id"],), schema="auth")
    board = Dashboard(stack, browser=True)
    assert board.sign_in(user["username"], PASSWORD).status == 200
    assert board.get("/api/overview").status == 200
    database.query("update users set role = 'USER' where id = %s returning id",
                   (user["id"],), schema="auth")
    env.wait_until(lambda: board.get("/api/overview").status == 401, 30,
                   "the session of the demoted account ends", every=0.5)


def test_basic_is_for_scripts(stack):
    board = Dashboard(stack, ADMIN)
    said = board.get("/api/session").json
    assert (said["name"], said["role"], said["via"], said["csrf"]) == ("ops", "admin",
                                                                       "basic", None)
    assert Dashboard(stack, READER).get("/api/session").json["role"] == "reader"


@pytest.mark.parametrize("pair", [("ops", "wrong"), ("nobody", ADMIN[1]), ("", ""),
                                  ("ops", ""), ("look", "only:looking:ro")])
def test_wrong_pairs_are_refused(stack, pair):
    assert Dashboard(stack, pair).get("/api/overview").status == 401


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic b3Bz", "Bearer x",
                                    "Basic " + "QQ" * 2000])
def test_damaged_authorization_is_refused(stack, header):
    answer = Dashboard(stack).get("/api/overview", {"Authorization": header})
    assert answer.status == 401


def test_methods_are_told_apart(stack):
    board = Dashboard(stack, ADMIN)
    assert board.call("PUT", "/api/overview").status == 405
    assert board.post("/api/overview").status == 405
    assert board.call("HEAD", "/api/overview").status == 200
    assert board.post("/").status == 405


@pytest.mark.parametrize("old,new", [("/worker/a@b", "/workers/a@b"), ("/task/17", "/tasks/17"),
                                     ("/broker", "/flow")])
def test_old_addresses_move_on(stack, old, new):
    answer = Dashboard(stack).get(old)
    assert (answer.status, answer.headers["Location"]) == (308, new)


@pytest.mark.parametrize("path,status,page", [
    ("/nope", 404, True), ("/no/such/page", 404, True), ("/tasks/a/b", 404, True),
    ("/assets/nope.js", 404, True), ("/api/nope", 404, False), ("/tasks/", 200, True),
    ("/workers/w/", 200, True)])
def test_an_unknown_address_is_a_page_for_people(stack, path, status, page):
    board = Dashboard(stack)
    shown = board.get(path, {"Accept": "text/html,*/*;q=0.8"})
    assert (shown.status, b'<main id="main"' in shown.body) == (status, page)
    assert ("text/html" in shown.headers["Content-Type"]) is page
    told = board.get(path, {"Accept": "application/json"})
    assert (told.status, "json" in told.headers["Content-Type"]) == (status, status == 404)


def test_everything_stands_behind_the_prefix(stack, admin):
    stack.restart("monitor", MONITOR_URL_PREFIX="/ops")
    try:
        board = Dashboard(stack, browser=True, prefix="/ops")
        assert board.get("/").status == board.get("/assets/app.css").status == 200
        assert Dashboard(stack).get("/").status == 404
        assert Dashboard(stack).get("/ops").headers["Location"] == "/ops/"
        env.wait_until(lambda: board.get("/api/session").json["accounts"], 10, "auth is found")
        cookie = board.sign_in(admin, PASSWORD).headers["Set-Cookie"]
        assert "Path=/ops;" in cookie
        assert board.get("/api/overview").status == 200
    finally:
        stack.restart("monitor", MONITOR_URL_PREFIX="")


def test_staff_may_look_when_told_so(stack):
    user = new_user(stack)
    stack.restart("monitor", MONITOR_STAFF_READ_ONLY="true")
    try:
        board = Dashboard(stack, browser=True)
        env.wait_until(lambda: board.get("/api/session").json["accounts"], 10, "auth is found")
        said = board.sign_in(user["username"], PASSWORD).json
        assert (said["role"], said["may_act"]) == ("reader", False)
        assert board.get("/api/overview").status == 200
    finally:
        stack.restart("monitor", MONITOR_STAFF_READ_ONLY="false")


def test_guessing_is_slowed_down(stack):
    stack.restart("monitor")  # counts anew
    board = Dashboard(stack, ("ops", "guess"))
    seen = [board.get("/api/overview").status for _ in range(25)]
    assert seen[0] == 401 and seen[-1] == 429
    stack.restart("monitor")


def test_behind_a_proxy_each_client_is_one(stack, admin, database):
    """Who guesses does not lock the others out, and what is kept names the client; without
    trust the header is anybody's text."""
    def board(client, basic=None, **more):
        return Dashboard(stack, basic), {"X-Forwarded-For": f"6.6.6.6, {client}"} | more

    def guess(client):
        caller, headers = board(client, ("ops", "guess"))
        return caller.get("/api/overview", headers).status

    stack.restart("monitor", MONITOR_TRUSTED_PROXIES="127.0.0.1")
    try:
        assert [guess("203.0.113.1") for _ in range(25)][-1] == 429
        assert guess("203.0.113.2") == 401
        caller, headers = board("203.0.113.3", **{"X-Forwarded-Proto": "https"})
        env.wait_until(lambda: caller.get("/api/session").json["accounts"], 10, "auth is found")
        answer = caller.sign_in(admin, PASSWORD, headers)
        assert answer.status == 200 and "; Secure" in answer.headers["Set-Cookie"]
        env.wait_until(lambda: database.query("select 1 from action where client = '203.0.113.3'"
                                              " and action = 'session.start'", schema="monitor"),
                       10, "the audit names the client")
        stack.restart("monitor", MONITOR_TRUSTED_PROXIES="")
        assert [guess(f"203.0.113.{n}") for n in range(25)][-1] == 429
        caller, headers = board("203.0.113.3", **{"X-Forwarded-Proto": "https"})
        env.wait_until(lambda: caller.get("/api/session").json["accounts"], 10, "auth is found")
        assert "Secure" not in caller.sign_in(admin, PASSWORD, headers).headers["Set-Cookie"]
    finally:
        stack.restart("monitor", MONITOR_TRUSTED_PROXIES="")


def test_signing_in_is_slowed_down_and_fills_no_table(stack, admin, database):
    """Nobody signs in by guessing, takes all hashes from the accounts or writes our audit."""
    def rows():
        return database.query("select count(*) from action where action = 'session.refused'",
                              schema="monitor")[0][0]

    stack.restart("monitor")  # counts anew
    board = Dashboard(stack, browser=True)
    env.wait_until(lambda: board.get("/api/session").json["accounts"], 10, "auth is found")
    for _ in range(25):
        assert board.sign_in(admin, PASSWORD).status == 200, "no guess"
    before = rows()
    seen = [board.sign_in("x" * 1000 + str(n), "wrong").status for n in range(30)]
    assert seen == [401] * 20 + [429] * 10
    assert rows() - before <= 20
    assert board.sign_in("x" * 5000, "wrong").status == 400
    stack.restart("monitor")


def test_what_was_typed_as_a_name_is_not_kept(stack, admin, database):
    """People type the password where the name belongs; the audit says that somebody was
    refused, and from where."""
    typed = "hunter2 " + secrets.token_hex(8)

    def refused():
        return database.query("select actor, client, outcome from action where "
                              "action = 'session.refused' and id > %s", (last,), schema="monitor")

    last, = database.query("select coalesce(max(id), 0) from action", schema="monitor")[0]
    board = Dashboard(stack, browser=True)
    assert board.sign_in(typed, PASSWORD).status == 401
    assert board.sign_in(admin, typed).status == 401
    env.wait_until(lambda: len(refused()) == 2, 10, "both are in the audit")
    assert refused() == [("", "127.0.0.1", "failed")] * 2
    rows = database.query("select action::text from action", schema="monitor")
    assert typed not in str(rows) and typed not in stack.daemons["monitor"].output()
    assert board.sign_in(admin, PASSWORD).status == 200
    shown = [a for a in board.get("/api/audit?action=session.refused").json["actions"]
             if a["id"] > last]
    assert [a["actor"] for a in shown] == ["", ""]


def test_names_that_were_typed_before_are_forgotten(stack, database):
    rows = (("hunter2", "session.refused"), ("ada", "session.start"))
    ids = [database.query("insert into action (actor, via, client, action, subject, reason, outcome)"
                          " values (%s, 'session', '', %s, '', '', 'failed') returning id", row,
                          schema="monitor")[0][0] for row in rows]
    database.query("delete from schema_migration where version = 3", schema="monitor")
    stack.verb("monitor", "migrate")
    assert database.query("select actor from action where id = any (%s) order by id", (ids,),
                          schema="monitor") == [("",), ("ada",)]


@pytest.mark.parametrize("setting", [{"MONITOR_BASIC_AUTH": "nopassword"},
                                     {"MONITOR_URL_PREFIX": "ops"},
                                     {"MONITOR_URL_PREFIX": "/o ps"}])
def test_settings_that_cannot_be_used_are_refused(stack, setting):
    import subprocess
    environment = stack.environment("monitor") | setting
    done = subprocess.run([str(env.BIN / "monitor")], env=environment, text=True,
                          stderr=subprocess.PIPE, timeout=env.seconds(20))
    assert done.returncode == 78
    assert next(iter(setting)) in done.stderr
