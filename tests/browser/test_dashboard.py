"""The dashboard over the real daemons, as an operator uses it on a bad day: a mail that was refused, a
replica that dies, a monitor that restarts. Nothing here talks to the monitor but the browser."""

import secrets

import pytest
from chrome import DESK, PHONE
from conftest import ADMIN, PASSWORD, create_admin
from quintet import env
from selenium.webdriver.common.keys import Keys

BAD = "<img src=x onerror=alert(1)>"
REFUSED = f"550 5.1.1 {BAD} no such mailbox"


@pytest.fixture(scope="module")
def stack(start_stack, smtp, redis):
    stack = start_stack(["auth", "catalog", "mailer", "gateway", "monitor"], replicas={"catalog": 2}, REDIS_URL=redis.url,
                        AUTH_REPLICA="auth-1", CATALOG_REPLICA="catalog-1", MAILER_REPLICA="mailer-1", GATEWAY_REPLICA="gateway-1",
                        MONITOR_REPLICA="monitor-1", **smtp.env())
    stack.start_replica("catalog-2")
    create_admin(stack)
    return stack


@pytest.fixture
def register(stack):
    def run():
        name = "m" + secrets.token_hex(4)
        status, value, _ = stack.http("POST", "/api/auth/register", {
            "username": name, "email": f"{name}@example.org", "password": PASSWORD, "password2": PASSWORD})
        assert status == 201, value
        return f"{name}@example.org"
    return run


def test_a_user_may_not_look(browser, stack, register, smtp):
    name = register().split("@")[0]
    smtp.wait_for(f"{name}@example.org")
    browser.open(stack.monitor_url + "/")
    browser.type("input[name=username]", name)
    browser.type("input[name=password]", PASSWORD + Keys.ENTER)
    browser.one("[role=alert]")
    browser.until(lambda: browser.one("main [role=alert]").text, "a reason is given")
    assert not any(e.is_displayed() for e in browser.all("nav"))
    browser.quiet(but=("403",))


def test_from_a_refused_mail_to_a_sent_one(signed_in, stack, smtp, register):
    """Find it, see why, mend the cause, retry, watch it succeed."""
    browser = signed_in
    smtp.script("RCPT", REFUSED)
    to = register()
    browser.click("nav a", "Dead letters")
    browser.shows(to, timeout=15)
    browser.click("nav a", "Tasks")
    browser.type(".filters input[type=search]", f"to:{to}" + Keys.ENTER)
    browser.until(lambda: len(browser.all(".rows tbody tr")) == 1, "one mail is found")
    browser.one(".rows .chip", "dead")
    browser.click(".rows a.row-link")
    browser.shows("What happened", REFUSED, to)
    assert browser.js("return document.querySelectorAll('main img').length") == 0, "a reply is text"
    assert browser.accessible() == [] and browser.too_wide() <= 0
    browser.driver.switch_to.frame(browser.one("iframe"))
    assert "confirm" in browser.one("body").text.lower()
    browser.driver.switch_to.default_content()
    assert smtp.next_reply("RCPT") == "250 2.0.0 OK", "the server takes it now"
    browser.click(".actions button", "Retry\u2026")
    browser.type("dialog input[name=reason]", "the mailbox exists now" + Keys.ENTER)
    browser.until(lambda: browser.one(".head .state").text == "sent", "it is shown as sent without a reload", 15)
    assert smtp.wait_for(to)
    browser.click("nav a", "Audit")
    browser.shows("the mailbox exists now", "retried mails", ADMIN)
    browser.quiet()


def test_a_killed_replica_is_called_crashed(signed_in, stack):
    browser = signed_in
    pips = lambda: browser.all(".card[data-key=catalog] .pips a")  # noqa: E731
    browser.until(lambda: len(pips()) == 2, "two replicas of catalog are seen", 15)
    stack.daemons["catalog-2"].kill()
    browser.shows("catalog-2 has crashed", timeout=5)
    browser.click(".notice a", "Evidence")
    browser.until(lambda: browser.one("h1").text == "catalog-2", "its page")
    browser.one(".head .chip", "crashed")
    assert browser.one(".notice p").text.strip() not in ("", "catalog-2 is crashed.")
    assert browser.accessible() == []
    stack.restart("catalog-2")
    browser.click("nav a", "Overview")
    browser.until(lambda: "catalog-2" not in "".join(n.text for n in browser.all(".notice")), "all is well again", 15)
    browser.quiet()


