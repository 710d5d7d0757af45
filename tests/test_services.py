"""Services with the AWS CLI, boto3 and fabfuel's ecs-deploy, in both runtimes."""

import itertools
import json
import os
import re
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from support import program
from support.definitions import (
    IMAGE,
    NETWORK,
    WAIT_FOR_TERM,
    container,
    fargate_definition,
    register_instance,
    task_definition,
)
from support.program import CHECKOUT
from support.balancer import forward, short
from support.wait import until

# Service definitions from public repositories; they are not part of the project.
DATA = Path(os.environ.get("LONGSHORE_DATA", CHECKOUT.parent / "shared" / "data"))
FROM_REPOSITORIES = sorted((DATA / "services").glob("*.json"))

# Fabfuel's ecs-deploy, beside this Python.
ECS_DEPLOY = str(Path(sys.executable).parent / "ecs")

# A program that neither runtime finds: its task never starts.
NO_PROGRAM = ["/no/such/program"]

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


@pytest.fixture
def service(ecs, cluster):
    """Makes services in the test's cluster, and deletes them in the end."""
    made = []

    def make(definition, **settings):
        ecs.register_task_definition(**definition)
        answer = ecs.create_service(
            **{"cluster": cluster, "serviceName": cluster, "taskDefinition": definition["family"]} | settings
        )
        made.append(answer["service"]["serviceName"])
        return answer["service"]

    yield make
    for name in made:
        ecs.delete_service(cluster=cluster, service=name, force=True)


def describe(ecs, cluster):
    """The service as it is now."""
    [service] = ecs.describe_services(cluster=cluster, services=[cluster], include=["TAGS"])["services"]
    return service


def steady(ecs, cluster):
    """Waits until the service has what it wants, and returns it."""

    def reached():
        service = describe(ecs, cluster)
        [primary, *others] = service["deployments"]
        done = primary["rolloutState"] == "COMPLETED" and service["runningCount"] == service["desiredCount"]
        return service if done and not others and "steady state" in service["events"][0]["message"] else None

    return until(reached, f"a steady state of {cluster}")


def tasks(ecs, cluster, **filters):
    """The tasks of the service."""
    arns = ecs.list_tasks(cluster=cluster, serviceName=cluster, **filters)["taskArns"]
    return ecs.describe_tasks(cluster=cluster, tasks=arns, include=["TAGS"])["tasks"] if arns else []


def messages(service):
    """The sentences of the events, the oldest first."""
    return [event["message"] for event in reversed(service["events"])]


def test_a_service_from_the_command_line(engine, ecs, cluster):
    aws = engine.aws
    definition = task_definition(cluster, container(WAIT_FOR_TERM))
    aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))
    here = ("--cluster", cluster)
    created = aws(
        "ecs", "create-service", *here, "--service-name", cluster, "--task-definition", cluster, "--desired-count", "2",
        "--enable-ecs-managed-tags", "--propagate-tags", "SERVICE", "--tags", "key=team,value=dock",
    )["service"]  # fmt: skip
    assert created["status"] == "ACTIVE" and created["launchType"] == "EC2"
    assert created["deploymentConfiguration"]["maximumPercent"] == 200
    steady(ecs, cluster)
    aws("ecs", "wait", "services-stable", *here, "--services", cluster)
    assert aws("ecs", "list-services", *here)["serviceArns"] == [created["serviceArn"]]
    first = tasks(ecs, cluster)
    assert [task["group"] for task in first] == [f"service:{cluster}"] * 2
    assert {task["startedBy"] for task in first} == {created["deployments"][0]["id"]}
    assert {"key": "team", "value": "dock"} in first[0]["tags"]
    assert {"key": "aws:ecs:serviceName", "value": cluster} in first[0]["tags"]

    aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))
    updated = aws("ecs", "update-service", *here, "--service", cluster, "--task-definition", cluster)["service"]
    assert [deployment["status"] for deployment in updated["deployments"]] == ["PRIMARY", "ACTIVE"]
    service = steady(ecs, cluster)
    assert {task["taskDefinitionArn"] for task in tasks(ecs, cluster)} == {service["taskDefinition"]}
    said = messages(service)
    deployment = service["deployments"][0]["id"]
    assert said[-2:] == [
        f"(service {cluster}) (deployment {deployment}) deployment completed.",
        f"(service {cluster}) has reached a steady state.",
    ]
    stopped = rf"\(service {cluster}\) has stopped [12] running tasks: \(task \w+\)( \(task \w+\))?\."
    assert any(re.fullmatch(stopped, it) for it in said), said

    refused = aws("ecs", "delete-service", *here, "--service", cluster, check=False)
    assert "The service cannot be stopped while it is scaled above 0." in refused.stderr
    deleted = aws("ecs", "delete-service", *here, "--service", cluster, "--force")["service"]
    assert deleted["status"] == "DRAINING"
    until(lambda: describe(ecs, cluster)["status"] == "INACTIVE", "the service to be INACTIVE")
    aws("ecs", "wait", "services-inactive", *here, "--services", cluster)
    assert aws("ecs", "list-services", *here)["serviceArns"] == []


