"""What a task's containers get and how they end, in both runtimes, through boto3."""

import json
from urllib.error import URLError
from urllib.request import urlopen

from support.definitions import (
    NETWORK,
    WAIT_FOR_TERM,
    container,
    fargate_definition,
    messages,
    register_instance,
    run_one,
    task_definition,
    wait_for,
)
from support.wait import until

ROLE = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole"


def finished(ecs, cluster, definition, **settings):
    """Runs one task to its end."""
    return wait_for(ecs, cluster, run_one(ecs, cluster, definition, **settings)["taskArn"], "STOPPED")


def test_secrets_reach_the_container(engine, ecs, logs, cluster):
    ssm, secrets = engine.client("ssm"), engine.client("secretsmanager")
    ssm.put_parameter(Name=f"/{cluster}/plain", Value="from the parameter store", Type="SecureString")
    whole = secrets.create_secret(Name=f"{cluster}/whole", SecretString="the whole secret")["ARN"]
    fields = secrets.create_secret(Name=f"{cluster}/fields", SecretString=json.dumps({"user": "sam", "n": "1"}))["ARN"]
    script = 'printf "%s|%s|%s|%s\\n" "$PLAIN" "$BY_ARN" "$WHOLE" "$USER_NAME"'
    wanted = [
        {"name": "PLAIN", "valueFrom": f"/{cluster}/plain"},
        {"name": "BY_ARN", "valueFrom": f"arn:aws:ssm:us-east-1:123456789012:parameter/{cluster}/plain"},
        {"name": "WHOLE", "valueFrom": whole},
        {"name": "USER_NAME", "valueFrom": f"{fields}:user::"},
    ]
    definition = task_definition(cluster, container(script, group=cluster, secrets=wanted), executionRoleArn=ROLE)
    task = finished(ecs, cluster, definition)
    assert task["containers"][0]["exitCode"] == 0, task
    assert messages(logs, cluster) == ["from the parameter store|from the parameter store|the whole secret|sam"]
    for visible in (json.dumps(task, default=str), engine.log_text()):
        assert "the whole secret" not in visible and "from the parameter store" not in visible


def test_a_secret_that_is_missing_stops_the_task(ecs, cluster):
    wanted = [{"name": "GONE", "valueFrom": f"/{cluster}/not-there"}]
    task = finished(ecs, cluster, task_definition(cluster, container("true", secrets=wanted), executionRoleArn=ROLE))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: ")
    assert f"/{cluster}/not-there" in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0] and "startedAt" not in task