def test_history_survives_the_monitor(signed_in, stack, smtp, register):
    browser = signed_in
    smtp.wait_for(register())
    browser.open(stack.monitor_url + "/?mails=table")
    browser.until(lambda: "0 sent" not in browser.one(".panel h2 + span", timeout=1).text, "a mail is counted", 30)
    browser.shows("started")
    audit = stack.monitor_url + "/audit"
    stack.restart("monitor")
    browser.shows("Live", timeout=30)
    browser.open(audit)
    browser.shows("signed in", f"{ADMIN} \u00b7 admin")
    assert browser.url == audit, "nobody is asked who they are again"
    browser.open(stack.monitor_url + "/")
    browser.shows("Mails, 24 h")
    browser.until(lambda: " sent" in browser.text and "\n0 sent" not in browser.text, "the mails before are counted")


def test_a_database_that_is_slow_after_a_restart_sends_nobody_away(signed_in, stack, database):
    """A page stays as it is; one that is opened then says why it asks, and goes on by itself."""
    browser = signed_in
    env.wait_until(lambda: database.query("select count(*) from session", schema="monitor")[0][0] > 0, 10, "the session is written")
    with database.locked("lock table session", schema="monitor"):
        stack.restart("monitor")
        env.wait_until(lambda: stack.ops("monitor", "/readyz")[0] == 200, 10, "the monitor is back")
        browser.until(lambda: "Reconnecting" in browser.text, "the page has noticed")
        assert "/login" not in browser.url
        browser.open(stack.monitor_url + "/audit")
        browser.shows("nobody can say whether you are still signed in", timeout=20)
        assert browser.accessible() == []
    browser.until(lambda: browser.url == stack.monitor_url + "/audit", "it comes back by itself", 20)
    browser.shows("signed in", f"{ADMIN} \u00b7 admin", "Live", timeout=20)


def test_workers_have_flowers_columns(signed_in, stack, smtp, register):
    browser = signed_in
    smtp.wait_for(register())
    browser.click("nav a", "Workers")
    cells = lambda: [c.text for c in browser.one("tr[data-key=mailer-1]").find_elements("css selector", "td")]  # noqa: E731
    browser.one("tr[data-key=mailer-1]")
    head = [h.text for h in browser.all(".flush thead th")]
    assert head[:7] == ["Worker", "Status", "Active", "Processed", "Failed", "Succeeded", "Retried"] and "Load average" in head
    browser.until(lambda: cells()[1] == "up" and cells()[3] not in ("\u2014", "0") and cells()[5] not in ("\u2014", "0"), "mails are counted", 15)
    assert cells()[head.index("Load average")].count(".") == 3
    browser.quiet()


def test_draining_and_log_level(signed_in, stack):
    browser = signed_in
    browser.open(stack.monitor_url + "/workers/catalog-2")
    browser.shows("catalog-2")
    browser.click(".actions button", "Drain\u2026")
    browser.type("dialog input[name=reason]", "a new disk" + Keys.ENTER)
    browser.one(".head .chip", "draining", timeout=15)
    browser.click(".actions button", "Resume\u2026")
    browser.type("dialog input[name=reason]", "it has one" + Keys.ENTER)
    browser.until(lambda: browser.one(".head .state").text == "up", "it is up again", 15)
    browser.click(".actions button", "Log level\u2026")
    browser.type("dialog input[name=levels]", "info,db=debug")
    browser.type("dialog input[name=reason]", "slow statements" + Keys.ENTER)
    browser.click(".tabs a", "System")
    browser.shows("info,db=debug", timeout=15)
    browser.quiet()


def test_the_queue_can_be_paused(signed_in, stack, smtp, register):
    browser = signed_in
    browser.click("nav a", "Tasks")
    browser.click("button", "Pause queue\u2026")
    browser.type("dialog input[name=reason]", "the template is wrong" + Keys.ENTER)
    browser.shows("The queue is paused.", timeout=15)
    to = register()
    browser.shows(to, timeout=15)
    assert not smtp.to(to)
    browser.click(".notice button", "Resume\u2026")
    browser.type("dialog input[name=reason]", "the template is right" + Keys.ENTER)
    smtp.wait_for(to)
    browser.until(lambda: "The queue is paused." not in "".join(n.text for n in browser.all(".notice")), "it runs again", 15)
    browser.quiet()


