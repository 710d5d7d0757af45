"""`Custom::ECSTask` through the Lambda door: every request is answered, in CloudFormation's form, with the cause first.

The numbers are those of the checklist in docs/custom-resource.md.
"""

import socket

import pytest
from support.callback import MOST_BYTES, drop, fail, lose_reply, slow
from support.custom_resource import override
from support.proxy import refuse, throttle
from support.wait import until

SECRET = "correct-horse-battery-staple"


def failed(answer, *words):
    """The answer is FAILED, and its Reason has these words."""
    assert answer["Status"] == "FAILED", answer
    for word in words:
        assert word.lower() in answer["Reason"].lower(), answer["Reason"]
    return answer["Reason"]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"Cluster": None}, ["Cluster"]),
        ({"TaskDefinition": None}, ["TaskDefinition"]),
        ({"TaskDefiniton": "app", "TaskDefinition": None}, ["`TaskDefiniton`", "`TaskDefinition`"]),
        ({"RunOnUpdates": True}, ["`RunOnUpdates`", "`RunOnUpdate`"]),
        ({"Count": "many"}, ["Count", "many"]),
        ({"Count": "-1"}, ["Count", "-1"]),
        ({"Timeout": "soon"}, ["Timeout", "soon"]),
        ({"RunOnUpdate": "perhaps"}, ["RunOnUpdate", "perhaps"]),
        ({"OnTimeout": "explode"}, ["OnTimeout", "explode", "leave"]),
        ({"LaunchType": "FARGTE"}, ["LaunchType", "FARGTE"]),
        ({"Overrides": "all of them"}, ["Overrides"]),
        ({"Overrides": {"containerOverride": []}}, ["containerOverride", "containerOverrides"]),
        ({"Overrides": {"containerOverrides": [{"name": "main", "memory": "much"}]}}, ["memory"]),
        ({"UpdateCriteria": [{"Contaner": "main", "EnvironmentKeys": ["A"]}]}, ["Contaner", "Container"]),
        ({"Container": "mian"}, ["mian", "main"]),
        ({"TaskDefinition": "no-such-family"}, ["no-such-family"]),
        ({"Cluster": "no-such-cluster"}, ["no-such-cluster"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_item_01_bad_properties_are_answered_and_run_nothing(stack, properties, words):
    """1, 11: the answer names what is wrong, and the nearest known name."""
    failed(stack.create(**properties), *words)
    assert stack.tasks() == []


def test_item_01_requests_that_are_none_do_not_end_the_function(stack):
    """1: what cannot be answered is told in the log, and the next request is served."""
    for payload in (b"{}", b"[]", b'"text"', b'{"RequestType": "Create"}'):
        stack.function.invoke(payload)
    stack.define(stack.note())
    assert stack.create()["Status"] == "SUCCESS"
    stack.function.wait_until_idle()
    assert "crashed" not in [how for event in stack.function.events for how in event.attempts]
    assert "ResponseURL" in stack.function.log_text()


@pytest.mark.parametrize(
    "change",
    [{"RequestType": "Explode"}, {"ResourceProperties": None}, {"ResourceProperties": "text"}, {"StackId": "nonsense"}],
    ids=["type", "no-properties", "text-properties", "stack-id"],
)
def test_item_01_a_strange_request_is_answered(stack, change):
    """1: as long as there is a place for the answer."""
    event = stack.event("Create") | change
    answer = stack.send(event)
    if "StackId" not in change:
        failed(answer, *change)


def test_item_01_an_ecs_that_cannot_be_reached(stack):
    """1: a VPC without a route to ECS looks so. It is tried for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    stack.function.environment["AWS_ENDPOINT_URL_ECS"] = f"http://127.0.0.1:{port}"
    event = stack.event("Create", stack.properties(Timeout=3))
    stack.function.invoke(event)
    failed(stack.answer(event, deadline_seconds=120), "ECS")


def test_item_01_a_refusal_is_not_tried_again(stack):
    """1, 16: AccessDenied is final, and its sentence is in the answer."""
    sentence = "User: x is not authorized to perform: ecs:RunTask"
    stack.proxy.fault("RunTask", refuse(400, "AccessDeniedException", sentence), times=None)
    failed(stack.create(), sentence)
    assert len(stack.proxy.of("RunTask")) == 1


def test_item_16_throttling_is_waited_out(stack):
    """16: with the same token."""
    stack.define(stack.note())
    for operation in ("DescribeTaskDefinition", "RunTask", "DescribeTasks"):
        stack.proxy.fault(operation, throttle, times=3)
    assert stack.create()["Status"] == "SUCCESS"
    assert stack.ran() == ["ran"]
    assert len({call.json["clientToken"] for call in stack.proxy.of("RunTask")}) == 1


def test_item_01_throttling_that_does_not_end(stack):
    """1: it is answered when the time is up, and the cause is told."""
    stack.proxy.fault("RunTask", throttle, times=None)
    failed(stack.create(Timeout=3), "Rate exceeded")


def test_item_01_a_task_that_finds_no_place(stack):
    """1, 16: the answer says what is missing."""
    stack.define(stack.note(), memory=60_000)
    failed(stack.create(Timeout=3, WaitForCapacity=1), "RESOURCE:MEMORY")
    assert stack.ran() == []


def test_item_24_a_failed_task_tells_cause_exit_code_lines_and_place(stack):
    """18, 24: in this order."""
    stack.define("seq 100; echo the last line; exit 7")
    reason = failed(stack.create(), "main", "the last line", stack.cluster)
    cause, *rest = (line.strip() for line in reason.splitlines())
    assert "7" in cause and "the last line" not in cause, reason
    assert "100" in rest and rest.index("100") < rest.index("the last line"), reason


def test_item_18_a_container_that_never_ran_is_a_failure(stack):
    """18: there is no exit code, so ECS's reason is told."""
    stack.define(command=["/no/such/program"])
    failed(stack.create(), "/no/such/program")


def test_item_24_a_log_that_may_not_be_read(stack):
    """24, 28: the cause is there all the same, and which permission is missing."""
    stack.define("echo the last line; exit 7")
    sentence = "User: x is not authorized to perform: logs:GetLogEvents"
    stack.proxy.fault("GetLogEvents", refuse(400, "AccessDeniedException", sentence), times=None)
    reason = failed(stack.create(), "exited with 7")
    assert "logs:GetLogEvents" in reason + stack.function.log_text(), reason


@pytest.mark.parametrize("text", ["🦀", "\x01", '"\\', "é"], ids=["four-bytes", "control", "escaped", "two-bytes"])
@pytest.mark.parametrize("shape", ["lines", "one-line"])
def test_item_03_a_huge_log_of_dear_characters_fits(stack, text, shape):
    """3: measured after encoding; the cause and the end of the log are still there."""
    log = stack.directory / "log"
    log.write_text((text * 60 + "\n") * 300 if shape == "lines" else text * 20_000 + "\n")
    stack.define(f"cat {log}; echo the end; exit 9")
    reason = failed(stack.create(), "9", "the end")
    assert text.strip("\x01") in reason
    [put] = stack.callback.puts(stack.function.events[0].json["RequestId"])
    assert MOST_BYTES // 2 < len(put.body) <= MOST_BYTES


@pytest.mark.parametrize(
    "faults",
    [[fail(500), fail(503)], [drop, drop], [lose_reply], [slow(2)], [fail(500)] * 4],
    ids=["errors", "dropped", "lost-reply", "slow", "four-errors"],
)
def test_item_04_the_answer_is_put_until_it_is_taken(stack, faults):
    """4: with backoff. The server refuses a PUT with a content type, as S3 does."""
    event = stack.event("Create", stack.properties(Count=0))
    stack.callback.plan(event["RequestId"], *faults)
    assert stack.send(event)["Status"] == "SUCCESS"
    stack.function.wait_until_idle()
    puts = stack.callback.puts(event["RequestId"])
    assert len({put.body for put in puts}) == 1, "the same answer each time"
    assert [put.headers.get("Content-Type", "") for put in puts] == [""] * len(puts)


def test_item_24_the_response_url_is_told_nobody(stack):
    """24: not in a log, not to ECS, whatever fails and however much is logged."""
    stack.function.environment["LONGSHORE_LOG"] = "debug"
    stack.define("exit 3")
    event = stack.event("Create")
    stack.callback.plan(event["RequestId"], drop, fail(500))
    failed(stack.send(event))
    failed(stack.create(Nonsense="x"))
    failed(stack.send(stack.event("Create") | {"ResourceProperties": None}))
    unreachable = stack.event("Delete")
    unreachable["ResponseURL"] = f"http://127.0.0.1:1/?X-Amz-Signature={stack.callback.secret}"
    attempt = stack.function.invoke(unreachable)
    stack.function.invoke(b'{"ResponseURL": "http://127.0.0.1:1/?%s"' % stack.callback.secret.encode())
    until(lambda: attempt.attempts, "the end of the attempts to answer")
    assert attempt.attempts == ["error"], "so that Lambda delivers the event again"
    assert stack.callback.secret not in stack.function.log_text()
    assert not any(stack.callback.secret.encode() in call.body for call in stack.proxy.calls)


@pytest.mark.parametrize(
    "properties",
    [
        {"Overrides": override("exit 1", {"PASSWORD": SECRET})},
        {"Overrides": override("true", {"PASSWORD": SECRET}), "Nonsense": "x"},
        {"Overrides": {"containerOverrides": [{"name": "mian", "environment": [{"name": "A", "value": SECRET}]}]}},
        {"Overrides": {"containerOverrides": [{"name": "main", "environment": [{"name": "A", "valeu": SECRET}]}]}},
        {"Overrides": {"containerOverrides": [{"name": "main", "environment": [SECRET]}]}},
        {"Overrides": {"containerOverrides": [{"name": "main", "environment": SECRET}]}},
        {"Overrides": {"containerOverrides": [{"name": "main", "environment": {"A": SECRET}}]}},
    ],
    ids=["fails", "beside", "container", "member", "text-in-list", "text", "map"],
)
def test_item_24_values_of_the_environment_are_told_nobody(stack, properties):
    """24: neither in the answer nor in the log."""
    answer = stack.create(**properties)
    failed(answer)
    assert SECRET not in str(answer) and SECRET not in stack.function.log_text()
