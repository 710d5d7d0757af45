"""`Custom::ECSTask` through the Lambda door: a migration runs once, whatever is delivered twice, lost or killed.

The numbers are those of the checklist in docs/custom-resource.md.
"""

import pytest
from support import callback
from support.definitions import describe, register_instance
from support.proxy import after, fail_after, lose_reply, lose_request, missing, unavailable
from support.wait import until


@pytest.fixture
def noting(stack):
    """The stack, with a task that notes that it ran."""
    stack.define(stack.note())
    return stack


def ran_once(stack, event):
    """The request was answered with SUCCESS and its task ran once."""
    answer = stack.answer(event)
    stack.function.wait_until_idle()
    assert answer["Status"] == "SUCCESS", answer
    assert stack.ran() == ["ran"] and len(stack.tasks()) == 1
    for put in stack.callback.accepted(event["RequestId"]):
        callback.check(event, put)
        assert put.document["Status"] == "SUCCESS", put.document
    return answer


def instances_of(stack):
    """The ARNs of the cluster's container instances."""
    return stack.ecs.list_container_instances(cluster=stack.cluster)["containerInstanceArns"]


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_item_12_a_request_delivered_three_times_at_once(noting, kind):
    """12: in three sandboxes, which know nothing of each other."""
    noting.define(f"{noting.note()}; sleep 1")
    event = noting.event(kind)
    for _ in range(3):
        noting.function.invoke(event)
    ran_once(noting, event)
    assert len(noting.function.sandboxes) == 3


def test_item_12_a_request_delivered_again_after_its_answer(noting):
    """12: by whom it was answered, and by another sandbox."""
    event = noting.event("Create")
    first = noting.send(event)
    noting.function.wait_until_idle()
    for sandbox in noting.function.sandboxes:
        sandbox.kill("crashed")
    assert noting.send(event) == first
    noting.function.wait_until_idle()
    noting.function.invoke(event)
    ran_once(noting, event)


def test_item_12_other_requests_are_other_runs(noting):
    """12: the token is the request's; a Create and two Updates of one resource are three runs."""
    for answer in (noting.create(), noting.update(), noting.update()):
        assert answer["Status"] == "SUCCESS"
    assert noting.ran() == ["ran"] * 3


@pytest.mark.parametrize("operation", ["DescribeTaskDefinition", "RunTask", "DescribeTasks"])
def test_item_22_a_crash_after_a_call(noting, operation):
    """22: before the function hears of the answer, and so before it could note anything."""
    noting.proxy.fault(operation, after(noting.function.crash))
    event = noting.event("Create")
    attempt = noting.function.invoke(event)
    ran_once(noting, event)
    assert attempt.attempts == ["crashed", "response"]


def test_item_22_two_crashes(noting):
    """22: at different places."""
    noting.proxy.fault("RunTask", after(noting.function.crash))
    noting.proxy.fault("DescribeTasks", after(noting.function.crash))
    event = noting.event("Create")
    attempt = noting.function.invoke(event)
    ran_once(noting, event)
    assert attempt.attempts == ["crashed", "crashed", "response"]


@pytest.mark.parametrize("arrived", [False, True])
def test_item_22_a_crash_while_it_answers(noting, arrived):
    """22: whether the answer arrived or not."""

    def crash(exchange, accept):
        if arrived:
            accept()
        noting.function.crash()
        exchange.drop()

    event = noting.event("Create")
    noting.callback.plan(event["RequestId"], crash)
    attempt = noting.function.invoke(event)
    ran_once(noting, event)
    assert attempt.attempts == ["crashed", "response"]
    assert len(noting.callback.accepted(event["RequestId"])) == 1 + arrived


@pytest.mark.parametrize("fault", [lose_reply, lose_request, unavailable, fail_after], ids=lambda act: act.__name__)
@pytest.mark.parametrize("times", [1, 3])
def test_item_14_run_task_is_sent_again_as_it_was(noting, fault, times):
    """14, 16: a transport retry has the same token, and the thin replay is described."""
    noting.proxy.fault("RunTask", fault, times)
    event = noting.event("Create")
    noting.function.invoke(event)
    answer = ran_once(noting, event)
    assert answer["Data"]["TaskArn"] == noting.task()["taskArn"]
    sent = {call.body for call in noting.proxy.of("RunTask")}
    assert len(sent) == 1 and len(noting.proxy.of("RunTask")) == times + 1


