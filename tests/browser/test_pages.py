"""Every page over a made-up day (made_up.py): in both themes and on a phone, with hostile texts,
by keyboard, with rows that arrive while somebody reads."""

import json
import urllib.parse

import pytest
from chrome import DESK, PHONE
from made_up import BAD, Server, World
from quintet import env
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
EXPECTED = {"tasks?q=(broken": ("400",), "no/such/page": ("404",), "tasks/5f19c2e0-7b41-5d7e-8f00-000000000001": ("404",)}


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


def test_every_template_of_the_mailer_has_a_name(browser, serve):
    _, url = serve()
    browser.open(url)
    browser.settled()
    templates = sorted(p.stem for p in (env.ROOT / "services/mailer/templates").glob("*.subject"))
    assert "account_exists" in templates
    names = browser.driver.execute_async_script("""
        const done = arguments[arguments.length - 1], list = arguments[0];
        import(new URL('assets/dom.js', document.baseURI)).then(m => done(list.map(t => [m.templateName(t), m.templateTitle(t)])), e => done(String(e)))""", templates)
    assert len({name for name, _ in names}) == len(templates)
    for name, title in names:
        assert name and "_" not in name + title and title.endswith(" mail") and title[0].isupper()
    assert ["account exists", "Account exists mail"] in names
    browser.quiet()


def said_by(browser, module, expression):
    """What an expression over one of the page's own modules, `m`, comes to."""
    return browser.driver.execute_async_script(f"""
        const done = arguments[arguments.length - 1];
        import(new URL('assets/{module}', document.baseURI)).then(m => done({expression}), e => done(String(e)))""")


def test_times_have_their_units(browser, serve):
    _, url = serve()
    browser.open(url)
    browser.settled()
    for pair, text in (((400, 1600), "0.4 \u00b7 1.6 ms"), ((40000, 1200000), "40 ms \u00b7 1.20 s"),
                       ((2000000, 10000000), "2.00 s \u00b7 > 10 s"), ((10000000, 10000000), "> 10 s \u00b7 > 10 s")):
        assert said_by(browser, "dom.js", f"m.pair({pair[0]}, {pair[1]})") == text


def test_outcomes_are_named(browser, serve):
    _, url = serve()
    browser.open(url)
    browser.settled()
    for row, text in (({"status": 201}, "201"), ({"status": 1101, "http_status": 503, "code": "unavailable"}, "503 unavailable")):
        assert said_by(browser, "worker.js", f"m.outcome({json.dumps(row)})") == text


def test_what_took_longest_is_shown(browser, serve):
    world, url = serve()
    histogram = world.histogram

    def slow(q):
        found = histogram(q)
        found["series"][0]["counts"][-1] = 7
        return found
    world.histogram = slow
    browser.open(url + "workers?service=catalog&as=table")
    browser.shows("> 10 s")


def test_what_is_not_known_is_a_dash(browser, serve):
    world, url = serve(well=True)
    overview = world.overview

    def unknown(live=False):
        found = overview(live)
        found["counts"] = {"missed": None, "dead": None}
        if not live:
            none = [None] * 24
            found["mails"] |= {"complete": False, "sent": none, "deferred": none, "dead": none,
                               "totals": {"sent": None, "deferred": None, "dead": None}}
        return found
    world.overview = unknown
    browser.open(url)
    browser.shows("The mailer has not told its counts.")
    assert "\u2014 sent" in browser.text and "0 sent" not in browser.text and "0 dead" not in browser.text
    browser.until(lambda: {n.text for n in browser.all("nav a .count")} == {"\u2014"}, "the counts are dashes")
    browser.quiet()


def test_a_store_that_is_not_heard_of_is_history(browser, serve):
    _, url = serve()
    browser.open(url + "flow")
    browser.shows("last seen connected")
    browser.shows("connected \u00b7 1 statement under way")


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


def test_a_chosen_row_keeps_the_focus(browser, serve):
    world, url = serve()
    for page in ("tasks", "dead"):
        browser.open(url + page)
        browser.one("tbody input[type=checkbox]")
        name = browser.js("const box = document.querySelector('tbody input[type=checkbox]'); box.focus(); return box.getAttribute('aria-label')")
        for chosen in (True, False):
            browser.key(Keys.SPACE)
            assert browser.js("const a = document.activeElement; return [a.getAttribute('aria-label'), a.checked]") == [name, chosen], page
    browser.quiet()


def test_who_had_the_dialog_goes_on_where_they_were(browser, serve):
    """The row that was acted on is gone: the focus is in the one that took its place."""
    world, url = serve()
    browser.open(url + "missed")
    first = browser.one("tbody tr").text
    browser.one("tbody button.main").send_keys(Keys.ENTER)
    browser.type("dialog input[name=reason]", "the mailbox is there now" + Keys.ENTER)
    browser.until(lambda: browser.one("tbody tr").text != first, "the row is gone")
    assert browser.js("return document.activeElement === document.querySelector('tbody button.main')")
    browser.quiet()


