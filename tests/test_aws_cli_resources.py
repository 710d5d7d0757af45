"""Clusters, container instances, attributes, tags and account settings with the AWS CLI; the runtime matters little."""

import json

import pytest
from support.definitions import WAIT_FOR_TERM, container, task_definition


@pytest.fixture
def aws(process_engine):
    """Runs the AWS CLI against the engine and gives the JSON that it printed."""
    return process_engine.aws


def resources(cpu, memory):
    """The argument of register-container-instance."""
    return json.dumps(
        [
            {"name": "CPU", "type": "INTEGER", "integerValue": cpu},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]},
        ]
    )


def left(instance):
    """What of its CPU and memory is not in use."""
    return {each["name"]: each["integerValue"] for each in instance["remainingResources"] if each["type"] == "INTEGER"}


def test_a_container_instance_takes_what_fits_and_refuses_the_rest(aws, name):
    aws("ecs", "create-cluster", "--cluster-name", name)
    instance = aws("ecs", "register-container-instance", "--cluster", name, "--total-resources", resources(1024, 1000))
    arn = instance["containerInstance"]["containerInstanceArn"]
    assert aws("ecs", "list-container-instances", "--cluster", name)["containerInstanceArns"] == [arn]
    definition = task_definition(name, container(WAIT_FOR_TERM, memory=600, cpu=100))
    aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))

    first = aws("ecs", "run-task", "--cluster", name, "--task-definition", name)
    assert first["failures"] == [] and first["tasks"][0]["containerInstanceArn"] == arn
    [described] = aws("ecs", "describe-container-instances", "--cluster", name, "--container-instances", arn)[
        "containerInstances"
    ]
    assert left(described) == {"CPU": 924, "MEMORY": 400}

    second = aws("ecs", "run-task", "--cluster", name, "--task-definition", name)
    assert second["tasks"] == []
    assert second["failures"] == [{"arn": arn, "reason": "RESOURCE:MEMORY"}]

    task = first["tasks"][0]["taskArn"]
    aws("ecs", "stop-task", "--cluster", name, "--task", task)
    aws("ecs", "wait", "tasks-stopped", "--cluster", name, "--tasks", task)
    [described] = aws("ecs", "describe-container-instances", "--cluster", name, "--container-instances", arn)[
        "containerInstances"
    ]
    assert left(described) == {"CPU": 1024, "MEMORY": 1000}

    aws(
        "ecs",
        "update-container-instances-state",
        "--cluster",
        name,
        "--container-instances",
        arn,
        "--status",
        "DRAINING",
    )
    drained = aws("ecs", "list-container-instances", "--cluster", name, "--status", "DRAINING")
    assert drained["containerInstanceArns"] == [arn]
    refused = aws("ecs", "run-task", "--cluster", name, "--task-definition", name, check=False)
    assert '"tasks": []' in refused.stdout or "InvalidParameterException" in refused.stderr

    gone = aws("ecs", "deregister-container-instance", "--cluster", name, "--container-instance", arn)
    assert gone["containerInstance"]["status"] == "INACTIVE"
    assert aws("ecs", "list-container-instances", "--cluster", name)["containerInstanceArns"] == []


def test_attributes_select_instances(aws, name):
    aws("ecs", "create-cluster", "--cluster-name", name)
    small, large = (
        aws(
            "ecs", "register-container-instance", "--cluster", name, "--total-resources", resources(cpu, 1000),
            "--attributes", f"name=ecs.instance-type,value={kind}",
        )["containerInstance"]["containerInstanceArn"]
        for cpu, kind in ((1024, "t3.small"), (4096, "m5.large"))
    )  # fmt: skip
    aws("ecs", "put-attributes", "--cluster", name, "--attributes",
        f"name=stack,value=blue,targetType=container-instance,targetId={large}")  # fmt: skip
    listed = aws("ecs", "list-attributes", "--cluster", name, "--target-type", "container-instance",
                 "--attribute-name", "stack")["attributes"]  # fmt: skip
    assert [(each["name"], each["value"], each["targetId"]) for each in listed] == [("stack", "blue", large)]

    def matching(expression):
        return aws("ecs", "list-container-instances", "--cluster", name, "--filter", expression)[
            "containerInstanceArns"
        ]

    assert matching("attribute:ecs.instance-type == t3.small") == [small]
    assert matching("attribute:ecs.instance-type =~ m5.*") == [large]
    assert matching("attribute:stack exists") == [large]
    assert matching("attribute:stack !exists") == [small]
    either = matching("attribute:ecs.instance-type in [t3.small, t3.medium] or attribute:stack == blue")
    assert sorted(either) == sorted([small, large])
    assert matching("not(attribute:stack == blue) and runningTasksCount == 0") == [small]

    definition = task_definition(name, container("true"))
    definition["placementConstraints"] = [{"type": "memberOf", "expression": "attribute:stack == blue"}]
    aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))
    [task] = aws("ecs", "run-task", "--cluster", name, "--task-definition", name)["tasks"]
    assert task["containerInstanceArn"] == large

    aws("ecs", "delete-attributes", "--cluster", name, "--attributes",
        f"name=stack,targetType=container-instance,targetId={large}")  # fmt: skip
    assert matching("attribute:stack exists") == []


