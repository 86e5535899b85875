"""auth.verify_email and the page behind the mailed link."""

import html.parser

import pytest
from quintet import env, frame

INVALID = "invalid_link"


@pytest.fixture
def link(register, events_of, open_seal, new_name):
    """(user, token) of a fresh registration."""

    def make():
        user = register(email=f"{new_name()}@example.com")
        return user, open_seal(events_of(user["id"])[0])

    return make


def verify(auth, token):
    return auth.call("auth.verify_email", {"token": token})


def test_ve_01_02_04_once_and_again(auth, link, events_of, database):
    user, token = link()
    assert verify(auth, token) == (200, {"message": "Email verified"})
    assert verify(auth, token) == (200, {"message": "Already verified"})
    assert database.query(f"select is_verified from users where id = {user['id']}",
                          schema="auth") == [(True,)]
    events = events_of(user["id"], 2)
    assert [e["type"] for e in events] == ["user.registered", "user.verified"]
    assert events[1]["payload"] == {"user_id": user["id"], "username": user["username"],
                                    "email": user["email"]}
    assert events[1]["sealed"] is None


@pytest.mark.parametrize("token", ["x", "A" * 43, "é" * 30, "' or 1=1 --"])
def test_ve_03_garbage(auth, token):
    assert auth.error("auth.verify_email", {"token": token})[0] == INVALID


def test_ve_03_missing(auth):
    assert auth.error("auth.verify_email", {}) == (
        "invalid", {"token": ["This field is required."]})


def test_ve_03_expired_or_deleted(auth, link, database):
    user, token = link()
    database.query("update email_token set expires_at = now() where user_id = "
                     f"{user['id']}", schema="auth")
    assert auth.error("auth.verify_email", {"token": token})[0] == INVALID
    user, token = link()
    database.query(f"delete from users where id = {user['id']}", schema="auth")
    assert auth.error("auth.verify_email", {"token": token})[0] == INVALID


def test_a_deactivated_account_confirms_nothing(auth, link, events_of, database):
    user, token = link()
    database.query(f"update users set is_active = false where id = {user['id']}", schema="auth")
    assert auth.error("auth.verify_email", {"token": token})[0] == INVALID
    assert len(events_of(user["id"])) == 1, "and nobody is welcomed"
    database.query(f"update users set is_active = true where id = {user['id']}", schema="auth")
    assert verify(auth, token)[0] == 200


def test_ve_05_06_def_2_def_3_purposes_are_apart(auth, link, login):
    user, token = link()
    tokens = login(user)
    for other in tokens.values():
        assert auth.error("auth.verify_email", {"token": other[:512]})[0] == INVALID
    assert auth.error("auth.refresh", {"refresh": token})[0] == "token_not_valid"


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [a for t, a in self.tags if t == tag]


def page_of(reply):
    assert reply.text(frame.CONTENT_TYPE) == "text/html; charset=utf-8"
    return Page(reply.body.decode())


HTML = {frame.ACCEPT: "text/html"}  # as the gateway negotiated it


def open_page(auth, token):
    return auth.call_frame("auth.verify_email_page", query=f"token={token}", headers=HTML)


def test_ve_07_the_page_posts_and_says_what_happened(auth, link):
    user, token = link()
    reply = open_page(auth, token)
    page = page_of(reply)
    assert reply.status == 200 and not page.all("script") and not page.all("img")
    form, = page.all("form")
    assert form == {"method": "post", "action": "/api/auth/verify-email"}
    fields = {i["name"]: i["value"] for i in page.all("input")}
    assert fields == {"token": token, "view": "page"}

    def press():
        body = "&".join(f"{k}={v}" for k, v in fields.items()).encode()
        return auth.call_frame("auth.verify_email", body,
                               content_type="application/x-www-form-urlencoded")

    assert "Email verified" in page_of(press()).text
    assert "Already verified" in page_of(press()).text


def test_the_page_runs_and_loads_nothing(auth, link):
    import base64
    import hashlib
    import re
    _, token = link()
    text = open_page(auth, token).body.decode()
    style = re.search(r"<style>(.*?)</style>", text, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy, = [m["content"] for m in Page(text).all("meta")
               if m.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "form-action 'self'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert style.startswith((env.ROOT / "lib/svc/web/tokens.css").read_text())


def test_ve_07_opening_the_page_confirms_nothing(auth, link, database):
    user, token = link()
    open_page(auth, token)
    assert database.query(f"select is_verified from users where id = {user['id']}",
                          schema="auth") == [(False,)]


def test_a_token_is_text_in_the_page(auth):
    attack = '%22%3E%3Cscript%3Ealert(1)%3C/script%3E' + "a" * 16  # 43 characters decoded
    reply = open_page(auth, attack)
    assert b"<script" not in reply.body
    page = page_of(reply)
    assert page.all("input")[0]["value"].startswith('"><script>')


def test_no_page_for_who_asks_for_json(auth, link):
    """A page with 200 would look like a confirmation to a program."""
    _, token = link()
    page = "auth.verify_email_page"
    assert auth.error(page, query=f"token={token}") == ("not_acceptable", None)
    assert auth.error(page, query="token=short")[0] == "invalid_link"


def test_a_broken_link(auth):
    for query in ("", "token=short"):
        reply = auth.call_frame("auth.verify_email_page", query=query, headers=HTML)
        assert reply.status == 400 and "does not work" in page_of(reply).text
