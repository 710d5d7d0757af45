"""Every measure is one function that returns rows of the table; `bench/run NAME...` takes some of them."""

import sys

import api
import cold_start
import containers
import custom_resource
import deployment
import placement
import polling
import previews
import proxy
import webhooks

MEASURES = {
    "run-task": api.run_task,
    "describe-tasks": api.describe_tasks,
    "list-tasks": api.list_tasks,
    "memory": api.memory,
    "docker-tasks": containers.twenty_docker_tasks,
    "docker-latency": containers.docker_latency,
    "process-latency": containers.process_latency,
    "placement": placement.placement,
    "cold-start": cold_start.cold_start,
    "custom-resource": custom_resource.custom_resource,
    "polling": polling.polling,
    "deployment": deployment.deployment,
    "proxy": proxy.proxy,
    "proxy-rules": proxy.proxy_rules,
    "proxy-changes": proxy.proxy_changes,
    "previews": previews.previews,
    "webhooks": webhooks.webhooks,
}


def main(names):
    """Prints the table, a row as soon as it is known."""
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise SystemExit(f"no measure {unknown[0]}; there are {', '.join(MEASURES)}")
    print("| measure | Longshore | beside it | ratio | goal |")
    print("|---|---|---|---|---|")
    for name in names or MEASURES:
        for row in MEASURES[name]():
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
