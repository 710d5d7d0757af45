"""Task definitions and calls that many tests need, as short as they can be."""

import json
import uuid

from support.wait import until

# Made from Debian's busybox by `support.docker`; the process runtime does not look at it.
IMAGE = "longshore-test/busybox:1"

# A subnet that looks like one: the engine has no VPC to look it up in.
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d4e5f60718"], "assignPublicIp": "ENABLED"}}

# How a container that waits to be stopped should end: at once, with a code of its own.
WAIT_FOR_TERM = "trap 'exit 3' TERM; echo waiting; sleep 300 & wait"


def logs_to(group, region="us-east-1", **options):
    """A logConfiguration for awslogs."""
    settings = {
        "awslogs-group": group,
        "awslogs-region": region,
        "awslogs-stream-prefix": "test",
        "awslogs-create-group": "true",
    }
    return {"logDriver": "awslogs", "options": settings | options}


def container(script, group=None, region="us-east-1", **settings):
    """A container that runs a shell script, and logs where a group is named."""
    definition = {"name": "main", "image": IMAGE, "memory": 32, "command": ["sh", "-c", script]}
    if group:
        definition["logConfiguration"] = logs_to(group, region)
    return definition | settings


def task_definition(family, *containers, **settings):
    """The request of RegisterTaskDefinition for the EC2 launch type."""
    return {"family": family, "containerDefinitions": list(containers)} | settings


def fargate_definition(family, *containers, **settings):
    """The request of RegisterTaskDefinition for Fargate."""
    fargate = {
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
    }
    return task_definition(family, *containers, **(fargate | settings))


def register_instance(ecs, cluster, cpu=4096, memory=8192, ports=("22",)):
    """Registers a container instance and returns it."""
    return ecs.register_container_instance(
        cluster=cluster,
        instanceIdentityDocument=json.dumps({"instanceId": f"i-{uuid.uuid4().hex[:17]}", "region": "us-east-1"}),
        totalResources=[
            {"name": "CPU", "type": "INTEGER", "integerValue": cpu},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": list(ports)},
            {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
        ],
    )["containerInstance"]


def run_one(ecs, cluster, definition, **settings):
    """Registers the definition and starts one task of it."""
    ecs.register_task_definition(**definition)
    answer = ecs.run_task(cluster=cluster, taskDefinition=definition["family"], **settings)
    assert answer["failures"] == [], answer["failures"]
    return answer["tasks"][0]


def describe(ecs, cluster, task_arn):
    """The task as it is now."""
    answer = ecs.describe_tasks(cluster=cluster, tasks=[task_arn])
    assert answer["failures"] == [], answer["failures"]
    return answer["tasks"][0]


def wait_for(ecs, cluster, task_arn, status):
    """Waits until the task has this status, and returns it."""

    def reached():
        task = describe(ecs, cluster, task_arn)
        assert status == "STOPPED" or task["lastStatus"] != "STOPPED", task
        return task if task["lastStatus"] == status else None

    return until(reached, f"{task_arn} to be {status}")


def messages(logs, group, **settings):
    """All messages of a log group in the order of FilterLogEvents; none while there is no such group."""
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, **settings)
        return [event["message"] for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []
