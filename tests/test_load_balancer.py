"""Services behind local load balancers: pages that arrive, and requests that nobody loses while things change."""

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

from support.balancer import Load, balancer, forward, short  # noqa: F401 (fixture)
from support.definitions import container, describe, task_definition
from support.project import SERVER, project, settled  # noqa: F401 (fixture)
from support.wait import until


def write(project, balancer, version, count=2, **service):
    """The files of a service behind the load balancer that says its version."""
    behind = {"targetGroupArn": balancer.group, "containerName": "main", "containerPort": 8080}
    project.write(
        "web",
        SERVER,
        count=count,
        service={"loadBalancers": [behind]} | service,
        environment=[{"name": "VERSION", "value": version}, {"name": "PORT", "value": "8080"}],
        portMappings=[{"containerPort": 8080}],
        memory=64,
    )


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def test_a_page_arrives_through_the_load_balancer(ecs, project, balancer):
    write(project, balancer, "one")
    project.apply()
    assert get(balancer.url) == "one"
    assert balancer.states() == ["healthy"] * 2
    events = [event["message"] for event in project.service(ecs, "web")["events"]]
    assert any("registered 2 targets in" in event or "registered 1 targets in" in event for event in events), events


def test_from_the_command_line(engine, ecs, cluster, name):
    aws = engine.aws
    subnets = [subnet["SubnetId"] for subnet in aws("ec2", "describe-subnets")["Subnets"]]
    vpc = aws("ec2", "describe-vpcs")["Vpcs"][0]["VpcId"]
    made = aws("elbv2", "create-load-balancer", "--name", short(name), "--subnets", *subnets)["LoadBalancers"][0]
    aws("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", made["LoadBalancerArn"])
    group = aws(
        "elbv2", "create-target-group", "--name", short(name), "--protocol", "HTTP", "--port", "80", "--vpc-id", vpc,
        "--target-type", "instance", "--health-check-interval-seconds", "5", "--health-check-timeout-seconds", "2",
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    listener = aws(
        "elbv2", "create-listener", "--load-balancer-arn", made["LoadBalancerArn"], "--protocol", "HTTP", "--port", "8080",
        "--default-actions", f"Type=forward,TargetGroupArn={group}",
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    definition = task_definition(
        cluster,
        container(
            SERVER,
            portMappings=[{"containerPort": 8080}],
            environment=[{"name": "PORT", "value": "8080"}, {"name": "VERSION", "value": "one"}],
        ),
    )
    aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))
    here = ("--cluster", cluster)
    aws(
        "ecs", "create-service", *here, "--service-name", "web", "--task-definition", cluster, "--desired-count", "2",
        "--load-balancers", f"targetGroupArn={group},containerName=main,containerPort=8080",
    )  # fmt: skip
    settled(ecs, cluster, "web", 2)
    aws("ecs", "wait", "services-stable", *here, "--services", "web")
    aws("elbv2", "wait", "target-in-service", "--target-group-arn", group)
    # Clients make their URL of the name and the port.
    assert get(f"http://{made['DNSName']}:8080") == "one"
    aws("ecs", "delete-service", *here, "--service", "web", "--force")
    health = ("elbv2", "describe-target-health", "--target-group-arn", group)
    until(lambda: aws(*health)["TargetHealthDescriptions"] == [] or None, "the targets to be gone")
    aws("elbv2", "delete-listener", "--listener-arn", listener)
    aws("elbv2", "delete-load-balancer", "--load-balancer-arn", made["LoadBalancerArn"])
    aws("elbv2", "delete-target-group", "--target-group-arn", group)


def test_a_rolling_deployment_and_a_scale_in_lose_no_request(ecs, project, balancer):
    write(project, balancer, "one")
    project.apply()
    with Load(balancer.url) as load:
        write(project, balancer, "two")
        project.apply()
        assert project.longshore("scale", "web=4").returncode == 0
        assert project.longshore("scale", "web=1").returncode == 0
        assert get(balancer.url) == "two"
    load.check(at_least=200)
    versions = [body for _, body in load.answers]
    assert versions[0] == "one" and versions[-1] == "two"


def test_a_killed_task_costs_no_request(ecs, project, balancer):
    write(project, balancer, "one", count=3)
    project.apply()
    with Load(balancer.url) as load:
        for _ in range(2):
            [first, *_] = ecs.list_tasks(cluster=project.cluster, serviceName="web")["taskArns"]
            kill(project.engine, ecs, project.cluster, first)
            settled(ecs, project.cluster, "web", 3)
            until(lambda: balancer.states() == ["healthy"] * 3 or None, "three healthy targets")
    load.check(at_least=100)


def kill(engine, ecs, cluster, task):
    """kill -9 of the task's server, from outside."""
    container = describe(ecs, cluster, task)["containers"][0]
    if engine.runtime == "docker":
        command = ["docker", "kill", "--signal", "KILL", container["runtimeId"]]
        subprocess.run(command, check=True, capture_output=True)
    else:
        os.kill(server_on(container["networkBindings"][0]["hostPort"]), signal.SIGKILL)
    until(lambda: describe(ecs, cluster, task)["lastStatus"] == "STOPPED" or None, "the killed task to stop")


def server_on(port):
    """The id of the process that was told to listen on this port."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended meanwhile
            if words[:2] == [b"busybox", b"httpd"] and str(port).encode() in words:
                return int(entry.name)
    raise AssertionError(f"nothing listens on {port}")


def test_a_thousand_route_changes_lose_no_request(ecs, project, balancer):
    write(project, balancer, "one", count=1)
    project.apply()
    elb = balancer.elb
    action = [forward(balancer.group)]
    with Load(balancer.url) as load:
        for number in range(500):
            conditions = [{"Field": "host-header", "Values": [f"h{number}.example.com"]}]
            made = elb.create_rule(
                ListenerArn=balancer.listener, Priority=number + 1, Conditions=conditions, Actions=action
            )
            elb.delete_rule(RuleArn=made["Rules"][0]["RuleArn"])
    load.check(at_least=200)


def test_what_is_never_healthy_is_replaced_and_the_deployment_fails(ecs, project, balancer):
    breaker = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}
    write(project, balancer, "one", count=1, healthCheckGracePeriodSeconds=0, **breaker)
    project.apply()
    definition = json.loads((project.files / "web.taskdef.json").read_text())
    # It runs and has no page. Somebody else's program would answer behind a port that it leaves free.
    nothing = 'mkdir -p none && exec busybox httpd -f -p "$PORT" -h none'
    definition["containerDefinitions"][0]["command"] = ["sh", "-c", nothing]
    project.definition("web", definition)
    said = project.apply(exits=1).stderr
    assert "rolled back to" in said, said
    assert "failed ELB health checks" in said or "is unhealthy in" in said, said
    assert get(balancer.url) == "one"
