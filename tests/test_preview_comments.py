"""Commands in comments of pull requests: who may give them, that none is lost, and that each is answered where it was given."""

import threading

import pytest
from support.github import sha
from support.previews import github, serves  # noqa: F401 (fixtures)
from support.project import SERVER
from support.wait import DEADLINE_SECONDS, until

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)


def answers(github, number=12):
    """What was answered there, without the comment that is kept up to date."""
    said = [it["body"] for it in github.comments.values() if it["issue"] == number]
    return [text for text in said if not text.startswith("<!--")]


def ends(serve):
    """What became of deliveries, by id."""
    return {it["id"]: (it["state"], it["text"]) for it in serve.api("/api/v1/deliveries")[1]}


def test_who_may_push_commands_the_environment_of_that_pull_request_and_is_answered(serves, github):
    serve = serves().define(script=f"echo ready to serve; {SERVER}").start()
    github.open(12, "topic", sha(2))
    assert github.say(12, "/preview up\nplease", delivery="up") == 202
    view = serve.wait_for("pr-12", "ready", deployed_sha=sha(2))
    until(lambda: len(answers(github)) == 1, "the answer")
    assert "is made, with commit 0000000" in answers(github)[0] and answers(github)[0].startswith("octocat: ")
    assert ends(serve)["up"][0] == "done" and "is made" in ends(serve)["up"][1]
    for number, (text, part) in enumerate(
        [
            ("/preview pin", "is pinned"),
            ("/preview why", "is ready"),
            ("/preview logs", "ready to serve"),
            ("/preview dwon", "Did you mean"),
            ("/preview help", "brings its tasks back"),
            (f"/preview confirm {github.repository}", "more than this pull request"),
            ("/preview list", "more than this pull request"),
        ]
    ):
        assert github.say(12, text) == 202
        until(lambda: len(answers(github)) == number + 2, f"an answer to {text}")  # noqa: B023
        assert part in answers(github)[-1], (text, answers(github)[-1])
    assert serve.environments()[view["id"]]["pinned"]
    deeds = [(deed["who"], deed["via"], deed["what"]) for deed in serve.api("/api/v1/audit")[1]]
    assert deeds == [
        ("octocat", "github", f"pin {github.repository}#12"),
        ("octocat", "github", f"up #12 of {github.repository}"),
    ]


def test_who_may_only_read_commands_nothing(serves, github):
    serve = serves().define().start()
    github.open(12, "topic", sha(2))
    github.say(12, "/preview up", who="hubot", association="COLLABORATOR", delivery="reader")
    github.say(12, "/preview up", who="monalisa", association="CONTRIBUTOR", delivery="stranger")
    until(lambda: ends(serve)["reader"][0] == "done", "the comment to be read")
    assert "may not push" in ends(serve)["reader"][1]
    assert ends(serve)["stranger"][0] == "ignored"
    assert [text.split(":")[0] for text in answers(github)] == ["hubot"], "strangers make us say nothing"
    assert serve.environments() == {}


def test_a_command_survives_a_crash_and_a_github_that_is_down(serves, github):
    serve = serves().define().start()
    github.open(12, "topic", sha(2))
    until(lambda: all(state != "accepted" for state, _ in ends(serve).values()), "the pull request to be looked at")
    held, free = threading.Event(), threading.Event()

    def hold(exchange):
        held.set()
        free.wait(DEADLINE_SECONDS)

    github.instead = hold
    assert github.say(12, "/preview up", delivery="up") == 202
    assert held.wait(DEADLINE_SECONDS)
    serve.kill()
    github.instead = lambda exchange: github.reply(exchange, 502, {"message": "Server Error"})
    free.set()
    serve.start()
    until(lambda: "502" in serve.said(), "GitHub to be asked in vain")
    assert ends(serve)["up"] == ("accepted", None)
    assert github.say(12, "/preview up", delivery="up") == 202, "the same delivery again"
    github.instead = None
    serve.wait_for("pr-12", "ready", deployed_sha=sha(2))
    until(lambda: ends(serve)["up"][0] == "done", "the delivery to end")
    assert len(answers(github)) == 1 and "is made" in answers(github)[0]