def test_a_service_is_kept_up_and_scaled(ecs, cluster, service):
    service(task_definition(cluster, container(WAIT_FOR_TERM)), desiredCount=2)
    steady(ecs, cluster)
    [first, second] = tasks(ecs, cluster)
    ecs.stop_task(cluster=cluster, task=first["taskArn"], reason="enough of it")
    until(lambda: len(describe(ecs, cluster)["events"]) > 3, "a replacement")
    steady(ecs, cluster)
    now = {task["taskArn"] for task in tasks(ecs, cluster)}
    assert len(now) == 2 and second["taskArn"] in now and first["taskArn"] not in now

    for count in (3, 0, 1):
        before = describe(ecs, cluster)["deployments"][0]["id"]
        ecs.update_service(cluster=cluster, service=cluster, desiredCount=count)
        assert steady(ecs, cluster)["deployments"][0]["id"] == before
        assert len(tasks(ecs, cluster)) == count
    stopped = tasks(ecs, cluster, desiredStatus="STOPPED")
    by_scheduler = [task for task in stopped if task["stopCode"] == "ServiceSchedulerInitiated"]
    assert {task["stoppedReason"] for task in by_scheduler} == {
        f"Scaling activity initiated by (deployment {before})"
    }


def test_what_does_not_start_is_rolled_back(ecs, cluster, service):
    good = task_definition(cluster, container(WAIT_FOR_TERM))
    service(good, desiredCount=1, deploymentConfiguration=BREAKER)
    before = steady(ecs, cluster)
    ecs.register_task_definition(**task_definition(cluster, container("", command=NO_PROGRAM)))
    ecs.update_service(cluster=cluster, service=cluster, taskDefinition=cluster)
    [arn] = [it["serviceDeploymentArn"] for it in deployments(ecs, cluster, ["IN_PROGRESS"])]

    def rolled_back():
        [deployment] = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return deployment if deployment["status"] == "ROLLBACK_SUCCESSFUL" else None

    deployment = until(rolled_back, "the circuit breaker's rollback")
    assert deployment["deploymentCircuitBreaker"] == {"status": "TRIGGERED", "failureCount": 3, "threshold": 3}
    after = steady(ecs, cluster)
    assert after["taskDefinition"] == before["taskDefinition"]
    assert deployment["rollback"]["serviceRevisionArn"] == after["currentServiceRevisions"][0]["arn"]
    said = "\n".join(messages(after))
    assert "deployment failed: tasks failed to start." in said and "rolling back to deployment ecs-svc/" in said
    [revision] = ecs.describe_service_revisions(
        serviceRevisionArns=[deployment["targetServiceRevision"]["arn"]]
    )["serviceRevisions"]
    assert revision["taskDefinition"].endswith(f"{cluster}:2") and revision["containerImages"][0]["image"] == IMAGE


def deployments(ecs, cluster, status):
    """The service deployments in one of these statuses."""
    return ecs.list_service_deployments(cluster=cluster, service=cluster, status=status)["serviceDeployments"]


