"""How people come to an environment: on the route that it was made with, whatever longshore.toml says by now, and with a
login on the way."""

import http.client
import re
from http.cookies import SimpleCookie
from urllib.parse import quote, urlencode, urlsplit

import pytest
from support.browser import browsers  # noqa: F401 (a fixture)
from support.github import sha
from support.previews import github, request, serves  # noqa: F401 (fixtures)
from support.shared import NOT_HERE, Shared, ours
from support.wait import DEADLINE_SECONDS, until

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)

LOGIN = 'route = {{ domain = "{}", access = "login" }}\n'


@pytest.mark.parametrize("kind", ["port", "host"])
def test_a_route_stays_as_it_was_made(engine, name, serves, github, kind):
    serve = serves().define().start()
    github.push("feature/old", sha(2))
    old = serve.wait_for("old", "ready")
    assert serve.stop() == 0
    shared = Shared(engine, name)
    listener = shared.listen(7600, NOT_HERE)
    serve.config["preview"] = shared.port_route(7601, 7609) if kind == "port" else shared.host_route(listener)
    serve.start()
    assert serve.get(old["url"]) == (200, sha(2)), "the site is there as soon as the proxy is"
    github.push("feature/new", sha(3))
    new = serve.wait_for("new", "ready")
    where = urlsplit(shared.url(shared.ports()[urlsplit(new["url"]).port])).netloc
    assert request(new["url"], where) == (200, sha(3)), "what is made now has the route of now"
    github.push("feature/old", sha(4))
    assert serve.wait_for("old", "ready", deployed_sha=sha(4))["url"] == old["url"]
    assert serve.get(old["url"]) == (200, sha(4))
    assert "the next request" in serve.preview("sleep", "feature/old").stderr
    serve.wait_for("old", "asleep")
    assert serve.get(old["url"]) == (200, sha(4)), "a request wakes it"
    for branch in ("old", "new"):
        github.delete(f"feature/{branch}")
        serve.gone(branch)
    assert (serve.services(), ours(shared.groups(), serve)) == ({}, set())


class Person:
    """Somebody with a browser that follows nothing by itself."""

    def __init__(self, serve):
        self.serve, self.cookies = serve, SimpleCookie()

    def ask(self, path, form=None, host=None):
        """A request to the server, or through the proxy to a host: the status, where it leads, and the text."""
        ip, port = (self.serve.proxy if host else self.serve.listen).rsplit(":", 1)
        headers = {"Accept": "text/html", "Host": host or self.serve.listen}
        headers["Cookie"] = "; ".join(f"{it.key}={it.value}" for it in self.cookies.values())
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(ip, int(port), timeout=DEADLINE_SECONDS)
        try:
            connection.request("POST" if form else "GET", path, form and urlencode(form), headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                self.cookies.load(line)
            return answer.status, answer.headers.get("Location"), answer.read().decode()
        finally:
            connection.close()

    def log_in(self):
        """With the operator's token."""
        token = re.search('name="csrf" value="([^"]+)"', self.ask("/login")[2])[1]
        assert self.ask("/login", {"csrf": token, "token": self.serve.token, "to": "/"})[:2] == (303, "/")
        return self


def enters(serve, view):
    """Somebody comes to an environment for the first time, and has a login on the way."""
    person, url = Person(serve).log_in(), urlsplit(view["url"])
    status, login, _ = person.ask("/index.html?a=1", host=url.netloc)
    assert (status, login.partition("?")[0]) == (303, f"http://{serve.listen}/enter")
    status, link, _ = person.ask(login.removeprefix(f"http://{serve.listen}"))
    assert (status, link.partition("?")[0]) == (303, f"{view['url']}.longshore/enter"), "a link with a signature"
    status, back, _ = person.ask(link.removeprefix(view["url"].rstrip("/")), host=url.netloc)
    assert (status, back) == (303, "/index.html?a=1")
    return person.ask(back, host=url.netloc)


def test_who_has_logged_in_enters_and_is_led_nowhere_else(serves, github):
    serve = serves(preview=LOGIN.format("localhost")).define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    assert enters(serve, view) == (200, None, sha(2))
    person = Person(serve).log_in()
    for unknown in ("evil.example/x", "evil.example#", "evil.example?", "user:key@evil.example/", "none"):
        path = f"/enter?environment={quote(unknown, safe='')}.{serve.app}&to=%2F"
        assert person.ask(path)[:2] == (404, None), unknown

    # Its name and its domain stay.
    assert serve.stop() == 0
    serve.app, serve.config["preview"] = "another", LOGIN.format("another.localhost")
    serve.start()
    assert serve.environments()[view["id"]]["url"] == view["url"]
    assert enters(serve, view) == (200, None, sha(2))


def test_a_login_on_the_way_in_a_browser(serves, github, browsers):
    serve = serves(preview=LOGIN.format("localhost")).define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    page = browsers(f"http://{serve.listen}")
    page.driver.get(view["url"])
    assert page.driver.current_url.startswith(f"{page.origin}/login?"), page.driver.current_url
    page.one("#token").send_keys(serve.token)
    page.press("Log in")
    until(lambda: page.driver.current_url == view["url"], f"{view['url']} after the login", deadline_seconds=20)
    assert page.text() == sha(2)
