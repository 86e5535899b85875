"""Every page over a made-up day (made_up.py): in both themes and on a phone, with hostile texts,
by keyboard, with rows that arrive while somebody reads."""

import json
import urllib.parse

import pytest
from chrome import DESK, PHONE
from made_up import BAD, Server, World
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

PAGES = ["", "?mails=table", "workers", "workers?service=catalog&sort=-rss_kib", "workers?service=catalog&as=table", "workers/mailer-1", "workers/catalog-2",
         *(f"workers/mailer-1?tab={t}" for t in ("queues", "limits", "configuration", "system", "counters", "history")),
         "workers/mailer-1?tab=history&as=table", "tasks", "tasks?state=dead", "tasks?q=to:%40example.org", "tasks?mails=table",
         "tasks?q=(broken", "tasks?cols=state,mail,answer,user,job", "TASK", "TASK?part=text", "TASK?part=headers", "flow", "missed",
         "dead", "dead?code=550&domain=example.org", "audit", "no/such/page", "tasks/5f19c2e0-7b41-5d7e-8f00-000000000001"]
VIEWS = {"light": (DESK, False), "dark": (DESK, True), "phone": (PHONE, True)}
# What a page may say to the console: the browser itself tells of an answer with an error status.
HREFS = "return [...document.querySelectorAll('.rows tbody a.row-link')].map(a => a.href).join()"
EXPECTED = {"tasks?q=(broken": ("400",), "tasks/5f19c2e0-7b41-5d7e-8f00-000000000001": ("404",)}


@pytest.fixture
def serve():
    """serve(hostile=True): (world, address) of a server of its own."""
    running = []

    def start(**how):
        server = Server(World(**how))
        running.append(server)
        return server.world, server.__enter__() + "/"

    yield start
    for server in running:
        server.__exit__()


def dead_mail(world):
    return next(m for m in world.mails if m["state"] == "dead")


def address(world, page):
    return page.replace("TASK", "tasks/" + dead_mail(world)["job_id"])


@pytest.mark.parametrize("view", VIEWS)
def test_every_page_is_sound(browser, serve, view):
    """No console message, no violated policy, nothing wider than the window, and everybody can
    read and reach it."""
    world, url = serve()
    size, dark = VIEWS[view]
    browser.resize(size, dark)
    found = {}
    for page in PAGES:
        browser.open(url + address(world, page))
        browser.settled()
        said = [m for m in browser.console() if not any(w in m for w in EXPECTED.get(page, ()))]
        wide = browser.too_wide()
        problems = said + browser.accessible() + ([f"{wide} px too wide"] if wide > 0 else [])
        if problems:
            found[page] = problems
    assert not found, json.dumps(found, indent=1)


def test_markup_is_text_everywhere(browser, serve):
    """What strangers can say (addresses, replies, names, reasons) is written as it is."""
    world, url = serve(hostile=True)
    for page in ("", "tasks", "TASK", "TASK?part=headers", "missed", "dead", "audit", "workers/mailer-1",
                 "tasks?q=" + urllib.parse.quote(BAD)):
        browser.open(url + address(world, page))
        browser.settled()
        assert browser.js("return document.querySelectorAll('main img, header img').length") == 0, page
        assert page.startswith("workers") or BAD in browser.text + browser.js(
            "return [...document.querySelectorAll('input')].map(i => i.value).join()"), page
        browser.quiet()


def test_nothing_wrong_is_one_quiet_line(browser, serve):
    _, url = serve(well=True)
    browser.open(url)
    browser.shows("All is well.")
    assert not browser.all(".notice")


def test_the_overview_moves_in_place(browser, serve):
    """Live figures change without a new node: focus and the pointer's place survive."""
    _, url = serve()
    browser.open(url)
    browser.shows("catalog-2 is frozen.")
    browser.js("document.querySelector('.card').marked = true; document.querySelector('.card a').focus()")
    before = browser.one(".figure").text
    browser.until(lambda: browser.one(".figure").text != before, "a figure changes")
    assert browser.js("return document.querySelector('.card').marked && document.querySelector('.card').contains(document.activeElement)")


def test_pause_holds_everything(browser, serve):
    _, url = serve()
    browser.open(url)
    browser.shows("Live")
    browser.key("p")
    browser.shows("Paused")
    figure = browser.one(".figure").text
    moments = browser.js("return performance.now()")
    browser.until(lambda: browser.js("return performance.now()") > moments + 2500, "time passes")
    assert browser.one(".figure").text == figure
    browser.click("#live")
    browser.until(lambda: browser.one(".figure").text != figure, "it is live again")


