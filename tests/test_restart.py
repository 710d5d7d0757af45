"""kill -9 and start again: nothing that was acknowledged is lost, and nothing runs on unseen."""

import subprocess
import uuid

import pytest
from botocore.exceptions import ClientError
from support import program
from support.definitions import container, messages, register_instance, run_one, task_definition, wait_for
from support.engine import processes_with
from support.signing import send, signed
from support.wait import until


@pytest.mark.parametrize("runtime", ["process", "docker"])
def test_kill_9_between_calls_loses_nothing(request, own_engine, runtime):
    if runtime == "docker":
        request.getfixturevalue("docker_ready")
    marker = f"LONGSHORE_TEST_MARKER={uuid.uuid4().hex}"
    engine = own_engine(runtime)
    ecs, logs, ssm, secrets = (engine.client(service) for service in ("ecs", "logs", "ssm", "secretsmanager"))
    exports = dict(engine.exports)

    def again():
        engine.kill()
        engine.start()
        assert engine.exports == exports, "the same key and port as before"

    ecs.create_cluster(clusterName="kept", tags=[{"key": "team", "value": "dock"}])
    again()
    instance = register_instance(ecs, "kept")["containerInstanceArn"]
    again()
    ecs.put_attributes(cluster="kept", attributes=[{"name": "stack", "value": "blue", "targetId": instance}])
    ecs.put_account_setting(name="containerInsights", value="enabled")
    ssm.put_parameter(Name="/kept", Value="a value", Type="String")
    secret = secrets.create_secret(Name="kept", SecretString="a secret")["ARN"]
    again()
    environment = [dict(zip(("name", "value"), marker.split("="), strict=True))]
    script = "echo before; n=0; while :; do n=$((n+1)); echo $n; sleep 0.05; done"
    definition = task_definition("kept", container(script, group="/kept", environment=environment, stopTimeout=2))
    task = run_one(ecs, "kept", definition, clientToken="kept")["taskArn"]
    again()
    until(
        lambda: ecs.describe_tasks(cluster="kept", tasks=[task])["tasks"][0]["lastStatus"] in ("RUNNING", "STOPPED"),
        "a start",
    )
    until(lambda: "before" in messages(logs, "/kept") or stopped(ecs, task), "output")
    seen = messages(logs, "/kept")
    again()

    assert ecs.describe_clusters(clusters=["kept"], include=["TAGS"])["clusters"][0]["tags"] == [
        {"key": "team", "value": "dock"}
    ]
    attributes = ecs.list_attributes(cluster="kept", targetType="container-instance", attributeName="stack")[
        "attributes"
    ]
    assert [attribute["value"] for attribute in attributes] == ["blue"]
    assert (
        ecs.list_account_settings(name="containerInsights", effectiveSettings=True)["settings"][0]["value"] == "enabled"
    )
    assert ssm.get_parameter(Name="/kept")["Parameter"]["Value"] == "a value"
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "a secret"
    assert ecs.describe_task_definition(taskDefinition="kept")["taskDefinition"]["revision"] == 1
    assert messages(logs, "/kept")[: len(seen)] == seen
    token = ecs.run_task(cluster="kept", taskDefinition="kept", clientToken="kept")
    assert [each["taskArn"] for each in token["tasks"]] == [task], "the token is remembered too"

    if runtime == "docker":
        assert not stopped(ecs, task), "a container outlives the engine and is found again"
        until(lambda: len(messages(logs, "/kept")) > len(seen), "further lines of the container that was found again")
        counted = messages(logs, "/kept")
        assert counted == ["before", *map(str, range(1, len(counted)))], "no line lost, none twice"
        ecs.stop_task(cluster="kept", task=task)
    ended = wait_for(ecs, "kept", task, "STOPPED")
    if runtime == "process":
        assert "engine" in ended["stoppedReason"], ended["stoppedReason"]
    until(lambda: processes_with(marker) == [], "the end of every process of the task")
    [left] = ecs.describe_container_instances(cluster="kept", containerInstances=[instance])["containerInstances"]
    assert left["remainingResources"] == left["registeredResources"] or left["runningTasksCount"] == 0


def stopped(ecs, task):
    """Whether the task has stopped."""
    return ecs.describe_tasks(cluster="kept", tasks=[task])["tasks"][0]["lastStatus"] == "STOPPED"


def test_sigterm_ends_the_engine_and_its_tasks(own_engine):
    marker = f"LONGSHORE_TEST_MARKER={uuid.uuid4().hex}"
    engine = own_engine("process")
    ecs = engine.client("ecs")
    ecs.create_cluster(clusterName="default")
    register_instance(ecs, "default")
    environment = [dict(zip(("name", "value"), marker.split("="), strict=True))]
    family = container("sleep 300 & sleep 300", environment=environment)
    task = run_one(ecs, "default", task_definition("sleeper", family))["taskArn"]
    wait_for(ecs, "default", task, "RUNNING")
    until(lambda: len(processes_with(marker)) >= 2, "the task's processes")
    assert engine.stop() == 0
    assert processes_with(marker) == []
    engine.start()
    ended = wait_for(ecs, "default", task, "STOPPED")
    assert ended["stoppedReason"]


