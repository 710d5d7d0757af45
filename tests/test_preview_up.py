"""`longshore preview up` is done when the commit answers: not when an older one does, and not while it sleeps."""

import json

import pytest
from support.github import sha
from support.previews import github, serves  # noqa: F401 (fixtures)

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)


def up(serve, name, *arguments):
    """Asks for it, waits, and returns what is shown."""
    done = serve.preview("up", name, "--output", "json", *arguments)
    return json.loads(done.stdout)


def test_a_new_commit_is_waited_for(serves, github):
    serve = serves().define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    for commit in (sha(3), sha(4), sha(5)):
        # Nobody tells of it: it is the question itself that finds it.
        github.push("feature/one", commit, tell=False)
        shown = up(serve, "feature/one")
        assert (shown["state"], shown["sha"], shown["deployed_sha"]) == ("ready", commit, commit)
        assert shown["services"][0]["tasks"], "at the end all of it is shown"
        assert serve.get(view["url"]) == (200, commit)


def test_one_that_sleeps_is_woken_and_waited_for(serves, github):
    serve = serves(preview='limits = { sleep = "3s" }\n').define().start()
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    serve.wait_for("one", "asleep")
    github.push("feature/one", sha(3), tell=False)
    shown = up(serve, "feature/one")
    assert (shown["state"], shown["deployed_sha"]) == ("ready", sha(3))
    serve.wait_for("one", "asleep")
    assert up(serve, "feature/one")["state"] == "ready"
    asked = [it["text"] for it in serve.api(f"/api/v1/environments/{shown['id']}")[1]["timeline"] if it["kind"] == "asked"]
    assert [text.split(": ")[1] for text in asked][:1] == ["wake it"], asked


def test_a_branch_that_has_a_pull_request_too(serves, github):
    serve = serves(preview="pull_requests = {}\n").define().start()
    github.push("feature/one", sha(2))
    github.open(12, "feature/one", sha(2))
    serve.wait_for("one", "ready")
    serve.wait_for("pr-12", "ready")
    github.push("feature/one", sha(3), tell=False)
    shown = up(serve, "feature/one")
    assert (shown["id"], shown["pull_request"], shown["deployed_sha"]) == (f"one.{serve.app}", None, sha(3))
    assert up(serve, "#12")["id"] == f"pr-12.{serve.app}"
    assert serve.preview("status", "feature/one").stdout.startswith(f"one.{serve.app} is ready")
    serve.preview("down", "feature/one")
    assert list(serve.environments()) == [f"pr-12.{serve.app}"]
