"""What goes wrong around `longshore serve`: GitHub that fails, lies or forgets to tell; tasks that crash; too much at once."""

import json

import pytest
from support.github import sha
from support.posts import posts  # noqa: F401 (fixture)
from support.previews import github, serves  # noqa: F401 (fixtures)
from support.project import SERVER
from support.wait import until

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)


def looked(github):
    """Waits until GitHub was asked for branches twice more."""
    before = len(github.requests)
    asked = lambda: sum("/branches" in path for _, path in github.requests[before:]) >= 2  # noqa: E731
    until(asked, "GitHub to be asked again")


def answer(status, body, kind="application/json"):
    """A GitHub that always answers so."""

    def instead(exchange):
        exchange.reply(status, body, {"Content-Type": kind})
        return True

    return instead


@pytest.mark.parametrize(
    "instead",
    [
        answer(500, b'{"message": "Server Error"}'),
        answer(200, b"<html>down for maintenance</html>", "text/html"),
        answer(200, b"[]"),
        answer(200, b""),
        answer(404, b'{"message": "Not Found"}'),
    ],
    ids=["500", "html", "empty-list", "empty-body", "404"],
)
def test_a_github_that_is_not_well_destroys_nothing(serves, github, instead):
    serve = serves().define().start()
    github.push("feature/kept", sha(2))
    view = serve.wait_for("kept", "ready")
    github.instead = instead
    github.tell("push", github.push_event("feature/kept", sha(2), sha(2)))
    github.tell("push", github.push_event("feature/other", sha(2), sha(2)))
    until(lambda: any(it["state"] != "accepted" for it in deliveries(serve)), "a delivery to come to an end")
    assert serve.environments()[view["id"]]["state"] == "ready"
    assert serve.get(view["url"]) == (200, sha(2))
    github.instead = None
    github.delete("feature/kept")
    serve.gone("kept")


def deliveries(serve):
    status, found = serve.api("/api/v1/deliveries")
    assert status == 200, found
    return found


def told(posts, event):
    """The environments of which this was told."""
    return [post.json["environment"] for post in posts.came if post.json["event"] == event]


def test_many_removals_at_once_wait_for_a_persons_word(serves, github, posts):
    notify = f'[[notify]]\nto = "webhook"\nurl = "{posts.url}/notices"\nsecret_env = "NOTIFY_KEY"\n'
    serve = serves(preview="limits = { removals = 1 }", after=notify)
    serve.secrets["NOTIFY_KEY"] = "the key of the test"
    serve.define().start()
    names = ["one", "two"]
    for number, name in enumerate(names):
        github.push(f"feature/{name}", sha(number + 2))
    for name in names:
        serve.wait_for(name, "ready")
    github.delete("feature/one", tell=False)
    github.delete("feature/two")
    until(lambda: any("confirm" in (it["text"] or "") for it in deliveries(serve)), "the removals to be held")
    assert {view["state"] for view in serve.environments().values()} == {"ready"}
    word = "`longshore preview confirm octo-org/shop` lets them go"
    for name in names:
        for verb in ["why", "status"]:
            said = serve.preview(verb, f"feature/{name}").stdout
            assert f"it would go (the branch was deleted), and more than 1 would at once: {word}" in said, said
    assert all(word in view["waiting"][0] for view in serve.environments().values())
    beside = f"2 environments would be removed at once, and more than 1 need a person's word: {word}"
    until(lambda: serve.api("/api/v1/waiting")[1] == [{"about": "repository octo-org/shop", "waiting": [beside]}], "the waiting")
    listed = serve.preview("list").stdout
    assert listed.count(f"  it would go (the branch was deleted), and more than 1 would at once: {word}\n") == 2, listed
    assert listed.endswith(f"repository octo-org/shop: {beside}\n"), listed
    until(lambda: len(told(posts, "held")) >= 2, "people to be told")
    github.tell("push", github.push_event("feature/one", sha(2), sha(2)))
    until(lambda: all(it["state"] == "done" for it in deliveries(serve)), "another look")
    assert sorted(told(posts, "held")) == sorted(serve.environments()), "each once"
    github.push("feature/two", sha(3))
    until(lambda: told(posts, "removing"), "the one that is alone now to go")
    assert told(posts, "kept") == [f"two.{serve.app}"]
    serve.gone("one")
    assert serve.api("/api/v1/waiting") == (200, [])
    serve.wait_for("two", "ready", deployed_sha=sha(3))
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    github.delete("feature/one", tell=False)
    github.delete("feature/two")
    until(lambda: len(told(posts, "held")) >= 4, "the removals to be held again")
    serve.preview("confirm", "octo-org/shop")
    for name in names:
        serve.gone(name)


