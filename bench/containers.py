"""Tasks that really run: against the docker CLI alone, and against the bare command."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from servers import LONGSHORE, longshore

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support import docker  # noqa: E402
from support.definitions import IMAGE, container, register_instance, task_definition  # noqa: E402

TASKS = 20
AT_A_TIME = 8
# Each is done so often, in turn with what it is compared to; the median counts.
ROUNDS = 3
LATENCY_ROUNDS = 10
POLL_SECONDS = 0.02


def docker_is_there():
    """Whether docker can be measured; says why not."""
    reason = docker.why_not()
    if reason:
        print(f"docker is not measured: {reason}", file=sys.stderr)
        return False
    docker.make_image()
    return True


def prepare(server, script, **settings):
    """A cluster with one instance and a task definition of one container that runs a script."""
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="default")
    register_instance(ecs, "default", cpu=65536, memory=65536)
    ecs.register_task_definition(**task_definition("bench", container(script, **settings)))
    return ecs


def seconds(function):
    """How long it takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def twenty_docker_tasks():
    """20 tasks of `true` from RunTask to STOPPED, 8 at a time, against `docker run`."""
    if not docker_is_there():
        return []
    with longshore("docker") as server:
        ecs = prepare(server, "true", command=["true"])

        def task(_):
            answer = ecs.run_task(taskDefinition="bench")
            assert not answer["failures"], answer["failures"]
            arn = answer["tasks"][0]["taskArn"]
            while ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] != "STOPPED":
                time.sleep(POLL_SECONDS)

        def command(_):
            subprocess.run(["docker", "run", "--rm", IMAGE, "true"], check=True, stdin=subprocess.DEVNULL)

        def all_of(one):
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                list(pool.map(one, range(TASKS)))

        rounds = [(seconds(lambda: all_of(task)), seconds(lambda: all_of(command))) for _ in range(ROUNDS)]
    ours, theirs = (median(each) for each in zip(*rounds, strict=True))
    what = f"{TASKS} docker tasks of `true`, {AT_A_TIME} at a time"
    return [(what, f"{ours:.2f} s", f"docker run: {theirs:.2f} s", f"{ours / theirs:.2f}", "at most 1.15")]


def first_line_and_end(command, environment=None):
    """The moments at which a command printed its first line and returned, from its start on, and its output."""
    start = time.time()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    lines = [process.stdout.readline()]
    first = time.time() - start
    lines += process.stdout.readlines()
    process.wait()
    end = time.time()
    process.stdout.close()
    assert process.returncode == 0, (command, lines)
    return first, end, lines


class Deaths:
    """The moments at which docker's containers ended, as the daemon tells them."""

    def __enter__(self):
        self.process = subprocess.Popen(
            ["docker", "events", "--filter", "event=die", "--format", "{{.TimeNano}}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def next(self):
        """The next one, in seconds since 1970."""
        return int(self.process.stdout.readline()) / 1e9

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Latency:
    """The rounds of `longshore run` in turn with a bare command, and their medians."""

    def __init__(self, server, ecs, bare):
        self.server, self.ecs, self.bare = server, ecs, bare
        self.seen = set()
        self.ours, self.theirs = [], []

    def round(self, ended):
        """Runs both; `ended` gives the moment at which the container or command itself ended."""
        began = time.time()
        first, end, lines = first_line_and_end([LONGSHORE, "run", "bench"], self.server.environment())
        from_run_task = began + first - self.created_at()
        self.ours.append((first, from_run_task, end - ended(lines)))
        first, end, lines = first_line_and_end(self.bare)
        self.theirs.append((first, first, end - ended(lines)))

    def created_at(self):
        """When ECS took the task that was just run, in seconds since 1970."""
        [arn] = set(self.ecs.list_tasks(desiredStatus="STOPPED")["taskArns"]) - self.seen
        self.seen.add(arn)
        return self.ecs.describe_tasks(tasks=[arn])["tasks"][0]["createdAt"].timestamp()

    def rows(self, runtime, beside, ratio, goal):
        """The table's rows."""
        whats = ("start of the command to first line", "RunTask to first line", "exit to return")
        medians = zip(
            *([median(each) * 1000 for each in zip(*side, strict=True)] for side in (self.ours, self.theirs)),
            strict=True,
        )
        return [
            (
                f"{runtime}: {what}",
                f"{ours:.1f} ms",
                f"{beside}: {theirs:.1f} ms",
                f"{ours / theirs:.2f}" if ratio else f"+{ours - theirs:.1f} ms",
                goal if what != whats[0] else "",
            )
            for what, (ours, theirs) in zip(whats, medians, strict=True)
        ]


def docker_latency():
    """RunTask to the first line, and exit to return: `longshore run` against `docker run`."""
    if not docker_is_there():
        return []
    script = "echo first; sleep 0.2; echo last"
    with longshore("docker") as server, Deaths() as deaths:
        ecs = prepare(server, script, group="bench")
        latency = Latency(server, ecs, ["docker", "run", "--rm", IMAGE, "sh", "-c", script])
        time.sleep(1)  # `docker events` tells nobody when it begins to listen
        for _ in range(LATENCY_ROUNDS):
            latency.round(lambda _: deaths.next())
    return latency.rows("docker", "docker run", ratio=True, goal="at most 1.15")


def process_latency():
    """The same against the bare command."""
    script = "echo first; sleep 0.2; date +%s%N"
    with longshore("process") as server:
        ecs = prepare(server, script, group="bench")
        latency = Latency(server, ecs, ["sh", "-c", script])
        for _ in range(LATENCY_ROUNDS):
            latency.round(lambda lines: int(lines[-1]) / 1e9)
    return latency.rows("process", "bare", ratio=False, goal="at most +20 ms")