def test_every_view_is_an_address(browser, serve):
    """State, search, sort and columns are in the address; back and a pasted link work."""
    world, url = serve()
    browser.open(url + "tasks")
    browser.click(".seg a", "Dead")
    browser.until(lambda: "state=dead" in browser.url, "the state is in the address")
    browser.until(lambda: len(browser.all(".rows tbody tr")) == 7, "seven rows are dead")
    browser.type(".filters input[type=search]", "code:550" + Keys.ENTER)
    browser.until(lambda: "q=code:550" in browser.url and len(browser.all(".rows tbody tr")) < 7, "the search is in the address")
    browser.click("summary", "Columns")
    browser.click(".columns label", "User")
    browser.until(lambda: "cols=" in browser.url and "User" in browser.one(".rows thead").text, "the columns are in the address")
    pasted = browser.url
    rows = browser.js(HREFS)
    browser.driver.back()
    browser.until(lambda: "User" not in browser.one(".rows thead").text, "back takes the column away")
    browser.driver.back()
    browser.until(lambda: "q=" not in browser.url and len(browser.all(".rows tbody tr")) == 7, "back takes the search away")
    browser.open(pasted)
    browser.until(lambda: browser.js(HREFS) == rows, "a pasted link shows the same")
    assert world.posts == []
    browser.quiet()


def test_pages_follow_each_other(browser, serve):
    world, url = serve()
    browser.open(url + "tasks")
    browser.until(lambda: len(browser.all(".rows tbody tr")) == 50, "a page of rows")
    newest = browser.one(".rows tbody a").get_attribute("href")
    browser.click(".foot a", "older \u203a")
    browser.until(lambda: "before=" in browser.url and browser.one(".rows tbody a").get_attribute("href") != newest, "older rows")
    browser.click(".foot a", "\u2039 newest")
    browser.until(lambda: browser.one(".rows tbody a").get_attribute("href") == newest, "the newest again")
    assert f"50 of {len(world.mails):,}" in browser.one(".foot").text


def test_search_errors_show_where(browser, serve):
    _, url = serve()
    browser.open(url + "tasks?q=" + urllib.parse.quote("to:k\u00e4 (state:dead"))
    browser.shows("This parenthesis has no partner.")
    q, arrow = browser.js("return document.querySelector('.problem code').textContent").split("\n")
    assert q[arrow.index("\u2191")] == "("
    assert browser.one(".filters input[type=search]").get_attribute("aria-invalid") == "true"


def test_new_rows_wait_while_somebody_reads(browser, serve):
    world, url = serve()
    browser.open(url + "tasks")
    browser.until(lambda: len(browser.all(".rows tbody tr")) == 50, "a page of rows")
    ActionChains(browser.driver).move_to_element(browser.all(".rows tbody tr")[3]).perform()
    first = browser.one(".rows tbody a").get_attribute("href")
    world.add_mail()
    world.add_mail()
    browser.one("button.fresh", "2 new")
    assert browser.one(".rows tbody a").get_attribute("href") == first
    browser.click("button.fresh")
    browser.until(lambda: browser.one(".rows tbody a").get_attribute("href") != first, "the new rows are shown")
    ActionChains(browser.driver).move_to_element(browser.one(".brand")).perform()
    first = browser.one(".rows tbody a").get_attribute("href")
    world.add_mail()
    browser.until(lambda: browser.one(".rows tbody a").get_attribute("href") != first, "without a reader they come at once")


def test_dragging_chooses_a_span(browser, serve):
    _, url = serve()
    browser.open(url)
    picture = browser.one(".hist svg")
    ActionChains(browser.driver).move_to_element_with_offset(picture, -120, 0).click_and_hold().move_by_offset(150, 0).release().perform()
    browser.until(lambda: "/tasks?from=" in browser.url and "&to=" in browser.url, "the mails of the span are shown")
    browser.one(".hist .chosen")
    browser.shows("show all times")
    browser.quiet()


def test_bulk_acting_says_what_will_happen(browser, serve):
    world, url = serve()
    browser.open(url + "dead")
    browser.click("button", "Retry all\u2026")
    browser.shows("Send 7 mails again", "and 2 more")
    assert browser.accessible() == []
    browser.click("dialog button", "Retry")
    assert [body.get("preview") for _, body in world.posts] == [True], "without a reason nothing happens"
    browser.type("dialog input[name=reason]", "mx.example.org is back" + Keys.ENTER)
    browser.shows("7 mails will be sent again.", "No mail was given up")
    action, body = world.posts[-1]
    assert (action, body) == ("mails.retry", {"q": "state:dead", "reason": "mx.example.org is back"})
    browser.quiet()


def test_chosen_rows_are_what_is_acted_on(browser, serve):
    world, url = serve()
    browser.open(url + "tasks?state=dead")
    browser.until(lambda: len(browser.all(".rows tbody tr")) == 7, "seven rows")
    for box in browser.all(".rows tbody input[type=checkbox]")[1:3]:
        box.click()
    browser.shows("2 mails chosen")
    browser.click(".bulk button", "Revoke\u2026")
    browser.type("dialog input[name=reason]", "asked by their owners")
    browser.click("dialog button", "Revoke")
    browser.until(lambda: len(browser.all(".rows tbody tr")) == 5, "two are gone")
    ids = [m["job_id"] for m in world.mails if m["state"] == "revoked"]
    assert sorted(world.posts[-1][1]["ids"]) == sorted(ids) and len(ids) == 2


