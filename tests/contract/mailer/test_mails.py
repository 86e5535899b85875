"""From an event to a mail: push, pull, duplicates, what the mail says."""

import json
import re
import uuid

import pytest
from quintet import env

LINK = re.compile(r"http://localhost:8000/api/auth/verify-email\?token=([\w-]{43})\s")


def test_a_registration_is_mailed_with_its_link(auth, smtp, address, job_of):
    to = address()
    event, token = auth.registered("ann", to)
    (mail,) = smtp.wait_for(to)
    assert mail.sender == "no-reply@example.com" and mail.recipients == [to]
    assert LINK.search(mail.text)[1] == token
    assert "Hello ann," in mail.text
    assert f"token={token}" in mail.message.get_body(("html",)).get_content()
    job = job_of(to, "sent")
    assert job["template"] == "verification" and job["attempt"] == 1
    assert job["secret_sealed"] is None and token not in json.dumps(job)
    assert uuid.UUID(job["job_id"]) == uuid.uuid5(uuid.UUID(event["event_id"]),
                                                  "verification")


def test_headers(auth, smtp, address):
    to = address()
    event, _ = auth.registered("ann", to, created_at="2026-11-22T10:12:57.161784Z")
    (mail,) = smtp.wait_for(to)
    job_id = uuid.uuid5(uuid.UUID(event["event_id"]), "verification")
    assert mail.message["Message-ID"] == f"<{job_id}@example.com>"
    assert mail.message["Date"] == "Sun, 22 Nov 2026 10:12:57 +0000"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["X-Request-ID"] == event["request_id"]
    assert mail.message["To"] == to and mail.message["From"] == "no-reply@example.com"
    assert mail.message.get_content_type() == "multipart/alternative"
    assert mail.message.get_boundary() == f"=_{job_id}"
    assert not mail.message.defects


def test_lines_are_clean(auth, smtp, address):
    to = address()
    auth.registered("Жанна " + "x" * 140, to)
    (mail,) = smtp.wait_for(to)
    assert b"\n" not in mail.raw.replace(b"\r\n", b"")
    assert b"\r" not in mail.raw.replace(b"\r\n", b"")
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 998
    assert all(byte < 128 for byte in mail.raw)
    assert "Hello Жанна xxx" in mail.text


def test_a_verified_address_is_welcomed(auth, smtp, address):
    to = address()
    auth.verified("bob", to)
    (mail,) = smtp.wait_for(to)
    assert mail.subject == "Welcome!" and "Hello bob," in mail.text
    assert "http" not in mail.text


def test_a_password_reset_is_mailed_with_its_link(auth, smtp, address, job_of, stack):
    to = address()
    event, token = auth.linked("user.password_reset_requested", "ann", to)
    (mail,) = smtp.wait_for(to)
    link = f"http://localhost:8000/api/auth/reset-password/?uid=7&token={token}"
    assert mail.subject == "Reset password" and mail.recipients == [to]
    assert mail.text.split().count(link) == 1 and "Hello ann," in mail.text
    html = mail.message.get_body(("html",)).get_content()
    assert html.count(f'href="{link.replace("&", "&amp;")}"') == 2
    until = event["expires_at"][11:16]
    assert "The link works once, until" in mail.text and f"{until} UTC." in mail.text
    job = job_of(to, "sent")
    assert job["template"] == "password_reset" and job["secret_sealed"] is None
    assert token not in json.dumps(job)
    _, shown = stack.client("mailer", "monitor").call("mailer.jobs.show",
                                                      {"job_id": job["job_id"]})
    assert "[link hidden]" in shown["preview"] and "http" not in shown["preview"]
    assert token not in json.dumps(shown)


def test_a_new_verification_link_is_mailed(auth, smtp, address, job_of):
    to = address()
    _, token = auth.linked("user.verification_requested", "ann", to)
    (mail,) = smtp.wait_for(to)
    assert LINK.search(mail.text)[1] == token
    assert job_of(to, "sent")["template"] == "verification"


def test_a_changed_password_is_noticed(auth, smtp, address, job_of):
    to = address()
    auth.event("user.password_changed", {"user_id": 7, "username": "bob", "email": to,
                                         "min_uv": 2},
               created_at="2026-11-22T10:12:57.161784Z",
               expires_at="2999-01-01T00:00:00Z")
    (mail,) = smtp.wait_for(to)
    assert mail.subject == "Your password was changed" and "Hello bob," in mail.text
    assert "was changed on 22 November 2026, 10:12 UTC." in mail.text
    assert "http" not in mail.text  # a notice that asks for a click teaches bad habits
    assert job_of(to, "sent")["template"] == "password_changed"