@pytest.mark.parametrize(("runtime", "calls"), [("process", 10), ("simulated", 100)], ids=["process", "simulated"])
def test_sigterm_ends_an_engine_that_still_starts_tasks(own_engine, runtime, calls):
    marker = f"LONGSHORE_TEST_MARKER={uuid.uuid4().hex}"
    engine = own_engine(runtime)
    ecs = engine.client("ecs")
    ecs.create_cluster(clusterName="default")
    register_instance(ecs, "default")
    environment = [dict(zip(("name", "value"), marker.split("="), strict=True))]
    environment.append({"name": "LONGSHORE_SIMULATE_RUN_MS", "value": "forever"})
    sleeper = container("exec sleep 300", environment=environment, memory=8)
    ecs.register_task_definition(**task_definition("sleeper", sleeper))
    for _ in range(calls):
        assert ecs.run_task(taskDefinition="sleeper", count=10)["failures"] == []
    assert engine.stop() == 0
    assert processes_with(marker) == []


def test_an_ephemeral_engine_forgets(own_engine):
    engine = own_engine("simulated", ephemeral=True)
    ecs = engine.client("ecs")
    ecs.create_cluster(clusterName="gone")
    engine.client("logs").create_log_group(logGroupName="gone")
    assert reset(engine).status == 200
    assert ecs.describe_clusters(clusters=["gone"])["clusters"] == []
    assert engine.client("logs").describe_log_groups()["logGroups"] == []
    ecs.create_cluster(clusterName="gone")


def test_a_kept_engine_is_not_emptied(own_engine):
    engine = own_engine("simulated")
    ecs = engine.client("ecs")
    ecs.create_cluster(clusterName="stays")
    assert reset(engine).status >= 400
    assert ecs.describe_clusters(clusters=["stays"])["clusters"]


def test_any_credentials_when_told_so(own_engine):
    engine = own_engine("simulated", ephemeral=True, options=["--insecure-any-credentials"])
    foreign = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    listed = program.run([program.AWS, "ecs", "list-clusters"], engine.environment() | foreign)
    assert "clusterArns" in listed.stdout
    refusing = own_engine("simulated", ephemeral=True)
    done = program.run([program.AWS, "ecs", "list-clusters"], refusing.environment() | foreign, check=False)
    assert done.returncode != 0 and "UnrecognizedClientException" in done.stderr


def test_the_runtime_is_chosen_and_said(own_engine, tmp_path):
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/no-docker.sock"}
    chosen = own_engine("auto", ephemeral=True, environment=nowhere)
    assert "process" in chosen.log_text()
    nothing_runs = own_engine("simulated", ephemeral=True)
    assert "simulated" in nothing_runs.log_text() and "no container runs" in nothing_runs.log_text()


def test_docker_is_chosen_where_a_daemon_answers(docker_ready, own_engine):
    assert "docker" in own_engine("auto", ephemeral=True).log_text()


def test_the_account_is_the_one_that_was_told(own_engine):
    ecs = own_engine("simulated", options=["--account", "999988887777"]).client("ecs")
    made = ecs.create_cluster(clusterName="c")["cluster"]["clusterArn"]
    assert made == "arn:aws:ecs:us-east-1:999988887777:cluster/c"


def test_the_key_is_the_users_alone(own_engine):
    engine = own_engine("simulated")
    secret = engine.exports["AWS_SECRET_ACCESS_KEY"].encode()
    holders = [path for path in engine.state.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert holders, "the key is kept, as it is the same after a restart"
    assert {oct(path.stat().st_mode & 0o777) for path in holders} == {"0o600"}
    assert secret.decode() not in engine.log_text()
    with pytest.raises(ClientError):
        engine.client("ecs").describe_task_definition(taskDefinition="none")


def reset(engine):
    """POST /_longshore/reset, signed."""
    return send(engine, signed(engine, path="/_longshore/reset", target=None, body=b""))


def test_tasks_of_docker_are_not_given_up_while_it_is_away(docker_ready, own_engine):
    engine = own_engine("docker")
    ecs = engine.client("ecs")
    ecs.create_cluster(clusterName="kept")
    register_instance(ecs, "kept")
    task = run_one(ecs, "kept", task_definition("kept", container("sleep 600", stopTimeout=2)))["taskArn"]
    wait_for(ecs, "kept", task, "RUNNING")
    engine.kill()
    away = engine.extra_environment | {"DOCKER_HOST": "unix:///nonexistent"}
    environment = program.bare_environment(engine.directory / "home") | away
    command = [str(word) for word in [program.LONGSHORE, "engine", "--listen", "127.0.0.1:0", "--state", engine.state]]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1, refused
    assert "containers of this state (1) were started by the docker runtime" in refused.stderr
    assert "hint: start that runtime again" in refused.stderr
    engine.start()
    assert ecs.describe_tasks(cluster="kept", tasks=[task])["tasks"][0]["lastStatus"] == "RUNNING"
    ecs.stop_task(cluster="kept", task=task)
    wait_for(ecs, "kept", task, "STOPPED")