def test_an_unhealthy_task_is_replaced(ecs, cluster, service):
    check = {"command": ["CMD-SHELL", "exit 1"], "interval": 5, "retries": 1}
    service(task_definition(cluster, container(WAIT_FOR_TERM, healthCheck=check)), desiredCount=1)

    def replaced():
        reasons = [task["stoppedReason"] for task in tasks(ecs, cluster, desiredStatus="STOPPED")]
        return "Task failed container health checks" in reasons

    until(replaced, "the first task's replacement")
    assert any(it.endswith("failed container health checks.") for it in messages(describe(ecs, cluster)))


def test_a_fargate_service(ecs, cluster, service):
    definition = fargate_definition(cluster, container(WAIT_FOR_TERM))
    strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}]
    ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=strategy
    )
    made = service(definition, desiredCount=1, networkConfiguration=NETWORK)
    assert "launchType" not in made and made["capacityProviderStrategy"] == strategy
    assert made["platformVersion"] == "LATEST" and made["platformFamily"] == "Linux"
    steady(ecs, cluster)
    [task] = tasks(ecs, cluster)
    assert task["launchType"] == "FARGATE" and task["capacityProviderName"] == "FARGATE"


def test_a_daemon_is_on_every_instance(ecs, cluster, service):
    service(task_definition(cluster, container(WAIT_FOR_TERM)), schedulingStrategy="DAEMON")
    assert steady(ecs, cluster)["desiredCount"] == 1
    register_instance(ecs, cluster)
    until(lambda: describe(ecs, cluster)["runningCount"] == 2, "the second daemon")
    [instance] = {task["containerInstanceArn"] for task in tasks(ecs, cluster)} - {
        tasks(ecs, cluster)[0]["containerInstanceArn"]
    }
    ecs.update_container_instances_state(cluster=cluster, containerInstances=[instance], status="DRAINING")
    until(lambda: describe(ecs, cluster)["runningCount"] == 1, "the daemon to leave the draining instance")


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_a_service_outlives_the_engine(request, own_engine, runtime):
    if runtime == "docker":
        request.getfixturevalue("docker_ready")
    engine = own_engine(runtime)
    ecs = engine.client("ecs")
    ecs.create_cluster(clusterName="kept")
    register_instance(ecs, "kept")
    ecs.register_task_definition(**task_definition("kept", container(WAIT_FOR_TERM)))
    ecs.create_service(cluster="kept", serviceName="kept", taskDefinition="kept", desiredCount=2)
    before = steady(ecs, "kept")
    ids = {task["taskArn"] for task in tasks(ecs, "kept")}
    engine.kill()
    engine.start()
    ecs = engine.client("ecs")
    after = steady(ecs, "kept")
    for member in ("serviceArn", "createdAt", "taskDefinition", "currentServiceRevisions"):
        assert after[member] == before[member]
    survived = {task["taskArn"] for task in tasks(ecs, "kept")}
    # Containers of Docker go on without the engine; processes end with it, and their tasks are replaced.
    assert (survived == ids) if runtime == "docker" else not (survived & ids)
    ecs.delete_service(cluster="kept", service="kept", force=True)
    until(lambda: describe(ecs, "kept")["status"] == "INACTIVE", "the end of the service")


def deploy(engine, *arguments, check=True):
    """Runs fabfuel's `ecs` as a user of the engine does."""
    return program.run([ECS_DEPLOY, *arguments], engine.environment(), check=check)


def test_ecs_deploy_scales_updates_and_deploys(engine, ecs, cluster, service):
    # Without roles in the definition, ecs-deploy sends empty ones, which ECS refuses.
    roles = dict.fromkeys(("taskRoleArn", "executionRoleArn"), "arn:aws:iam::123456789012:role/app")
    service(task_definition(cluster, container(WAIT_FOR_TERM), **roles), desiredCount=1)
    steady(ecs, cluster)
    pace = ("--timeout", "60", "--sleep-time", "1")
    assert "Scaling successful" in deploy(engine, "scale", cluster, cluster, "2", *pace).stdout
    assert describe(ecs, cluster)["runningCount"] == 2

    done = deploy(engine, "deploy", cluster, cluster, "-e", "main", "COLOUR", "blue", *pace)
    assert "Deployment successful" in done.stdout
    now = steady(ecs, cluster)
    revision = ecs.describe_task_definition(taskDefinition=now["taskDefinition"])["taskDefinition"]
    assert revision["containerDefinitions"][0]["environment"] == [{"name": "COLOUR", "value": "blue"}]
    assert {task["taskDefinitionArn"] for task in tasks(ecs, cluster)} == {now["taskDefinition"]}
    ended = deploy(engine, "update", cluster, "-e", "main", "COLOUR", "red")
    assert "Successfully created revision: 3" in ended.stdout


