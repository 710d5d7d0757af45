"""What Longshore's Lambda door is measured beside: a Python function in the manner of the older task runners.

It imports boto3, starts the task with RunTask, looks with DescribeTasks every 10 seconds until all tasks have stopped,
and puts the answer with urllib. A loop of its own takes the place of Lambda's Python runtime. One sandbox takes one
event at a time, as in Lambda.
"""

import json
import os
import time
import urllib.request

import boto3

RUNTIME = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"
POLL_SECONDS = 10

ecs = boto3.client("ecs")


def run(event):
    """Runs the tasks to their end; gives the task ARNs. Raises when one failed."""
    properties = event["ResourceProperties"]
    cluster = properties["Cluster"]
    definition = ecs.describe_task_definition(taskDefinition=properties["TaskDefinition"])["taskDefinition"]
    answer = ecs.run_task(
        cluster=cluster,
        taskDefinition=definition["taskDefinitionArn"],
        count=int(properties.get("Count", 1)),
        overrides=properties.get("Overrides", {}),
        startedBy=event["RequestId"][:36],
    )
    if answer["failures"]:
        raise RuntimeError(f"failures: {answer['failures']}")
    arns = [task["taskArn"] for task in answer["tasks"]]
    deadline = time.monotonic() + int(properties.get("Timeout", 290))
    while True:
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
        if all(task["lastStatus"] == "STOPPED" for task in tasks):
            break
        if time.monotonic() > deadline:
            raise RuntimeError("timed out")
        time.sleep(POLL_SECONDS)
    failed = [each for task in tasks for each in task["containers"] if each.get("exitCode") != 0]
    if failed:
        raise RuntimeError(f"exit code {failed[0].get('exitCode')} of container {failed[0]['name']}")
    return arns


def respond(event, status, reason, physical_id):
    """Puts the answer."""
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": status, "Reason": reason, "PhysicalResourceId": physical_id}
    body = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], body, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request).close()


def handle(event):
    """One request of CloudFormation."""
    physical_id = event.get("PhysicalResourceId", event["RequestId"])
    try:
        if event["RequestType"] != "Delete":
            run(event)
        respond(event, "SUCCESS", "", physical_id)
    except Exception as error:  # noqa: BLE001 (whatever it is, CloudFormation waits for the answer)
        respond(event, "FAILED", str(error), physical_id)


def main():
    """Takes events one after the other."""
    while True:
        with urllib.request.urlopen(f"{RUNTIME}/invocation/next") as answer:
            request_id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
        handle(event)
        done = urllib.request.Request(f"{RUNTIME}/invocation/{request_id}/response", b"null", method="POST")
        urllib.request.urlopen(done).close()


if __name__ == "__main__":
    main()
