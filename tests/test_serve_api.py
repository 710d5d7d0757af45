"""What `longshore serve` answers to Slack, to holders of tokens, to monitoring and to `longshore preview`: over real HTTP."""

import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

import pytest
from support import program
from support.github import sha
from support.previews import github, serves  # noqa: F401 (fixtures)
from support.wait import DEADLINE_SECONDS, until

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
# No trigger is for this branch: only people have an environment made of it. What its name has of the branch alone could be
# another branch's, too, so that a part of a hash is behind it, for ever the same.
BRANCH, NAME = "spike/one", "spike-one-0a6be9e1b7"
# Slack shows an error to its user after so long.
SLACKS_PATIENCE_SECONDS = 3


class Slack:
    """Somebody who types in Slack."""

    def __init__(self, serve):
        self.serve = serve

    def post(self, fields, headers=()):
        """One request as Slack sends it: the status, and the document."""
        url = f"http://{self.serve.listen}/webhooks/slack"
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers))
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        finally:
            assert time.monotonic() - begun < SLACKS_PATIENCE_SECONDS

    def fields(self, text, **more):
        """Those of a slash command. Each has a trigger of its own."""
        return {
            "command": "/preview",
            "text": text,
            "user_name": "robin",
            "channel_name": "previews",
            "response_url": "https://hooks.slack.com/commands/T0/1/x",
            "trigger_id": str(time.monotonic_ns()),
        } | more

    def signed(self, body, at=None, secret=SIGNING_SECRET):
        """The headers of a signed request."""
        stamp = str(int(at or time.time()))
        base = b"v0:" + stamp.encode() + b":" + body
        signature = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signature}"}

    def say(self, text):
        """A slash command, and what its asker alone is told."""
        body = urlencode(self.fields(text)).encode()
        status, answer = self.post(body, self.signed(body))
        assert (status, answer["response_type"]) == (200, "ephemeral"), answer
        return answer["text"]


@pytest.fixture
def serve(serves):
    """A `longshore serve` with Slack in both forms."""
    serve = serves(serve='slack = { outgoing_token_env = "SLACK_OUTGOING_TOKEN" }')
    serve.secrets |= {"SLACK_SIGNING_SECRET": SIGNING_SECRET, "SLACK_OUTGOING_TOKEN": "static-token"}
    return serve.define().start()


def test_slash_commands(serve, github):
    slack = Slack(serve)
    assert slack.say("list") == "There is no environment."
    github.branches[BRANCH] = sha(2)
    said = slack.say(f"up {BRANCH}")
    assert "is made, with commit 0000000" in said, said
    view = serve.wait_for(NAME, "ready")
    assert view["by"] == "robin (Slack)"
    assert slack.say("list") == f"ready {view['id']} {view['url']}"
    assert slack.say(f"why {BRANCH}").startswith(f"{view['id']} is ready")
    assert f"did you mean `{BRANCH}`?" in slack.say("why spike/oen")
    assert "extend" in slack.say("help")
    assert "kept until" in slack.say(f"extend {BRANCH} 2d")
    assert "is removed" in slack.say(f"down {view['id']}")
    serve.gone(NAME)
    status, deeds = serve.api("/api/v1/audit")
    assert status == 200
    mine = [(deed["via"], deed["what"]) for deed in deeds if deed["who"] == "robin (Slack)"]
    assert sorted(what.split()[0] for _, what in mine) == ["down", "extend", "up"], mine
    assert {via for via, _ in mine} == {"slack"}


def test_who_does_not_sign_for_slack_is_refused(serve, github):
    slack = Slack(serve)
    github.branches[BRANCH] = sha(2)
    body = urlencode(slack.fields(f"up {BRANCH}")).encode()
    assert slack.post(body)[0] == 401
    assert slack.post(body, slack.signed(body, secret="another"))[0] == 401
    assert slack.post(body, slack.signed(body, at=time.time() - 301))[0] == 401
    assert slack.post(body + b"&x=1", slack.signed(body))[0] == 401
    assert slack.post(slack.fields(f"up {BRANCH}", token="guessed"))[0] == 401
    assert serve.environments() == {}
    headers = slack.signed(body)
    assert "is made" in slack.post(body, headers)[1]["text"]
    serve.wait_for(NAME, "ready")
    serve.preview("down", BRANCH)
    again = slack.post(body, headers)
    assert again[0] == 200 and "asked before" in again[1]["text"]
    assert serve.environments() == {}, "what was overheard does nothing"


