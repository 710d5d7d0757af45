"""The dashboard of `longshore serve` in Chromium, as people use it."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from support.browser import NARROW, WIDE, browsers  # noqa: F401 (a fixture)
from support.github import sha
from support.previews import github, serves  # noqa: F401 (fixtures)
from support.project import SERVER
from support.wait import until

# Made by `./test` from package-lock.json.
AXE = Path(os.environ.get("LONGSHORE_NODE_MODULES", ""), "axe-core", "axe.min.js")

# Git allows both of these names.
HOSTILE = ("feature/<img/src=x/onerror=document.title=1>", "feature/\"'><svg/onload=document.title=1>")

# Says what it is asked, and does what its commit says.
MOODY = f"""
case "$VERSION" in *bad) echo "no database at db:5432"; exit 1;; *cafe) sleep 600;; esac
echo "serving $VERSION"
{SERVER}
"""
BAD, SLOW = "b" * 37 + "bad", "c" * 36 + "cafe"


@pytest.fixture
def engine(process_engine):
    """Pages are the same in every runtime."""
    return process_engine


@pytest.fixture
def serve(serves):
    """A server whose environments do what their commits say."""
    return serves().define(MOODY).start()


@pytest.fixture
def browser(serve, browsers):
    """Opens a browser in which an operator is logged in."""

    def open_browser(**options):
        opened = browsers(f"http://{serve.listen}", **options)
        opened.log_in(serve.token)
        return opened

    return open_browser


def state(browser, branch):
    """The state of a branch in the list, as it can be read."""
    script = "return [...document.querySelectorAll('.row')].find(row => row.dataset.name === arguments[0])?.innerText"
    return (browser.script(script, branch) or "").partition("\n")[0]


def names(browser):
    """The branches in the list."""
    return browser.attributes(".row", "data-name")


def page_of(serve, name):
    """The path of an environment's page."""
    return f"/environments/{name}.{serve.app}"


def test_the_list_is_kept_fresh_without_a_reload(serve, github, browser):
    github.push("feature/login", sha(2))
    serve.wait_for("login", "ready")
    page = browser()
    assert state(page, "feature/login") == "ready"
    assert sha(2)[:7] in page.text("#environments") and "1 environment · 1 ready" in page.text("#totals")
    page.script("window.isTheSame = true")
    until(lambda: not page.script("return document.getElementById('live').hidden"), "the page to listen")

    github.push("feature/search", SLOW)
    until(lambda: state(page, "feature/search") == "creating", "the new environment in the list")
    github.push("feature/search", sha(3))
    until(lambda: state(page, "feature/search") == "ready", "the new environment to be ready in the list")
    page.reads("2 environments · 2 ready", "#totals")
    announced = page.script("return document.getElementById('announce').textContent")
    assert "feature/search is ready" in announced, "people who do not see it hear it"
    github.delete("feature/login")
    until(lambda: state(page, "feature/login") == "", "the deleted branch to leave the list")
    assert page.script("return window.isTheSame"), "the page was not loaded again"

    url = page.one(".row .url")
    address = serve.environments()[f"search.{serve.app}"]["url"]
    assert url.text == address.removeprefix("http://").rstrip("/")
    url.click()
    until(lambda: page.driver.current_url == address, f"{address} in the browser")
    assert page.text() == sha(3)


def test_an_environment_is_put_to_sleep_and_woken_on_its_page(serve, github, browser):
    github.push("feature/login", sha(2))
    serve.wait_for("login", "ready")
    page = browser()
    page.press("feature/login")
    page.reads("ready", "#head")
    page.reads("ready", "#timeline")
    page.reads("RUNNING", "#services")
    page.reads("healthy", "#services")
    page.reads(f"serving {sha(2)}", "#log")
    timeline = page.text("#timeline").splitlines()
    intents = [text for text in timeline if text.startswith("create service")]
    assert len(intents) == 1, f"a thing that was done is said once: {timeline}"

    page.press("Put to sleep")
    page.reads("asleep", "#head")
    page.reads("No task runs", "#services")
    page.press("Wake")
    page.reads("ready", "#head")
    page.reads("RUNNING", "#services")
    page.reads("waking", "#timeline")
    assert [deed["what"].split()[0] for deed in serve.api("/api/v1/audit")[1]][:2] == ["wake", "sleep"]

    page.press("Remove…")
    page.press("Remove feature/login")
    serve.gone("login")


def test_a_form_without_its_token_does_nothing(serve, github, browser):
    github.push("feature/login", sha(2))
    serve.wait_for("login", "ready")
    page = browser()
    cookies = "; ".join(f"{it['name']}={it['value']}" for it in page.driver.get_cookies())
    url = f"http://{serve.listen}{page_of(serve, 'login')}/sleep"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, b"to=%2F", {"Cookie": cookies}), timeout=20)
    assert refused.value.code == 403
    page.go(page_of(serve, "login"))
    page.reads("ready", "#head")


def test_the_filter_acts_while_it_is_typed(serve, github, browser):
    github.push("feature/login", sha(2))
    github.push("feature/broken", BAD)
    serve.wait_for("login", "ready")
    serve.wait_for("broken", "failed")
    page = browser()
    page.keys("/", "LOG")
    until(lambda: names(page) == ["feature/login"], "the filtered list")
    assert page.driver.current_url.endswith("/?q=LOG"), "a filtered list has an address of its own"
    page.driver.refresh()
    assert len(page.all(".row")) == 1 and page.one("#q").get_attribute("value") == "LOG"
    page.one("#q").clear()
    page.one("#q").send_keys("nothing like it")
    page.reads("Nothing is like this")
    page.press("Show all")
    page.driver.find_element("partial link text", "Failed").click()
    until(lambda: names(page) == ["feature/broken"], "what failed")


