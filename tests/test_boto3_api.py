"""The API through boto3: every list call in small pages, idempotency, and regions as worlds of their own."""

import time

import pytest
from botocore.exceptions import ClientError
from support.definitions import container, logs_to, messages, register_instance, run_one, task_definition, wait_for


@pytest.fixture
def ecs(process_engine):
    """A boto3 client for ECS."""
    return process_engine.client("ecs")


@pytest.fixture
def logs(process_engine):
    """A boto3 client for CloudWatch Logs."""
    return process_engine.client("logs")


def paged(client, operation, key, size, **parameters):
    """All items of a list call, read in pages of `size`; no page may be longer."""
    pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **parameters)
    items, lengths = [], []
    for page in pages:
        items += page[key]
        lengths.append(len(page[key]))
    assert all(length <= size for length in lengths) and len(lengths) >= len(items) // size
    return items


def same(found, expected):
    """Whether both have the same items, each once."""
    assert len(found) == len(set(found)), f"an item came twice: {found}"
    assert sorted(found) == sorted(expected)


def test_task_definitions_in_pages(ecs, name):
    arns = [
        ecs.register_task_definition(**task_definition(f"{name}-{family}", container("true")))["taskDefinition"][
            "taskDefinitionArn"
        ]
        for family in "abc"
        for _ in range(3)
    ]
    everything = paged(ecs, "list_task_definitions", "taskDefinitionArns", 2)
    assert [arn for arn in everything if name in arn] == arns, "sorted by family and then by revision"
    same(
        paged(ecs, "list_task_definitions", "taskDefinitionArns", 2, familyPrefix=f"{name}-b"),
        [arn for arn in arns if "-b:" in arn],
    )
    same(
        paged(ecs, "list_task_definition_families", "families", 1, familyPrefix=name),
        [f"{name}-{family}" for family in "abc"],
    )


def test_clusters_instances_and_attributes_in_pages(ecs, name):
    arns = [ecs.create_cluster(clusterName=f"{name}-{n}")["cluster"]["clusterArn"] for n in range(5)]
    same([arn for arn in paged(ecs, "list_clusters", "clusterArns", 2) if name in arn], arns)
    cluster = f"{name}-0"
    instances = [register_instance(ecs, cluster)["containerInstanceArn"] for _ in range(5)]
    same(paged(ecs, "list_container_instances", "containerInstanceArns", 2, cluster=cluster), instances)
    for instance in instances:
        ecs.put_attributes(cluster=cluster, attributes=[{"name": "stack", "value": "blue", "targetId": instance}])
    attributes = paged(
        ecs, "list_attributes", "attributes", 2, cluster=cluster, targetType="container-instance", attributeName="stack"
    )
    same([attribute["targetId"] for attribute in attributes], instances)


def test_tasks_in_pages(ecs, name):
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    ecs.register_task_definition(**task_definition(name, container("exec sleep 300", memory=8)))
    started = ecs.run_task(cluster=name, taskDefinition=name, count=7)
    arns = [task["taskArn"] for task in started["tasks"]]
    assert len(arns) == 7
    same(paged(ecs, "list_tasks", "taskArns", 2, cluster=name), arns)
    same(paged(ecs, "list_tasks", "taskArns", 3, cluster=name, family=name), arns)
    for arn in arns:
        ecs.stop_task(cluster=name, task=arn)
    ecs.get_waiter("tasks_stopped").wait(cluster=name, tasks=arns, WaiterConfig={"Delay": 1})
    same(paged(ecs, "list_tasks", "taskArns", 2, cluster=name, desiredStatus="STOPPED"), arns)
    assert paged(ecs, "list_tasks", "taskArns", 2, cluster=name) == []


def test_account_settings_in_pages(process_engine):
    ecs = process_engine.client("ecs", region="ap-northeast-2")
    for setting in ("containerInsights", "serviceLongArnFormat", "taskLongArnFormat"):
        ecs.put_account_setting(name=setting, value="enabled")
    settings = paged(ecs, "list_account_settings", "settings", 1, effectiveSettings=True)
    names = [setting["name"] for setting in settings]
    assert len(names) == len(set(names)) and {"containerInsights", "serviceLongArnFormat", "taskLongArnFormat"} <= set(
        names
    )


def test_waiters(ecs, name):
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    task = run_one(ecs, name, task_definition(name, container("exec sleep 300")))["taskArn"]
    every_second = {"Delay": 1, "MaxAttempts": 60}
    ecs.get_waiter("tasks_running").wait(cluster=name, tasks=[task], WaiterConfig=every_second)
    ecs.stop_task(cluster=name, task=task)
    ecs.get_waiter("tasks_stopped").wait(cluster=name, tasks=[task], WaiterConfig=every_second)
    assert ecs.describe_tasks(cluster=name, tasks=[task])["tasks"][0]["lastStatus"] == "STOPPED"


def test_a_client_token_never_starts_two(ecs, name):
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    ecs.register_task_definition(**task_definition(name, container("true")))
    request = {"cluster": name, "taskDefinition": name, "count": 2, "clientToken": f"token-{name}"[:64]}
    first = {task["taskArn"] for task in ecs.run_task(**request)["tasks"]}
    again = {task["taskArn"] for task in ecs.run_task(**request)["tasks"]}
    assert len(first) == 2 and again == first
    with pytest.raises(ecs.exceptions.ConflictException) as refused:
        ecs.run_task(**request | {"count": 1})
    assert set(refused.value.response["resourceIds"]) == first
    for task in first:
        wait_for(ecs, name, task, "STOPPED")
    assert {task["taskArn"] for task in ecs.run_task(**request)["tasks"]} == first, "also when they have stopped"
    listed = [ecs.list_tasks(cluster=name, desiredStatus=status)["taskArns"] for status in ("RUNNING", "STOPPED")]
    assert set(sum(listed, [])) == first


