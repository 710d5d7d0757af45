"""`longshore run`: the log as it comes, the container's own exit code, and an end that leaves nothing behind."""

import json
import os
import signal
import subprocess

import pytest
import yaml
from support import program
from support.definitions import WAIT_FOR_TERM, container, describe, fargate_definition, task_definition, wait_for
from support.run import registered, run, shown, start  # noqa: F401 (fixtures)
from support.wait import until


def test_exit_code_7_comes_out_as_7(run, registered):
    done = run(registered("echo hello; exit 7"))
    assert done.returncode == 7, done.stderr
    assert shown(done) == ["hello"]
    assert "container `main` exited with 7" in done.stderr


def test_success_is_0(run, registered):
    done = run(registered("echo fine"))
    assert done.returncode == 0 and shown(done) == ["fine"], done.stderr


def test_a_command_after_two_dashes_replaces_the_definitions(run, registered):
    done = run(registered("exit 1"), "-e", "WHO=a sailor", "--", "sh", "-c", 'echo "it is $WHO"; exit 9')
    assert done.returncode == 9 and shown(done) == ["it is a sailor"], done.stderr


def test_10_000_lines_in_the_last_second_are_all_shown(run, registered):
    done = run(registered("echo start; seq 10000"))
    assert done.returncode == 0, done.stderr
    assert shown(done) == ["start", *map(str, range(1, 10001))]


def test_lines_come_while_the_task_runs(ecs, cluster, registered, start):
    running = start(registered(WAIT_FOR_TERM))
    assert running.stdout.readline() == "waiting\n"
    assert running.poll() is None
    [task] = ecs.list_tasks(cluster=cluster)["taskArns"]
    ecs.stop_task(cluster=cluster, task=task, reason="enough")
    assert running.wait(60) == 3
    assert "enough" in running.stderr.read()


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"])
def test_a_signal_stops_the_task(ecs, cluster, registered, start, number, exit_code):
    running = start(registered(WAIT_FOR_TERM))
    assert running.stdout.readline() == "waiting\n"
    [task] = ecs.list_tasks(cluster=cluster)["taskArns"]
    running.send_signal(number)
    code = running.wait(60)
    said = running.stderr.read()
    assert code == exit_code, said
    ended = wait_for(ecs, cluster, task, "STOPPED")
    assert ended["stopCode"] == "UserInitiated" and ended["stoppedReason"].startswith("Stopped by longshore run"), said


def test_a_timeout_stops_the_task(ecs, cluster, run, registered):
    done = run(registered(WAIT_FOR_TERM), "--timeout", "2s")
    assert done.returncode == 124 and "2s" in done.stderr, done.stderr
    [task] = ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]
    ended = wait_for(ecs, cluster, task, "STOPPED")
    assert ended["stopCode"] == "UserInitiated" and "2s" in ended["stoppedReason"]


def test_output_json_is_json_and_nothing_else(run, registered):
    done = run(registered("echo hello; exit 7"), "--output", "json")
    assert done.returncode == 7
    answer = json.loads(done.stdout)
    assert (answer["result"], answer["exitCode"], answer["container"]) == ("application", 7, "main")
    assert answer["logTail"] == ["hello"] and answer["explanation"] in done.stderr
    [task] = answer["tasks"]
    assert task["taskArn"] == answer["taskArn"] and ":task/" in answer["taskArn"]
    assert (task["lastStatus"], task["stopCode"], task["failed"]) == ("STOPPED", "EssentialContainerExited", True)
    [main] = task["containers"]
    assert main["exitCode"] == 7 and main["logStream"].split(":")[1].startswith("test/main/")
    assert "hello" in done.stderr.splitlines(), "the log is talk where the result is the data"


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_file_is_registered_and_run(ecs, cluster, run, tmp_path, kind):
    definition = task_definition(cluster, container("echo from a file", group=cluster))
    path = tmp_path / f"task.{kind}"
    path.write_text(json.dumps(definition) if kind == "json" else yaml.safe_dump(definition))
    done = run(path)
    assert done.returncode == 0 and shown(done) == ["from a file"], done.stderr
    assert ecs.describe_task_definition(taskDefinition=cluster)["taskDefinition"]["revision"] == 1