def test_a_crash_loop_ends_in_failed_with_the_logs_tail(serves, github):
    serve = serves().define(script="echo no database; exit 3").start()
    github.push("feature/broken", sha(2))
    view = serve.wait_for("broken", "failed")
    assert "3" in view["failure"] and "no database" in view["log_tail"], view
    until(lambda: all(it["desiredCount"] == 0 for it in serve.services().values()), "the loop to be ended")
    said = serve.preview("why", "feature/broken").stdout
    assert "no database" in said, said
    # A better revision of the base, and the same commit once more.
    serve.define(script=SERVER)
    done = serve.preview("up", "feature/broken")
    assert done.stdout.strip() == serve.wait_for("broken", "ready")["url"]


def test_a_failed_update_leaves_what_answered(serves, github):
    script = f'[ "$VERSION" = {sha(3)} ] && exit 4; {SERVER}'
    serve = serves().define(script=script).start()
    github.push("feature/steady", sha(2))
    view = serve.wait_for("steady", "ready")
    github.push("feature/steady", sha(3))
    serve.wait_for("steady", "failed", deployed_sha=sha(2))
    assert serve.get(view["url"]) == (200, sha(2))
    github.push("feature/steady", sha(4))
    serve.wait_for("steady", "ready", deployed_sha=sha(4))


def test_a_missed_delivery_heals_by_itself(serves, github):
    serve = serves().define().start()
    github.push("feature/quiet", sha(2), tell=False)
    github.push("feature/told", sha(3))
    # The round that one delivery wakes looks at all branches.
    serve.wait_for("quiet", "ready")
    serve.wait_for("told", "ready")


def test_deliveries_are_signed_known_again_and_end_in_a_state(serves, github):
    serve = serves().define().start()
    event = github.push_event("feature/x", sha(0), sha(2))
    github.branches["feature/x"] = sha(2)
    assert github.tell("push", event, secret="another") == 401
    assert deliveries(serve) == []
    assert github.tell("ping", {"zen": "Design for failure.", "repository": github.described()}) in (200, 202)
    assert github.tell("push", event, delivery="one", form=True) == 202
    assert github.tell("push", event, delivery="one") in (200, 202)
    serve.wait_for("x", "ready")
    until(lambda: all(it["state"] != "accepted" for it in deliveries(serve)), "all deliveries to come to an end")
    assert [it["id"] for it in deliveries(serve)].count("one") == 1
    stranger = event | {"repository": event["repository"] | {"full_name": "evil/repo"}}
    assert github.tell("push", stranger) == 202
    until(lambda: any(it["state"] == "ignored" and "evil/repo" in json.dumps(it) for it in deliveries(serve)), "the stranger")
    assert len(serve.environments()) == 1


def test_a_delete_during_the_creation_cancels_it(serves, github):
    serve = serves().define(script="sleep 600").start()
    github.push("feature/short", sha(2))
    until(lambda: serve.services(), "its service to be made")
    github.delete("feature/short")
    serve.gone("short")
    assert serve.services() == {}


def test_deleted_and_made_again_at_once(serves, github):
    serve = serves().define().start()
    github.push("feature/twice", sha(2))
    serve.wait_for("twice", "ready")
    github.delete("feature/twice")
    github.push("feature/twice", sha(3))
    view = serve.wait_for("twice", "ready", deployed_sha=sha(3))
    assert serve.get(view["url"]) == (200, sha(3))