def test_the_stream_and_who_reads_it(signed_in, stack, smtp, register):
    browser = signed_in
    smtp.wait_for(register())
    browser.click("nav a", "Flow")
    browser.shows("Event stream", "Epoch", "Waiting in the outbox", "Kept for good", "Who reads it")

    def rows(caption):
        for table in browser.all("table"):
            if table.find_element("css selector", "caption").get_attribute("textContent") == caption:
                return {r.text.split()[0]: r.text.split() for r in table.find_elements("css selector", "tbody tr")}
    browser.until(lambda: {"mailer", "catalog", "gateway"} <= set(rows("What each service told auth")), "auth knows its readers", 30)
    browser.until(lambda: {"mailer-1", "catalog-1", "gateway-1"} <= set(rows("Consumers of the event stream")), "replicas speak for themselves", 15)
    head = stack.client("auth", "monitor").call("auth.events.status")[1]
    assert head["epoch"] in browser.text
    browser.until(lambda: rows("Consumers of the event stream")["mailer-1"][1:3] == [str(head["head"]), "0"], "the mailer has all of it", 15)
    browser.quiet()


def test_the_queue_is_slowed_down_and_let_go(signed_in, stack):
    """The whole queue's mails a minute and connections: seen beforehand, with a reason, in the audit, undone."""
    browser = signed_in
    browser.click("nav a", "Flow")
    browser.click("button", "Settings\u2026")
    browser.type("dialog input[name=per_minute]", "600")
    browser.type("dialog input[name=connections]", "3")
    browser.shows("mails a minute: no limit \u2192 600", "connections of each mailer: as configured \u2192 3")
    assert browser.accessible() == []
    browser.type("dialog input[name=reason]", "the sink is slow" + Keys.ENTER)
    queue = lambda: [c.text for c in browser.one("tr[data-key=mail]").find_elements("css selector", "td")]  # noqa: E731
    browser.until(lambda: "600" in queue() and "3 each" in queue(), "the page shows it", 15)
    browser.until(lambda: stack.client("mailer", "monitor").call("mailer.queue.status")[1]["pool"] == 3, "the mailer has three", 15)
    browser.click(".result button", "Change back")
    browser.until(lambda: "no limit" in queue(), "it is undone", 15)
    browser.click("nav a", "Audit")
    browser.shows("changed the queue", "the sink is slow", "no limit \u2192 600")
    browser.quiet()


@pytest.mark.parametrize("view", [(DESK, False), (DESK, True), (PHONE, False)], ids=["light", "dark", "phone"])
def test_every_page_is_sound_with_real_data(signed_in, stack, smtp, register, view):
    browser = signed_in
    smtp.wait_for(register())
    browser.resize(*view)
    mail = None
    found = {}
    for page in ("", "workers", "workers/mailer-1", "workers/mailer-1?tab=queues", "workers/mailer-1?tab=limits", "workers/mailer-1?tab=configuration",
                 "workers/mailer-1?tab=system", "workers/mailer-1?tab=counters", "workers/mailer-1?tab=history", "tasks", "MAIL", "flow", "missed", "dead", "audit"):
        if page == "MAIL":
            page = mail
        browser.open(f"{stack.monitor_url}/{page}")
        browser.settled()
        if page == "tasks":
            mail = browser.one(".rows a.row-link").get_attribute("href").split("/", 3)[3]
        problems = browser.console() + browser.accessible() + ([f"{browser.too_wide()} px too wide"] if browser.too_wide() > 0 else [])
        if problems:
            found[page] = problems
    assert not found, "\n".join(f"{p}: {w}" for p, ws in found.items() for w in ws)


def test_signing_out(signed_in, stack):
    browser = signed_in
    browser.click("#me-button")
    browser.click("#leave")
    browser.until(lambda: "/login" in browser.url, "signed out")
    browser.open(stack.monitor_url + "/audit")
    browser.until(lambda: "/login?next=audit" in browser.url, "nothing is shown any more")
    browser.quiet(but=("401",))
