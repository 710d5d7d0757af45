"""`longshore run` and capacity: many tasks, too little room, room that comes later, hosts that are lost."""

import json

import pytest
from support.definitions import (
    WAIT_FOR_TERM,
    container,
    describe,
    messages,
    register_instance,
    task_definition,
)
from support.run import all_tasks, begin, end, registered, run, start  # noqa: F401 (fixtures)
from support.wait import until


def test_12_tasks(ecs, cluster, run, registered):
    done = run(registered("echo hello"), "--count", "12", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["tasks"]) == len(all_tasks(ecs, cluster)) == 12


def test_half_a_run_is_stopped_before_the_command_returns(ecs, cluster, run, registered):
    # The instance has 8192 MiB.
    done = run(registered(WAIT_FOR_TERM, memory=3000), "--count", "3")
    assert done.returncode == 1 and "only 2 of 3 tasks were started" in done.stderr, done.stderr
    assert "RESOURCE:MEMORY" in done.stderr and "has 2192 of 3000 MiB free" in done.stderr, done.stderr
    tasks = [describe(ecs, cluster, task) for task in all_tasks(ecs, cluster)]
    assert [task["lastStatus"] for task in tasks] == ["STOPPED"] * 2
    assert all("not all tasks of the run could be placed" in task["stoppedReason"] for task in tasks)


def test_an_instance_that_comes_later_is_waited_for(ecs, cluster, start, registered):
    waiting = start(registered("echo hello; exit 5", memory=20_000), "--wait-for-capacity", "10m")
    assert "waiting for capacity: not enough memory is free (RESOURCE:MEMORY)\n" in waiting.stderr
    register_instance(ecs, cluster, memory=32_000)
    out, said = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (5, "hello\n"), said
    assert len(all_tasks(ecs, cluster)) == 1


@pytest.fixture
def empty(engine, ecs, name):
    """The flags of a run with a name in a cluster without instances."""
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(**task_definition(name, container("exit 5", group=name)))
    return [name, "--run-id", "release-7", "--wait-for-capacity"]


def test_the_first_instance_of_a_cluster_is_waited_for_once(engine, ecs, name, empty):
    waiting = begin(engine, name, *empty, "10m")
    assert any("the cluster has no instances" in line for line in waiting.stderr)
    register_instance(ecs, name)
    waiting.communicate(timeout=60)
    assert waiting.returncode == 5
    # Its first attempts were refused. Said again, it is still the same run.
    again = begin(engine, name, *empty, "10m")
    again.communicate(timeout=60)
    assert again.returncode == 5 and len(all_tasks(ecs, name)) == 1


def test_a_cluster_without_instances_is_not_waited_for_longer_than_allowed(engine, name, empty):
    done = engine.longshore("run", "--cluster", name, *empty, "1s", check=False)
    assert done.returncode == 1 and "no task was started" in done.stderr, done.stderr
    assert "the cluster has no instances" in done.stderr, done.stderr


def test_a_name_that_found_no_place_needs_time_to_try_again(ecs, cluster, run, registered):
    big = [registered("exit 5", memory=20_000), "--run-id", "release-7"]
    assert "RESOURCE:MEMORY" in run(*big).stderr
    register_instance(ecs, cluster, memory=32_000)
    assert run(*big).returncode == 1, "ECS gives its old answer"
    for _ in range(2):
        assert run(*big, "--wait-for-capacity", "1m").returncode == 5
    assert len(all_tasks(ecs, cluster)) == 1


def test_what_can_never_be_placed_is_not_waited_for(run, registered):
    done = run(registered("true"), "--placement-constraint", "attribute:berth == 7", "--wait-for-capacity", "10m")
    assert done.returncode == 1 and "MemberOf" in done.stderr, done.stderr


def test_placement_rules_group_and_tags_are_ecss(ecs, cluster, run, registered):
    register_instance(ecs, cluster)
    rules = ["--placement-constraint", "distinctInstance", "--placement-strategy", "spread=instanceId"]
    flags = ["--group", "nightly", "--tag", "team=dock", "--started-by", "ann", "--count", "2", "--output", "json"]
    done = run(registered("true"), *rules, *flags)
    assert done.returncode == 0, done.stderr
    arns = [task["taskArn"] for task in json.loads(done.stdout)["tasks"]]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns, include=["TAGS"])["tasks"]
    assert len({task["containerInstanceArn"] for task in tasks}) == 2
    for task in tasks:
        assert (task["group"], task["startedBy"]) == ("nightly", "ann")
        assert task["tags"] == [{"key": "team", "value": "dock"}]


@pytest.fixture
def losing(process_engine, name):
    """Runs a script on an instance, and takes the instance away by force once it has said something; another one is
    there by then. Gives the exit code, stdout and stderr."""
    ecs = process_engine.client("ecs")
    begun = []

    def losing(script, *flags):
        ecs.create_cluster(clusterName=name)
        first = register_instance(ecs, name)["containerInstanceArn"]
        ecs.register_task_definition(**task_definition(name, container(script, group=name)))
        begun.append(begin(process_engine, name, name, *flags))
        [task] = until(lambda: all_tasks(ecs, name), "the task")
        until(lambda: messages(process_engine.client("logs"), name), "its first line")
        register_instance(ecs, name)
        ecs.deregister_container_instance(cluster=name, containerInstance=first, force=True)
        out, said = begun[-1].communicate(timeout=60)
        assert describe(ecs, name, task)["stoppedReason"] == "Container instance deregistration forced by user"
        return begun[-1].returncode, out, said

    yield losing
    for running in begun:
        end(running)


def test_a_lost_host_is_tried_again_elsewhere(process_engine, name, losing, tmp_path):
    script = f"mkdir {tmp_path}/seen 2>/dev/null && echo first && exec sleep 300; echo second; exit 5"
    code, out, said = losing(script, "--retry-infrastructure", "1")
    assert code == 5 and "deregistration forced" in said and "starting it again (1 of 1)" in said, said
    assert "second" in out and len(all_tasks(process_engine.client("ecs"), name)) == 2


def test_a_lost_host_is_not_tried_again_unasked(process_engine, name, losing):
    code, out, said = losing("echo first; exec sleep 300", "--output", "json")
    assert code != 0 and json.loads(out)["result"] == "infrastructure", said
    assert len(all_tasks(process_engine.client("ecs"), name)) == 1
