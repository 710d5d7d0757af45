"""Notices: on an SNS topic whose subscriber forwards to Slack, to Slack itself, to a signed webhook; and when who is told
is down."""

import json
from datetime import datetime

import pytest
from support import moto
from support.github import sha
from support.posts import posts  # noqa: F401 (fixture)
from support.previews import github, serves  # noqa: F401 (fixtures)
from support.project import SERVER
from support.wait import until

pytestmark = pytest.mark.parametrize("engine", ["process"], indirect=True)

LIFE = ["creating", "ready", "updating", "updated", "removing", "removed"]


def life(serve, github, name="one"):
    """A short life."""
    branch = f"feature/{name}"
    github.push(branch, sha(2))
    view = serve.wait_for(name, "ready")
    github.push(branch, sha(3))
    serve.wait_for(name, "ready", deployed_sha=sha(3))
    github.delete(branch)
    serve.gone(name)
    return view


def forwarded(event):
    """What the forwarder ijin/sns-slack makes of the event that Lambda gives it for a message of a topic."""
    sns = event["Records"][0]["Sns"]
    message = json.loads(sns["Message"])
    posted = {
        "channel": "#test",
        "username": message.get("username", sns["TopicArn"].rsplit(":", 1)[-1]),
        "text": message.get("text", "no text..."),
        "icon_url": message.get("icon_url", "its own"),
    }
    return posted | ({"channel": message["channel"]} if "channel" in message else {})


class Topic:
    """A topic of moto's server, and a queue that has what its subscribers are given."""

    def __init__(self, environment):
        sns, self.sqs = (moto.client(environment, service) for service in ("sns", "sqs"))
        self.arn = sns.create_topic(Name="previews")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="subscriber")["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=found["Attributes"]["QueueArn"])
        self.given = []

    def forwarded(self):
        """All that the forwarder has made of it, in order."""
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.given.append(forwarded({"Records": [{"Sns": json.loads(message["Body"])}]}))
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return self.given


def test_the_forwarder_of_a_topic_finds_what_it_expects(serves, github, tmp_path):
    with moto.serve(tmp_path / "moto") as environment:
        topic = Topic(environment)
        icon = "https://example.com/icon.png"
        loud = f'[[notify]]\nto = "sns"\ntopic = "{topic.arn}"\nchannel = "#previews"\n'
        loud += f'username = "dock"\nicon_url = "{icon}"\n'
        serve = serves(after=loud)
        serve.secrets["AWS_ENDPOINT_URL_SNS"] = environment["AWS_ENDPOINT_URL"]
        serve.define(script=f'[ "$VERSION" = {sha(9)} ] && echo "no <database>" && exit 4; ' + SERVER).start()
        view = life(serve, github)
        given = until(lambda: topic.forwarded() if len(topic.forwarded()) >= len(LIFE) else None, "all messages")
        assert {(it["channel"], it["username"], it["icon_url"]) for it in given} == {("#previews", "dock", icon)}
        texts = [it["text"] for it in given]
        words = ["is being created", "is ready", "is being updated", "is updated", "is being removed", "is removed"]
        assert [word in text for word, text in zip(words, texts, strict=True)] == [True] * len(words), texts
        assert f"<{view['url']}>" in texts[1] and all(view["id"] in text for text in texts)
        assert not any(text.startswith("*ERROR*") for text in texts)
        given.clear()
        github.push("feature/broken", sha(9))
        serve.wait_for("broken", "failed")
        until(lambda: len(topic.forwarded()) >= 2, "the failure to be told")
        failure = given[-1]["text"]
        assert failure.startswith("*ERROR*") and "no &lt;database&gt;" in failure, failure


def test_a_webhook_of_slack(serves, github, posts):
    serve = serves(after='[[notify]]\nto = "slack_webhook"\nurl_env = "SLACK_URL"\n')
    serve.secrets["SLACK_URL"] = f"{posts.url}/services/T0/B0/very-secret"
    serve.define().start()
    view = life(serve, github)
    until(lambda: len(posts.came) >= len(LIFE), "all messages")
    assert {post.path for post in posts.came} == {"/services/T0/B0/very-secret"}
    messages = [post.json for post in posts.came]
    assert "is ready" in messages[1]["text"] and view["url"] in json.dumps(messages[1]["blocks"])
    assert "very-secret" not in serve.said()


def signed_webhook(posts, path="/notices"):
    """A [[notify]]."""
    return f'[[notify]]\nto = "webhook"\nurl = "{posts.url}{path}"\nsecret_env = "NOTIFY_KEY"\n'


def keyed(serve):
    """Gives it the key of its notices."""
    serve.secrets["NOTIFY_KEY"] = "the key of the test"
    return serve.define().start()


def test_a_signed_webhook(serves, github, posts):
    serve = keyed(serves(after=signed_webhook(posts)))
    view = life(serve, github)
    until(lambda: len(posts.came) >= len(LIFE), "all notices")
    assert [post.json["event"] for post in posts.came] == LIFE
    assert all(post.is_signed() for post in posts.came) and not posts.came[0].is_signed("another key")
    assert len({post.id for post in posts.came}) == len(LIFE)
    ready = posts.came[1].json
    expected = {
        "environment": view["id"],
        "repository": "octo-org/shop",
        "branch": "feature/one",
        "pull_request": None,
        "sha": sha(2),
        "url": view["url"],
        "log_tail": [],
    }
    assert ready | expected == ready
    assert datetime.fromisoformat(ready["at"]).tzinfo
    assert posts.came[0].json["url"] is None, "the URL is announced once it answers"


def test_one_that_is_down_delays_nothing_and_is_told_when_it_is_back(serves, github, posts):
    serve = keyed(serves(after=signed_webhook(posts, "/down") + signed_webhook(posts, "/up")))
    posts.answer = lambda post: 503 if post.path == "/down" else 200
    life(serve, github)
    until(lambda: len(posts.to("/up")) >= len(LIFE), "the other one to be told")
    refused = posts.to("/down")
    assert {post.json["event"] for post in refused} == {"creating"}, "one after the other"
    # It does not forget what it has not told.
    serve.kill()
    posts.came.clear()
    posts.answer = lambda post: 200
    serve.start()
    until(lambda: len(posts.to("/down")) >= len(LIFE), "it to be told everything")
    assert [post.json["event"] for post in posts.to("/down")] == LIFE
    assert posts.to("/down")[0].id == refused[0].id, "it can tell what it was told before"
    assert posts.to("/up") == [], "nobody is told twice"


def test_one_that_refuses_a_notice_gets_the_next(serves, github, posts):
    serve = keyed(serves(after=signed_webhook(posts)))
    posts.answer = lambda post: (400, b"no such event") if post.json["event"] == "ready" else 200
    life(serve, github)
    until(lambda: len(posts.came) >= len(LIFE), "all notices")
    assert [post.json["event"] for post in posts.came] == LIFE
    assert "no such event" in serve.said()
