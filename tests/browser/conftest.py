"""One Chromium for all tests of a module; each test begins as a browser that was never here."""

import shutil

import pytest

pytest.importorskip("selenium", reason="the packages of class browser are not installed")

from chrome import Chrome  # noqa: E402


@pytest.fixture(scope="session")
def chromium():
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        pytest.skip("the packages of class browser are not installed")
    browser = Chrome()
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium):
    chromium.forget()
    return chromium
