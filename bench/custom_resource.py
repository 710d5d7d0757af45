"""`Custom::ECSTask` beside a Python function that looks every 10 seconds: from the task's exit to the answer, and API
calls for each run."""

import random
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.custom_resource import Stack, override  # noqa: E402
from support.definitions import container, register_instance, task_definition  # noqa: E402
from support.engine import Engine  # noqa: E402

PEER = [sys.executable, str(Path(__file__).parent / "seed_handler.py")]
CLUSTER = "bench"

RUNS = 8
RESOURCES = 20
# Tasks take a random time between these, so that they end at any moment between two looks. The same times for both.
TASK_SECONDS = (25.0, 35.0)
SEED = 1
DEADLINE_SECONDS = 120


@contextmanager
def engine(runtime, **settings):
    """`longshore engine` with a cluster that has room for everything."""
    with tempfile.TemporaryDirectory() as folder:
        server = Engine(Path(folder) / "engine", runtime).start()
        try:
            ecs = server.client("ecs")
            ecs.create_cluster(clusterName=CLUSTER)
            register_instance(ecs, CLUSTER, cpu=100_000, memory=100_000)
            ecs.register_task_definition(**task_definition(CLUSTER, container("true", **settings)))
            yield server, Path(folder)
        finally:
            server.stop()


def requests(stack, count, poll_seconds):
    """So many Creates, each with a task that takes its time and writes down when it ended."""
    numbers = random.Random(SEED)
    events = []
    for number in range(count):
        script = f"sleep {numbers.uniform(*TASK_SECONDS):.2f}; date +%s%N > {stack.directory}/ended-{number}"
        # A stack names the exact revision: that is what `!Ref` of a task definition gives.
        properties = stack.properties(
            Overrides=override(script), PollInterval=poll_seconds, TaskDefinition=f"{CLUSTER}:1"
        )
        events.append(stack.event("Create", properties, logical_id=f"Task{number}"))
    return events


def delays(stack, events):
    """For each request the seconds from its task's end to its answer."""
    found = []
    for number, event in enumerate(events):
        answer = stack.answer(event, DEADLINE_SECONDS)
        assert answer["Status"] == "SUCCESS", answer
        [put] = stack.callback.accepted(event["RequestId"])
        found.append(put.moment - int((stack.directory / f"ended-{number}").read_text()) / 1e9)
    return found


def in_lambda(server, folder, command, count):
    """Each request in a sandbox of its own, as Lambda does it: delays, and API calls for each run."""
    with Stack(server, CLUSTER, folder, command=command, sandboxes=count) as stack:
        events = requests(stack, count, 1)
        for event in events:
            stack.function.invoke(event)
            time.sleep(0.3)  # one after the other: the starts do not compete
        found = delays(stack, events)
        stack.function.wait_until_idle()
        return found, len(stack.proxy.calls) / count


def in_one_process(server, folder, count):
    """All requests in one `longshore cfn handle`."""
    with Stack(server, CLUSTER, folder) as stack:
        events = requests(stack, count, 1)
        stack.handle(*events)
        return delays(stack, events), len(stack.proxy.calls) / count


def custom_resource():
    """The table's rows: one resource, and a stack of 20."""
    with engine("process") as (server, folder):
        measures = {
            "one resource": (
                in_lambda(server, folder / "ours", None, RUNS),
                in_lambda(server, folder / "theirs", PEER, RUNS),
            ),
            f"{RESOURCES} resources, one process": (
                in_one_process(server, folder / "ours-together", RESOURCES),
                in_lambda(server, folder / "theirs-together", PEER, RESOURCES),
            ),
        }
    for what, ((ours, our_calls), (theirs, their_calls)) in measures.items():
        for name, of in (("median", median), ("longest", max)):
            yield (
                f"{what}: exit to answer, {name}",
                f"{of(ours):.2f} s",
                f"10 s poll: {of(theirs):.2f} s",
                f"{of(ours) / of(theirs):.2f}",
                "under 1 s",
            )
        yield (
            f"{what}: API calls for each run",
            f"{our_calls:.1f}",
            f"10 s poll: {their_calls:.1f}",
            f"{our_calls / their_calls:.2f}",
            "at most 0.33",
        )