def test_tags_are_kept_by_every_kind_of_resource(aws, name):
    tags = ["key=team,value=dock", "key=cost,value=7"]
    cluster = aws("ecs", "create-cluster", "--cluster-name", name, "--tags", *tags)["cluster"]["clusterArn"]
    definition = aws(
        "ecs", "register-task-definition", "--cli-input-json", json.dumps(task_definition(name, container("true"))),
        "--tags", *tags,
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    instance = aws(
        "ecs", "register-container-instance", "--cluster", name, "--total-resources", resources(1024, 1000),
        "--tags", *tags,
    )["containerInstance"]["containerInstanceArn"]  # fmt: skip
    task = aws("ecs", "run-task", "--cluster", name, "--task-definition", name, "--tags", *tags)["tasks"][0]["taskArn"]

    def tags_of(arn):
        listed = aws("ecs", "list-tags-for-resource", "--resource-arn", arn)["tags"]
        return {tag["key"]: tag["value"] for tag in listed}

    for arn in (cluster, definition, instance, task):
        assert tags_of(arn) == {"team": "dock", "cost": "7"}, arn
    aws("ecs", "tag-resource", "--resource-arn", cluster, "--tags", "key=team,value=crane", "key=more,value=1")
    aws("ecs", "untag-resource", "--resource-arn", cluster, "--tag-keys", "cost")
    assert tags_of(cluster) == {"team": "crane", "more": "1"}


def test_account_settings_are_kept(aws):
    region = ["--region", "ap-south-1"]  # its own world: no other test sees these settings
    aws("ecs", "put-account-setting-default", "--name", "containerInsights", "--value", "enabled", *region)
    aws("ecs", "put-account-setting", "--name", "containerInsights", "--value", "disabled", *region)

    def effective():
        listed = aws("ecs", "list-account-settings", "--name", "containerInsights", "--effective-settings", *region)
        return [setting["value"] for setting in listed["settings"]]

    assert effective() == ["disabled"]
    aws("ecs", "delete-account-setting", "--name", "containerInsights", *region)
    assert effective() == ["enabled"]


def test_a_task_definition_is_listed_deregistered_and_deleted(aws, name):
    definition = json.dumps(task_definition(name, container("true")))
    first, second = (
        aws("ecs", "register-task-definition", "--cli-input-json", definition)["taskDefinition"]["taskDefinitionArn"]
        for _ in range(2)
    )
    assert first.endswith(f":task-definition/{name}:1") and second.endswith(f":task-definition/{name}:2")
    newest_first = aws("ecs", "list-task-definitions", "--family-prefix", name, "--sort", "DESC")["taskDefinitionArns"]
    assert newest_first == [second, first]
    assert aws("ecs", "list-task-definition-families", "--family-prefix", name)["families"] == [name]

    aws("ecs", "deregister-task-definition", "--task-definition", f"{name}:1")
    assert aws("ecs", "list-task-definitions", "--family-prefix", name)["taskDefinitionArns"] == [second]
    inactive = aws("ecs", "list-task-definitions", "--family-prefix", name, "--status", "INACTIVE")
    assert inactive["taskDefinitionArns"] == [first]
    deleted = aws("ecs", "delete-task-definitions", "--task-definitions", f"{name}:1", f"{name}:2")
    assert [each["taskDefinitionArn"] for each in deleted["taskDefinitions"]] == [first]
    assert [failure["arn"] for failure in deleted["failures"]] == [second]


def test_a_cluster_is_updated_and_deleted(aws, name):
    aws("ecs", "create-cluster", "--cluster-name", name)
    updated = aws(
        "ecs", "update-cluster-settings", "--cluster", name, "--settings", "name=containerInsights,value=enabled"
    )
    assert updated["cluster"]["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    aws("ecs", "update-cluster", "--cluster", name, "--configuration", "executeCommandConfiguration={logging=DEFAULT}")
    [described] = aws("ecs", "describe-clusters", "--clusters", name, "--include", "SETTINGS", "CONFIGURATIONS")[
        "clusters"
    ]
    assert described["configuration"]["executeCommandConfiguration"]["logging"] == "DEFAULT"
    assert described["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert aws("ecs", "delete-cluster", "--cluster", name)["cluster"]["status"] == "INACTIVE"
    [described] = aws("ecs", "describe-clusters", "--clusters", name)["clusters"]
    assert described["status"] == "INACTIVE"
    assert not any(arn.endswith(f"/{name}") for arn in aws("ecs", "list-clusters")["clusterArns"])


def test_sts_tells_who_one_is(aws):
    identity = aws("sts", "get-caller-identity")
    assert identity["Account"] == "123456789012" and identity["Arn"].startswith("arn:aws:")
