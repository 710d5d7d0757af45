"""Many at once: two services in one environment, in each kind of route, and twenty branches that are pushed together."""

import threading
from urllib.parse import urlsplit

import pytest
from support.github import sha
from support.previews import github, request, serves  # noqa: F401 (fixtures)
from support.shared import NOT_HERE, Shared, ours
from support.wait import until

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)

# It answers below /api, as the requests come.
API = 'mkdir -p www/api && printf "api %s" "$VERSION" > www/api/index.html && exec busybox httpd -f -p "$PORT" -h www'
API_SERVICE = """
[[preview.service]]
name = "api"
task_definition = "{cluster}-api"
port = 8080
paths = ["/api/*"]
environment = {{ VERSION = "{{{{ sha }}}}" }}
health = {{ path = "/api/index.html" }}
"""


@pytest.mark.parametrize("route", ["proxy", "port", "host"])
def test_two_services_in_one_environment(serves, github, engine, cluster, name, route):
    preview, where = "", lambda url: serve.proxy
    if route != "proxy":
        shared = Shared(engine, name)
        listener = shared.listen(8600, NOT_HERE)
        preview = shared.port_route(8601, 8699) if route == "port" else shared.host_route(listener)
        where = lambda url: urlsplit(shared.url(shared.ports()[urlsplit(url).port])).netloc  # noqa: E731
    serve = serves(preview=preview, after=API_SERVICE.format(cluster=cluster))
    serve.define().define(API, name="api").start()
    for commit in (sha(2), sha(3)):
        github.push("feature/one", commit)
        view = serve.wait_for("one", "ready", deployed_sha=commit)
        ask = lambda path: request(view["url"], where(view["url"]), path)  # noqa: B023, E731
        assert ask("/") == (200, commit)
        assert ask("/api/index.html") == (200, f"api {commit}")
        assert ask("/apis")[0] == 404, "it is the first service that has no such page"
    assert len(serve.services()) == 2
    github.delete("feature/one")
    serve.gone("one")
    assert serve.services() == {}
    if route != "proxy":
        assert (list(shared.ports()), shared.rules(listener), ours(shared.groups(), serve)) == ([8600], {}, set())


def test_one_of_two_services_that_fails_fails_both(serves, github, cluster):
    serve = serves(after=API_SERVICE.format(cluster=cluster))
    serve.define().define(f'[ "$VERSION" = {sha(3)} ] && echo no api && exit 3; {API}', name="api").start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    github.push("feature/one", sha(3))
    failed = serve.wait_for("one", "failed", deployed_sha=sha(2))
    assert "no api" in failed["log_tail"], failed
    answers = lambda: [serve.get(view["url"], path=path) for path in ("/", "/api/index.html")]  # noqa: E731
    until(lambda: answers() == [(200, sha(2)), (200, f"api {sha(2)}")], "both to be of the same commit")


def test_twenty_branches_at_once(serves, github):
    serve = serves(preview="limits = { removals = 20 }\n").define().start()
    names = [f"branch-{number}" for number in range(20)]
    commits = {name: sha(number + 2) for number, name in enumerate(names)}

    def together(act):
        threads = [threading.Thread(target=act, args=(f"feature/{name}", commit)) for name, commit in commits.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    together(github.push)
    urls = {name: serve.wait_for(name, "ready", deployed_sha=commit)["url"] for name, commit in commits.items()}
    assert {name: serve.get(url) for name, url in urls.items()} == {name: (200, commits[name]) for name in names}
    assert len(serve.services()) == 20
    together(lambda branch, _: github.delete(branch))
    for name in names:
        serve.gone(name)
    assert serve.services() == {}
