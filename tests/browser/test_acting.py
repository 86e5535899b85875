"""What operators do, over the real daemons: resend, correct, grow and shrink, forget, the dead letters' desk;
and who may only look, and a dashboard that lives behind a path."""

import secrets

import pytest
from conftest import ADMIN, PASSWORD, create_admin
from quintet import env
from selenium.webdriver.common.keys import Keys

READER = "rita"
REFUSED = "550 5.1.1 mailbox unavailable"
WHY = "because the test says so"


@pytest.fixture(scope="module")
def stack(start_stack, smtp):
    stack = start_stack(["auth", "mailer", "monitor"], replicas={"mailer": 2}, AUTH_REPLICA="auth-1", MAILER_REPLICA="mailer-1",
                        MONITOR_REPLICA="monitor-1", MONITOR_EXPECT="auth,mailer", **smtp.env())
    create_admin(stack)
    return stack


@pytest.fixture
def monitor_with(stack):
    """Another monitor for one test."""
    usual = {"MONITOR_URL_PREFIX": "", "MONITOR_READ_ONLY": "false", "MONITOR_STAFF_READ_ONLY": "false"}
    yield lambda **settings: stack.restart("monitor", **settings)
    stack.restart("monitor", **usual)


def register(stack, name=None):
    name = name or "p" + secrets.token_hex(4)
    status, user = stack.client("auth").call("auth.register", {"username": name, "email": f"{name}@example.org", "password": PASSWORD})
    assert status == 201, user
    return user


@pytest.fixture
def refused(stack, smtp, database):
    """A new account whose verification mail was refused for good; (user, job id)."""
    def make():
        smtp.script("RCPT", REFUSED)
        user = register(stack)
        found = env.wait_until(lambda: database.query("select job_id::text from job where recipient = %s and state = 'dead'", (user["email"],), schema="mailer"),
                               15, "the mail is given up")
        return user, found[0][0]
    return make


def act(browser, button, within="", why=WHY, **fields):
    """Presses a button, fills the dialog, says why, and does it."""
    browser.click(f"{within} button".strip(), button)
    browser.one("dialog input[name=reason]")
    for name, value in fields.items():
        browser.type(f"dialog input[name={name}]", value)
    assert browser.accessible() == []
    browser.type("dialog input[name=reason]", why + Keys.ENTER)
    browser.until(lambda: not browser.all("dialog"), "it is done", 15)


def test_who_did_not_get_their_mail_gets_a_new_one(signed_in, stack, smtp, refused, database):
    browser, (user, job) = signed_in, refused()
    database.query("update outbox set created_at = created_at - interval '5 minutes' where aggregate_id = %s", (user["id"],), schema="auth")
    browser.click("nav a", "Missed mail")
    browser.shows("did not get their mail", user["email"], REFUSED, timeout=15)
    before = stack.client("auth", "monitor").call("auth.events.status")[1]["head"]
    act(browser, "Resend\u2026", "td")
    browser.shows(f"to {user['email']}")
    (mail,) = smtp.wait_for(user["email"])
    assert "token=" in mail.text
    env.wait_until(lambda: stack.client("auth", "monitor").call("auth.events.status")[1]["head"] > before, 5, "auth wrote an event of it")
    browser.until(lambda: user["email"] not in browser.one("main table").text, "it is missed no more", 15)
    browser.click("nav a", "Audit")
    browser.shows("resent a mail", WHY, ADMIN)
    browser.quiet()


def test_a_misspelt_address_is_corrected(signed_in, stack, smtp, refused):
    browser, (user, job) = signed_in, refused()
    right = f"right{secrets.token_hex(4)}@example.net"
    browser.open(f"{stack.monitor_url}/tasks/{job}")
    browser.shows(f"Verification mail to {user['email']}")
    browser.click(".actions button", "Correct the address\u2026")
    browser.type("dialog input[name=email]", "not-an-address")
    browser.type("dialog input[name=reason]", WHY + Keys.ENTER)
    assert browser.all("dialog") and not smtp.to(right), "what is no address is not sent"
    browser.type("dialog input[name=email]", right)
    browser.shows(right)
    browser.type("dialog input[name=reason]", WHY + Keys.ENTER)
    browser.until(lambda: not browser.all("dialog"), "it is done", 15)
    assert smtp.wait_for(right)
    browser.open(f"{stack.monitor_url}/tasks?q=to:{right}")
    browser.one(".rows a.row-link")
    browser.shows("sent")
    browser.quiet()


