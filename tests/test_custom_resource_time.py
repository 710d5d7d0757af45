"""`Custom::ECSTask` through the Lambda door: deadlines, and runs that are longer than an invocation of the function.

A function timeout of a few seconds stands for Lambda's 15 minutes. The numbers are those of the checklist in
docs/custom-resource.md.
"""

import time

import pytest
from support.custom_resource import hour_ago
from support.definitions import WAIT_FOR_TERM, wait_for
from support.proxy import delay, lose_reply, lose_request, refuse
from support.wait import until


def stopped(stack):
    """Waits for the end of the only task."""
    return wait_for(stack.ecs, stack.cluster, stack.task()["taskArn"], "STOPPED")


@pytest.mark.parametrize("seconds", [3541, 3600, 7200])
def test_item_02_a_timeout_that_cloudformation_does_not_have_is_refused_at_once(stack, seconds):
    """2: CloudFormation gives up after an hour."""
    answer = stack.create(Timeout=seconds)
    assert answer["Status"] == "FAILED" and "Timeout" in answer["Reason"] and str(seconds) in answer["Reason"], answer
    assert stack.tasks() == []
    assert stack.create(Timeout=3540, Count=0)["Status"] == "SUCCESS"


def test_item_02_the_time_counts_from_the_sending_of_the_request(stack):
    """2: it may have been in a queue. The URL says when it was made."""
    stack.define(WAIT_FOR_TERM)
    event = stack.event("Create", stack.properties(Timeout=104), sent=time.time() - 100)
    began = time.monotonic()
    answer = stack.send(event)
    assert answer["Status"] == "FAILED" and "104" in answer["Reason"], answer
    assert time.monotonic() - began < 50
    assert stopped(stack)["stopCode"] == "UserInitiated"


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_item_02_a_request_that_nobody_waits_for_any_more_runs_nothing(stack, kind):
    """2, 12: one that was delivered again two hours later; the token would not hold it back for ever."""
    stack.define(stack.note())
    stack.function.invoke(stack.event(kind, sent=hour_ago(2)))
    stack.function.wait_until_idle()
    assert stack.ran() == [] and stack.tasks() == []


def test_item_23_the_deadline_stops_the_task(stack):
    """23: the answer has the cause first and the last log lines, and the task is told why."""
    stack.define("trap 'exit 3' TERM; echo the last line; sleep 300 & wait")
    event = stack.event("Create", stack.properties(Timeout=3))
    answer = stack.send(event)
    assert answer["Status"] == "FAILED", answer
    cause, *rest = (line.strip() for line in answer["Reason"].splitlines())
    assert "3s" in cause.replace(" ", "") and "the last line" in rest, answer["Reason"]
    task = stopped(stack)
    assert task["stopCode"] == "UserInitiated"
    for word in ("timeout", stack.cluster, event["RequestId"]):
        assert word in task["stoppedReason"], task["stoppedReason"]


def test_item_23_a_task_that_does_not_want_to_stop_does_not_hold_up_the_answer(stack):
    """23: it is waited for a little longer than ECS usually waits before it kills."""
    stack.define("trap '' TERM; while :; do sleep 1; done", stopTimeout=120)
    answer = stack.create(Timeout=3)
    assert answer["Status"] == "FAILED", answer
    task = stack.task()
    assert task["desiredStatus"] == "STOPPED" and task["lastStatus"] != "STOPPED", task


def test_item_23_on_timeout_leave(stack):
    """23: it is said that it runs on, and where."""
    stack.define(WAIT_FOR_TERM)
    answer = stack.create(Timeout=3, OnTimeout="leave")
    task = stack.task()
    assert answer["Status"] == "FAILED" and task["taskArn"].rsplit("/", 1)[1][:8] in answer["Reason"], answer
    assert task["desiredStatus"] == "RUNNING" and stack.proxy.of("StopTask") == []