def test_a_revision_and_an_arn(ecs, run, registered):
    family = registered("exit 4")
    registered("exit 5")
    arn = ecs.describe_task_definition(taskDefinition=f"{family}:1")["taskDefinition"]["taskDefinitionArn"]
    assert run(f"{family}:1").returncode == 4 and run(arn).returncode == 4 and run(family).returncode == 5


def test_all_containers_lines_have_a_prefix(ecs, cluster, run):
    side = container("echo from the side", group=cluster, name="side", essential=False)
    main = container("sleep 0.5; echo from the main", group=cluster)
    ecs.register_task_definition(**task_definition(cluster, main, side))
    done = run(cluster, "--container", "main")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any("side" in line.split("from")[0] and line.endswith("from the side") for line in lines), lines
    assert any("main" in line.split("from")[0] and line.endswith("from the main") for line in lines), lines


def test_several_tasks_are_told_apart(ecs, cluster, run, registered):
    done = run(registered("echo hello; exit 5"), "--count", "2")
    assert done.returncode == 5, done.stderr
    lines = done.stdout.splitlines()
    assert len(set(lines)) == 2 and all(line.endswith("hello") for line in lines), lines
    assert len(ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]) == 2


def test_fargate_spot(engine, ecs, logs, name):
    ecs.create_cluster(clusterName=name, capacityProviders=["FARGATE", "FARGATE_SPOT"])
    ecs.register_task_definition(**fargate_definition(name, container("echo spot", group=name)))
    done = engine.longshore(
        "run", name, "--cluster", name, "--capacity-provider", "FARGATE_SPOT=1", "--subnet", "subnet-0a1b2c3d"
    )
    assert shown(done) == ["spot"]
    [task] = ecs.list_tasks(cluster=name, desiredStatus="STOPPED")["taskArns"]
    assert describe(ecs, name, task)["capacityProviderName"] == "FARGATE_SPOT"


def test_detach_leaves_the_task_running(ecs, cluster, run, registered):
    done = run(registered(WAIT_FOR_TERM), "--detach")
    assert done.returncode == 0, done.stderr
    [task] = ecs.list_tasks(cluster=cluster)["taskArns"]
    assert done.stdout == f"{task}\n"
    wait_for(ecs, cluster, task, "RUNNING")
    ecs.stop_task(cluster=cluster, task=task)


def test_a_dry_run_starts_and_registers_nothing(ecs, cluster, run, tmp_path):
    path = tmp_path / "task.json"
    path.write_text(json.dumps(task_definition(cluster, container("true"))))
    done = run(path, "--dry-run")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["registerTaskDefinition"]["family"] == cluster and document["runTask"][0]["cluster"] == cluster
    assert ecs.list_task_definitions(familyPrefix=cluster)["taskDefinitionArns"] == []
    assert ecs.list_tasks(cluster=cluster)["taskArns"] == []


def test_what_cannot_be_placed_is_explained(cluster, run, registered):
    done = run(registered("true", memory=60_000))
    assert done.returncode == 1 and "RESOURCE:MEMORY" in done.stderr and done.stdout == "", done.stderr


def test_words_that_make_no_sense_are_a_usage_error(engine):
    assert engine.longshore("run", check=False).returncode == 2
    assert engine.longshore("run", "family", "--no-such-flag", check=False).returncode == 2
    unknown = engine.longshore("run", "no-such-family", check=False)
    assert unknown.returncode == 1 and "no-such-family" in unknown.stderr


def test_a_terminal_shows_one_live_line(engine, cluster, registered):
    registered("sleep 1; echo hello")
    terminal, side = os.openpty()
    running = subprocess.Popen(
        [program.LONGSHORE, "run", cluster, "--cluster", cluster],
        env=engine.environment() | {"TERM": "xterm"},
        stdin=side,
        stdout=subprocess.PIPE,
        stderr=side,
    )
    os.close(side)
    seen = []

    def read():
        try:
            seen.append(os.read(terminal, 65536))
        except OSError:
            return running.wait(60) is not None
        return False

    until(read, "the end of the run", pause_seconds=0)
    os.close(terminal)
    assert running.stdout.read().decode().rstrip().endswith("hello") and running.returncode == 0
    running.stdout.close()
    text = b"".join(seen).decode()
    assert "\r" in text and "\x1b[" in text and ("RUNNING" in text or "running" in text), text