def test_the_pool_grows_and_shrinks(signed_in, stack):
    browser = signed_in
    browser.open(f"{stack.monitor_url}/workers/mailer-1")
    size = lambda: next((r.text.split()[3] for r in browser.all("tr[data-key='SMTP connections']")), None)  # noqa: E731
    browser.until(size, "the pool of connections is shown", 15)
    before = int(size())
    act(browser, "Grow\u2026", "header")
    browser.until(lambda: size() == str(before + 1), "it has one more", 20)
    act(browser, "Shrink\u2026", "header", size=str(before))
    browser.until(lambda: size() == str(before), "it has as many as before", 20)
    browser.click("button", "Grow\u2026")
    browser.type("dialog input[name=size]", "65")
    browser.type("dialog input[name=reason]", WHY + Keys.ENTER)
    assert browser.all("dialog"), "there is a limit"
    browser.key(Keys.ESCAPE)
    browser.quiet()


def test_a_stopped_replica_is_forgotten(signed_in, stack):
    browser = signed_in
    browser.open(f"{stack.monitor_url}/workers/mailer-2")
    browser.shows("This is not known here")
    stack.start_replica("mailer-2")  # the page comes by itself
    browser.until(lambda: browser.one(".head .state").text == "up", "it is up", 15)
    assert "Forget\u2026" not in browser.text, "who is there only comes back"
    stack.daemons["mailer-2"].stop()
    browser.until(lambda: browser.one(".head .state").text == "stopped", "it has stopped", 15)
    act(browser, "Forget\u2026", ".actions")
    browser.shows("mailer-2 is no longer shown")
    browser.click("nav a", "Workers")
    browser.one("tr[data-key=mailer-1]")
    browser.until(lambda: not browser.all("tr[data-key=mailer-2]"), "it is not in the list")
    browser.quiet(but=("404",))


def test_the_desk_sends_what_was_given_up(signed_in, stack, smtp, refused):
    """Not what a newer link has replaced: such a mail stays where it is."""
    browser, void = signed_in, refused()[0]
    status, said = stack.client("auth").call("auth.resend_verification", {"email": void["email"]})
    assert status == 200, said
    assert len(smtp.wait_for(void["email"])) == 1
    people = [refused()[0]["email"] for _ in range(2)]
    browser.click("nav a", "Dead letters")
    browser.shows(*people, timeout=15)
    browser.shows("By cause", "mailbox unavailable", "example.org")
    for row in browser.all("main section:last-child tbody tr"):
        if people[0] in row.text:
            row.find_element("css selector", "input").click()
    act(browser, "Retry 1 chosen\u2026", ".actions")
    assert smtp.wait_for(people[0])
    browser.until(lambda: people[0] not in browser.one("main").text, "it left the desk", 15)
    assert people[1] in browser.text and not smtp.to(people[1])
    act(browser, "Retry all\u2026", ".actions")
    assert smtp.wait_for(people[1])
    browser.until(lambda: people[1] not in browser.one("main").text, "it left the desk", 15)
    assert void["email"] in browser.one("main").text and len(smtp.to(void["email"])) == 1
    browser.quiet()


def test_pages_that_were_left_hold_no_connection(signed_in, stack):
    """A browser opens six at most to one server, and each page has its live stream."""
    browser = signed_in
    for _ in range(8):
        browser.open(f"{stack.monitor_url}/audit")
        browser.settled()
    streams = lambda: browser.driver.execute_async_script(  # noqa: E731
        "const done = arguments[arguments.length - 1]; fetch('api/overview').then(a => a.json()).then(o => done(o.services.find(s => s.name === 'monitor').replicas[0].load.live_streams))")
    browser.until(lambda: streams() == 1, "one stream is left", 15)
    browser.quiet()


