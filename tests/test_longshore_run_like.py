"""`longshore run --like SERVICE`, against moto's server, which has services."""

import json

import pytest
from support import program
from support.definitions import container, fargate_definition
from test_another_server import client, moto  # noqa: F401 (fixture)


@pytest.fixture
def service(moto):
    """A service on Fargate; gives its network."""
    network = client(moto, "ec2")
    subnet = network.describe_subnets()["Subnets"][0]["SubnetId"]
    group = network.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    where = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": "ENABLED"}}
    ecs = client(moto, "ecs")
    ecs.create_cluster(clusterName="prod")
    for family in ("web", "job"):
        ecs.register_task_definition(**fargate_definition(family, container("true")))
    ecs.create_service(
        cluster="prod",
        serviceName="web",
        taskDefinition="web",
        desiredCount=0,
        launchType="FARGATE",
        platformVersion="1.4.0",
        networkConfiguration=where,
    )
    return where


def shown(moto, *flags):
    """The one call of a dry run in the cluster."""
    done = program.run([program.LONGSHORE, "run", *flags, "--cluster", "prod", "--dry-run"], moto)
    [call] = json.loads(done.stdout)["runTask"]
    return call


def test_a_task_runs_where_the_service_runs(moto, service):
    call = shown(moto, "job", "--like", "web")
    assert call["taskDefinition"].endswith(":task-definition/job:1")
    assert (call["launchType"], call["networkConfiguration"]) == ("FARGATE", service)


def test_without_a_task_definition_it_is_the_services_own(moto, service):
    call = shown(moto, "--like", "web", "-e", "A=1")
    assert call["taskDefinition"].endswith(":task-definition/web:1")
    assert call["overrides"]["containerOverrides"] == [{"name": "main", "environment": [{"name": "A", "value": "1"}]}]


def test_a_flag_wins(moto, service):
    call = shown(moto, "--like", "web", "--subnet", "subnet-0abc", "--capacity-provider", "FARGATE_SPOT=1")
    assert "launchType" not in call and call["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"
    network = call["networkConfiguration"]["awsvpcConfiguration"]
    assert network["subnets"] == ["subnet-0abc"]
    assert network["securityGroups"] == service["awsvpcConfiguration"]["securityGroups"]


def test_the_task_starts(moto, service):
    done = program.run([program.LONGSHORE, "run", "--like", "web", "--cluster", "prod", "--detach"], moto)
    [task] = client(moto, "ecs").describe_tasks(cluster="prod", tasks=[done.stdout.strip()])["tasks"]
    assert task["launchType"] == "FARGATE" and task["taskDefinitionArn"].endswith("/web:1")


def test_a_service_that_is_not_there(moto, service):
    done = program.run([program.LONGSHORE, "run", "--like", "wbe", "--cluster", "prod"], moto, check=False)
    assert done.returncode == 1 and "`wbe`" in done.stderr and "aws ecs list-services --cluster prod" in done.stderr
