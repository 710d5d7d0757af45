"""Hooks after_create, after_update and before_destroy: as a signed POST, a task and a function; in their order, and kept
through failures and kill -9."""

import json
import threading

import pytest
from support.github import sha
from support.posts import posts  # noqa: F401 (fixture)
from support.previews import github, serves  # noqa: F401 (fixtures)
from support.wait import DEADLINE_SECONDS, until

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)

MOMENTS = ["after_create", "after_update", "before_destroy"]


def hook(name, when, how, **settings):
    """A [[preview.hook]]."""
    more = "".join(f"{member} = {json.dumps(value)}\n" for member, value in settings.items())
    return f'[[preview.hook]]\nname = "{name}"\nwhen = "{when}"\n{how}\n{more}'


def https(posts, path):
    """A hook that is a signed POST."""
    return f'url = "{posts.url}{path}"\nsecret_env = "HOOK_KEY"'


def with_key(serve):
    """Gives it the key of its hooks."""
    serve.secrets["HOOK_KEY"] = "the key of the test"
    return serve


def test_signed_posts_come_in_their_order_with_the_whole_context(serves, github, posts):
    hooks = [hook(f"{number}-{when}", when, https(posts, f"/{number}/{when}")) for when in MOMENTS for number in (1, 2)]
    serve = with_key(serves(after="".join(hooks))).define().start()
    seen = []

    def look(post):
        view = serve.environments()[post.json["environment"]]
        announced = any(status["state"] == "success" for status in github.statuses)
        seen.append((post.path, view["state"], view["url"], view["deployed_sha"], announced, len(serve.services())))
        return 204

    posts.answer = look
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    until(lambda: any(status["state"] == "success" for status in github.statuses), "GitHub to be told")
    assert seen == [(f"/{number}/after_create", "creating", None, None, False, 1) for number in (1, 2)]
    first = posts.came[0]
    assert all(post.is_signed() for post in posts.came) and not first.is_signed("another key")
    assert len({post.id for post in posts.came}) == 2
    context = first.json
    assert (context["moment"], context["environment"], context["repository"]) == ("after_create", view["id"], "octo-org/shop")
    assert context["revision"] == {"sha": sha(2), "branch": "feature/one", "pull_request": None}
    assert (context["url"], context["cluster"]) == (view["url"], serve.cluster)
    [service] = context["services"]
    assert service["service"] in serve.services() and service["port"] == 8080
    assert serve.services()[service["service"]]["taskDefinition"] == service["task_definition"]

    seen.clear()
    github.push("feature/one", sha(3))
    serve.wait_for("one", "ready", deployed_sha=sha(3))
    assert seen == [(f"/{it}/after_update", "updating", view["url"], sha(2), True, 1) for it in (1, 2)]

    seen.clear()
    github.delete("feature/one")
    serve.gone("one")
    assert [(path, state, services) for path, state, *_, services in seen] == [
        (f"/{number}/before_destroy", "removing", 1) for number in (1, 2)
    ]
    assert posts.came[-1].json["revision"]["sha"] == sha(3)


def test_the_url_answers_for_a_hook(serves, github, posts):
    serve = with_key(serves(after=hook("smoke", "after_create", https(posts, "/")))).define().start()
    answers = []

    def look(post):
        answers.append(serve.get(post.json["url"]))
        return 200 if answers[-1][0] == 200 else 500

    posts.answer = look
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    assert answers == [(200, sha(2))]


def test_a_failing_after_create_hook_ends_in_failed(serves, github, posts):
    serve = with_key(serves(after=hook("seed", "after_create", https(posts, "/seed")))).define().start()
    posts.answer = lambda post: (500, b"no such table")
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "failed")
    assert view["failure"].startswith("hook `seed` (after_create) failed: ") and "no such table" in view["failure"]
    assert view["url"] is None
    assert "no such table" in serve.preview("why", "feature/one").stdout
    assert len(posts.came) == 1, "it is not tried again by itself"
    posts.answer = lambda post: 200
    done = serve.preview("up", "feature/one")
    assert done.stdout.strip() == serve.wait_for("one", "ready")["url"]
    assert len({post.id for post in posts.came}) == 2, "another attempt is another id"


def test_a_failing_before_destroy_hook_is_tried_until_it_does_well(serves, github, posts):
    notify = f'[[notify]]\nto = "webhook"\nurl = "{posts.url}/notices"\nsecret_env = "HOOK_KEY"\n'
    after = hook("backup", "before_destroy", https(posts, "/backup")) + notify
    serve = with_key(serves(after=after)).define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    left = []

    def answer(post):
        if post.path != "/backup":
            return 200
        left.append(sorted((it["status"], it["runningCount"]) for it in serve.services().values()))
        return 200 if len(left) == 3 else (503, b"disk full")

    posts.answer = answer
    github.delete("feature/one")
    said = until(lambda: [it for it in serve.environments()[view["id"]]["waiting"] if "disk full" in it], "the failure")
    assert "hook `backup` failed" in said[0]
    told = lambda: [it.json for it in posts.to("/notices") if it.json["event"] == "hook_failed"]  # noqa: E731
    [notice] = until(told, "people to be told")
    assert "disk full" in notice["text"] and "nothing is removed before" in notice["text"]
    serve.gone("one")
    assert left == [[("ACTIVE", 1)]] * 3, "nothing is removed before it does well"
    assert len({post.id for post in posts.to("/backup")}) == 1, "each attempt has the same id"
    assert serve.services() == {}


