"""What time does to environments: the end of their TTL, sleep after idle, waking by a request that is held, the queue for
room; and who is let in on the way."""

import http.client
import threading
import urllib.parse
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest
from support.github import sha
from support.posts import posts  # noqa: F401 (fixture)
from support.previews import github, serves  # noqa: F401 (fixtures)
from support.project import SERVER
from support.wait import until

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)

ASLEEP = 'limits = { sleep = "2s" }\n'
LOGIN = 'route = { access = "login", domain = "localhost" }\n'


def notified(serves, posts, **config):
    """A `longshore serve` that tells a webhook."""
    notify = f'[[notify]]\nto = "webhook"\nurl = "{posts.url}/notices"\nsecret_env = "NOTIFY_KEY"\n'
    serve = serves(after=notify, **config)
    serve.secrets["NOTIFY_KEY"] = "the key of the test"
    return serve.define().start()


def told(posts, environment):
    """The events that were told of an environment."""
    return [post.json["event"] for post in posts.came if post.json["environment"] == environment]


def detail(serve, view):
    """An environment with its timeline."""
    status, found = serve.api(f"/api/v1/environments/{view['id']}")
    assert status == 200, found
    return found


def states(serve, view):
    """The states that it was in, the newest last."""
    return [it["text"] for it in reversed(detail(serve, view)["timeline"]) if it["kind"] == "state"]


def asked(serve, path="/", method="GET", host=None, at=None, body=None, **headers):
    """One request: the status, the headers, the body."""
    address = at or serve.proxy
    connection = http.client.HTTPConnection(*address.rsplit(":", 1), timeout=60)
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Host": host or address}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def test_the_end_of_its_time_comes_with_a_warning(serves, github, posts):
    serve = notified(serves, posts, preview='limits = { ttl = "10s", warn = "2s" }\n')
    for name in ("extended", "pinned"):
        github.push(f"feature/{name}", sha(2))
    until(lambda: len(serve.environments()) == 2, "both to be begun")
    for command in ({"verb": "extend", "seconds": 3600}, {"verb": "pin", "pinned": True}):
        environment = f"feature/{'pinned' if 'pinned' in command else 'extended'}"
        status, answer = serve.api("/api/v1/environments", command | {"environment": environment})
        assert status == 200, answer
    github.push("feature/short", sha(2))
    short, extended, pinned = (serve.wait_for(name, "ready") for name in ("short", "extended", "pinned"))
    assert extended["expires_at"] > short["expires_at"]
    assert (pinned["pinned"], pinned["expires_at"]) == (True, None)
    serve.gone("short")
    until(lambda: "removed" in told(posts, short["id"]), "people to be told")
    assert told(posts, short["id"])[-4:] == ["ready", "expiring", "removing", "removed"]
    warnings = [it.json for it in posts.came if it.json["event"] == "expiring"]
    [warning] = [it["text"] for it in warnings if it["environment"] == short["id"]]
    assert "unless it is used, extended or pinned" in warning
    [last] = [it.json["text"] for it in posts.came if it.json["event"] == "removed"]
    assert "not used for 10 seconds" in last
    states = {view["id"]: view["state"] for view in serve.environments().values()}
    assert states == {extended["id"]: "ready", pinned["id"]: "ready"}

    serve.preview("pin", "feature/pinned", "--off")
    serve.gone("pinned")
    assert told(posts, pinned["id"])[-3:] == ["expiring", "removing", "removed"]
    # The branch is still there: it is another commit that brings it back.
    github.tell("push", github.push_event("feature/short", sha(2), sha(2)), delivery="again")
    ends = lambda: {it["id"]: it["state"] for it in serve.api("/api/v1/deliveries")[1]}  # noqa: E731
    until(lambda: ends()["again"] != "accepted", "the push of the same commit to be worked on")
    assert list(serve.environments()) == [extended["id"]]
    github.push("feature/short", sha(3))
    serve.wait_for("short", "ready", deployed_sha=sha(3))


def test_requests_keep_it_from_ending(serves, github, posts):
    serve = notified(serves, posts, preview='limits = { ttl = "12s", warn = "1s" }\n')
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    end = datetime.fromisoformat(view["expires_at"])

    def is_past():
        assert serve.get(view["url"]) == (200, sha(2))
        return datetime.now(UTC) > end

    until(is_past, "its first end to have passed", pause_seconds=0.2)
    assert datetime.fromisoformat(serve.environments()[view["id"]]["expires_at"]) > end
    assert "removing" not in told(posts, view["id"])


def test_asleep_after_idle_and_woken_by_requests_that_are_held(serves, github, posts):
    serve = notified(serves, posts, preview=ASLEEP)
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    serve.wait_for("one", "asleep")
    until(lambda: all(it["runningCount"] == 0 for it in serve.services().values()), "its tasks to be gone")
    host = urlsplit(view["url"]).netloc
    for prober in ("ELB-HealthChecker/2.0", "kube-probe/1.30"):
        status, headers, page = asked(serve, host=host, User_Agent=prober)
        assert (status, headers["X-Robots-Tag"]) == (503, "noindex") and "asleep" in page
    answers = []
    clients = [threading.Thread(target=lambda: answers.append(serve.get(view["url"]))) for _ in range(20)]
    assert states(serve, view).count("waking") == 0, "a health check does not wake it"
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert answers == [(200, sha(2))] * 20
    serve.wait_for("one", "ready")
    until(lambda: "awake" in told(posts, view["id"]), "people to be told")
    events = told(posts, view["id"])
    assert events.index("ready") < events.index("asleep") < events.index("awake")
    assert states(serve, view).count("waking") == 1