PAGES = ("", "workers", "workers/mailer-1", "workers/mailer-1?tab=system", "tasks", "tasks?state=dead", "TASK", "flow", "missed", "dead", "audit")
ACTS = r"return [...document.querySelectorAll('main button, main input[type=checkbox]:not(.columns *)')].map(b => b.textContent.trim() || b.getAttribute('aria-label')).filter(Boolean)"


def nothing_to_press(browser, stack, job):
    found = {}
    browser.open(f"{stack.monitor_url}/workers")  # a monitor that has just started hears of them
    browser.until(lambda: browser.all("tr[data-key=mailer-1]"), "the mailer is heard", 15)
    for page in PAGES:
        browser.open(f"{stack.monitor_url}/{page.replace('TASK', 'tasks/' + job)}")
        browser.settled()
        offered = [b for b in browser.js(ACTS) if not b.endswith(" new")]
        if offered:
            found[page] = offered
    return found


def test_who_may_only_look_sees_no_buttons(browser, stack, refused, monitor_with):
    (user, job) = refused()
    monitor_with(MONITOR_STAFF_READ_ONLY="true")
    browser.sign_in(stack.monitor_url + "/", user["username"], PASSWORD)
    assert "reading" in browser.one("#me-button").text
    assert nothing_to_press(browser, stack, job) == {}
    browser.open(f"{stack.monitor_url}/flow")
    browser.settled()
    said = browser.driver.execute_async_script("""
        const done = arguments[arguments.length - 1];
        fetch('api/session').then(a => a.json()).then(s => fetch('api/actions/queue.pause', {method: 'POST', headers: {'Content-Type': 'application/json', 'X-CSRF-Token': s.csrf},
            body: '{"reason": "I may not"}'})).then(async a => done([a.status, (await a.json()).code]))""")
    assert said == [403, "permission_denied"]
    browser.quiet(but=("403",))


def test_a_read_only_monitor_offers_nothing(browser, stack, refused, monitor_with):
    (user, job) = refused()
    monitor_with(MONITOR_READ_ONLY="true")
    browser.sign_in(stack.monitor_url + "/", ADMIN, PASSWORD)
    assert nothing_to_press(browser, stack, job) == {}
    browser.quiet()
    monitor_with(MONITOR_READ_ONLY="false")
    offered = nothing_to_press(browser, stack, job)
    assert {"workers/mailer-1", "tasks", "TASK", "flow", "dead"} <= set(offered), "and the check sees buttons"


def test_a_dashboard_behind_a_path(browser, stack, smtp, refused, monitor_with):
    (user, job) = refused()
    monitor_with(MONITOR_URL_PREFIX="/ops/quintet")
    home = stack.monitor_url + "/ops/quintet"
    browser.open(home)
    browser.until(lambda: browser.url.startswith(home + "/login"), "the way in is behind the path")
    browser.sign_in(browser.url, ADMIN, PASSWORD)
    for word, path in (("Workers", "/workers"), ("Tasks", "/tasks"), ("Flow", "/flow"), ("Dead letters", "/dead"), ("Overview", "/")):
        browser.click("nav a", word)
        browser.until(lambda p=path: browser.url == home + p, f"{word} is behind the path")
        browser.settled()
    browser.one("#live", "Live")
    browser.open(f"{home}/tasks/{job}")
    browser.shows(f"Verification mail to {user['email']}")
    browser.driver.switch_to.frame(browser.one("iframe"))
    assert "confirm" in browser.one("body").text.lower()
    browser.driver.switch_to.default_content()
    act(browser, "Retry\u2026", ".actions")
    assert smtp.wait_for(user["email"])
    browser.until(lambda: browser.one(".head .state").text == "sent", "seen live", 15)
    browser.open(f"{home}/broker")
    browser.until(lambda: browser.url == home + "/flow", "Flower's address moves on within the path")
    assert all(c["path"] == "/ops/quintet" for c in browser.driver.get_cookies())
    browser.click("#me-button")
    browser.click("#leave")
    browser.until(lambda: browser.url.startswith(home + "/login"), "signed out")
    assert browser.driver.get_cookies() == []
    browser.quiet(but=("401",))
