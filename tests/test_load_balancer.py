"""Services behind local load balancers: pages that arrive, and requests that nobody loses while things change."""

import json
import time
import urllib.request

from support.balancer import Load, balancer, forward  # noqa: F401 (fixture)
from support.definitions import describe
from support.project import SERVER, project, settled  # noqa: F401 (fixture)
from support.wait import until


def write(project, balancer, version, count=2, **service):
    """The files of a service behind the load balancer that says its version."""
    behind = {"targetGroupArn": balancer.group, "containerName": "main", "containerPort": 8080}
    project.write(
        "web",
        "",
        count=count,
        service={"loadBalancers": [behind]} | service,
        command=["python3", "-u", "-c", SERVER],
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
    binding = describe(ecs, cluster, task)["containers"][0]["networkBindings"][0]
    pid = listener(binding["hostPort"]) if engine.runtime == "process" else None
    if pid:
        import os
        import signal

        os.kill(pid, signal.SIGKILL)
    else:
        import subprocess

        container = describe(ecs, cluster, task)["containers"][0]["runtimeId"]
        subprocess.run(["docker", "kill", "--signal", "KILL", container], check=True, capture_output=True)
    until(lambda: describe(ecs, cluster, task)["lastStatus"] == "STOPPED" or None, "the killed task to stop")


def listener(port):
    """The process that listens on this port."""
    import os
    from pathlib import Path

    wanted = f"{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {line.split()[9] for line in lines if line.split()[1].endswith(f":{wanted}") and line.split()[3] == "0A"}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                links = [os.readlink(link) for link in (entry / "fd").iterdir()]
            except OSError:
                continue
            if any(f"socket:[{inode}]" in links for inode in inodes):
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
    # It runs, and listens to nobody.
    definition["containerDefinitions"][0]["command"] = ["sh", "-c", "trap 'exit 0' TERM; sleep 300 & wait"]
    project.definition("web", definition)
    before = time.monotonic()
    said = project.apply(exits=1).stderr
    assert "rolled back to" in said, said
    assert "failed ELB health checks" in said or "is unhealthy in" in said, said
    assert get(balancer.url) == "one", time.monotonic() - before
