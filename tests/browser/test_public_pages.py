"""What users open in a browser: the pages behind mailed links, and the API's reference. They share
the dashboard's look and its care: no script on the mailed pages, nobody locked out, no message
in the console."""

import re
import secrets

import pytest
from chrome import DESK, PHONE
from selenium.webdriver.common.keys import Keys

VIEWS = {"light": (DESK, False), "dark": (DESK, True), "phone": (PHONE, True)}
PASSWORD, NEXT_PASSWORD = "a long pass phrase", "another longer phrase"


@pytest.fixture(scope="module")
def stack(start_stack, smtp):
    return start_stack(["auth", "catalog", "mailer", "gateway"], **smtp.env())


@pytest.fixture
def person(stack, smtp):
    """(name, address, link of the mail that asks to confirm it)"""
    name = "b" + secrets.token_hex(5)
    address = f"{name}@example.net"
    status, value, _ = stack.http("POST", "/api/auth/register", {
        "username": name, "email": address, "password": PASSWORD, "password2": PASSWORD})
    assert status == 201, value
    (mail,) = smtp.wait_for(address)
    return name, address, link_of(mail)


def link_of(mail):
    return re.search(r"http://\S+token=[\w-]+\S*", mail.text)[0]


def looks_right(browser):
    assert browser.accessible() == []
    assert browser.too_wide() <= 0


@pytest.mark.parametrize("view", VIEWS)
def test_confirming_an_address(browser, person, view):
    _, _, link = person
    browser.resize(*VIEWS[view])
    browser.open(link)
    browser.shows("Confirm your e-mail address")
    looks_right(browser)
    browser.click("button", "Confirm this address")
    browser.shows("Email verified")
    looks_right(browser)
    browser.open(link)
    browser.click("button", "Confirm this address")
    browser.shows("Already verified")
    browser.quiet(but=("favicon.ico",))


def test_a_wrong_link_says_so(browser, stack):
    browser.open(f"{stack.url}/api/auth/verify-email?token={'A' * 43}")
    if browser.all("button"):
        browser.click("button")
    browser.shows("This link does not work")
    looks_right(browser)
    browser.quiet(but=("favicon.ico", "400", "404", "410"))


def test_choosing_a_new_password(browser, stack, smtp, person):
    name, address, _ = person
    status, _, _ = stack.http("POST", "/api/auth/forgot-password", {"email": address})
    assert status in (200, 202)
    link = link_of(smtp.wait_for(address, 2)[-1])
    browser.open(link)
    browser.shows("Choose a new password")
    looks_right(browser)
    browser.type("input[name=password]", "12345678")
    browser.type("input[name=password2]", "12345678" + Keys.ENTER)
    browser.one(".problem")
    looks_right(browser)
    browser.type("input[name=password]", NEXT_PASSWORD)
    browser.type("input[name=password2]", NEXT_PASSWORD + Keys.ENTER)
    browser.shows("Password changed")
    looks_right(browser)
    assert stack.http("POST", "/api/auth/login", {"username": name, "password": NEXT_PASSWORD})[0] == 200
    assert stack.http("POST", "/api/auth/login", {"username": name, "password": PASSWORD})[0] == 401
    browser.quiet(but=("favicon.ico", "400"))


@pytest.mark.parametrize("view", VIEWS)
def test_the_reference(browser, stack, view):
    browser.resize(*VIEWS[view])
    browser.open(f"{stack.url}/docs")
    browser.one("h1")
    looks_right(browser)
    browser.quiet()


def test_trying_a_call_from_the_reference(browser, stack):
    browser.open(f"{stack.url}/docs")
    browser.js("document.getElementById('catalog.product.list').scrollIntoView()")
    assert "/api/products" in browser.one("[id='catalog.product.list']").text
    browser.quiet()
