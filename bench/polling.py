"""1,000 runs followed by one process: API calls per second while all of them run."""

from custom_resource import CLUSTER, engine
from support.custom_resource import Stack

RUNS = 1000
TASK_SECONDS = 60
# A shorter time in which all of them run says little.
WINDOW_SECONDS_MIN = 15


def calls_per_second(poll_seconds):
    """In the mean and in the busiest second, from the start of the last task to the end of the first."""
    environment = [{"name": "LONGSHORE_SIMULATE_RUN_MS", "value": str(TASK_SECONDS * 1000)}]
    with engine("simulated", environment=environment) as (server, folder):
        with Stack(server, CLUSTER, folder / "stack") as stack:
            properties = stack.properties(PollInterval=poll_seconds)
            events = [stack.event("Create", properties, logical_id=f"Task{number}") for number in range(RUNS)]
            stack.handle(*events, seconds=400)
            assert all(stack.callback.accepted(event["RequestId"]) for event in events), "not all were answered"
            started = [call.moment for call in stack.proxy.of("RunTask")]
            calls = [call.moment for call in stack.proxy.calls]
    begin, end = max(started) + 1, min(started) + TASK_SECONDS - 1
    if end - begin < WINDOW_SECONDS_MIN:
        raise SystemExit(f"the start of {RUNS} runs took {begin - min(started):.0f} s: there is nothing to measure")
    moments = [moment for moment in calls if begin <= moment < end]
    busiest = max((sum(0 <= other - moment < 1 for other in moments) for moment in moments), default=0)
    return len(moments) / (end - begin), busiest


def polling():
    """The table's rows."""
    for poll_seconds in (10, 1):
        mean, busiest = calls_per_second(poll_seconds)
        yield (
            f"{RUNS:,} runs, one process, PollInterval {poll_seconds}: API calls",
            f"{mean:.1f} /s, at most {busiest} in a second",
            "-",
            "-",
            "under 5 /s",
        )