def test_github_is_told(serves, github):
    serve = serves(preview="pull_requests = { }").define().start()
    github.open(7, "feature/pull", sha(2))
    view = serve.wait_for("pr-7", "ready")
    until(lambda: any(it["state"] == "success" for it in github.statuses), "the deployment to be a success")
    [comment] = until(lambda: list(github.comments.values()), "a comment")
    until(lambda: view["url"] in comment["body"], "the comment to have the URL")
    assert all(len(it["description"]) <= 140 for it in github.statuses)
    github.close(7)
    serve.gone("pr-7")
    until(lambda: github.statuses[-1]["state"] == "inactive", "the deployment to be inactive")
    assert len(github.comments) == 1


def statuses(github, name):
    """The states of the deployments of an environment, in the order of their telling."""
    ours = {it["id"] for it in github.deployments if it["environment"].startswith(f"preview/{name}.")}
    return [it["state"] for it in github.statuses if it["deployment"] in ours]


def test_a_deployment_that_somebody_has_deleted_silences_nobody(serves, github):
    serve = serves().define().start()
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    until(lambda: "success" in statuses(github, "one"), "the deployment to be a success")
    # It is not found any more, neither by its commit nor by its number.
    deleted, github.deployments[0]["sha"] = github.deployments[0]["id"], "deleted"

    def instead(exchange):
        if exchange.command == "POST" and exchange.path.endswith(f"/deployments/{deleted}/statuses"):
            exchange.reply(404, b'{"message": "Not Found"}', {"Content-Type": "application/json"})
            return True
        return False

    github.instead = instead
    serve.preview("sleep", "feature/one")
    until(lambda: len(github.deployments) == 2 and github.statuses[-1]["deployment"] == 2, "another deployment")
    github.push("feature/two", sha(3))
    serve.wait_for("two", "ready")
    until(lambda: "success" in statuses(github, "two"), "the other environment to be told of")


def test_what_github_refuses_of_one_environment_holds_up_no_other(serves, github):
    serve = serves(preview="pull_requests = { }").define().start()

    def instead(exchange):
        if exchange.command == "POST" and exchange.path.endswith("/deployments") and b"preview/pr-7." in exchange.body:
            exchange.reply(403, b'{"message": "Repository was archived so is read-only."}', {"Content-Type": "application/json"})
            return True
        return False

    github.instead = instead
    github.open(7, "topic", sha(2))
    view = serve.wait_for("pr-7", "ready")
    github.push("feature/two", sha(3))
    serve.wait_for("two", "ready")
    until(lambda: "success" in statuses(github, "two"), "the other environment to be told of")
    until(lambda: any(view["url"] in it["body"] for it in github.comments.values()), "the comment to go on all the same")
    assert statuses(github, "pr-7") == []
    _, waiting = serve.api("/api/v1/waiting")
    said = [why for it in waiting if it["about"] == "notifier github" for why in it["waiting"]]
    assert len(said) == 1 and view["id"] in said[0] and "archived" in said[0], waiting
    github.instead = None
    until(lambda: "success" in statuses(github, "pr-7"), "it to be told of, too")
    assert statuses(github, "pr-7") == ["in_progress", "success"], "in order"


def test_a_lost_store_takes_nothing_down(serves, github):
    serve = serves().define().start()
    github.push("feature/kept", sha(2))
    url = serve.wait_for("kept", "ready")["url"]
    serve.kill()
    for file in serve.state.glob("store.sqlite*"):
        file.unlink()
    serve.start()
    serve.wait_for("kept", "ready", deployed_sha=sha(2))
    assert serve.get(url) == (200, sha(2))
    assert [it["desiredCount"] for it in serve.services().values()] == [1]
    github.delete("feature/kept")
    serve.gone("kept")
    assert serve.services() == {}