def test_item_13_a_revision_that_comes_between_two_attempts(noting):
    """13: the family now means another revision. What runs already is adopted."""

    def release():
        noting.define(noting.note("the next release"))
        noting.function.crash()

    noting.proxy.fault("RunTask", after(release))
    event = noting.event("Create")
    noting.function.invoke(event)
    answer = ran_once(noting, event)
    assert answer["Data"]["TaskArn"] == noting.task()["taskArn"]
    assert answer["Data"]["TaskDefinitionArn"] == noting.task()["taskDefinitionArn"], "what ran is told"


@pytest.mark.parametrize("how", ["crash", "lost-reply", "error"])
def test_item_22_start_task_has_no_token(noting, how):
    """22: a run on named instances is found again by whom it belongs to, also when it is over."""
    crash = after(noting.function.crash)
    noting.proxy.fault("StartTask", {"crash": crash, "lost-reply": lose_reply, "error": fail_after}[how])
    event = noting.event("Create", noting.properties(Instances=instances_of(noting)))
    noting.function.invoke(event)
    ran_once(noting, event)
    assert noting.proxy.of("StartTask") and not noting.proxy.of("RunTask")


@pytest.mark.parametrize("trouble", [None, "lost-reply", "crash"])
def test_item_15_partial_placement_never_starts_too_many(noting, trouble):
    """15, 22: two of three find a place at once; the third is asked for alone and with a token of its own."""
    noting.define(f"{noting.note()}; sleep 1", memory=4096)
    if trouble:
        noting.proxy.fault("RunTask", {"lost-reply": lose_reply, "crash": after(noting.function.crash)}[trouble])
    answer = noting.create(Count=3, WaitForCapacity=60, Timeout=60)
    assert answer["Status"] == "SUCCESS", answer
    assert noting.ran() == ["ran"] * 3 and len(noting.tasks()) == 3
    calls = {call.json["clientToken"]: call.json["count"] for call in noting.proxy.of("RunTask")}
    assert list(calls.values()) == [3] + [1] * (len(calls) - 1) and len(calls) > 1
    assert trouble or len(calls) == len(noting.proxy.of("RunTask")), "a placement retry takes a new token"


@pytest.mark.parametrize("planned", [(1, 0), (0, 1), (1, 1)], ids=["first", "second", "both"])
def test_item_22_a_crash_between_the_calls_of_12_tasks(noting, planned):
    """22, 26: each call has its own token."""
    for crashes in planned:
        noting.proxy.fault("RunTask", after(noting.function.crash if crashes else lambda: None))
    event = noting.event("Create", noting.properties(Count=12))
    noting.function.invoke(event)
    assert noting.answer(event)["Status"] == "SUCCESS"
    noting.function.wait_until_idle()
    assert noting.ran() == ["ran"] * 12 and len(noting.tasks()) == 12


def test_item_15_partial_placement_without_time_to_wait(noting):
    """15: what was placed is stopped, and the answer says so."""
    noting.define("trap 'exit 3' TERM; sleep 300 & wait", memory=4096)
    answer = noting.create(Count=3, WaitForCapacity=0)
    assert answer["Status"] == "FAILED" and "RESOURCE:MEMORY" in answer["Reason"], answer
    until(lambda: all(task["lastStatus"] == "STOPPED" for task in noting.tasks()), "what was placed to be stopped")
    assert len(noting.tasks()) == 2


def test_item_16_capacity_that_comes_later(noting):
    """16: it is waited for, with a new token each time."""
    noting.define(noting.note(), memory=10_000)
    register = after(lambda: register_instance(noting.ecs, noting.cluster, memory=20_000))
    noting.proxy.fault("RunTask", register)
    event = noting.event("Create", noting.properties(WaitForCapacity=60))
    noting.function.invoke(event)
    ran_once(noting, event)
    tokens = [call.json["clientToken"] for call in noting.proxy.of("RunTask")]
    assert len(set(tokens)) == len(tokens) > 1


def test_item_16_a_crash_while_it_waits_for_capacity(noting):
    """16, 22: the attempts that found no place are not mistaken for the run."""
    noting.define(noting.note(), memory=10_000)

    def crash():
        noting.function.crash()
        register_instance(noting.ecs, noting.cluster, memory=20_000)

    for planned in (lambda: None, crash):
        noting.proxy.fault("RunTask", after(planned))
    event = noting.event("Create", noting.properties(WaitForCapacity=60))
    noting.function.invoke(event)
    ran_once(noting, event)


def test_item_17_a_task_that_is_not_known_yet(noting):
    """17: DescribeTasks says MISSING in the first moments."""
    noting.proxy.fault("DescribeTasks", missing, times=3)
    event = noting.event("Create")
    noting.function.invoke(event)
    answer = ran_once(noting, event)
    task = describe(noting.ecs, noting.cluster, noting.task()["taskArn"])
    assert answer["Data"]["StoppedReason"] == task["stoppedReason"]
