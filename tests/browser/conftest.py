"""One Chromium for the tests of a module; each test begins as a browser that was never here."""

import shutil

import pytest
from chrome import Chrome

ADMIN, PASSWORD = "ada", "a-long-passphrase"


def create_admin(stack):
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME=ADMIN,
               DJANGO_SUPERUSER_EMAIL="ada@example.com", DJANGO_SUPERUSER_PASSWORD=PASSWORD)


@pytest.fixture(scope="session")
def chromium():
    assert shutil.which("chromium") and shutil.which("chromedriver"), "deploy/local/install browser"
    browser = Chrome()
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium):
    chromium.forget()
    return chromium


@pytest.fixture
def signed_in(browser, stack):
    """The browser, signed in to the stack of its module (see create_admin)."""
    browser.sign_in(stack.monitor_url + "/", ADMIN, PASSWORD)
    return browser
