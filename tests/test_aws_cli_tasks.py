"""Running tasks with the AWS CLI, as a user at a shell does."""

import json
import subprocess
import time

import pytest
from support import program
from support.definitions import NETWORK, WAIT_FOR_TERM, container, fargate_definition, messages, task_definition
from support.wait import until


@pytest.fixture
def aws(engine):
    """Runs the AWS CLI against the engine and gives the JSON that it printed."""
    return engine.aws


def register(aws, definition):
    """register-task-definition from JSON, as one does with a file."""
    answer = aws("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))
    return answer["taskDefinition"]["taskDefinitionArn"]


def test_exit_code_7_comes_out_as_7(aws, name):
    made = aws("ecs", "create-cluster", "--cluster-name", name)
    assert made["cluster"]["status"] == "ACTIVE"
    definition = register(aws, fargate_definition(name, container("echo out; exit 7", group=name)))
    started = aws(
        "ecs", "run-task", "--cluster", name, "--task-definition", name, "--launch-type", "FARGATE",
        "--network-configuration", json.dumps(NETWORK), "--started-by", "a-test",
    )  # fmt: skip
    assert started["failures"] == []
    [task] = started["tasks"]
    assert task["lastStatus"] in ("PROVISIONING", "PENDING") and task["desiredStatus"] == "RUNNING"
    assert task["taskDefinitionArn"] == definition

    aws("ecs", "wait", "tasks-stopped", "--cluster", name, "--tasks", task["taskArn"])
    [task] = aws("ecs", "describe-tasks", "--cluster", name, "--tasks", task["taskArn"])["tasks"]

    assert task["lastStatus"] == "STOPPED" and task["desiredStatus"] == "STOPPED"
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["startedBy"] == "a-test" and task["group"] == f"family:{name}"
    assert task["launchType"] == "FARGATE"
    [main] = task["containers"]
    assert main["exitCode"] == 7 and main["lastStatus"] == "STOPPED" and main["name"] == "main"
    life = ("createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "executionStoppedAt", "stoppedAt")
    moments = [task[moment] for moment in life]
    assert moments == sorted(moments), dict(zip(life, moments, strict=True))
    assert task["startedAt"] <= task["stoppingAt"] <= task["stoppedAt"]


def test_a_task_runs_until_it_is_stopped(aws, ecs, cluster):
    register(aws, task_definition(cluster, container(WAIT_FOR_TERM, group=cluster)))
    [task] = aws("ecs", "run-task", "--cluster", cluster, "--task-definition", cluster)["tasks"]
    arn = task["taskArn"]
    aws("ecs", "wait", "tasks-running", "--cluster", cluster, "--tasks", arn)
    assert aws("ecs", "list-tasks", "--cluster", cluster)["taskArns"] == [arn]
    assert aws("ecs", "list-tasks", "--cluster", cluster, "--family", cluster)["taskArns"] == [arn]
    assert aws("ecs", "list-tasks", "--cluster", cluster, "--family", "other")["taskArns"] == []
    assert aws("ecs", "list-tasks", "--cluster", cluster, "--desired-status", "STOPPED")["taskArns"] == []

    stopped = aws("ecs", "stop-task", "--cluster", cluster, "--task", arn, "--reason", "enough of it")["task"]
    assert stopped["desiredStatus"] == "STOPPED"
    aws("ecs", "wait", "tasks-stopped", "--cluster", cluster, "--tasks", arn)

    [task] = aws("ecs", "describe-tasks", "--cluster", cluster, "--tasks", arn)["tasks"]
    assert task["stopCode"] == "UserInitiated" and task["stoppedReason"] == "enough of it"
    assert task["containers"][0]["exitCode"] == 3
    assert aws("ecs", "list-tasks", "--cluster", cluster)["taskArns"] == []
    assert aws("ecs", "list-tasks", "--cluster", cluster, "--desired-status", "STOPPED")["taskArns"] == [arn]


def test_overrides_reach_the_container(aws, logs, cluster):
    register(
        aws, task_definition(cluster, container("exit 1", group=cluster, environment=[{"name": "A", "value": "1"}]))
    )
    overrides = {
        "containerOverrides": [
            {
                "name": "main",
                "command": ["sh", "-c", 'echo "A=$A B=$B"'],
                "environment": [{"name": "B", "value": "two words"}],
            }
        ]
    }
    [task] = aws(
        "ecs", "run-task", "--cluster", cluster, "--task-definition", cluster, "--overrides", json.dumps(overrides)
    )["tasks"]
    aws("ecs", "wait", "tasks-stopped", "--cluster", cluster, "--tasks", task["taskArn"])
    [task] = aws("ecs", "describe-tasks", "--cluster", cluster, "--tasks", task["taskArn"])["tasks"]
    assert task["containers"][0]["exitCode"] == 0
    assert task["overrides"]["containerOverrides"][0]["command"] == overrides["containerOverrides"][0]["command"]
    assert messages(logs, cluster) == ["A=1 B=two words"]


def test_logs_tail_follows_a_running_task(engine, aws, ecs, cluster, tmp_path):
    aws_2 = program.aws_version_2()
    if aws_2 is None:
        pytest.skip("aws logs tail --follow: needs version 2 of the AWS CLI (Debian: apt-get install awscli)")
    register(aws, task_definition(cluster, container(f"echo first; {WAIT_FOR_TERM}", group=cluster)))
    [task] = aws("ecs", "run-task", "--cluster", cluster, "--task-definition", cluster)["tasks"]
    aws("ecs", "wait", "tasks-running", "--cluster", cluster, "--tasks", task["taskArn"])
    with (tmp_path / "tail").open("w") as output:
        tail = subprocess.Popen(
            [aws_2, "--endpoint-url", engine.endpoint, "logs", "tail", cluster, "--follow", "--format", "short"],
            env=engine.environment() | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    shown = tmp_path / "tail"
    try:
        until(lambda: "waiting" in shown.read_text(), "the running task's lines in `aws logs tail --follow`")
        [now] = ecs.describe_tasks(cluster=cluster, tasks=[task["taskArn"]])["tasks"]
        assert now["lastStatus"] == "RUNNING"
        aws("logs", "put-log-events", "--log-group-name", cluster, "--log-stream-name", stream_of(task),
            "--log-events", json.dumps([{"timestamp": now_ms(), "message": "from elsewhere"}]))  # fmt: skip
        until(lambda: "from elsewhere" in shown.read_text(), "a line that came while `aws logs tail` followed")
        assert tail.poll() is None, shown.read_text()
    finally:
        tail.terminate()
        tail.wait()
    lines = [line.split(" ", 1)[1] for line in shown.read_text().splitlines() if " " in line]
    assert lines.count("first") == 1 and lines.index("first") < lines.index("waiting")
    aws("ecs", "stop-task", "--cluster", cluster, "--task", task["taskArn"])


def stream_of(task):
    """The log stream of a task's container `main`."""
    return f"test/main/{task['taskArn'].rsplit('/', 1)[1]}"


def now_ms():
    """The time as CloudWatch Logs counts it."""
    return int(time.time() * 1000)


def test_describe_tasks_names_what_is_missing(aws, cluster):
    unknown = "0" * 32
    answer = aws("ecs", "describe-tasks", "--cluster", cluster, "--tasks", unknown)
    assert answer["tasks"] == []
    [failure] = answer["failures"]
    assert failure["reason"] == "MISSING" and failure["arn"].endswith(f":task/{cluster}/{unknown}")
