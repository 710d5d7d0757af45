"""`longshore run` as tests use it: the fixtures of a cluster's own command, and runs that go on meanwhile."""

import subprocess

import pytest

from support import program
from support.definitions import container, task_definition


@pytest.fixture
def run(engine, cluster):
    """Runs `longshore run` in the test's cluster and gives the finished process."""

    def run(*arguments, **options):
        return engine.longshore("run", "--cluster", cluster, *arguments, check=False, **options)

    return run


@pytest.fixture
def registered(ecs, cluster):
    """Registers a task definition of one container in the test's own family."""

    def register(script, **settings):
        ecs.register_task_definition(**task_definition(cluster, container(script, group=cluster, **settings)))
        return cluster

    return register


@pytest.fixture
def start(engine, cluster):
    """Starts `longshore run` in the test's cluster; what still runs at the end of the test is killed."""
    started = []

    def start(*arguments):
        started.append(begin(engine, cluster, *arguments))
        return started[-1]

    yield start
    for running in started:
        end(running)


def begin(engine, cluster, *arguments):
    """`longshore run` that goes on while the test looks."""
    return subprocess.Popen(
        [program.LONGSHORE, "run", "--cluster", cluster, *map(str, arguments)],
        env=engine.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(running):
    """Nothing of it is left."""
    if running.poll() is None:
        running.kill()
    running.communicate()


def shown(done):
    """What is on stdout: the container's lines and nothing else; there is no prefix where there is one container."""
    return done.stdout.splitlines()


def all_tasks(ecs, cluster):
    """The ARNs of a cluster's tasks, running and stopped."""
    return [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster=cluster, desiredStatus=status)["taskArns"]
    ]
