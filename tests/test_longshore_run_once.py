"""`longshore run` starts what it is told to once: under one name, from two shells, after kill -9, on named instances.

And it follows what runs already without touching it.
"""

import json
import signal

import pytest
from support.definitions import WAIT_FOR_TERM, describe, register_instance, wait_for
from support.run import all_tasks, registered, run, shown, start  # noqa: F401 (fixtures)


def stop(ecs, cluster):
    """Stops every task that runs."""
    for task in ecs.list_tasks(cluster=cluster)["taskArns"]:
        ecs.stop_task(cluster=cluster, task=task, reason="enough")


def test_the_same_run_id_is_the_same_run(ecs, cluster, run, registered):
    family = registered("echo once; exit 5")
    first = run(family, "--run-id", "release-7")
    again = run(family, "--run-id", "release-7")
    assert (first.returncode, again.returncode) == (5, 5), again.stderr
    assert shown(first) == shown(again) == ["once"]
    assert len(all_tasks(ecs, cluster)) == 1
    assert run(family, "--run-id", "release-8").returncode == 5
    assert run(family).returncode == 5
    assert len(all_tasks(ecs, cluster)) == 3


def test_two_shells_at_once_follow_one_task(ecs, cluster, registered, start):
    family = registered(WAIT_FOR_TERM)
    both = [start(family, "--run-id", "release-7") for _ in range(2)]
    assert [running.stdout.readline() for running in both] == ["waiting\n"] * 2
    assert len(all_tasks(ecs, cluster)) == 1
    stop(ecs, cluster)
    assert [running.wait(60) for running in both] == [3, 3]
    assert len(all_tasks(ecs, cluster)) == 1


def test_after_kill_9_the_same_name_finds_the_task(ecs, cluster, registered, start):
    family = registered(WAIT_FOR_TERM)
    first = start(family, "--run-id", "release-7")
    assert first.stdout.readline() == "waiting\n"
    first.kill()
    again = start(family, "--run-id", "release-7")
    assert again.stdout.readline() == "waiting\n", "from the first line on"
    again.send_signal(signal.SIGINT)
    assert again.wait(60) == 130, "it is this one's to stop now"
    [task] = all_tasks(ecs, cluster)
    assert describe(ecs, cluster, task)["stoppedReason"].endswith("on Ctrl-C")


def test_a_new_revision_between_two_attempts_does_not_start_it_twice(ecs, cluster, run, registered):
    family = registered("exit 5")
    assert run(family, "--run-id", "release-7").returncode == 5
    registered("exit 6")
    assert run(family, "--run-id", "release-7").returncode == 5
    assert len(all_tasks(ecs, cluster)) == 1


def test_the_tasks_of_a_smaller_run_of_that_name_are_left_alone(ecs, cluster, run, registered, start):
    family = registered(WAIT_FOR_TERM)
    first = start(family, "--run-id", "release-7")
    assert first.stdout.readline() == "waiting\n"
    done = run(family, "--run-id", "release-7", "--count", "2")
    assert done.returncode == 1 and "ConflictException" in done.stderr and "name this one differently" in done.stderr
    [task] = all_tasks(ecs, cluster)
    assert describe(ecs, cluster, task)["desiredStatus"] == "RUNNING"
    stop(ecs, cluster)
    assert first.wait(60) == 3


@pytest.fixture
def instances(ecs, cluster):
    """The ids of two container instances."""
    register_instance(ecs, cluster)
    return [arn.rsplit("/", 1)[1] for arn in ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]]


def on_both(instances):
    """The flags that name them."""
    return [word for instance in instances for word in ("--instance", instance)]


def test_one_task_on_each_named_instance(ecs, cluster, run, registered, instances):
    done = run(registered("echo here; exit 5"), *on_both(instances), "--output", "json")
    assert done.returncode == 5, done.stderr
    tasks = [describe(ecs, cluster, task) for task in all_tasks(ecs, cluster)]
    assert sorted(task["containerInstanceArn"].rsplit("/", 1)[1] for task in tasks) == sorted(instances)
    assert len(json.loads(done.stdout)["tasks"]) == 2
    [mark] = {task["group"] for task in tasks}
    assert mark.startswith("longshore-") and {task["startedBy"] for task in tasks} == {"longshore"}


def test_named_instances_and_kill_9(ecs, cluster, registered, instances, start):
    family = registered(WAIT_FOR_TERM)
    first = start(family, *on_both(instances), "--run-id", "release-7")
    assert [first.stdout.readline()[-8:] for _ in range(2)] == ["waiting\n"] * 2
    first.kill()
    running = sorted(all_tasks(ecs, cluster))
    assert len(running) == 2
    # One of them ends meanwhile: it is found all the same.
    ecs.stop_task(cluster=cluster, task=running[0], reason="enough")
    wait_for(ecs, cluster, running[0], "STOPPED")
    again = start(family, *on_both(instances), "--run-id", "release-7")
    assert [again.stdout.readline()[-8:] for _ in range(2)] == ["waiting\n"] * 2
    stop(ecs, cluster)
    assert again.wait(60) == 3
    assert sorted(all_tasks(ecs, cluster)) == running


def test_an_instance_that_is_not_there(run, registered):
    done = run(registered("true"), "--instance", "0" * 32)
    assert done.returncode == 1 and "MISSING" in done.stderr and done.stdout == "", done.stderr


@pytest.fixture
def running_task(ecs, cluster, registered):
    """The ARN of a task that somebody else has started."""
    family = registered(WAIT_FOR_TERM)
    [task] = ecs.run_task(cluster=cluster, taskDefinition=family)["tasks"]
    return task["taskArn"]


def test_attaching_follows_a_task_to_its_end(engine, ecs, cluster, running_task, start):
    by_id = start("--attach", running_task.rsplit("/", 1)[1])
    assert by_id.stdout.readline() == "waiting\n"
    stop(ecs, cluster)
    assert by_id.wait(60) == 3 and "enough" in by_id.stderr.read()
    # An ARN names its cluster; what is over can still be read.
    done = engine.longshore("run", "--attach", running_task, "--output", "json", check=False)
    assert done.returncode == 3 and json.loads(done.stdout)["taskArn"] == running_task, done.stderr
    assert all_tasks(ecs, cluster) == [running_task]


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"])
def test_attaching_and_a_signal_leave_the_task_alone(ecs, cluster, running_task, start, number, exit_code):
    running = start("--attach", running_task)
    assert running.stdout.readline() == "waiting\n"
    running.send_signal(number)
    code, said = running.wait(60), running.stderr.read()
    assert code == exit_code and "which may still run" in said, said
    assert describe(ecs, cluster, running_task)["desiredStatus"] == "RUNNING"
    stop(ecs, cluster)


def test_attaching_and_a_timeout_leave_the_task_alone(ecs, cluster, running_task, run):
    done = run("--attach", running_task, "--timeout", "1s")
    assert done.returncode == 124 and "left after its timeout of 1s" in done.stderr, done.stderr
    assert describe(ecs, cluster, running_task)["desiredStatus"] == "RUNNING"
    stop(ecs, cluster)