def test_what_a_failed_hook_began_is_cleaned_up(serves, github, posts):
    after = hook("seed", "after_create", https(posts, "/seed")) + hook("drop", "before_destroy", https(posts, "/drop"))
    serve = with_key(serves(after=after)).define().start()
    posts.answer = lambda post: 500 if post.path == "/seed" else 200
    github.push("feature/one", sha(2))
    serve.wait_for("one", "failed")
    github.delete("feature/one")
    serve.gone("one")
    [last] = posts.to("/drop")
    assert last.json["revision"]["sha"] == sha(2)


def test_a_delete_waits_for_the_hook_that_runs(serves, github, tmp_path):
    going, go, dropped = (tmp_path / name for name in ("going", "go", "dropped"))
    script = f"touch {going}; until [ -e {go} ]; do sleep 0.05; done"
    seed = f"command = {json.dumps(['sh', '-c', script])}"
    drop = f"command = {json.dumps(['sh', '-c', f'touch {dropped}'])}"
    hooks = hook("seed", "after_create", seed, timeout="1m") + hook("drop", "before_destroy", drop)
    serve = serves(after=hooks).define().start()
    github.push("feature/one", sha(2))
    until(going.exists, "the hook's task to run")
    github.delete("feature/one")
    view = serve.wait_for("one", "removing")
    assert "hook `seed` runs" in view["waiting"]
    assert not dropped.exists() and len(serve.services()) == 1
    go.touch()
    serve.gone("one")
    assert dropped.exists()
    left = serve.engine.client("ecs").list_tasks(cluster=serve.cluster)["taskArns"]
    assert left == [], "no task of a hook is left to itself"


def test_tasks(serves, github, tmp_path):
    note = f"""echo "$LONGSHORE_HOOK" | tee -a {tmp_path}/hooks"""
    hooks = [hook(when, when, f"command = {json.dumps(['sh', '-c', note])}") for when in MOMENTS]
    serve = serves(after="".join(hooks)).define().start()
    ran = lambda: [json.loads(it) for it in (tmp_path / "hooks").read_text().splitlines()]  # noqa: E731
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    github.push("feature/one", sha(3))
    serve.wait_for("one", "ready", deployed_sha=sha(3))
    github.delete("feature/one")
    serve.gone("one")
    assert [(it["moment"], it["revision"]["sha"]) for it in ran()] == [
        ("after_create", sha(2)), ("after_update", sha(3)), ("before_destroy", sha(3)),
    ]  # fmt: skip
    assert {it["environment"] for it in ran()} == {view["id"]}


def test_a_task_that_fails(serves, github):
    command = json.dumps(["sh", "-c", "echo no migrations; exit 7"])
    serve = serves(after=hook("migrate", "after_create", f"command = {command}")).define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "failed")
    assert "hook `migrate`" in view["failure"] and "7" in view["failure"] and "no migrations" in view["failure"]


def test_functions(serves, github, posts):
    arn = "arn:aws:lambda:us-east-1:123456789012:function:deploy"
    hooks = hook("deploy", "after_create", f'function = "{arn}"') + hook("drop", "before_destroy", 'function = "drop"')
    serve = serves(after=hooks)
    serve.secrets["AWS_ENDPOINT_URL_LAMBDA"] = posts.url
    serve.define().start()
    failure = b'{"errorType": "KeyError", "errorMessage": "no database"}'
    posts.answer = lambda post: (200, failure, {"X-Amz-Function-Error": "Unhandled"})
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "failed")
    assert "hook `deploy` (after_create) failed: KeyError: no database" in view["failure"]
    posts.answer = lambda post: (200, b"null")
    github.push("feature/one", sha(3))
    view = serve.wait_for("one", "ready", deployed_sha=sha(3))
    github.delete("feature/one")
    serve.gone("one")
    paths = [f"/2015-03-31/functions/{name}/invocations" for name in (arn, arn, "drop")]
    assert [post.path for post in posts.came] == paths
    _, second, last = posts.came
    assert second.headers["x-amz-invocation-type"] == "RequestResponse"
    assert second.headers["authorization"].startswith("AWS4-HMAC-SHA256")
    assert second.json["context"]["url"] == view["url"]
    assert last.json["context"]["moment"] == "before_destroy" and second.json["id"] != last.json["id"]


