"""`longshore logs`: the lines of a service's tasks, through deployments and scaling, from the engine's own services."""

import json
import signal
import subprocess
import threading

import pytest
from support import program
from support.definitions import container, task_definition
from support.wait import until

# Says who it is, and then waits to be stopped.
TALK = "trap 'echo bye from %s; exit 0' TERM; echo hello from %s; sleep 300 & wait"


def define(ecs, cluster, version):
    """A revision whose task says `hello from VERSION` and, when it is stopped, `bye from VERSION`."""
    script = TALK % (version, version)
    ecs.register_task_definition(**task_definition(cluster, container(script, group=cluster)))


def wait_for_running(ecs, cluster, count=1):
    """Waits until so many tasks of the service run, and nothing else of it."""

    def steady():
        [service] = ecs.describe_services(cluster=cluster, services=["web"])["services"]
        return service["runningCount"] == count and len(service["deployments"]) == 1

    until(steady, f"{count} tasks of the service to run")


@pytest.fixture
def service(ecs, cluster):
    """A service `web` with one task; it is deleted at the end."""
    define(ecs, cluster, "v1")
    ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=cluster, desiredCount=1)
    wait_for_running(ecs, cluster)
    yield cluster
    ecs.delete_service(cluster=cluster, service="web", force=True)


class Following:
    """`longshore logs web -f`, read line by line."""

    def __init__(self, engine, cluster, *arguments):
        self.lines = []
        self.process = subprocess.Popen(
            [program.LONGSHORE, "logs", "web", "-f", "--cluster", cluster, *arguments],
            env=engine.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, text, count=1):
        """Waits until so many lines end with this text."""
        until(lambda: sum(line.endswith(text) for line in self.lines) >= count, f"{count} lines with {text!r}")

    def interrupt(self):
        """Ctrl-C; gives the exit code and what was said on stderr."""
        self.process.send_signal(signal.SIGINT)
        talk = self.process.stderr.read()
        code = self.process.wait(60)
        self.reader.join()
        return code, talk

    def end(self):
        """Nothing of it is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()


@pytest.fixture
def follow(engine, service):
    """Begins to follow the service."""
    begun = []

    def follow(*arguments):
        begun.append(Following(engine, service, *arguments))
        return begun[-1]

    yield follow
    for following in begun:
        following.end()


def task8(ecs, cluster):
    """The beginning of the id of the service's one running task."""
    [arn] = ecs.list_tasks(cluster=cluster, serviceName="web")["taskArns"]
    return arn.rsplit("/", 1)[1][:8]


def test_lines_have_their_container_and_task_before_them(engine, ecs, service):
    until(lambda: engine.longshore("logs", "web", "--cluster", service).stdout, "a line")
    done = engine.longshore("logs", "web", "--cluster", service)
    assert done.stdout == f"main/{task8(ecs, service)} | hello from v1\n"
    assert done.stderr == ""
    done = engine.longshore("logs", "web", "--cluster", service, "--output", "json")
    line = json.loads(done.stdout)
    assert (line["container"], line["message"]) == ("main", "hello from v1")
    assert engine.longshore("logs", "web", "--cluster", service, "--since", "0s").stdout == ""


def test_a_deployment_is_followed_from_task_to_task(ecs, service, follow):
    following = follow()
    following.wait_for("hello from v1")
    old = task8(ecs, service)
    define(ecs, service, "v2")
    ecs.update_service(cluster=service, service="web", taskDefinition=service)
    following.wait_for("hello from v2")
    following.wait_for("bye from v1")
    wait_for_running(ecs, service)
    new = task8(ecs, service)
    code, talk = following.interrupt()
    assert code == 130
    expected = [f"main/{old} | hello from v1", f"main/{old} | bye from v1", f"main/{new} | hello from v2"]
    assert sorted(following.lines) == sorted(expected), "each line once"
    assert f"task {new} started ({service}:2)" in talk


def test_new_tasks_of_a_larger_service_are_found(ecs, service, follow):
    following = follow()
    ecs.update_service(cluster=service, service="web", desiredCount=3)
    following.wait_for("hello from v1", count=3)
    ecs.update_service(cluster=service, service="web", desiredCount=1)
    following.wait_for("bye from v1", count=2)
    assert following.interrupt()[0] == 130
    assert len(following.lines) == len(set(following.lines)) == 5


def test_tasks_that_stopped_are_shown_without_following(engine, ecs, service):
    ecs.update_service(cluster=service, service="web", desiredCount=0)

    def ended():
        shown = engine.longshore("logs", "web", "--cluster", service).stdout
        return shown if "bye" in shown else None

    lines = [line.split(" | ")[1] for line in until(ended, "the end of the task").splitlines()]
    assert lines == ["hello from v1", "bye from v1"]


def test_many_lines_of_one_moment_come_out_whole_and_in_order(ecs, service, follow):
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; sleep 300 & wait"
    ecs.register_task_definition(**task_definition(service, container(script, group=service)))
    following = follow()
    ecs.update_service(cluster=service, service="web", taskDefinition=service)
    following.wait_for("line 2999")
    following.interrupt()
    lines = [line.split(" | ")[1] for line in following.lines if "| line" in line]
    assert lines == [f"line {number}" for number in range(3000)]