def test_a_fargate_task_needs_no_instance(ecs, logs, name):
    ecs.create_cluster(clusterName=name, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    definition = fargate_definition(name, container("echo on fargate", group=name))
    ecs.register_task_definition(**definition)
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    answer = ecs.run_task(
        cluster=name, taskDefinition=name, capacityProviderStrategy=strategy, networkConfiguration=NETWORK
    )
    assert answer["failures"] == []
    task = wait_for(ecs, name, answer["tasks"][0]["taskArn"], "STOPPED")
    assert task["capacityProviderName"] == "FARGATE_SPOT" and task["containers"][0]["exitCode"] == 0
    assert "containerInstanceArn" not in task
    assert messages(logs, name) == ["on fargate"]


def test_containers_wait_for_what_they_depend_on(ecs, logs, cluster):
    first = container("sleep 0.3; echo first", group=cluster, name="first", essential=False)
    healthy = container(
        "echo healthy; exec sleep 300",
        group=cluster,
        name="healthy",
        essential=False,
        stopTimeout=2,
        healthCheck={"command": ["CMD-SHELL", "true"], "interval": 5},
        dependsOn=[{"containerName": "first", "condition": "SUCCESS"}],
    )
    last = container(
        "echo last; exit 4",
        group=cluster,
        name="last",
        dependsOn=[{"containerName": "healthy", "condition": "HEALTHY"}],
    )
    task = finished(ecs, cluster, task_definition(cluster, last, healthy, first))
    codes = {each["name"]: each.get("exitCode") for each in task["containers"]}
    assert codes["first"] == 0 and codes["last"] == 4 and codes["healthy"] in (137, 143), task
    assert messages(logs, cluster) == ["first", "healthy", "last"]


def test_a_dependency_that_fails_stops_the_task(ecs, logs, cluster):
    first = container("exit 5", name="first", essential=False)
    last = container("echo never", group=cluster, dependsOn=[{"containerName": "first", "condition": "SUCCESS"}])
    task = finished(ecs, cluster, task_definition(cluster, last, first))
    codes = {each["name"]: each.get("exitCode") for each in task["containers"]}
    assert codes["first"] == 5 and task["stopCode"] in ("TaskFailedToStart", "EssentialContainerExited")
    assert messages(logs, cluster) == []


def test_a_container_that_does_not_listen_is_killed(ecs, cluster):
    deaf = container("trap '' TERM; while :; do sleep 0.1; done", stopTimeout=2)
    task = run_one(ecs, cluster, task_definition(cluster, deaf))
    wait_for(ecs, cluster, task["taskArn"], "RUNNING")
    ecs.stop_task(cluster=cluster, task=task["taskArn"])
    task = wait_for(ecs, cluster, task["taskArn"], "STOPPED")
    assert task["containers"][0]["exitCode"] == 137
    waited = task["stoppedAt"] - task["stoppingAt"]
    assert waited.total_seconds() >= 2


def test_a_restart_policy_gives_up_on_a_container_that_ends_too_soon(ecs, logs, cluster):
    policy = {"enabled": True, "ignoredExitCodes": [0], "restartAttemptPeriod": 60}
    task = finished(
        ecs, cluster, task_definition(cluster, container("echo up; exit 6", group=cluster, restartPolicy=policy))
    )
    assert task["containers"][0]["exitCode"] == 6 and task["stopCode"] == "EssentialContainerExited"
    assert messages(logs, cluster) == ["up"]


def test_the_metadata_endpoint_tells_the_container_who_it_is(ecs, logs, cluster):
    script = (
        'get() { if command -v wget >/dev/null; then wget -qO- "$1"; else curl -fsS "$1"; fi; echo; }; '
        'get "$ECS_CONTAINER_METADATA_URI_V4"; get "$ECS_CONTAINER_METADATA_URI_V4/task"'
    )
    task = finished(ecs, cluster, task_definition(cluster, container(script, group=cluster)))
    lines = [json.loads(line) for line in messages(logs, cluster) if line.strip()]
    assert task["containers"][0]["exitCode"] == 0, lines
    of_container, of_task = lines
    assert of_container["Name"] == "main"
    assert of_task["TaskARN"] == task["taskArn"] and of_task["Family"] == cluster and of_task["Revision"] == "1"
    assert [each["Name"] for each in of_task["Containers"]] == ["main"]


def test_containers_of_a_task_share_a_volume(engine, ecs, logs, cluster):
    # A process sees the whole machine, so its volumes are below its own directory, where it starts.
    inside = "shared" if engine.runtime == "process" else "/shared"
    mount = [{"sourceVolume": "shared", "containerPath": "/shared"}]
    writer = container(f'echo "left here" > {inside}/note', name="writer", essential=False, mountPoints=mount)
    reader = container(
        f"cat {inside}/note",
        group=cluster,
        mountPoints=mount,
        dependsOn=[{"containerName": "writer", "condition": "SUCCESS"}],
    )
    definition = task_definition(cluster, reader, writer, volumes=[{"name": "shared", "host": {}}])
    task = finished(ecs, cluster, definition)
    assert task["containers"][0]["exitCode"] == 0, task
    assert messages(logs, cluster) == ["left here"]


def test_a_dynamic_host_port_is_reported_and_answers(engine, ecs, cluster):
    script = (
        "mkdir -p /tmp/$NAME; cd /tmp/$NAME; echo hello > index.html; "
        'if command -v httpd >/dev/null; then exec httpd -f -p "${PORT:-8080}"; '
        'else exec busybox httpd -f -p "${PORT:-8080}"; fi'
    )
    server = container(script, portMappings=[{"containerPort": 8080}], environment=[{"name": "NAME", "value": cluster}])
    task = run_one(ecs, cluster, task_definition(cluster, server, networkMode="bridge"))
    task = wait_for(ecs, cluster, task["taskArn"], "RUNNING")
    [binding] = task["containers"][0]["networkBindings"]
    assert binding["containerPort"] == 8080 and binding["hostPort"] != 8080
    until(lambda: fetch(binding["hostPort"]) == "hello\n", f"an answer on port {binding['hostPort']}", 10)
    ecs.stop_task(cluster=cluster, task=task["taskArn"])


def fetch(port):
    """What the server on this port says; None while nobody answers."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/index.html", timeout=5) as answer:
            return answer.read().decode()
    except (URLError, ConnectionError):
        return None


def test_running_out_of_memory_is_told_apart(docker_ready, engines, name):
    ecs = engines("docker").client("ecs")
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    hungry = container("a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done", memory=8)
    task = finished(ecs, name, task_definition(name, hungry))
    [main] = task["containers"]
    assert main["exitCode"] == 137 and main["reason"].startswith("OutOfMemoryError"), task


def test_an_image_that_cannot_be_pulled(docker_ready, engines, name):
    ecs = engines("docker").client("ecs")
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    # Nobody listens on port 1, so the answer comes at once.
    task = finished(ecs, name, task_definition(name, container("true", image="127.0.0.1:1/none:1")))
    assert task["stopCode"] == "TaskFailedToStart" and "exitCode" not in task["containers"][0]
    assert "CannotPullContainerError" in task["stoppedReason"] + task["containers"][0].get("reason", "")


def test_a_process_needs_a_command(process_engine, name):
    ecs = process_engine.client("ecs")
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    definition = task_definition(name, {"name": "main", "image": "nginx", "memory": 32})
    task = finished(ecs, name, definition)
    assert task["stopCode"] == "TaskFailedToStart" and "exitCode" not in task["containers"][0]
    reasons = task["stoppedReason"] + task["containers"][0].get("reason", "")
    assert "nginx" in reasons and "longshore.toml" in reasons


def test_many_lines_in_the_last_moment_are_all_kept(ecs, logs, cluster):
    task = finished(ecs, cluster, task_definition(cluster, container("seq 10000", group=cluster)))
    assert task["containers"][0]["exitCode"] == 0
    stream = f"test/main/{task['taskArn'].rsplit('/', 1)[1]}"
    assert messages(logs, cluster, logStreamNames=[stream]) == [str(number) for number in range(1, 10001)]


def test_lines_that_belong_together_become_one_event(ecs, logs, cluster):
    script = 'echo "2026-11-21 first"; echo "  at line 1"; sleep 0.3; echo "  at line 2"; echo "2026-11-21 second"'
    main = container(script, group=cluster)
    main["logConfiguration"]["options"]["awslogs-multiline-pattern"] = r"^\d{4}-\d{2}-\d{2}"
    finished(ecs, cluster, task_definition(cluster, main))
    assert messages(logs, cluster) == ["2026-11-21 first\n  at line 1\n  at line 2", "2026-11-21 second"]


def test_a_task_that_is_stopped_before_it_runs(ecs, cluster):
    task = run_one(ecs, cluster, task_definition(cluster, container(WAIT_FOR_TERM)))
    ecs.stop_task(cluster=cluster, task=task["taskArn"], reason="changed my mind")
    task = wait_for(ecs, cluster, task["taskArn"], "STOPPED")
    assert task["stopCode"] == "UserInitiated" and task["stoppedReason"] == "changed my mind"
