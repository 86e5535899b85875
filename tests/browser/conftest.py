"""One Chromium for the tests of a module; each test begins as a browser that was never here."""

import shutil

import pytest
from chrome import Chrome


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