def test_an_outgoing_webhook(serve, github):
    slack = Slack(serve)
    github.branches[BRANCH] = sha(2)
    fields = {"token": "static-token", "user_name": "robin", "channel_name": "previews", "trigger_word": "deploy"}
    status, answer = slack.post(fields | {"text": f"deploy {BRANCH}", "timestamp": "1.1"})
    assert status == 200 and "is made" in answer["text"]
    serve.wait_for(NAME, "ready")
    status, answer = slack.post(fields | {"text": "deploy list", "timestamp": "1.2"})
    assert answer["text"].startswith(f"ready {NAME}.")
    assert "static-token" not in serve.said() + json.dumps(serve.api("/api/v1/deliveries")[1])


def test_a_slow_answer_comes_in_time(serve, github):
    free = threading.Event()
    github.instead = lambda exchange: free.wait(DEADLINE_SECONDS) and None
    github.branches[BRANCH] = sha(2)
    assert Slack(serve).say(f"up {BRANCH}") == "On it…"
    free.set()
    serve.wait_for(NAME, "ready")


def test_tokens_and_their_roles(serve):
    made = {}
    for role in ("viewer", "operator"):
        status, token = serve.api("/api/v1/tokens", {"name": f"a-{role}", "role": role})
        assert status == 201
        made[role] = token["token"]
    status, listed = serve.api("/api/v1/tokens")
    assert {"a-viewer", "a-operator"} < {token["name"] for token in listed}
    assert not any(secret in json.dumps(listed) for secret in made.values())
    pin = {"verb": "pin", "environment": "x", "pinned": True}
    for path, body, viewer, operator in [
        ("/api/v1/environments", None, 200, 200),
        ("/api/v1/environments/none", None, 404, 404),
        ("/api/v1/deliveries", None, 200, 200),
        ("/api/v1/environments", pin, 403, 404),
        ("/api/v1/environments", {"verb": "explode"}, 403, 400),
        ("/api/v1/tokens", None, 403, 200),
        ("/api/v1/audit", None, 403, 200),
    ]:
        for role, expected in (("viewer", viewer), ("operator", operator)):
            status, answer = serve.api(path, body, token=made[role])
            assert status == expected, (path, role, answer)
            assert status == 200 or (answer["error"] and answer["hint"]), answer
        status, answer = serve.api(path, body, token="longshore_guessed")
        assert status == 401 and answer["hint"]
    assert ask(serve, "/api/v1/tokens/a-viewer", "DELETE", made["viewer"])[0] == 403
    assert ask(serve, "/api/v1/tokens/a-viewer", "DELETE", made["operator"])[0] == 204
    assert serve.api("/api/v1/environments", token=made["viewer"])[0] == 401
    assert serve.api("/api/v1/tokens", {"name": "x", "role": "king"})[0] == 400


