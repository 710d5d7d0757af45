"""A stack with one `Custom::ECSTask` in it: sends the requests that CloudFormation would, and sees the answers."""

import json
import shlex
import time
import uuid
from contextlib import suppress

from support import program
from support.callback import Callback
from support.definitions import container, task_definition
from support.lambda_service import ARN, LambdaService
from support.proxy import Proxy
from support.wait import DEADLINE_SECONDS, until


class Stack:
    """The stack, the function that serves it, and what stands between the function and the world. A context manager.

    The tasks of its definition append what they are told to `file`, so that how often they ran is known from
    themselves.
    """

    def __init__(self, engine, cluster, directory, command=None, **settings):
        self.engine, self.cluster, self.directory = engine, cluster, directory
        directory.mkdir(parents=True, exist_ok=True)
        self.file = directory / "ran"
        self.id = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{cluster}/{uuid.uuid4()}"
        self.proxy, self.callback = Proxy(engine.port), Callback()
        self.function = LambdaService(command or [program.LONGSHORE], self.environment(), directory, **settings)
        # In front of Lambda's own API and CloudFormation's.
        self.beside = Proxy(self.function.port)
        for service in ("LAMBDA", "CLOUDFORMATION"):
            self.function.environment[f"AWS_ENDPOINT_URL_{service}"] = self.beside.url

    def environment(self):
        """The environment of the function: AWS's, with the engine behind the proxy."""
        environment = self.engine.environment()
        for name in ("AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS"):
            environment.pop(name, None)
        environment |= {f"AWS_ENDPOINT_URL_{service}": self.proxy.url for service in ("ECS", "CLOUDWATCH_LOGS")}
        return environment

    def __enter__(self):
        for server in (self.proxy, self.beside, self.callback, self.function):
            server.__enter__()
        return self

    def __exit__(self, *raised):
        for server in (self.function, self.callback, self.beside, self.proxy):
            server.__exit__(*raised)

    @property
    def ecs(self):
        """A client of the engine that does not go through the proxy."""
        return self.engine.client("ecs")

    def define(self, script="true", **settings):
        """A revision of the stack's family with one container that runs this script."""
        definition = task_definition(self.cluster, container(script, group=self.cluster, **settings))
        return self.ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]

    def note(self, what="ran"):
        """A shell command that notes that a task ran: with O_APPEND, as a line that is written at once."""
        return f"echo {shlex.quote(what)} >> {shlex.quote(str(self.file))}"

    def ran(self):
        """What the tasks noted."""
        return self.file.read_text().splitlines() if self.file.exists() else []

    def properties(self, **properties):
        """ResourceProperties as CloudFormation sends them: every scalar is a string. None leaves one out."""
        usual = {"ServiceToken": ARN, "Cluster": self.cluster, "TaskDefinition": self.cluster, "PollInterval": 1}
        return {name: strings(value) for name, value in (usual | properties).items() if value is not None}

    def event(self, kind, properties=None, old=None, sent=None, logical_id="MigrateTask", physical_id=None):
        """A request of CloudFormation."""
        request_id = str(uuid.uuid4())
        event = {
            "RequestType": kind,
            "ServiceToken": ARN,
            "ResponseURL": self.callback.response_url(request_id, sent),
            "StackId": self.id,
            "RequestId": request_id,
            "LogicalResourceId": logical_id,
            "ResourceType": "Custom::ECSTask",
            "ResourceProperties": self.properties() if properties is None else properties,
        }
        if kind != "Create":
            event["PhysicalResourceId"] = physical_id or "an-id-of-an-earlier-version"
        if kind == "Update":
            event["OldResourceProperties"] = old or self.properties()
        return event

    def send(self, event):
        """Delivers a request and waits for its answer."""
        self.function.invoke(event)
        return self.answer(event)

    def answer(self, event, deadline_seconds=DEADLINE_SECONDS):
        """Waits for the answer to a request that was delivered before."""
        try:
            return self.callback.answer(event, deadline_seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\nthe function said:\n{self.function.log_text()[-4000:]}") from None

    def create(self, **properties):
        """A Create with these properties, and its answer."""
        return self.send(self.event("Create", self.properties(**properties)))

    def update(self, old=None, physical_id=None, **properties):
        """An Update from `old` (properties as for a Create) to these properties, and its answer."""
        event = self.event(
            "Update", self.properties(**properties), self.properties(**(old or {})), physical_id=physical_id
        )
        return self.send(event)

    def delete(self, physical_id=None, **properties):
        """A Delete, and its answer."""
        return self.send(self.event("Delete", self.properties(**properties), physical_id=physical_id))

    def tasks(self):
        """All tasks of the cluster as they are now, also those that ended."""
        arns = []
        for status in ("RUNNING", "STOPPED"):
            pages = self.ecs.get_paginator("list_tasks").paginate(cluster=self.cluster, desiredStatus=status)
            arns += [arn for page in pages for arn in page["taskArns"]]
        return self.ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"] if arns else []

    def task(self):
        """Waits for the only task, and gives it."""
        tasks = until(self.tasks, "a task")
        assert len(tasks) == 1, tasks
        return tasks[0]

    def stop_all(self):
        """Stops what still runs."""
        with suppress(self.ecs.exceptions.ClientError):  # the cluster may be gone
            for arn in self.ecs.list_tasks(cluster=self.cluster)["taskArns"]:
                self.ecs.stop_task(cluster=self.cluster, task=arn)

    def handle(self, *events, check=True, **options):
        """`longshore cfn handle` with these requests in files, to its end."""
        files = []
        for event in events:
            files.append(self.directory / f"{event['RequestId']}.json")
            files[-1].write_text(json.dumps(event))
        return self.longshore("cfn", "handle", *files, check=check, **options)

    def longshore(self, *arguments, **options):
        """Runs `longshore` in the function's environment, but not in Lambda."""
        of_lambda = ("AWS_LAMBDA", "LAMBDA_", "_HANDLER")
        environment = {
            name: value for name, value in self.function.environment.items() if not name.startswith(of_lambda)
        }
        return program.run([program.LONGSHORE, *arguments], environment, **options)


def strings(value):
    """As CloudFormation sends it."""
    if isinstance(value, dict):
        return {name: strings(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [strings(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def override(script=None, environment=None, **settings):
    """The property Overrides for the container `main`."""
    main = {"name": "main"} | settings
    if script:
        main["command"] = ["sh", "-c", script]
    if environment:
        main["environment"] = [{"name": name, "value": value} for name, value in environment.items()]
    return {"containerOverrides": [main]}


def hour_ago(hours=1.0):
    """A moment in the past."""
    return time.time() - 3600 * hours