def test_a_stolen_token_is_noticed(auth, smtp, address, job_of):
    to = address()
    auth.event("session.revoked", {"user_id": 7, "username": "bob", "email": to,
                                   "sid": "0" * 32, "reason": "refresh_reused"},
               created_at="2026-11-22T10:12:57.161784Z",
               expires_at="2999-01-01T00:00:00Z")
    (mail,) = smtp.wait_for(to)
    assert mail.subject == "One of your sessions was ended" and "Hello bob," in mail.text
    assert "used a second time on 22 November 2026, 10:12 UTC." in mail.text
    assert "http" not in mail.text
    assert job_of(to, "sent")["template"] == "session_ended"


@pytest.mark.parametrize("kind, payload, more", [
    ("session.revoked", {"user_id": 1, "sid": "0" * 32, "reason": "logout"}, {}),
    ("user.renamed", {"user_id": 1, "username": "x", "email": "no@example.net"}, {}),
    ("user.registered", {"user_id": 1, "username": "x", "email": ""}, {"sealed": "AAAA"}),
    ("user.registered", {"user_id": 1, "username": "x", "email": "no@example.net"}, {}),
    ("user.registered", {"user_id": 1, "username": "x", "email": "no@example.net"},
     {"version": 2, "sealed": "AAAA"}),
    ("user.password_reset_requested",
     {"user_id": 1, "username": "x", "email": "no@example.net"}, {}),
    ("user.password_changed", {"user_id": 1, "username": "x", "email": ""}, {}),
], ids=["logout", "type", "no address", "no secret", "version", "reset without secret",
        "change without address"])
def test_other_events_are_only_remembered(auth, smtp, database, address, kind, payload,
                                          more):
    event = auth.event(kind, payload, **more)
    after = address()
    auth.registered("next", after)
    smtp.wait_for(after)
    rows = database.query("select state, type from inbox where event_id = %s",
                          (event["event_id"],), schema="mailer")
    assert rows == [("ignored", kind)]
    assert smtp.to("no@example.net") == []


def test_a_malformed_event_stops_nobody(auth, smtp, database, address):
    seq = auth.event("user.registered", {}, event_id="nonsense", created_at=17)["seq"]
    after = address()
    auth.registered("next", after)
    smtp.wait_for(after)
    rows = database.query("select state, type from inbox where seq = %s", (seq,),
                          schema="mailer")
    assert rows == [("ignored", "malformed")]


def test_an_event_that_comes_again_makes_no_second_mail(auth, smtp, address):
    to, after = address(), address()
    event, _ = auth.registered("twice", to)
    smtp.wait_for(to)
    for _ in range(3):
        auth.publish(event)
    auth.registered("next", after)
    smtp.wait_for(after)
    assert len(smtp.to(to)) == 1


def test_silent_pub_delays_and_loses_nothing(auth, smtp, address, stack):
    hidden, shown = [address() for _ in range(5)], address()
    auth.publishes = False
    for to in hidden:
        auth.registered("hidden", to)
    auth.publishes = True
    auth.registered("shown", shown)  # its number leaves a gap
    for to in [*hidden, shown]:
        smtp.wait_for(to)
    status, text = stack.ops("mailer", "/metrics")
    assert re.search(r'events_gaps_total\{stream="user"\} [1-9]', text)


def test_a_beacon_alone_leads_to_a_pull(auth, smtp, address):
    to = address()
    auth.publishes = False
    auth.registered("quiet", to)
    auth.publishes = True
    smtp.wait_for(to, timeout=3)
    assert auth.asked["applied"] == auth.asked["after"] == len(auth.events) - 1


def test_without_any_message_the_mailer_asks_by_itself(auth, smtp, address):
    to = address()
    auth.publishes = False
    auth.registered("silence", to)
    try:
        smtp.wait_for(to, timeout=20)
    finally:
        auth.publishes = True


def test_a_large_backlog_is_read(auth, smtp, database, address, stack):
    """More than a pull's limit and more than the lag at which PUB is ignored."""
    first = len(auth.events)
    last = address()
    stack.daemons["mailer"].stop()
    for i in range(1600):
        auth.event("user.renamed", {"n": i})
    auth.registered("last", last)
    stack.restart("mailer")
    smtp.wait_for(last)
    rows = database.query("select count(*), count(distinct event_id) from inbox "
                          "where seq > %s", (first,), schema="mailer")
    assert rows == [(1601, 1601)]


INJECTIONS = ["a\r\nBcc: evil@example.net", "a\nBcc: evil@example.net", "a\rBcc: x",
              "a\r\n.\r\nMAIL FROM:<evil@example.net>", "\r\n\r\nbody", ".\r\n",
              "a\u2028Bcc: evil@example.net", "a\u2029b", "a\u0085Bcc: x", "a\u000bBcc: x",
              "a\u000cb", "a\u001bb", "<script>alert(1)</script>",
              "<img src=x onerror=alert(1)>", "\"><a href=//evil.example>", "<!--", "]]>",
              "=?utf-8?B?YWJj?=", "=?utf-8?Q?=0D=0ABcc:_x?=", "=0D=0ABcc: x", "{{link}}",
              "{{{link}}}", "{{#link}}x{{/link}}", "\u202egnp.exe", "\u2066a\u2069", "%s%n",
              "${IFS}", "'; drop table job; --", "\\", "--=_boundary--",
              "x" * 150, "Ж" * 150, "🦊" * 100, "a " * 75, "." * 150]


