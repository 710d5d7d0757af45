"""`Custom::ECSTask` through the Lambda door: what Create, Update and Delete do in the life of a stack.

The numbers are those of the checklist in docs/custom-resource.md.
"""

import re

import pytest
from support.custom_resource import override
from support.definitions import WAIT_FOR_TERM, wait_for
from support.wait import until


def test_item_05_the_physical_id_is_stable(stack):
    """5: the same for the same resource whatever the outcome, another for another resource."""
    stack.define(stack.note())
    first = stack.create()
    assert first["Status"] == "SUCCESS"
    again, failed = stack.create(), stack.create(Nonsense="x")
    assert failed["Status"] == "FAILED"
    other = stack.send(stack.event("Create", logical_id="SeedTask"))
    ids = {answer["PhysicalResourceId"] for answer in (first, again, failed)}
    assert len(ids) == 1 and other["PhysicalResourceId"] not in ids


def test_item_05_an_update_and_a_delete_give_back_the_id_they_came_with(stack):
    """5, 29: also one that this version would not have made. (`Callback.answer` holds every answer to it.)"""
    for kind in ("Update", "Delete"):
        answer = stack.send(stack.event(kind, physical_id="arn:aws:ecs:us-east-1:1:task/of/old"))
        assert answer["Status"] == "SUCCESS" and answer["PhysicalResourceId"] == "arn:aws:ecs:us-east-1:1:task/of/old"


@pytest.mark.parametrize("properties", [{}, {"Nonsense": "x"}, {"Count": "many"}, {"Cluster": None}], ids=str)
def test_item_06_a_failed_create_can_be_deleted(stack, properties):
    """6: the Delete comes with the same properties, bad ones included."""
    stack.define("exit 1")
    created = stack.create(**properties)
    assert created["Status"] == "FAILED"
    deleted = stack.delete(created["PhysicalResourceId"], **properties)
    assert deleted["Status"] == "SUCCESS", deleted
    assert stack.proxy.of("StopTask") == []


def test_item_07_and_09_a_delete_stops_the_resources_own_running_task(stack):
    """7, 9: and not the one of another resource in the same stack. The Create is answered too."""
    stack.define(WAIT_FOR_TERM)
    mine, others = stack.event("Create"), stack.event("Create", logical_id="SeedTask")
    stack.function.invoke(mine)
    task = stack.task()
    stack.function.invoke(others)
    [other] = until(lambda: [each for each in stack.tasks() if each["taskArn"] != task["taskArn"]], "the other task")
    for each in (task, other):
        wait_for(stack.ecs, stack.cluster, each["taskArn"], "RUNNING")
    assert stack.delete()["Status"] == "SUCCESS"
    ended = wait_for(stack.ecs, stack.cluster, task["taskArn"], "STOPPED")
    assert ended["stopCode"] == "UserInitiated" and stack.cluster in ended["stoppedReason"], ended
    assert stack.answer(mine)["Status"] == "FAILED"
    assert stack.callback.puts(others["RequestId"]) == []
    [still] = [each for each in stack.tasks() if each["taskArn"] == other["taskArn"]]
    assert still["lastStatus"] == "RUNNING"


def test_item_09_a_delete_without_anything_to_delete(stack):
    """9: a failed Delete would make the stack undeletable."""
    assert stack.delete()["Status"] == "SUCCESS"
    assert stack.delete(TaskDefinition="no-such-family")["Status"] == "SUCCESS"
    assert stack.delete(Cluster="no-such-cluster")["Status"] == "SUCCESS"
    assert stack.proxy.of("RunTask") == []


def test_item_09_a_delete_when_the_cluster_is_gone(stack):
    """9: the cluster may be deleted before what ran in it."""
    stack.define(stack.note())
    created = stack.create()
    for instance in stack.ecs.list_container_instances(cluster=stack.cluster)["containerInstanceArns"]:
        stack.ecs.deregister_container_instance(cluster=stack.cluster, containerInstance=instance, force=True)
    stack.ecs.delete_cluster(cluster=stack.cluster)
    deleted = stack.delete(created["PhysicalResourceId"])
    assert deleted["Status"] == "SUCCESS", deleted["Reason"]


def test_item_09_run_on_delete(stack):
    """9: the task runs when it is asked for, with what is given for it."""
    stack.define(stack.note())
    assert stack.delete(RunOnDelete=False)["Status"] == "SUCCESS" and stack.ran() == []
    assert stack.delete(RunOnDelete=True)["Status"] == "SUCCESS" and stack.ran() == ["ran"]


def test_item_10_an_update_runs_unless_it_is_told_not_to(stack):
    """10: RunOnUpdate; Triggers are only there to make a difference."""
    stack.define(stack.note())
    assert stack.update(old={"Triggers": ["a"]}, Triggers=["b"])["Status"] == "SUCCESS"
    assert stack.ran() == ["ran"]
    assert stack.update(RunOnUpdate=False)["Status"] == "SUCCESS"
    assert stack.ran() == ["ran"]