def test_everything_can_be_done_with_the_keyboard(serve, github, browser):
    github.push("feature/login", sha(2))
    serve.wait_for("login", "ready")
    page = browser()

    def tab_to(words, key=Keys.TAB):
        for _ in range(40):
            page.keys(key)
            if words in (page.focused() or ""):
                return
        raise AssertionError(f"no way to {words!r}")

    page.keys(Keys.TAB)
    assert page.focused() == "To the content"
    tab_to("Actions for feature/login")
    page.keys(Keys.ENTER)
    tab_to("Pin")
    page.keys(Keys.ESCAPE)
    assert page.focused() == "Actions for feature/login", "the focus comes back from a closed menu"
    assert not page.all("details.menu[open]")
    page.keys(Keys.ENTER)
    tab_to("Pin")
    page.keys(Keys.ENTER)
    page.reads("pinned", ".row")
    assert serve.environments()[f"login.{serve.app}"]["pinned"] is True
    tab_to("feature/login")
    page.keys(Keys.ENTER)
    page.reads("Timeline")
    tab_to("Remove…")
    page.keys(Keys.ENTER)
    tab_to("Remove feature/login")
    page.keys(Keys.ENTER)
    serve.gone("login")


def test_everything_works_without_javascript(serve, github, browser):
    github.push("feature/login", sha(2))
    serve.wait_for("login", "ready")
    page = browser(javascript=False)
    assert page.script("return document.getElementById('live').hidden") is True, "the script of the page does not run"
    page.one("#q").send_keys("nothing like it", Keys.ENTER)
    page.reads("Nothing is like this")
    page.press("Show all")
    page.one(".menu > summary").click()
    page.press("Put to sleep")
    page.reads("sleep", ".notice")
    serve.wait_for("login", "asleep")
    page.go("/")
    page.reads("asleep", ".row")
    page.press("feature/login")
    page.reads("Timeline")
    page.press("Wake")
    serve.wait_for("login", "ready")
    page.press("Environments")
    github.branches["feature/by-hand"] = sha(3)
    page.press("Make one by hand, or confirm removals")
    page.one("#subject").send_keys("feature/by-hand")
    page.press("Make it")
    serve.wait_for("by-hand", "ready")
    page.driver.refresh()
    page.reads("feature/by-hand", "#environments")
    for tab in ("Cluster", "Deliveries", "Audit"):
        page.press(tab)
        page.reads(tab, "h1")
    page.press("Log out")
    page.reads("Log in", "h1")
    page.go("/")
    page.reads("Log in", "h1")


def test_hostile_names_are_text(serve, github, browser):
    for number, branch in enumerate(HOSTILE, 2):
        github.push(branch, sha(number))
    until(lambda: [it["state"] for it in serve.environments().values()] == ["ready", "ready"], "both to be ready")
    page = browser()
    ids = {view["branch"]: name for name, view in serve.environments().items()}
    assert sorted(ids) == sorted(HOSTILE)
    for path in ("/", "/deliveries", "/audit", *(f"/environments/{name}" for name in ids.values())):
        page.go(path)
        wanted = [branch for branch in HOSTILE if path == "/" or path == f"/environments/{ids[branch]}"]
        assert all(branch in page.text() for branch in wanted), page.text()
        assert not page.all("img:not([alt='']), svg"), path
        assert page.driver.title.endswith(" · Longshore")
    page.press("Pin")
    page.reads("pinned", "#facts")
    assert page.console() == []
    # What the console would have said.
    page.script("const it = document.createElement('script'); it.text = 'document.title = 1'; document.body.append(it)")
    until(lambda: any("Content Security Policy" in text for text in page.console()), "a word about what is not allowed")
    assert page.driver.title.endswith(" · Longshore")
    page.said.clear()


def test_the_calls_of_aws_are_counted_from_the_first_minute_on(browser):
    page = browser()
    # The page itself calls AWS.
    for _ in range(2):
        page.go("/runs")
    assert "ecs:ListServices" in page.text(), page.text()


def screens(serve, github):
    """Environments in many states, and the pages that show them."""
    github.push("feature/login", sha(2))
    github.push("feature/a-rather-long-name-that-somebody-gave-to-a-branch-and-that-has-no-place-on-a-phone", sha(3))
    github.push("feature/broken", BAD)
    github.push("feature/slow", SLOW)
    serve.wait_for("login", "ready")
    serve.wait_for("broken", "failed")
    serve.wait_for("slow", "creating")
    serve.preview("sleep", "feature/login")
    serve.wait_for("login", "asleep")
    alone = [page_of(serve, name) for name in ("login", "broken")]
    return ["/", "/?q=nothing", "/runs", "/deliveries", "/audit", *alone, "/no"]


def test_pages_fit_a_phone_are_dark_at_night_and_pass_axe(serve, github, browser):
    page = browser()
    axe = AXE.read_text() if AXE.is_file() else pytest.skip("axe-core is not installed (LONGSHORE_NODE_MODULES)")
    for path in screens(serve, github):
        colours = []
        for size, scheme in ((WIDE, "light"), (NARROW, "light"), (NARROW, "dark")):
            page.see(size, scheme)
            page.go(path)
            seen = page.script("return [document.documentElement.scrollWidth, innerWidth]")
            assert seen[0] <= seen[1] == size[0], (path, size, seen)
            colours.append(page.script("return getComputedStyle(document.body).backgroundColor"))
            page.script(axe)
            found = page.driver.execute_async_script("axe.run().then(arguments[0])")["violations"]
            assert found == [], (path, size, scheme, json.dumps(found, indent=1)[:4000])
        assert colours[0] == colours[1] != colours[2], colours
    page.said[:] = [text for text in page.console() if "/no " not in text]
