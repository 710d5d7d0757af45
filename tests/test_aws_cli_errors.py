"""Every kind of refusal as the AWS CLI shows it: the exception's exact name, the operation, and the sentence."""

import json
import re

import pytest
from support.definitions import NETWORK, container, fargate_definition, register_instance, task_definition


@pytest.fixture
def refused(process_engine):
    """Runs an AWS CLI command that must be refused, and gives the exception's name and its sentence."""

    def run(*arguments):
        done = process_engine.aws(*arguments, check=False)
        assert done.returncode in (254, 255), f"exit code {done.returncode}: {done.stdout}{done.stderr}"
        shown = re.search(r"An error occurred \((\w+)\) when calling the (\w+) operation:? ?(.*)", done.stderr)
        assert shown, done.stderr
        assert shown.group(2).lower() == arguments[1].replace("-", "")
        return shown.group(1), shown.group(3)

    return run


@pytest.fixture
def ecs(process_engine):
    """A boto3 client for ECS."""
    return process_engine.client("ecs")


@pytest.fixture
def logs(process_engine):
    """A boto3 client for CloudWatch Logs."""
    return process_engine.client("logs")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run-task", "--cluster", "no-such", "--task-definition", "any"],
        ["list-tasks", "--cluster", "no-such"],
        ["describe-tasks", "--cluster", "no-such", "--tasks", "0" * 32],
        ["stop-task", "--cluster", "no-such", "--task", "0" * 32],
        ["list-container-instances", "--cluster", "no-such"],
        ["delete-cluster", "--cluster", "no-such"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_cluster_not_found(refused, arguments):
    assert refused("ecs", *arguments) == ("ClusterNotFoundException", "Cluster not found.")


def test_a_task_definition_that_is_not_there(refused, ecs, name):
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    assert refused("ecs", "describe-task-definition", "--task-definition", name) == (
        "ClientException",
        "Unable to describe task definition.",
    )
    kind, message = refused("ecs", "run-task", "--cluster", name, "--task-definition", name)
    assert (kind, message) == ("ClientException", "TaskDefinition not found.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": ""}, "Family can not be blank."),
        ({"family": "no spaces"}, "Family contains invalid characters."),
        ({"containerDefinitions": []}, "Container list cannot be empty."),
        ({"networkMode": "host", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}, "awsvpc"),
        ({"volumes": [], "containerDefinitions": [{"mountPoints": [{"sourceVolume": "v"}]}]}, "Unknown volume 'v'."),
        ({"containerDefinitions": [{"memory": None}]}, "At least one of 'memory' or 'memoryReservation'"),
        ({"containerDefinitions": [{"name": None}]}, "Container.name should not be null or empty."),
        ({"containerDefinitions": [{"essential": False}]}, "any essential container"),
    ],
    ids=["blank", "characters", "empty", "fargate", "volume", "memory", "name", "essential"],
)
def test_a_task_definition_that_is_refused_names_the_field(refused, name, change, message):
    definition = task_definition(name, container("true"))
    for key, value in change.items():
        if key == "containerDefinitions" and value:
            definition[key][0].update(value[0])
        else:
            definition[key] = value
    definition["containerDefinitions"] = [
        {key: value for key, value in each.items() if value is not None} for each in definition["containerDefinitions"]
    ]
    kind, said = refused("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))
    assert kind == "ClientException" and message in said


def test_wrong_parameters(refused, ecs, name):
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(**task_definition(name, container("true")))
    on = ["--cluster", name]

    def invalid(*arguments):
        kind, message = refused("ecs", *arguments)
        assert kind == "InvalidParameterException", (kind, message)
        return message

    assert invalid("run-task", *on, "--task-definition", name) == "No Container Instances were found in your cluster."
    assert invalid("stop-task", *on, "--task", "0" * 32) == "The referenced task was not found."
    assert "launch_type FARGATE" in invalid("run-task", *on, "--task-definition", name, "--launch-type", "FARGATE")
    register_instance(ecs, name)
    overrides = json.dumps({"containerOverrides": [{"name": "other"}]})
    assert (
        invalid("run-task", *on, "--task-definition", name, "--overrides", overrides)
        == "Override for container named other is not a container in the TaskDefinition."
    )
    both = ["--launch-type", "EC2", "--capacity-provider-strategy", "capacityProvider=FARGATE"]
    assert "both a launch type and capacity provider" in invalid("run-task", *on, "--task-definition", name, *both)
    assert "Network" in invalid(
        "run-task", *on, "--task-definition", name, "--network-configuration", json.dumps(NETWORK)
    )
    invalid("run-task", *on, "--task-definition", name, "--count", "11")
    invalid("list-tasks", *on, "--max-items", "1", "--starting-token", "bm9uc2Vuc2U=")
    invalid("list-container-instances", *on, "--filter", "attribute:ecs.instance-type ==")
    invalid("tag-resource", "--resource-arn", "no-arn", "--tags", "key=a,value=b")


def test_platform_versions_that_do_not_exist(refused, ecs, name):
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(**fargate_definition(name, container("true")))
    kind, _ = refused(
        "ecs", "run-task", "--cluster", name, "--task-definition", name, "--launch-type", "FARGATE",
        "--network-configuration", json.dumps(NETWORK), "--platform-version", "9.9.9",
    )  # fmt: skip
    assert kind == "PlatformUnknownException"


def test_a_cluster_that_is_in_use_is_not_deleted(refused, ecs, name):
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(**fargate_definition(name, container("sleep 300")))
    task = ecs.run_task(cluster=name, taskDefinition=name, launchType="FARGATE", networkConfiguration=NETWORK)["tasks"][
        0
    ]
    assert refused("ecs", "delete-cluster", "--cluster", name) == (
        "ClusterContainsTasksException",
        "The Cluster cannot be deleted while Tasks are active.",
    )
    ecs.stop_task(cluster=name, task=task["taskArn"])
    register_instance(ecs, name)
    kind, _ = refused("ecs", "delete-cluster", "--cluster", name)
    assert kind == "ClusterContainsContainerInstancesException"


def test_an_instance_with_tasks_is_not_deregistered(refused, ecs, name):
    ecs.create_cluster(clusterName=name)
    instance = register_instance(ecs, name)["containerInstanceArn"]
    ecs.register_task_definition(**task_definition(name, container("exec sleep 300")))
    ecs.run_task(cluster=name, taskDefinition=name)
    command = ["deregister-container-instance", "--cluster", name, "--container-instance", instance]
    assert refused("ecs", *command) == ("InvalidParameterException", "Found running tasks on the instance.")
    ecs.deregister_container_instance(cluster=name, containerInstance=instance, force=True)


def test_the_same_client_token_with_other_parameters(refused, ecs, name):
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    ecs.register_task_definition(**task_definition(name, container("true")))
    ecs.run_task(cluster=name, taskDefinition=name, clientToken=name)
    kind, _ = refused(
        "ecs", "run-task", "--cluster", name, "--task-definition", name, "--client-token", name, "--count", "2"
    )
    assert kind == "ConflictException"


def test_attributes_of_what_is_not_there_and_too_many(refused, ecs, name):
    ecs.create_cluster(clusterName=name)
    instance = register_instance(ecs, name)["containerInstanceArn"]
    put = ["put-attributes", "--cluster", name, "--attributes"]
    kind, _ = refused("ecs", *put, f"name=a,value=b,targetType=container-instance,targetId={'0' * 32}")
    assert kind == "TargetNotFoundException"
    many = [f"name=a{n},value=b,targetId={instance}" for n in range(11)]
    kind, _ = refused("ecs", *put, *many)
    assert kind in ("AttributeLimitExceededException", "InvalidParameterException")


def test_tags_of_what_is_not_there(refused):
    arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/no-such-family:1"
    kind, _ = refused("ecs", "tag-resource", "--resource-arn", arn, "--tags", "key=a,value=b")
    assert kind in ("ResourceNotFoundException", "InvalidParameterException")


def test_refusals_of_the_services_beside_ecs(refused, logs, name):
    kind, message = refused("logs", "describe-log-streams", "--log-group-name", name)
    assert (kind, message) == ("ResourceNotFoundException", "The specified log group does not exist.")
    logs.create_log_group(logGroupName=name)
    kind, message = refused("logs", "create-log-group", "--log-group-name", name)
    assert (kind, message) == ("ResourceAlreadyExistsException", "The specified log group already exists")
    assert refused("ssm", "get-parameter", "--name", name)[0] == "ParameterNotFound"
    assert refused("secretsmanager", "get-secret-value", "--secret-id", name)[0] == "ResourceNotFoundException"
