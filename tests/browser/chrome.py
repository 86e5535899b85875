"""A headless Chromium that sees what a person sees, and what they do not: its console, refused
resources, and the checks of accessible() on whatever page is open."""

import os
import pathlib
import shutil

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

from quintet import env

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
         "--force-device-scale-factor=1", "--font-render-hinting=none", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--no-first-run",
         "--window-size=1360,900")
# Chromium drops what is under way whenever an interface of the machine comes or goes (containers
# of somebody else); such a page is opened again.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
DESK, PHONE = (1360, 900), (390, 844)


class Chrome:
    def __init__(self):
        options = Options()
        options.binary_location = shutil.which("chromium")
        for flag in FLAGS:
            options.add_argument(flag)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # it refuses to start as root otherwise
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        os.environ["FONTCONFIG_FILE"] = str(HERE / "fonts.conf")
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.driver.set_page_load_timeout(env.seconds(20))
        self._said = []

    def quit(self):
        self.driver.quit()

    # --- how it looks at pages ---

    def resize(self, size, dark=False, tall=None):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": tall or size[1], "deviceScaleFactor": 1, "mobile": size[0] < 700})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def forget(self):
        """As a browser that was never here: no cookies, no storage, desk size, light."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.get("about:blank")
        self.resize(DESK)
        self.console()

    # --- what it says ---

    def console(self):
        """What the console has said since the last call, without the browser's own advice."""
        return [f"{e['level']}: {e['message']}" for e in self._take()
                if e["level"] in ("SEVERE", "WARNING") and NETWORK_CHANGED not in e["message"]]

    def _take(self):
        said, self._said = self._said + self.driver.get_log("browser"), []
        return said

    def quiet(self, but=()):
        """The console said nothing: no script error, no refused resource, no violated policy.
        `but`: words of messages that belong to the test."""
        said = [m for m in self.console() if not any(word in m for word in but)]
        assert not said, "\n".join(said)

    # --- acting ---

    def open(self, url):
        for _ in range(3):
            self.driver.get(url)
            said = self.driver.get_log("browser")
            if not any(NETWORK_CHANGED in e["message"] for e in said):
                self._said = said
                return

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    @property
    def url(self):
        return self.driver.current_url

    @property
    def text(self):
        """What is written on the page, dialogs and the header included."""
        return self.js("return document.body.innerText")

    def until(self, condition, what, timeout=10):
        def look():
            try:
                return condition()
            except StaleElementReferenceException:
                return False
        try:
            return env.wait_until(look, timeout, what)
        except AssertionError as e:
            raise AssertionError(f"{e}\nThe page {self.url} says:\n{self.text[:3000]}\n"
                                 + "\n".join(self.console())) from None

    def shows(self, *texts, timeout=10):
        for text in texts:
            self.until(lambda t=text: t in self.text, f"the page shows {text!r}", timeout)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector, text=None, timeout=10):
        """The first visible element of a selector (whose text is or begins with `text`)."""
        def find():
            for e in self.all(selector):
                if e.is_displayed() and (text is None or f"{' '.join(e.text.split())} ".startswith(text + " ")):
                    return e
            return None
        return self.until(find, f"there is {selector} {text or ''}", timeout)

    def click(self, selector, text=None, timeout=10):
        def press():
            self.one(selector, text, timeout).click()
            return True
        self.until(press, f"{selector} {text or ''} can be pressed", timeout)

    def type(self, selector, text):
        field = self.one(selector)
        field.clear()
        field.send_keys(text)

    def key(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    @property
    def focused(self):
        return self.driver.switch_to.active_element

    def settled(self):
        """The page has drawn its data: a heading stands in main and nothing is loading."""
        self.until(lambda: self.js("return !!document.querySelector('main h1') && !document.querySelector('main.slow')"),
                   "the page is drawn")

    def sign_in(self, url, name, password):
        self.open(url)
        self.type("input[name=username]", name)
        self.type("input[name=password]", password + Keys.ENTER)
        self.one("nav a[data-page=overview]")

    def picture(self, path, size, dark=False, limit=None):
        """A picture of the whole page, header to end."""
        self.resize(size, dark)
        tall = self.js("return document.documentElement.scrollHeight")
        self.resize(size, dark, tall=max(size[1], min(tall, limit or tall)))
        self.driver.save_screenshot(str(path))
        self.resize(size, dark)

    # --- what everybody needs ---

    def accessible(self):
        """Breaches of the rules in accessible.js on the open page; an empty list is good."""
        return self.js((HERE / "accessible.js").read_text())

    def too_wide(self):
        return self.js("return document.documentElement.scrollWidth - innerWidth")