def test_what_has_the_focus_is_not_moved(browser, serve):
    world, url = serve()
    browser.open(url)
    browser.settled()
    assert browser.js("""
        const {el, morph} = await import('./assets/dom.js'), box = el('div'), lost = [];
        const list = keys => [...keys].map(k => el('p', {'data-key': k}, el('button', {}, k)));
        document.getElementById('main').append(box);
        morph(box, list('abcd'));
        const held = box.children[1].firstChild;
        held.onblur = () => lost.push(box.textContent);
        held.focus();
        for (const keys of ['dcba', 'xb', 'bx', 'axyb', 'cdab', 'b'])
          { morph(box, list(keys)); if (box.textContent !== keys || document.activeElement !== held) lost.push(keys); }
        morph(box, list('xy'));
        if (document.activeElement !== box.firstChild.firstChild) lost.push('the place');
        return lost.filter(l => l !== 'b');
    """) == []


def test_a_search_that_gave_up_does_not_say_that_there_is_nothing(browser, serve):
    world, url = serve()
    world.far = 2
    browser.open(url + "tasks?q=to:@example")
    browser.shows("None of the newest 100,000 mails matches", "were not looked at")
    browser.click("tbody a", "look further")
    browser.shows("None of the next 100,000 mails matches")
    browser.click(".foot a", "look further")
    browser.one("tbody a.row-link")
    assert "No mail matches" not in browser.text


def test_a_search_that_is_wrong_offers_nothing(browser, serve):
    world, url = serve()
    browser.open(url + "tasks?q=(broken")
    browser.shows("The search was not understood")
    assert "All that match" not in browser.text
    assert browser.js("return document.querySelector('.seg').textContent").startswith("AllReady")


@pytest.mark.parametrize("path,title", [("nope", "There is no such page"), ("no/such/page", "There is no such page"),
                                        ("tasks/a/b", "There is no such page"), ("tasks/", "Tasks"), ("workers/", "Workers")])
def test_an_address_is_a_page_or_says_that_it_is_none(browser, serve, path, title):
    world, url = serve()
    browser.open(url + path)
    assert browser.one("h1").get_property("textContent") == title


def test_a_phone_shows_which_tab_it_is_and_all_of_a_word(browser, serve):
    world, url = serve()
    for m in world.mails:
        m["recipient"] = "somebody-with-a-rather-long-name-" + m["recipient"]
    browser.resize(PHONE)
    for page in ("audit", "missed", "dead"):
        browser.open(url + page)
        browser.until(lambda: browser.js("return document.querySelector('nav .count').textContent"), "the counts are there")
        left, right, width = browser.js("const r = document.querySelector('nav a[aria-current]').getBoundingClientRect(); return [r.left, r.right, innerWidth]")
        assert 0 <= left and right <= width, page
        browser.one("tbody tr")
        assert browser.js("return [...document.querySelectorAll('main td .chip')].filter(c => c.offsetParent"
                          " && c.getBoundingClientRect().right > c.closest('.scroll').getBoundingClientRect().right).map(c => c.textContent)") == [], page


def test_two_reasons_under_one_code_are_two_causes(browser, serve):
    world, url = serve()
    dead = [m for m in world.mails if m["state"] == "dead"]
    for i, m in enumerate(dead):
        m["last_code"] = 550
        m["last_error"] = ["550 5.1.1 no such mailbox", "550 5.7.1 refused, id 4f9a2c81d0", "550 5.7.1 refused, id 77aa2c81ee", "550 5.7.1 out of favour"][i % 4]
    browser.open(url + "dead")
    rows = browser.until(lambda: browser.js("return [...document.querySelectorAll('section:has(h2) tbody tr')].map(r => r.cells[0].innerText + '|' + r.cells[1].innerText)"), "the causes")
    assert sorted(r.split(",")[0] for r in rows) == ["550 5.1.1|550 5.1.1 no such mailbox", "550 5.7.1|550 5.7.1 out of favour", "550 5.7.1|550 5.7.1 refused"]
    browser.click("section tbody a", "550 5.1.1")
    browser.shows("550 5.1.1 at example.org")
    browser.until(lambda: len(browser.all("tbody a.row-link")) == len([m for m in dead if "5.1.1" in m["last_error"]]), "its mails")
    browser.quiet()


def test_totals_since_a_start_lead_to_no_list_of_other_mails(browser, serve):
    world, url = serve()
    browser.open(url + "workers")
    browser.one("tfoot td")
    assert browser.all("tfoot a") == []


def test_more_than_are_counted_is_said(browser, serve):
    world, url = serve()
    world.matching = (10000, True)
    browser.open(url + "tasks?q=to:example")
    browser.shows("50 of 10,000+")