def test_a_push_to_one_that_sleeps_is_deployed_when_it_wakes(serves, github):
    serve = serves().define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    serve.preview("sleep", "feature/one")
    serve.wait_for("one", "asleep")
    github.push("feature/one", sha(3))
    serve.wait_for("one", "asleep", sha=sha(3), deployed_sha=sha(2))
    assert serve.get(view["url"]) == (200, sha(3))


def test_one_that_does_not_wake_says_so(serves, github, tmp_path):
    broken = tmp_path / "broken"
    serve = serves().define(script=f"[ -e {broken} ] && echo no database && exit 3; {SERVER}").start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    serve.preview("sleep", "feature/one")
    serve.wait_for("one", "asleep")
    broken.touch()
    status, page = serve.get(view["url"])
    assert status == 503 and "has failed to start" in page, page
    failed = serve.wait_for("one", "failed")
    assert "no database" in failed["log_tail"]
    broken.unlink()
    serve.preview("up", "feature/one")
    assert serve.get(view["url"]) == (200, sha(2))


def test_room_for_one(serves, github, posts):
    serve = notified(serves, posts, preview="limits = { environments = 1 }\n")
    github.push("feature/one", sha(2))
    first = serve.wait_for("one", "ready")
    github.push("feature/two", sha(3))
    second = serve.wait_for("two", "queued", waiting=["it waits for room: octo-org/shop may have 1 environments at once"])
    status, page = serve.get(first["url"].replace("one.", "two."))
    assert status == 503 and "waits for room" in page
    until(lambda: "queued" in told(posts, second["id"]), "people to be told")
    github.delete("feature/one")
    serve.wait_for("two", "ready")
    assert list(serve.environments()) == [second["id"]]


# Shows what arrives.
SHOWING = SERVER.replace(
    "exec",
    "mkdir -p www/cgi-bin && printf '#!/bin/sh\\nprintf \"Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n%%s\" \"$HTTP_COOKIE\"' "
    "> www/cgi-bin/cookies && chmod +x www/cgi-bin/cookies && exec",
)


def logged_in(serve):
    """The cookies of a browser that has logged in with a token."""
    status, headers, page = asked(serve, "/login", at=serve.listen)
    assert status == 200
    [visit] = SimpleCookie(headers["Set-Cookie"]).values()
    field = page.split('name="csrf" value="')[1].split('"')[0]
    form = urllib.parse.urlencode({"csrf": field, "token": serve.token, "to": "/"})
    kind = "application/x-www-form-urlencoded"
    status, headers, _ = asked(
        serve, "/login", "POST", at=serve.listen, body=form, Content_Type=kind, Cookie=f"{visit.key}={visit.value}"
    )
    assert status == 303, headers
    cookies = [list(SimpleCookie(it).values())[0] for it in headers.get_all("Set-Cookie")]
    return "; ".join(f"{it.key}={it.value}" for it in cookies)


def test_login_at_the_door(serves, github):
    serve = serves(preview=LOGIN + ASLEEP).define(script=SHOWING).start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    host = urlsplit(view["url"]).netloc
    serve.wait_for("one", "asleep")
    status, headers, _ = asked(serve, host=host)
    assert (status, headers["X-Robots-Tag"]) == (401, "noindex")
    status, headers, _ = asked(serve, "/a?b=c", host=host, Accept="text/html", Cookie="longshore_preview=forged")
    assert status in (302, 303)
    there = urlsplit(headers["Location"])
    assert (there.netloc, there.path) == (serve.listen, "/enter")
    assert parse_qs(there.query) == {"environment": [view["id"]], "to": ["/a?b=c"]}
    enter = f"/enter?{there.query}"
    status, headers, _ = asked(serve, enter, at=serve.listen, Accept="text/html")
    assert status == 303 and urlsplit(headers["Location"]).path == "/login", "nobody is logged in"
    assert states(serve, view).count("waking") == 0, "who is not let in does not wake it"

    session = logged_in(serve)
    status, headers, _ = asked(serve, enter, at=serve.listen, Cookie=session)
    link = urlsplit(headers["Location"])
    assert (status, link.netloc) == (303, host)
    status, headers, _ = asked(serve, f"{link.path}?{link.query}", host=host)
    assert (status, headers["Location"]) == (303, "/a?b=c")
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    mine = cookie.split(";")[0]
    status, headers, body = asked(serve, "/cgi-bin/cookies", host=host, Cookie=f"a=1; {mine}; b=2")
    assert (status, body) == (200, "a=1; b=2"), "the target sees every cookie but ours"
    assert headers["X-Robots-Tag"] == "noindex"
    # A link for one environment opens no other.
    github.push("feature/two", sha(3))
    other = urlsplit(serve.wait_for("two", "ready")["url"]).netloc
    assert asked(serve, "/", host=other, Cookie=mine)[0] == 401
    assert asked(serve, f"{link.path}?{link.query}", host=other)[0] == 403
