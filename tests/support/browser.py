"""A headless Chromium that a test drives as a person does: by what is seen, with the pointer or the keyboard alone."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from support import program
from support.wait import until

WIDE, NARROW = (1280, 800), (390, 844)


def why_not():
    """Why no browser can be driven here; None when one can."""
    missing = [command for command in ("chromium", "chromedriver") if not shutil.which(command)]
    return f"not installed: {', '.join(missing)} (Debian: chromium chromium-driver)" if missing else None


class Browser:
    """One window. What its console said is kept in `said`."""

    def __init__(self, home, origin, size=WIDE, scheme="light", javascript=True):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(word)
        service = webdriver.ChromeService(shutil.which("chromedriver"), env=program.bare_environment(home))
        self.origin = origin
        self.driver = webdriver.Chrome(options, service)
        self.said = []
        self.see(size, scheme)
        if not javascript:
            self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})

    def see(self, size, scheme):
        """Sets the size of the page and whether its reader likes it dark."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def go(self, path):
        """Opens a page of the server."""
        self.driver.get(f"{self.origin}{path}")

    def log_in(self, token):
        """Opens the first page, is sent to the login, and comes back with a session."""
        self.go("/")
        assert self.driver.current_url.startswith(f"{self.origin}/login"), self.driver.current_url
        self.one("#token").send_keys(token)
        self.press("Log in")
        until(lambda: self.driver.current_url == f"{self.origin}/", "the list after the login")

    def all(self, selector):
        """The elements of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        """The one element of a selector, once it is there."""
        found = until(lambda: self.all(selector), f"`{selector}` on\n{self.text()}")
        assert len(found) == 1, f"{len(found)} of `{selector}`"
        return found[0]

    def attributes(self, selector, name):
        """An attribute of each element of a selector."""
        return self.script("return [...document.querySelectorAll(arguments[0])].map(it => it.getAttribute(arguments[1]))", selector, name)

    def text(self, selector="body"):
        """What people read in the elements of a selector."""
        script = "return [...document.querySelectorAll(arguments[0])].map(it => it.innerText).join('\\n')"
        return self.script(script, selector)

    def reads(self, words, selector="body"):
        """Waits until words can be read."""
        until(lambda: words in self.text(selector), f"{words!r} in `{selector}`, where there is\n{self.text(selector)}")

    def press(self, words):
        """Presses the button or link that says so."""
        path = f"//*[self::button or self::a or self::summary][normalize-space()='{words}']"

        def visible():
            return [element for element in self.driver.find_elements(By.XPATH, path) if element.is_displayed()]

        until(visible, f"a button {words!r}")[0].click()

    def keys(self, *keys):
        """Presses keys, wherever the focus is."""
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        """What has the focus, for those who hear it: its label or its text."""
        element = self.driver.switch_to.active_element
        return element.get_attribute("aria-label") or element.text or element.get_attribute("name")

    def script(self, text, *arguments):
        """Runs JavaScript in the page, from outside of its policy."""
        return self.driver.execute_script(text, *arguments)

    def console(self):
        """What the console has said since the browser was started, but for what it said of environments' own pages."""
        messages = [entry["message"] for entry in self.driver.get_log("browser")]
        self.said += [message for message in messages if ".localhost:" not in message]
        return self.said


@pytest.fixture
def browsers(tmp_path):
    """Opens browsers; no page may break its own policy or throw."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    opened = []

    def open_browser(origin, **options):
        opened.append(Browser(tmp_path / f"browser-{len(opened)}", origin, **options))
        return opened[-1]

    yield open_browser
    said = []
    for browser in opened:
        said += browser.console()
        browser.driver.quit()
    assert said == [], said