CRITERIA = [{"Container": "main", "EnvironmentKeys": ["DB_HOST", "DB_NAME"]}]


@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        ({"DB_HOST": "a"}, {"DB_HOST": "a"}, False),
        ({"DB_HOST": "a"}, {"DB_HOST": "b"}, True),
        ({"DB_HOST": "a"}, {"DB_HOST": "a", "DB_NAME": "c"}, True),
        ({"DB_HOST": "a"}, {}, True),
        ({"DB_HOST": "a", "COLOUR": "red"}, {"DB_HOST": "a", "COLOUR": "blue"}, False),
    ],
    ids=["equal", "changed", "added", "removed", "another-key"],
)
@pytest.mark.parametrize("place", ["overrides", "definition"])
def test_item_10_update_criteria(stack, old, new, runs, place):
    """10: runs only when the value of a named key differs between the old and the new environment."""
    if place == "overrides":
        stack.define(stack.note())
        sides = [{"Overrides": override(environment=side)} if side else {} for side in (old, new)]
    else:
        lists = [[{"name": name, "value": value} for name, value in side.items()] for side in (old, new)]
        sides = [{"TaskDefinition": stack.define(stack.note(), environment=each)} for each in lists]
    before, after = ({"UpdateCriteria": CRITERIA} | side for side in sides)
    assert stack.update(old=before, **after)["Status"] == "SUCCESS"
    assert stack.ran() == ["ran"] * runs


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
@pytest.mark.parametrize("run_on_rollback", [None, False, True])
def test_item_08_a_rollback_does_not_run_the_old_release_again(stack, status, run_on_rollback):
    """8: the second Update with swapped properties is known by the stack's status alone."""
    stack.define(stack.note())
    stack.function.stack_status = status
    answer = stack.update(old={"Triggers": ["new"]}, Triggers=["old"], RunOnRollback=run_on_rollback)
    assert answer["Status"] == "SUCCESS", answer
    assert stack.ran() == ["ran"] * (status == "UPDATE_IN_PROGRESS" or bool(run_on_rollback))


def test_item_08_a_rollback_stops_what_the_failed_update_left_running(stack):
    """7, 8: CloudFormation may give an update up while its task runs."""
    stack.define(WAIT_FOR_TERM)
    given_up = stack.event("Update")
    stack.function.invoke(given_up)
    task = stack.task()
    wait_for(stack.ecs, stack.cluster, task["taskArn"], "RUNNING")
    stack.function.stack_status = "UPDATE_ROLLBACK_IN_PROGRESS"
    assert stack.update()["Status"] == "SUCCESS"
    ended = wait_for(stack.ecs, stack.cluster, task["taskArn"], "STOPPED")
    assert ended["stopCode"] == "UserInitiated" and "ROLLBACK" in ended["stoppedReason"], ended
    assert stack.answer(given_up)["Status"] == "FAILED" and len(stack.tasks()) == 1


def test_item_08_what_cannot_be_known_is_not_run(stack):
    """8: without cloudformation:DescribeStacks the answer names it; with RunOnRollback it is not needed."""
    stack.define(stack.note())
    stack.function.stack_status = None
    answer = stack.update()
    assert answer["Status"] == "FAILED" and "cloudformation:DescribeStacks" in answer["Reason"], answer
    assert stack.ran() == []
    assert stack.update(RunOnRollback=True)["Status"] == "SUCCESS" and stack.ran() == ["ran"]


DATA = {"TaskArn", "TaskDefinitionArn", "ExitCode", "StoppedReason", "LogStream"}


def test_item_25_data_has_the_same_keys_always(stack):
    """25: `Fn::GetAtt` of a key that is not there would fail the stack."""
    arn = stack.define(stack.note())
    created = stack.create()
    assert created["Data"].keys() == DATA
    [task] = stack.tasks()
    assert created["Data"]["TaskArn"] == task["taskArn"] and created["Data"]["TaskDefinitionArn"] == arn
    assert str(created["Data"]["ExitCode"]) == "0" and created["Data"]["StoppedReason"] == task["stoppedReason"]
    assert created["Data"]["LogStream"].endswith(f"test/main/{task['taskArn'].rsplit('/', 1)[1]}")
    for answer in (stack.update(), stack.update(RunOnUpdate=False), stack.create(Count=0), stack.delete()):
        assert answer["Status"] == "SUCCESS" and answer["Data"].keys() == DATA
    for answer in (stack.create(Nonsense="x"), stack.create(Overrides=override("exit 3"))):
        assert answer["Status"] == "FAILED" and answer["Data"].keys() == DATA


def test_tasks_are_found_by_whom_they_belong_to(stack):
    """7, 22: startedBy is the resource's, short enough for StartTask."""
    stack.create(), stack.update(), stack.send(stack.event("Create", logical_id="SeedTask"))
    owners = [task["startedBy"] for task in stack.tasks()]
    assert len(owners) == 3 and len(set(owners)) == 2
    assert all(re.fullmatch("cfn-[0-9a-f]{32}", owner) for owner in owners), owners