@pytest.mark.parametrize("name", INJECTIONS)
def test_names_stay_names(auth, smtp, address, name):
    to = address()
    _, token = auth.registered(name, to)
    (mail,) = smtp.wait_for(to)
    assert mail.recipients == [to] and not mail.message.defects
    assert mail.message["Bcc"] is None
    assert len(mail.message.get_all("To")) == len(mail.message.get_all("Subject")) == 1
    assert LINK.search(mail.text)[1] == token
    html = mail.message.get_body(("html",)).get_content()
    assert "<script>" not in html and "<img" not in html and "<!--" not in html
    assert "evil.example>" not in html
    for text in (mail.text, html):
        assert not set(text) & set("\u202e\u2066\u2028\u2029\u0085\u000b\u000c\u001b")
    assert b"\nBcc:" not in mail.raw.split(b"\r\n\r\n")[0]


@pytest.mark.parametrize("to", [
    "a@b@example.net", "a b@example.net", "a@example.net\r\nRCPT TO:<evil@example.net>",
    "<a@example.net>", "a@example.net>,<evil@example.net", "@example.net", "a@",
    "a@-example.net", "a,b@example.net", '"a b"@example.net', "ä@example.net",
    "a@" + "x" * 260 + ".net", "a@example.net\n", "a\r\nDATA\r\n@example.net",
    "a@example.net SIZE=1", "a@[127.0.0.256]", "a..b@example.net", "a@example..net",
    "a\u2028@example.net", "a@exa\tmple.net", '"a"b"@example.net', '"a\\"@example.net',
    '"a\r\nRCPT TO:<evil@example.net>"@example.net', '"\\\n"@example.net'])
def test_what_is_no_address_is_never_mailed(auth, smtp, job_of, to):
    before = len(smtp.mails)
    auth.registered("x", to)
    job = job_of(to, "dead")
    assert job["last_phase"] == "render" and "address" in job["last_error"]
    assert len(smtp.mails) == before


@pytest.mark.parametrize("base", ["javascript:alert(1)//", "http://a b/", "http://x\r\nBcc: y",
                                  "http://x\"onclick=", "//x", "", "http://" + "x" * 600])
def test_a_link_of_another_kind_is_never_mailed(auth, smtp, job_of, address, base):
    to = address()
    payload = {"user_id": 1, "username": "x", "email": to, "link_base": base}
    auth.event("user.registered", payload, sealed=auth.seal_token("A" * 43),
               expires_at="2999-01-01T00:00:00Z")
    assert "link" in job_of(to, "dead")["last_error"]
    assert smtp.to(to) == []


def test_a_domain_in_another_script_is_mailed(auth, smtp, job_of):
    auth.registered("x", "post@bücher.example")
    smtp.wait_for("post@xn--bcher-kva.example")
    job_of("post@bücher.example", "sent")


def test_a_secret_that_does_not_open_is_a_dead_job(auth, smtp, job_of, address):
    to, after = address(), address()
    auth.registered("x", to, sealed="A" * 122)
    auth.registered("next", after)
    smtp.wait_for(after)
    assert "does not open" in job_of(to, "dead")["last_error"]
    assert smtp.to(to) == []


def test_an_expired_link_is_not_mailed(auth, smtp, job_of, address):
    to = address()
    auth.registered("late", to, expires_at="2026-01-01T00:00:00Z")
    job = job_of(to, "expired", timeout=15)
    assert job["secret_sealed"] is None and smtp.to(to) == []


def test_another_epoch_is_refused_until_accepted(auth, smtp, stack, address):
    to, epoch = address(), auth.epoch
    auth.epoch = str(uuid.uuid4())
    env.wait_until(lambda: stack.ops("mailer", "/readyz")[0] == 503, 10, "not ready")
    auth.registered("other", to)
    assert "is not the one" in stack.daemons["mailer"].output()
    assert smtp.to(to) == []
    stack.daemons["mailer"].stop()
    stack.verb("mailer", "accept-epoch")
    before = len(smtp.mails)
    stack.restart("mailer")
    smtp.wait_for(to)
    assert len(smtp.mails) == before + 1  # the old events were known
    assert epoch != auth.epoch


def test_no_token_and_no_address_in_the_log(auth, smtp, stack, address):
    to = address()
    _, token = auth.registered("private", to)
    smtp.wait_for(to)
    env.wait_until(lambda: '"sent"' in stack.daemons["mailer"].output(), 5, "it is logged")
    assert token not in stack.daemons["mailer"].output()
    assert to not in stack.daemons["mailer"].output()