def ask(serve, path, method="GET", token=None):
    """A request that need not be of JSON: the status, the headers, the text."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"http://{serve.listen}{path}", headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()


def test_monitoring(serve, github):
    assert ask(serve, "/healthz")[::2] == (200, "ok\n")
    ready = lambda: ask(serve, "/readyz")[::2] == (200, "ready, and acting\n")  # noqa: E731
    until(ready, "it to have the lease")
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    github.tell("push", {"repository": github.described()}, secret="forged")
    assert ask(serve, "/metrics")[0] == 401
    status, headers, text = ask(serve, "/metrics", token=serve.token)
    assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4"
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            found[name] = float(value)
    assert found['longshore_environments{state="ready"}'] == 1
    assert found['longshore_environments{state="failed"}'] == 0
    assert found['longshore_deliveries_total{source="github",fate="new"}'] == 1
    assert found['longshore_deliveries_total{source="github",fate="forged"}'] == 1
    assert found["longshore_acts"] == 1 and found["longshore_rounds_total"] > 1
    assert serve.token not in text


def test_a_second_process_stands_by_and_takes_over(serve, serves, github):
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    endpoint = (serve.state / "endpoint").read_text()
    second = serves().stand_by()
    assert second.listen != serve.listen
    assert (serve.state / "endpoint").read_text() == endpoint, "who acts is who is asked on this machine"
    status, _, text = ask(second, "/readyz")
    assert (status, text.split(":")[0]) == (503, "standing by")
    status, _, text = ask(second, "/metrics", token=second.token)
    assert (status, "longshore_acts 0\n" in text) == (200, True)
    serve.kill()
    github.push("feature/two", sha(3))
    view = second.wait_for("two", "ready")
    assert second.get(view["url"]) == (200, sha(3))
    assert ask(second, "/readyz")[2] == "ready, and acting\n"
    until(lambda: (serve.state / "endpoint").read_text().endswith(second.listen), "the second one to be asked on this machine")


def test_every_answer_has_its_headers(serve):
    for path in ("/healthz", "/login", "/api/v1/environments", "/nothing", "/api/v1/openapi.json"):
        _, headers, _ = ask(serve, path)
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert "default-src 'none'" in headers["Content-Security-Policy"], path


def test_guesses_are_slowed_down(serve):
    answers = [serve.api("/api/v1/environments", token=f"longshore_{number}")[0] for number in range(30)]
    assert answers[0] == 401 and answers[-1] == 429
    status, headers, _ = ask(serve, "/api/v1/environments", token="longshore_more")
    assert status == 429 and int(headers["Retry-After"]) >= 1


def test_the_verbs_as_json(serve, github):
    preview = lambda *words: json.loads(serve.preview(*words, "--output", "json").stdout)  # noqa: E731
    assert preview("list") == []
    github.branches[BRANCH] = sha(2)
    would = serve.preview("up", BRANCH, "--dry-run")
    assert f"would make the environment of `{BRANCH}`" in would.stderr and serve.environments() == {}
    up = preview("up", BRANCH)
    assert (up["state"], up["deployed_sha"]) == ("ready", sha(2))
    [listed] = preview("list")
    assert listed == serve.environments()[up["id"]]
    assert preview("list", "--state", "failed") == []
    status = preview("status", BRANCH)
    assert [task["healthy"] for service in status["services"] for task in service["tasks"]] == [True]
    assert status["timeline"]
    assert preview("why", up["id"])["waiting"] == []
    assert preview("open", BRANCH) == {"id": up["id"], "url": up["url"]}
    assert "lines" in preview("logs", BRANCH)
    assert "kept until" in preview("extend", BRANCH, "3d")["message"]
    assert "is pinned" in preview("pin", BRANCH)["message"]
    for words in (["down"], ["sleep"], ["wake"], ["pin"], ["extend"]):
        done = serve.preview(*words, BRANCH, "--dry-run")
        assert done.stderr.startswith("would ") and done.stdout == ""
    preview("sleep", BRANCH)
    serve.wait_for(NAME, "asleep")
    preview("wake", BRANCH)
    serve.wait_for(NAME, "ready")
    assert "is removed" in preview("down", BRANCH)["message"]
    assert serve.environments() == {}


def failed(serve, *words, code=1, **variables):
    """What a verb says on stderr when it fails."""
    environment = serve.environment() | {"LONGSHORE_SERVER": f"http://{serve.listen}", "LONGSHORE_TOKEN": serve.token}
    environment = {name: value for name, value in (environment | variables).items() if value is not None}
    done = program.run([program.LONGSHORE, "preview", *words], environment, check=False)
    assert (done.returncode, done.stdout) == (code, ""), done
    return done.stderr


def test_errors_say_what_to_do(serve, github):
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    said = failed(serve, "status", "feature/oen")
    assert "feature/oen" in said and "did you mean `feature/one`?" in said, said
    said = failed(serve, "pin", "nothing-like-it")
    assert "nothing-like-it" in said and "hint" in said, said
    said = failed(serve, "list", LONGSHORE_TOKEN="longshore_wrong")
    assert "token" in said and "hint" in said and "longshore_wrong" not in said, said
    said = failed(serve, "list", LONGSHORE_TOKEN=None, code=2)
    assert "there is no token for" in said and "LONGSHORE_TOKEN" in said
    said = failed(serve, "list", LONGSHORE_SERVER=None, LONGSHORE_TOKEN=None)
    assert "no `longshore serve` runs on this machine" in said and "longshore up" in said, said
    said = failed(serve, "list", LONGSHORE_SERVER="http://127.0.0.1:9")
    assert "127.0.0.1:9" in said and "does not answer" in said, said
    said = failed(serve, "up", "feature/unknown")
    assert "octo-org/shop has no branch `feature/unknown`" in said and "push it first" in said, said
    said = failed(serve, "extend", "feature/one", "soon", code=2)
    assert "soon" in said


def test_what_is_wrong_in_longshore_toml_is_said_at_the_start(serves):
    hook = '[[preview.hook]]\nname = "x"\nwhen = "after_create"\nurl = "https://example.com/"\nsecret_env = "NO_KEY"\n'
    for config, part in [
        ({"preview": 'limits = { sleeps = "2h" }\n'}, "sleeps"),
        ({"preview": 'route = { load_balancer = "arn:lb" }\n'}, "without `ports"),
        ({"after": hook}, "hook `x` needs the environment variable NO_KEY"),
        ({"after": '[[notify]]\nto = "slack"\nchannel = "#x"\n'}, "SLACK_BOT_TOKEN"),
    ]:
        serve = serves(**config)
        serve.write()
        words = [program.LONGSHORE, "serve", "--state", str(serve.state)]
        done = program.run(words, serve.environment(), check=False, cwd=serve.directory)
        assert done.returncode == 2 and part in done.stderr, done