# What ecspresso and its like say beside the parameters of CreateService.
NOT_ASKED = {"platformFamily", "enableLogging"}
PLACEHOLDER = re.compile(r"\$\{\w+\}|\{\{.*?\}\}|<[\w\s]+>")


def mended(path, name):
    """The file's service without the usual faults: placeholders, words set to nothing, what is no parameter."""
    numbers = itertools.count(1)
    text = re.sub(r'(?<!")<ECS_\w*(COUNT|PERCENT)>', lambda found: "200" if "MAX" in found[0] else "1", path.read_text())
    text = PLACEHOLDER.sub(lambda _: f"placeholder-{next(numbers)}", text)
    document = {key: value for key, value in json.loads(text).items() if key not in NOT_ASKED and value != ""}
    alarms = document.get("deploymentConfiguration", {}).get("alarms", {})
    if "alarmnames" in alarms:
        alarms["alarmNames"] = alarms.pop("alarmnames")
    network = document.get("networkConfiguration", {}).get("awsvpcConfiguration")
    fargate = document.get("launchType") == "FARGATE" or "capacityProviderStrategy" in document
    if "capacityProviderStrategy" in document:
        document.pop("launchType", None)
    if document.get("platformVersion") not in (None, "1.3.0", "1.4.0"):
        document["platformVersion"] = "LATEST"
    family = fargate_definition if fargate or network else task_definition
    ports = [(it["containerName"], it["containerPort"]) for it in document.get("loadBalancers", [])]
    containers = [
        container("", name=name, portMappings=[{"containerPort": port}]) for name, port in ports or [("main", 80)]
    ]
    wanted = document | {"cluster": name, "serviceName": name, "taskDefinition": name, "desiredCount": 1}
    return wanted, family(name, *containers)


def lost(sent, found, where=""):
    """Where something that was sent is not in what was found. Lists that are empty may be left out."""
    if sent in (None, "", [], {}):
        return []
    if isinstance(sent, dict):
        if not isinstance(found, dict):
            return [f"{where}: {found!r}"]
        return [each for key, value in sent.items() for each in lost(value, found.get(key), f"{where}.{key}")]
    if isinstance(sent, list):
        if not isinstance(found, list) or len(sent) != len(found):
            return [f"{where}: {found!r} for {sent!r}"]
        return [each for n, (a, b) in enumerate(zip(sent, found, strict=True)) for each in lost(a, b, f"{where}[{n}]")]
    return [] if sent == found else [f"{where}: {found!r} for {sent!r}"]


