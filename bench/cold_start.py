"""Cold start of the Lambda door beside a Python function that imports boto3: from the start of the process to the first
request at ECS for the same event, and memory."""

from pathlib import Path
from statistics import median

from custom_resource import CLUSTER, PEER, engine
from support.custom_resource import Stack
from support.wait import until

ROUNDS = 10
MEMORY_ROUNDS = 3


def seconds_to_first_call(server, folder, command):
    """One cold start. The event waits already, as it does in Lambda."""
    with Stack(server, CLUSTER, folder, command=command) as stack:
        stack.function.invoke(stack.event("Create"))
        call = until(lambda: stack.proxy.calls, "the first call", pause_seconds=0.001)[0]
        assert call.operation == "DescribeTaskDefinition", call.operation
        return call.moment - stack.function.sandboxes[0].started


def peak_mib(stack):
    """The most memory that the sandbox had."""
    process = stack.function.sandboxes[0].process
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the function has ended")


def peak_of_a_run(server, folder, command):
    """The most memory from the start to the answer of one request."""
    with Stack(server, CLUSTER, folder, command=command) as stack:
        answer = stack.create()
        assert answer["Status"] == "SUCCESS", answer
        stack.function.wait_until_idle()
        return peak_mib(stack)


def cold_start():
    """The table's rows. Both in turn."""
    with engine("process") as (server, folder):

        def both(measure, rounds):
            pairs = [
                [measure(server, folder / f"{measure.__name__}-{index}-{side}", command) for side, command in sides]
                for index in range(rounds)
            ]
            return (median(each) for each in zip(*pairs, strict=True))

        sides = (("ours", None), ("theirs", PEER))
        ours, theirs = both(seconds_to_first_call, ROUNDS)
        our_memory, their_memory = both(peak_of_a_run, MEMORY_ROUNDS)
    return [
        (
            "Lambda door: start to first request",
            f"{ours * 1000:.1f} ms",
            f"boto3: {theirs * 1000:.1f} ms",
            f"{ours / theirs:.2f}",
            "at most 0.1",
        ),
        (
            "Lambda door: peak memory of a run",
            f"{our_memory:.1f} MiB",
            f"boto3: {their_memory:.1f} MiB",
            f"{our_memory / their_memory:.2f}",
            "at most 0.2",
        ),
    ]
