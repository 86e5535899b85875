"""auth.users.resend_verification and auth.users.correct_email: what an operator does for
somebody who did not get the verification mail; auth.mail.expected: who that may be."""

import datetime

import pytest

ADMIN = {"actor": 1, "role": "ADMIN"}
WHY = {"reason": "asked by phone"}


@pytest.fixture(scope="module")
def monitor(stack):
    return stack.client("auth", "monitor")


@pytest.fixture
def resend(monitor):
    return lambda user_id: monitor.call("auth.users.resend_verification",
                                        {"user_id": user_id} | WHY, **ADMIN)


@pytest.fixture
def correct(monitor):
    return lambda user_id, email: monitor.call(
        "auth.users.correct_email", {"user_id": user_id, "email": email} | WHY, **ADMIN)


@pytest.fixture
def user(register, new_name):
    return register(email=f"{new_name()}@example.com")


def verify(auth, token):
    return auth.call("auth.verify_email", {"token": token})[0]


def trail(database, user):
    return database.query("select event, actor_id, detail from audit where target_id = "
                          f"{user['id']} order by id", schema="auth")


def test_resending_makes_a_new_link_and_voids_the_old(auth, user, resend, events_of,
                                                      open_seal, database):
    status, done = resend(user["id"])
    assert status == 200 and done["email"] == user["email"]
    old, new = events_of(user["id"], 2)
    assert new["type"] == "user.verification_requested"
    assert new["event_id"] == done["event_id"]
    assert new["payload"]["email"] == user["email"] and new["payload"]["link_base"]
    assert verify(auth, open_seal(old)) >= 1000
    assert verify(auth, open_seal(new)) == 200
    assert trail(database, user)[1] == ("verification.resent", 1, WHY)


def test_correcting_the_address(auth, user, correct, events_of, open_seal, database,
                                new_name):
    right = f"{new_name()}@Example.COM"
    status, done = correct(user["id"], right)
    assert status == 200 and done["email"] == right.replace("Example.COM", "example.com")
    old, new = events_of(user["id"], 2)
    assert new["payload"]["email"] == done["email"]
    assert verify(auth, open_seal(old)) >= 1000
    assert verify(auth, open_seal(new)) == 200
    assert trail(database, user)[1] == (
        "email.corrected", 1, WHY | {"was": user["email"], "is": done["email"]})


def test_a_reset_link_does_not_survive_a_corrected_address(auth, user, correct, events_of,
                                                           open_seal, new_name, login):
    auth.call("auth.forgot_password", {"email": user["email"]})
    _, reset = events_of(user["id"], 2)
    assert reset["type"] == "user.password_reset_requested"
    assert correct(user["id"], f"{new_name()}@example.com")[0] == 200
    assert [e["type"] for e in events_of(user["id"], 3)][2:] == [
        "user.verification_requested"]  # the reset's mail is not sent anew
    code, _ = auth.error("auth.reset_password", {
        "token": open_seal(reset), "password": "another long pass phrase"})
    assert code == "invalid_link"


def test_resending_leaves_a_reset_link_alone(auth, user, resend, events_of, open_seal):
    auth.call("auth.forgot_password", {"email": user["email"]})
    _, reset = events_of(user["id"], 2)
    assert resend(user["id"])[0] == 200
    status, _ = auth.call("auth.reset_password", {
        "token": open_seal(reset), "password": "another long pass phrase"})
    assert status == 200


def refusal(answer):
    status, details = answer
    assert status >= 1000
    return status, details


def test_what_is_refused(auth, user, register, resend, correct, events_of, open_seal,
                         contract, new_name, database):
    conflict, missing = contract.codes["conflict"], contract.codes["not_found"]
    assert refusal(resend(10**12))[0] == refusal(correct(10**12, "a@example.com"))[0] == missing
    plain = register()
    assert refusal(resend(plain["id"])) == (
        conflict, {"detail": "The account has no address."})
    assert correct(plain["id"], f"{new_name()}@example.com")[0] == 200
    other = register(email=f"{new_name()}@example.com")
    status, details = correct(other["id"], user["email"].upper())
    assert details == {"email": ["A user with that email already exists."]}
    (event,) = events_of(user["id"])
    assert verify(auth, open_seal(event)) == 200
    for answer in (resend(user["id"]), correct(user["id"], "new@example.com")):
        assert refusal(answer) == (conflict, {"detail": "The address is confirmed already."})
    database.query(f"update users set is_active = false where id = {other['id']}",
                   schema="auth")
    assert refusal(resend(other["id"])) == (
        conflict, {"detail": "The account is not active."})
    assert len(events_of(user["id"], 2)) == 2


@pytest.mark.parametrize("method, body", [
    ("resend_verification", {"user_id": 1}), ("resend_verification", WHY),
    ("resend_verification", {"user_id": 1, "reason": ""}),
    ("correct_email", {"user_id": 1} | WHY),
    ("correct_email", {"user_id": 1, "email": ""} | WHY),
    ("correct_email", {"user_id": 1, "email": "a@b\r\nBcc: c@d.example"} | WHY)])
def test_what_is_missing_is_said(monitor, method, body):
    assert monitor.error(f"auth.users.{method}", body, **ADMIN)[0] == "invalid"


def test_only_administrators_by_the_monitor(monitor, auth, stack, user):
    body = {"user_id": user["id"]} | WHY
    method = "auth.users.resend_verification"
    assert monitor.error(method, body)[0] == "not_authenticated"
    assert monitor.error(method, body, actor=2, role="USER")[0] == "permission_denied"
    assert auth.error(method, body, **ADMIN)[0] == "peer_not_allowed"
    assert stack.client("auth", "mailer").error(method, body, **ADMIN)[0] == \
        "peer_not_allowed"


# --- auth.mail.expected ---------------------------------------------------------------------


def expected(monitor, **more):
    """All pages."""
    now = datetime.datetime.now(datetime.timezone.utc)
    body = {"since": (now - datetime.timedelta(hours=1)).isoformat(),
            "until": (now + datetime.timedelta(hours=1)).isoformat()} | more
    found = []
    while True:
        status, page = monitor.call("auth.mail.expected", body)
        assert status == 200, page
        found += page["events"]
        if not page["next"]:
            return found
        body["cursor"] = page["next"]


def test_expected_mails(stack, register, new_name, user, events_of, resend, auth, open_seal):
    mailer = stack.client("auth", "mailer")
    plain = register()
    resend(user["id"])
    _, new = events_of(user["id"], 2)
    verify(auth, open_seal(new))
    events_of(user["id"], 3)
    mine = [e for e in expected(mailer) if e["user_id"] in (user["id"], plain["id"])]
    assert [(e["type"], e["email"]) for e in mine] == [
        ("user.registered", user["email"]), ("user.registered", ""),
        ("user.verification_requested", user["email"]), ("user.verified", user["email"])]
    assert all(e["exists"] and e["active"] for e in mine)
    assert [e["verified"] for e in mine] == [True, False, True, True]
    assert [e["seq"] for e in mine] == sorted(e["seq"] for e in mine)
    by_one = expected(mailer, limit=1)
    assert [e["event_id"] for e in by_one] == [e["event_id"] for e in expected(mailer)]
    assert expected(mailer, until="2026-01-01T00:00:00Z") == []


@pytest.mark.parametrize("cursor", ["x", "1", "1.0", "-1.1", "999999999999999999.1"])
def test_bad_cursors(monitor, cursor):
    body = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z",
            "cursor": cursor}
    code, details = monitor.error("auth.mail.expected", body)
    assert code == "invalid" and "cursor" in details