def test_kill_9_in_the_middle_of_a_post(serves, github, posts):
    after = hook("seed", "after_create", https(posts, "/seed")) + hook("drop", "before_destroy", https(posts, "/drop"))
    serve = with_key(serves(after=after)).define().start()
    free = threading.Event()

    def hold_the_first(post):
        if len(posts.to(post.path)) == 1:
            free.wait(DEADLINE_SECONDS)
        return 200

    posts.answer = hold_the_first

    def interrupted(path):
        until(lambda: posts.to(path), "the hook to be called")
        serve.kill()
        serve.start()
        until(lambda: len(posts.to(path)) == 2, "the hook to be called again")

    github.push("feature/one", sha(2))
    interrupted("/seed")
    serve.wait_for("one", "ready")
    github.delete("feature/one")
    interrupted("/drop")
    serve.gone("one")
    free.set()
    for path in ("/seed", "/drop"):
        first, second = posts.to(path)
        assert (first.id, first.json) == (second.id, second.json), "whoever is called twice can tell"


def test_kill_9_in_the_middle_of_a_task(serves, github, tmp_path):
    script = f"echo ran >> {tmp_path}/ran; until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    command = json.dumps(["sh", "-c", script])
    serve = serves(after=hook("migrate", "after_create", f"command = {command}")).define().start()
    github.push("feature/one", sha(2))
    until((tmp_path / "ran").exists, "the hook's task to run")
    serve.kill()
    serve.start()
    assert serve.environments()[f"one.{serve.app}"]["state"] == "creating"
    (tmp_path / "go").touch()
    serve.wait_for("one", "ready")
    assert (tmp_path / "ran").read_text() == "ran\n", "the task that ran was followed, not run again"


def test_a_hook_that_takes_too_long(serves, github, posts):
    slow = hook("slow", "after_create", https(posts, "/slow"), timeout="1s")
    serve = with_key(serves(after=slow)).define().start()
    free = threading.Event()
    posts.answer = lambda post: 200 if free.wait(DEADLINE_SECONDS) else 500
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "failed")
    free.set()
    assert "hook `slow` gave no answer in 1 s" in view["failure"]


def test_a_function_that_takes_too_long_is_not_invoked_beside_itself(serves, github, posts):
    serve = serves(after=hook("slow", "after_create", 'function = "slow"', timeout="1s"))
    serve.secrets["AWS_ENDPOINT_URL_LAMBDA"] = posts.url
    serve.define().start()
    free = threading.Event()
    posts.answer = lambda post: (200, b"null") if free.wait(DEADLINE_SECONDS) else 500
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "failed")
    free.set()
    assert "hook `slow` gave no answer in 1 s" in view["failure"]
    assert len(posts.came) == 1


def test_a_function_that_is_not_there_is_told_and_nothing_goes_before_it(serves, github, posts):
    notify = f'[[notify]]\nto = "webhook"\nurl = "{posts.url}/notices"\nsecret_env = "HOOK_KEY"\n'
    serve = with_key(serves(after=hook("drop", "before_destroy", 'function = "drop"') + notify))
    serve.secrets["AWS_ENDPOINT_URL_LAMBDA"] = posts.url
    serve.define().start()
    missing = b'{"Type": "User", "Message": "Function not found: drop"}'
    refused = (404, missing, {"x-amzn-errortype": "ResourceNotFoundException"})
    posts.answer = lambda post: 200 if post.path == "/notices" else refused
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    github.delete("feature/one")
    told = lambda: [it.json["text"] for it in posts.to("/notices") if it.json["event"] == "hook_failed"]  # noqa: E731
    assert "Function not found: drop" in until(told, "people to be told")[0]
    assert len(serve.services()) == 1
    posts.answer = lambda post: (200, b"null")
    serve.gone("one")
    assert serve.services() == {}


def test_without_its_policy_a_removal_waits_for_its_hooks(serves, github, posts):
    serve = with_key(serves(after=hook("drop", "before_destroy", https(posts, "/drop")))).define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    posts.answer = lambda post: (500, b"disk full")
    github.delete("feature/one")
    until(lambda: posts.to("/drop"), "the hook to be called")
    assert serve.stop() == 0
    write = serve.write

    def of_another():
        write()
        config = serve.directory / "longshore.toml"
        config.write_text(config.read_text().replace('repository = "octo-org/shop"', 'repository = "octo-org/other"'))

    serve.write = of_another
    serve.start()
    waits = until(lambda: [it for it in serve.environments()[view["id"]]["waiting"] if "`drop`" in it], "it to wait")
    assert "[[preview]]" in waits[0] and len(serve.services()) == 1
    done = serve.preview("down", view["id"])
    assert "without its hook `drop`" in done.stdout + done.stderr
    assert serve.services() == {}