def test_two_regions_are_two_worlds(process_engine, name):
    frankfurt, sydney = (process_engine.client("ecs", region) for region in ("eu-central-1", "ap-southeast-2"))
    made = frankfurt.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    assert made == f"arn:aws:ecs:eu-central-1:123456789012:cluster/{name}"
    frankfurt.register_task_definition(**task_definition(name, container("true")))
    with pytest.raises(sydney.exceptions.ClusterNotFoundException):
        sydney.list_tasks(cluster=name)
    assert sydney.describe_clusters(clusters=[name])["failures"][0]["reason"] == "MISSING"
    with pytest.raises(ClientError, match="Unable to describe task definition"):
        sydney.describe_task_definition(taskDefinition=name)
    made = sydney.register_task_definition(**task_definition(name, container("true")))["taskDefinition"]
    assert made["taskDefinitionArn"] == f"arn:aws:ecs:ap-southeast-2:123456789012:task-definition/{name}:1"
    for region, client in (("eu-central-1", frankfurt), ("ap-southeast-2", sydney)):
        logs = process_engine.client("logs", region)
        logs.create_log_group(logGroupName=name)
        [group] = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        assert f":{region}:" in group["arn"] and client.meta.region_name == region


def test_start_task_and_placement(ecs, name):
    ecs.create_cluster(clusterName=name)
    instances = [register_instance(ecs, name)["containerInstanceArn"] for _ in range(3)]
    ecs.register_task_definition(**task_definition(name, container("exec sleep 300")))
    answer = ecs.start_task(cluster=name, taskDefinition=name, containerInstances=[instances[1], "0" * 32])
    assert [task["containerInstanceArn"] for task in answer["tasks"]] == [instances[1]]
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]
    spread = ecs.run_task(
        cluster=name, taskDefinition=name, count=3, placementConstraints=[{"type": "distinctInstance"}], group="apart"
    )
    assert spread["failures"] == [] and {task["containerInstanceArn"] for task in spread["tasks"]} == set(instances)
    packed = ecs.run_task(
        cluster=name, taskDefinition=name, count=3, placementStrategy=[{"type": "binpack", "field": "memory"}]
    )
    assert {task["containerInstanceArn"] for task in packed["tasks"]} == {instances[1]}, "the fullest that has room"
    four = ecs.run_task(
        cluster=name, taskDefinition=name, count=4, placementConstraints=[{"type": "distinctInstance"}], group="more"
    )
    assert len(four["tasks"]) == 3 and four["failures"]
    assert {failure["reason"] for failure in four["failures"]} == {"DistinctInstance placement constraint unsatisfied."}
    for instance in instances:
        ecs.deregister_container_instance(cluster=name, containerInstance=instance, force=True)


def test_log_groups_streams_and_events_in_pages(logs, name):
    groups = [f"{name}-{n}" for n in range(5)]
    for group in groups:
        logs.create_log_group(logGroupName=group)
    found = paged(logs, "describe_log_groups", "logGroups", 2, logGroupNamePrefix=name)
    assert [group["logGroupName"] for group in found] == groups
    streams = [f"stream-{n}" for n in range(5)]
    for stream in streams:
        logs.create_log_stream(logGroupName=groups[0], logStreamName=stream)
    found = paged(logs, "describe_log_streams", "logStreams", 2, logGroupName=groups[0])
    assert [stream["logStreamName"] for stream in found] == streams

    start = int(time.time() * 1000) - 60_000
    for number, stream in enumerate(streams):
        events = [{"timestamp": start + n, "message": f"{number}-{n:03}"} for n in range(20)]
        logs.put_log_events(logGroupName=groups[0], logStreamName=stream, logEvents=events)
    filtered = paged(logs, "filter_log_events", "events", 7, logGroupName=groups[0])
    same([event["message"] for event in filtered], [f"{number}-{n:03}" for number in range(5) for n in range(20)])
    assert len({event["eventId"] for event in filtered}) == 100
    stamps = [event["timestamp"] for event in filtered]
    assert stamps == sorted(stamps)
    chosen = paged(logs, "filter_log_events", "events", 7, logGroupName=groups[0], filterPattern='"3-01"')
    assert [event["message"] for event in chosen] == [f"3-01{n}" for n in range(10)]

    read, token = [], None
    while True:
        settings = {"nextToken": token} if token else {}
        page = logs.get_log_events(
            logGroupName=groups[0], logStreamName="stream-2", startFromHead=True, limit=6, **settings
        )
        read += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    assert read == [f"2-{n:03}" for n in range(20)]

    logs.put_retention_policy(logGroupName=groups[0], retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=groups[0])["logGroups"][0]["retentionInDays"] == 7
    logs.delete_log_stream(logGroupName=groups[0], logStreamName="stream-1")
    assert len(logs.describe_log_streams(logGroupName=groups[0])["logStreams"]) == 4
    logs.delete_log_group(logGroupName=groups[0])
    assert messages(logs, groups[0]) == []


def test_a_log_group_that_is_missing_stops_the_task(ecs, name):
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    definition = task_definition(name, container("true", logConfiguration=logs_to(name)))
    del definition["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-create-group"]
    task = run_one(ecs, name, definition)
    stopped = wait_for(ecs, name, task["taskArn"], "STOPPED")
    assert stopped["stopCode"] == "TaskFailedToStart" and "exitCode" not in stopped["containers"][0]
    reasons = stopped["stoppedReason"] + stopped["containers"][0].get("reason", "")
    assert "The specified log group does not exist" in reasons