def test_an_action_can_be_undone(browser, serve):
    world, url = serve()
    browser.open(url + "tasks")
    browser.click("button", "Pause queue\u2026")
    browser.type("dialog input[name=reason]", "the template is wrong" + Keys.ENTER)
    browser.shows("The queue is paused.")
    browser.click(".result button", "Resume")
    browser.until(lambda: not world.paused, "it is resumed")
    assert world.posts[-1][0] == "queue.resume"


def test_escape_leaves_without_acting(browser, serve):
    world, url = serve()
    browser.open(url + "workers/mailer-1")
    browser.click("button", "Drain\u2026")
    browser.one("dialog input[name=reason]")
    browser.key(Keys.ESCAPE)
    browser.until(lambda: not browser.all("dialog"), "the dialog is gone")
    assert all(body.get("preview") for _, body in world.posts)


def test_by_keyboard_alone(browser, serve):
    world, url = serve()
    browser.open(url)
    browser.settled()
    browser.key(Keys.TAB)
    assert browser.focused.text == "Skip to content"
    browser.key(Keys.ENTER)
    assert browser.focused.get_attribute("id") == "main"
    browser.key("/")
    assert browser.focused.get_attribute("name") == "q"
    browser.key("kim", Keys.ENTER)
    browser.until(lambda: "tasks?q=kim" in browser.url, "the search is shown")
    browser.until(lambda: browser.all(".rows tbody a.row-link"), "there are rows")
    browser.key("j", "j")
    links = browser.all(".rows tbody a.row-link")
    browser.until(lambda: browser.focused == links[1], "the second row has the focus")
    assert browser.js("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.key("k", Keys.ENTER)
    browser.until(lambda: "/tasks/" in browser.url, "the mail is open")
    browser.shows("What happened")
    assert world.posts == []


def test_the_theme_is_chosen_and_kept(browser, serve):
    _, url = serve()
    ground = lambda: browser.js("return getComputedStyle(document.body).backgroundColor")  # noqa: E731
    browser.open(url)
    browser.settled()
    light = ground()
    browser.click("#me-button")
    browser.click("label", "Dark")
    assert ground() != light
    dark = ground()
    browser.open(url + "audit")
    browser.settled()
    assert ground() == dark, "it is kept"
    browser.click("#me-button")
    browser.click("label", "As the system")
    assert ground() == light
    browser.resize(DESK, dark=True)
    assert ground() == dark, "the system's choice is followed"


def test_the_mail_is_shown_in_a_cage(browser, serve):
    world, url = serve()
    browser.open(url + address(world, "TASK"))
    frame = browser.one("iframe")
    assert frame.get_attribute("sandbox") == ""
    assert browser.js("return document.querySelector('iframe').contentDocument") is None, "an origin of its own"
    browser.driver.switch_to.frame(frame)
    assert "please confirm that this address is yours" in browser.one("body").text
    browser.driver.switch_to.default_content()
    browser.quiet()


def test_signing_in(browser, serve):
    _, url = serve(signed_in=False)
    browser.open(url + "tasks?state=dead")
    browser.until(lambda: "/login?next=" in browser.url, "the way in is shown")
    assert browser.accessible() == []
    assert not browser.one("nav", timeout=.1) if any(e.is_displayed() for e in browser.all("nav")) else True
    browser.type("input[name=username]", "ada")
    browser.type("input[name=password]", "wrong" + Keys.ENTER)
    browser.shows("No active account with these credentials.")
    browser.type("input[name=password]", "a-long-passphrase" + Keys.ENTER)
    browser.until(lambda: browser.url.endswith("/tasks?state=dead"), "where one wanted to be")
    browser.until(lambda: len(browser.all(".rows tbody tr")) == 7, "the rows are there")
    browser.quiet(but=("401",))


@pytest.mark.parametrize("next_", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_away(browser, serve, next_):
    _, url = serve(signed_in=False)
    browser.open(url + "login?next=" + urllib.parse.quote(next_, safe=""))
    browser.type("input[name=username]", "ada")
    browser.type("input[name=password]", "a-long-passphrase" + Keys.ENTER)
    browser.one("nav a[data-page=overview]")
    browser.until(lambda: browser.url.startswith(url) and "login" not in browser.url, "still here")


def test_the_monitor_may_go_away(browser, serve):
    """What was read stays; the page says that it is no longer live."""
    server = Server(World())
    url = server.__enter__() + "/"
    browser.open(url)
    browser.shows("catalog-2 is frozen.", "Live")
    server.__exit__()
    browser.shows("Reconnecting", "catalog-2 is frozen.")


def test_the_checks_see_what_is_bad(browser):
    """accessible() and too_wide() have teeth."""
    browser.open("data:text/html," + urllib.parse.quote(
        "<title>x</title><h1>A</h1><h3>B</h3><button></button><input><svg></svg><img src='data:,'><main>"
        "<p style='color:%23999'>pale</p><table><tr><th>h</th></tr></table><div style='width:2000px'>w</div></main>".replace("%23", "#")))
    found = "\n".join(browser.accessible())
    for part in ("names no language", "skips a level", "has no name", "has no label", "no alternative text",
                 "says nothing to who cannot see it", "contrast 2.8", "no caption", "a style attribute"):
        assert part in found, part
    assert browser.too_wide() > 0
