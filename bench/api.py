"""The API: requests per second and memory, the engine with the simulated runtime against moto's server."""

from load import requests_per_second
from servers import longshore, moto

TASKS = 1000
PER_CALL = 10
PER_DESCRIBE = 100
PER_PAGE = 100

CONTAINER = {
    "name": "main",
    "image": "busybox",
    "memory": 128,
    # Only running tasks are listed, so they must not end.
    "environment": [{"name": "LONGSHORE_SIMULATE_RUN_MS", "value": "forever"}],
}
DEFINITION = {
    "family": "bench",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [CONTAINER],
}


def engine():
    """The engine as it is measured."""
    return longshore("simulated")


def prepare(server):
    """A cluster and a task definition; gives the request of RunTask."""
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="default")
    ecs.register_task_definition(**DEFINITION)
    return {
        "cluster": "default",
        "taskDefinition": "bench",
        "count": 1,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": [subnet(server)], "securityGroups": []}},
    }


def subnet(server):
    """moto looks the subnet up, so it must be one of its own; it also wants `count` and `securityGroups`."""
    if server.name == "moto_server":
        return server.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    return "subnet-0a1b2c3d4e5f60718"


def start(server, count):
    """Starts so many tasks and gives their ARNs."""
    request, ecs, arns = prepare(server), server.client("ecs"), []
    for _ in range(0, count, PER_CALL):
        answer = ecs.run_task(**request | {"count": PER_CALL})
        arns += [task["taskArn"] for task in answer["tasks"]]
    assert len(arns) == count
    return arns


def rates(measure):
    """The same measure on both, in one run."""
    with engine() as server:
        ours = measure(server)
    with moto() as server:
        theirs = measure(server)
    return ours, theirs


def row(what, ours, theirs, unit, goal):
    """A row of the table."""
    return (
        what,
        f"{ours:,.0f} {unit}",
        f"moto: {theirs:,.0f} {unit}",
        f"{ours / theirs:.2f}" if ours < theirs else f"{ours / theirs:.0f}",
        goal,
    )


def run_task():
    """RunTask of one task, over and over."""
    ours, theirs = rates(lambda server: requests_per_second(server, [("RunTask", prepare(server))]))
    return [row("RunTask", ours, theirs, "/s", "50 times")]


def describe_tasks():
    """DescribeTasks of 100 of 1,000 tasks."""

    def measure(server):
        arns = start(server, TASKS)
        groups = [arns[first : first + PER_DESCRIBE] for first in range(0, TASKS, PER_DESCRIBE)]
        return requests_per_second(
            server, [("DescribeTasks", {"cluster": "default", "tasks": each}) for each in groups]
        )

    ours, theirs = rates(measure)
    return [row(f"DescribeTasks ({PER_DESCRIBE})", ours, theirs, "/s", "170 times")]


def list_tasks():
    """ListTasks with 1,000 tasks: each call, and until all were listed. moto has no pages: one answer lists them all."""

    def measure(server):
        start(server, TASKS)
        calls, listed, token = [], 0, None
        while True:
            request = {"cluster": "default", "maxResults": PER_PAGE} | ({"nextToken": token} if token else {})
            calls.append(("ListTasks", request))
            page = server.client("ecs").list_tasks(**request)
            listed += len(page["taskArns"])
            token = page.get("nextToken")
            if not token:
                break
        assert listed == TASKS, f"{server.name} listed {listed} of {TASKS}"
        return requests_per_second(server, calls), len(calls)

    (ours, our_pages), (theirs, their_pages) = rates(measure)
    return [
        row(f"ListTasks (of {TASKS:,}), each call", ours, theirs, "/s", "50 times"),
        row(f"ListTasks, all of {TASKS:,}", ours / our_pages, theirs / their_pages, "listings/s", "-"),
    ]


def memory():
    """Resident memory with 1,000 tasks."""

    def measure(server):
        start(server, TASKS)
        return server.resident_mib()

    ours, theirs = rates(measure)
    return [row(f"resident memory, {TASKS:,} tasks", ours, theirs, "MiB", "a tenth")]