def with_target_groups(engine, name, wanted):
    """The same with target groups of this engine in place of those that only their account has."""
    targets = wanted.get("loadBalancers", [])
    if not targets:
        return wanted
    elb, ec2 = engine.client("elbv2"), engine.client("ec2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    made = elb.create_load_balancer(Name=short(name), Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    kind = "ip" if "networkConfiguration" in wanted else "instance"
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    arns = []
    for number in range(len(targets)):
        request = {"Name": f"t{number}-{short(name)[4:]}", "Protocol": "HTTP", "Port": 80, "TargetType": kind, "VpcId": vpc}
        arns.append(elb.create_target_group(**request)["TargetGroups"][0]["TargetGroupArn"])
        elb.create_listener(
            LoadBalancerArn=made, Protocol="HTTP", Port=8000 + number, DefaultActions=[forward(arns[-1])]
        )
    return wanted | {"loadBalancers": [it | {"targetGroupArn": arn} for it, arn in zip(targets, arns, strict=True)]}


@pytest.mark.skipif(not FROM_REPOSITORIES, reason=f"services of public repositories: none in {DATA} (LONGSHORE_DATA)")
@pytest.mark.parametrize("path", FROM_REPOSITORIES, ids=lambda path: path.stem)
def test_every_valid_file_is_planned_and_given_back_whole(simulated_engine, name, path, tmp_path):
    ecs = simulated_engine.client("ecs")
    ecs.create_cluster(clusterName=name, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    wanted, definition = mended(path, name)
    wanted = with_target_groups(simulated_engine, name, wanted)
    (tmp_path / "it.taskdef").write_text(json.dumps(definition))
    (tmp_path / "it.service").write_text(json.dumps(wanted))
    diff = ("diff", tmp_path, "--cluster", name)
    planned = simulated_engine.longshore(*diff, check=False)
    assert planned.returncode == 2 and f"+++ service {name} (file)" in planned.stdout, planned.stderr

    ecs.register_task_definition(**definition)
    ecs.create_service(**wanted)
    # What ECS fills in is no difference.
    planned = simulated_engine.longshore(*diff, check=False)
    assert (planned.returncode, planned.stdout) == (0, ""), planned.stdout
    [found] = ecs.describe_services(cluster=name, services=[name], include=["TAGS"])["services"]
    # Some members are shown in deployments only, names are shown as ARNs.
    of_deployment = found["deployments"][0] | found
    by_name = {key: wanted.pop(key) for key in ("cluster", "taskDefinition")}
    # A role is shown as its ARN.
    wanted.pop("role", None)
    assert lost(wanted, of_deployment) == []
    assert found["clusterArn"].endswith(f"/{by_name['cluster']}")
    assert found["taskDefinition"].endswith(f"/{by_name['taskDefinition']}:1")
    ecs.delete_service(cluster=name, service=name, force=True)


def test_what_is_wrong_is_refused_in_ecs_words(simulated_engine, name):
    ecs = simulated_engine.client("ecs")
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(**task_definition(name, container("")))
    right = {"cluster": name, "serviceName": name, "taskDefinition": name, "desiredCount": 1}

    def refusal(operation, **parameters):
        with pytest.raises(ClientError) as refused:
            getattr(ecs, operation)(**parameters)
        error = refused.value.response["Error"]
        return error["Code"], error["Message"]

    with pytest.raises(ParamValidationError):
        ecs.create_service(cluster=name)
    assert refusal("update_service", cluster=name, service=name) == ("ServiceNotFoundException", "Service not found.")
    assert refusal("create_service", **right | {"taskDefinition": "other"}) == (
        "ClientException",
        "TaskDefinition not found.",
    )
    both = {"minimumHealthyPercent": 100, "maximumPercent": 100}
    assert refusal("create_service", **right, deploymentConfiguration=both)[0] == "InvalidParameterException"
    ecs.create_service(**right)
    assert refusal("create_service", **right | {"desiredCount": 2}) == (
        "InvalidParameterException",
        "Creation of service was not idempotent.",
    )
    ecs.create_service(**right)
    assert refusal("delete_cluster", cluster=name)[0] == "ClusterContainsServicesException"
    ecs.delete_service(cluster=name, service=name, force=True)
    assert refusal("update_service", cluster=name, service=name) == (
        "ServiceNotActiveException",
        "Service was not ACTIVE.",
    )


def test_capacity_providers(simulated_engine, name):
    ecs = simulated_engine.client("ecs")
    own = f"own-{name}"
    group = {"autoScalingGroupArn": own, "managedScaling": {"status": "ENABLED", "targetCapacity": 90}}
    made = ecs.create_capacity_provider(name=own, autoScalingGroupProvider=group, tags=[{"key": "a", "value": "b"}])
    arn = made["capacityProvider"]["capacityProviderArn"]
    assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]
    found = ecs.describe_capacity_providers(capacityProviders=[own, "FARGATE", "other"])
    assert [it["name"] for it in found["capacityProviders"]] == ["FARGATE", own]
    assert [it["reason"] for it in found["failures"]] == ["MISSING"]
    ecs.create_cluster(clusterName=name, capacityProviders=[own])
    with pytest.raises(ClientError, match="cannot be deleted"):
        ecs.delete_capacity_provider(capacityProvider=own)
    ecs.put_cluster_capacity_providers(cluster=name, capacityProviders=[], defaultCapacityProviderStrategy=[])
    assert ecs.delete_capacity_provider(capacityProvider=own)["capacityProvider"]["updateStatus"] == "DELETE_IN_PROGRESS"