def test_item_20_and_21_a_run_longer_than_an_invocation_is_handed_on(new_stack):
    """20, 21: 4 s stand for 15 minutes, so 14 s for 52; the event that is handed on is small."""
    stack = new_stack(timeout_seconds=4)
    stack.define(f"{stack.note()}; sleep 14; {stack.note('ended')}")
    event = stack.event("Create", stack.properties(Timeout=40))
    sent = stack.function.invoke(event)
    answer = stack.answer(event)
    assert answer["Status"] == "SUCCESS" and stack.ran() == ["ran", "ended"], answer
    stack.function.wait_until_idle()
    hops = stack.function.self_invocations
    assert 3 <= len(hops) <= 5, len(hops)
    assert [each.attempts for each in stack.function.events] == [["response"]] * (len(hops) + 1)
    assert len(stack.proxy.of("RunTask")) == 1 and len(stack.proxy.of("DescribeTaskDefinition")) <= len(hops) + 1
    for hop in hops:
        assert len(hop) < len(sent.payload) + 2048 and b"lastStatus" not in hop
    assert stack.callback.secret not in stack.function.log_text()


def test_item_13_a_run_that_is_handed_on_keeps_its_revision(new_stack):
    """13: the family gets another revision meanwhile, whose only container is another one."""
    stack = new_stack(timeout_seconds=3)
    arn = stack.define(f"{stack.note()}; sleep 5")
    event = stack.event("Create", stack.properties(Timeout=40))
    stack.function.invoke(event)
    until(stack.ran, "the task to run")
    stack.define("true", name="renamed")
    answer = stack.answer(event)
    assert answer["Status"] == "SUCCESS" and answer["Data"]["TaskDefinitionArn"] == arn, answer
    assert stack.ran() == ["ran"] and stack.function.self_invocations


def test_item_20_the_chain_ends_after_5_hops(new_stack):
    """20: the task is stopped and the request answered, before Lambda's loop detection ends the chain unheard."""
    stack = new_stack(timeout_seconds=2)
    stack.define(WAIT_FOR_TERM)
    answer = stack.create(Timeout=290)
    assert answer["Status"] == "FAILED", answer
    assert stopped(stack)["stopCode"] == "UserInitiated"
    stack.function.wait_until_idle()
    assert len(stack.function.self_invocations) == 5


def test_item_23_the_deadline_holds_over_hops(new_stack):
    """2, 23: it is carried along."""
    stack = new_stack(timeout_seconds=4)
    stack.define(WAIT_FOR_TERM)
    began = time.monotonic()
    answer = stack.create(Timeout=9)
    assert answer["Status"] == "FAILED" and "9s" in answer["Reason"].replace(" ", ""), answer
    assert 8 < time.monotonic() - began < 25 and stopped(stack)["stopCode"] == "UserInitiated"
    assert stack.function.self_invocations


@pytest.mark.parametrize("fault", [lose_reply, lose_request], ids=["doubled", "lost"])
def test_item_20_a_hop_that_is_lost_or_doubled(new_stack, fault):
    """12, 20: Invoke has no token; two successors follow the same task."""
    # A fifteenth is kept back, in which the SDK must find the time for a second attempt: it waits for up to a second.
    stack = new_stack(timeout_seconds=18)
    stack.define(f"{stack.note()}; sleep 20")
    stack.beside.fault("Invoke", fault)
    event = stack.event("Create", stack.properties(Timeout=60))
    assert stack.send(event)["Status"] == "SUCCESS" and stack.ran() == ["ran"]
    stack.function.wait_until_idle()
    assert len(stack.beside.of("Invoke")) > 1
    assert {put.document["Status"] for put in stack.callback.accepted(event["RequestId"])} == {"SUCCESS"}
    assert len(stack.tasks()) == 1


def test_item_20_a_function_that_may_not_invoke_itself(new_stack):
    """1, 20: the task is stopped and the request answered with the missing permission while there is time."""
    stack = new_stack(timeout_seconds=9)
    stack.define(WAIT_FOR_TERM)
    sentence = "User: x is not authorized to perform: lambda:InvokeFunction"
    stack.beside.fault("Invoke", refuse(403, "AccessDeniedException", sentence), times=None)
    answer = stack.create(Timeout=60)
    assert answer["Status"] == "FAILED" and "lambda:InvokeFunction" in answer["Reason"], answer
    assert stopped(stack)["stopCode"] == "UserInitiated"


@pytest.mark.parametrize("operation", ["DescribeTaskDefinition", "RunTask", "DescribeTasks"])
def test_item_01_a_call_that_hangs(new_stack, operation):
    """1, 20, 22: longer than the invocation may take; the request is answered all the same, and the task ran once."""
    stack = new_stack(timeout_seconds=4)
    stack.define(stack.note())
    stack.proxy.fault(operation, delay(8))
    answer = stack.create(Timeout=60)
    assert answer["Status"] == "SUCCESS" and stack.ran() == ["ran"], answer
