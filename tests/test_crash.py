"""kill -9 under load, at many random moments: whatever was acknowledged is there after the restart, and nothing runs
on that the engine does not know. `LONGSHORE_CRASH_SEED` repeats a run's moments."""

import os
import random
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass

import pytest
from botocore.exceptions import BotoCoreError
from support.definitions import NETWORK, container, fargate_definition, task_definition
from support.engine import processes_with
from support.wait import until


@dataclass(frozen=True)
class Plan:
    """How hard a runtime is tried."""

    # How many times the engine is killed.
    moments: int
    # A round's load lasts at most so long; the kill comes at a random moment of it.
    load_seconds_max: float
    # How long the writer of tasks waits between two: enough of them, not all that the machine can start.
    task_pause_seconds: float


PLANS = {
    "process": Plan(moments=50, load_seconds_max=0.25, task_pause_seconds=0.01),
    "simulated": Plan(moments=50, load_seconds_max=0.25, task_pause_seconds=0.01),
    "docker": Plan(moments=8, load_seconds_max=1.0, task_pause_seconds=0.1),
}
# So often the restarted engine is killed once more while it recovers.
KILLED_TWICE = 0.2
# A start takes about so long, and the second kill comes within it.
START_SECONDS_MAX = 0.1
CLUSTER = "crash"
GROUP = "/crash"


class Load:
    """Three threads that write and note what was acknowledged. They end when the engine does."""

    def __init__(self, engine, first_line):
        self.ecs, self.logs = engine.client("ecs"), engine.client("logs")
        self.definitions, self.tasks, self.lines, self.unexpected = [], [], [], []
        self.next_line = first_line
        self.task_pause_seconds = PLANS[engine.runtime].task_pause_seconds
        writers = (self.write_definition, self.write_task, self.write_line)
        self.threads = [threading.Thread(target=self.repeat, args=(writer,)) for writer in writers]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a writer waits for an engine that was killed"

    def repeat(self, write):
        while True:
            try:
                write()
            except BotoCoreError:
                return  # the connection broke: the engine was killed
            except Exception as error:  # noqa: BLE001 (a refusal of any kind fails the test)
                self.unexpected.append(error)
                return

    def write_definition(self):
        answer = self.ecs.register_task_definition(**task_definition("definitions", container("true")))
        self.definitions.append(answer["taskDefinition"]["taskDefinitionArn"])

    def write_task(self):
        answer = self.ecs.run_task(
            cluster=CLUSTER, taskDefinition="sleeper", launchType="FARGATE", networkConfiguration=NETWORK
        )
        assert answer["failures"] == [], answer["failures"]
        self.tasks.append(answer["tasks"][0]["taskArn"])
        time.sleep(self.task_pause_seconds)

    def write_line(self):
        line, self.next_line = self.next_line, self.next_line + 1
        event = {"timestamp": int(time.time() * 1000), "message": str(line)}
        self.logs.put_log_events(logGroupName=GROUP, logStreamName="written", logEvents=[event])
        self.lines.append(line)


class Acknowledged:
    """Everything that any round's load was told is safe."""

    def __init__(self):
        self.definitions, self.tasks, self.lines = [], [], []

    def add(self, load):
        assert not load.unexpected, load.unexpected
        self.definitions += load.definitions
        self.tasks += load.tasks
        self.lines += load.lines

    def check(self, engine, definitions_from, tasks_from, lines_from):
        """Whether all of it (from these positions on) is there."""
        ecs, logs = engine.client("ecs"), engine.client("logs")
        if definitions_from == 0:
            pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix="definitions")
            lost = set(self.definitions) - {arn for page in pages for arn in page["taskDefinitionArns"]}
            assert not lost, f"lost definitions: {sorted(lost)}"
        for arn in self.definitions[definitions_from:][-100:]:
            assert ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["status"] == "ACTIVE"
        for first in range(tasks_from, len(self.tasks), 100):
            answer = ecs.describe_tasks(cluster=CLUSTER, tasks=self.tasks[first : first + 100])
            assert answer["failures"] == [], f"lost tasks: {answer['failures']}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, logStreamNames=["written"])
        kept = [int(event["message"]) for page in pages for event in page["events"]]
        assert kept == sorted(set(kept)), "a line came twice or out of order"
        lost = set(self.lines[lines_from:]) - set(kept)
        assert not lost, f"lost lines: {sorted(lost)}"


def stop_all_tasks(engine):
    """Stops what still runs, acknowledged or not."""
    ecs = engine.client("ecs")

    def none_left():
        pages = ecs.get_paginator("list_tasks").paginate(cluster=CLUSTER)
        left = [arn for page in pages for arn in page["taskArns"]]
        for arn in left:
            ecs.stop_task(cluster=CLUSTER, task=arn)
        return not left

    until(none_left, "no task to be left that should run")


def killed_while_it_recovers(engine, moment):
    """Starts the engine and kills it before it is ready, or just after."""
    with engine.log.open("ab") as log:
        process = subprocess.Popen([str(word) for word in engine.command()], stdout=subprocess.DEVNULL, stderr=log)
    time.sleep(moment)
    process.kill()
    process.wait()


@pytest.mark.parametrize("runtime", PLANS)
def test_kill_9_at_random_moments_loses_nothing_acknowledged(request, own_engine, runtime):
    if runtime == "docker":
        request.getfixturevalue("docker_ready")
    seed = int(os.environ.get("LONGSHORE_CRASH_SEED", random.SystemRandom().randrange(2**32)))
    print(f"LONGSHORE_CRASH_SEED={seed}")
    moments, plan = random.Random(seed), PLANS[runtime]
    marker = uuid.uuid4().hex
    engine = own_engine(runtime)
    ecs = engine.client("ecs")
    ecs.create_cluster(clusterName=CLUSTER)
    environment = [
        {"name": "LONGSHORE_TEST_MARKER", "value": marker},
        {"name": "LONGSHORE_SIMULATE_RUN_MS", "value": "forever"},
    ]
    sleeper = container("trap 'exit 0' TERM; sleep 300 & wait", environment=environment)
    ecs.register_task_definition(**fargate_definition("sleeper", sleeper))
    engine.client("logs").create_log_group(logGroupName=GROUP)
    engine.client("logs").create_log_stream(logGroupName=GROUP, logStreamName="written")

    acknowledged, line = Acknowledged(), 0
    for _ in range(plan.moments):
        before = len(acknowledged.definitions), len(acknowledged.tasks), len(acknowledged.lines)
        with Load(engine, line) as load:
            time.sleep(moments.uniform(0, plan.load_seconds_max))
            engine.kill()
        line = load.next_line
        acknowledged.add(load)
        if moments.random() < KILLED_TWICE:
            killed_while_it_recovers(engine, moments.uniform(0, START_SECONDS_MAX))
        engine.start()
        acknowledged.check(engine, *before)
        stop_all_tasks(engine)
        until(lambda: processes_with(marker) == [], "the end of every process of a task")
    acknowledged.check(engine, 0, 0, 0)
    counts = len(acknowledged.definitions), len(acknowledged.tasks), len(acknowledged.lines)
    assert min(counts) > plan.moments, f"too little load to prove anything: {counts}"
