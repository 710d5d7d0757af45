"""AWS Lambda, as far as a function with asynchronous invocations sees it.

A queue of events; sandboxes (processes of the function's program, each with a Runtime API of its own) that take one
event at a time, are frozen between two, and are killed when they are over the function's timeout; two more attempts
for an event that failed. Beside it the two other services that the function calls: Lambda's Invoke and
CloudFormation's DescribeStacks.
"""

import json
import signal
import subprocess
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from support.proxy import is_invoke
from support.served import Served
from support.wait import until

MOST_ATTEMPTS = 3
RUNTIME = "/2018-06-01/runtime"
FUNCTION = "task-runner"
ARN = f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}"


@dataclass
class Event:
    """An event in the queue. Its id stays the same when it is delivered again after a failure."""

    payload: bytes
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    # How each attempt ended: `response`, `error`, `crashed` or `timed out`.
    attempts: list = field(default_factory=list)

    @property
    def json(self):
        """The event."""
        return json.loads(self.payload)


class Sandbox(Served):
    """A process of the function, and its Runtime API."""

    def __init__(self, service, number):
        super().__init__()
        self.service = service
        self.log = service.directory / f"sandbox-{number}.log"
        self.event = None
        self.dead = None
        self.started = None
        self.process = None
        self.has_process = threading.Event()

    def start(self):
        """Starts the process."""
        self.__enter__()
        with self.log.open("wb") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                [str(word) for word in self.service.command],
                env=self.service.environment | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.port}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.service.directory,
            )
        self.has_process.set()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        self.process.wait()
        self.service.ended(self, "crashed")
        self.__exit__(True)

    def kill(self, why, event=None):
        """kill -9, unless it is at another event than this by now."""
        if self.service.ended(self, why, event):
            self.process.kill()

    def serve(self, exchange):
        """The Runtime API."""
        path = exchange.path
        if path == f"{RUNTIME}/invocation/next":
            self._next(exchange)
        elif path == f"{RUNTIME}/init/error":
            self.service.init_errors.append(exchange.body)
            exchange.reply(202)
        else:
            _, request_id, what = path.removeprefix(RUNTIME).rsplit("/", 2)
            known = self.service.done(self, request_id, what, exchange.body)
            exchange.reply(*((202,) if known else (400, b'{"errorType":"InvalidRequestID"}')))

    def _next(self, exchange):
        # On a busy machine a process asks before its maker has heard of it.
        self.has_process.wait()
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGSTOP)
        event = self.service.take(self)
        if event is None:
            exchange.drop()
            return
        self.process.send_signal(signal.SIGCONT)
        deadline = time.time() + self.service.timeout_seconds
        timer = threading.Timer(self.service.timeout_seconds, self.kill, ["timed out", event])
        timer.daemon = True
        timer.start()
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": event.id,
            "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        }
        exchange.reply(200, event.payload, headers)


class LambdaService(Served):
    """The service. `deliver` is called with (sandbox, event) at each delivery, for tests that crash what they will."""

    def __init__(self, command, environment, directory, timeout_seconds=60, sandboxes=4, retry_seconds=0.05):
        super().__init__()
        self.command, self.directory = command, directory
        directory.mkdir(parents=True, exist_ok=True)
        self.environment = environment | {
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]5a3b0f7c",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
            "_HANDLER": "bootstrap",
            "LAMBDA_TASK_ROOT": str(directory),
            "TZ": ":UTC",
        }
        self.timeout_seconds, self.most_sandboxes, self.retry_seconds = timeout_seconds, sandboxes, retry_seconds
        self.deliver = lambda sandbox, event: None
        # What DescribeStacks answers; None is AccessDenied.
        self.stack_status = "UPDATE_IN_PROGRESS"
        self.sandboxes, self.events, self.self_invocations, self.init_errors = [], [], [], []
        self._changed = threading.Condition()
        self._queue = []
        self._open = 0
        self._closing = False

    def __exit__(self, *raised):
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for sandbox in self.sandboxes:
            sandbox.kill("closed")
            sandbox.process.wait()
        super().__exit__(*raised)

    def invoke(self, payload):
        """Queues an event."""
        event = Event(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
        with self._changed:
            self.events.append(event)
            self._open += 1
        self._enqueue(event)
        return event

    def _enqueue(self, event):
        with self._changed:
            if self._closing:
                return
            self._queue.append(event)
            alive = [sandbox for sandbox in self.sandboxes if not sandbox.dead]
            if len(alive) < self.most_sandboxes and sum(not each.event for each in alive) < len(self._queue):
                sandbox = Sandbox(self, len(self.sandboxes))
                self.sandboxes.append(sandbox)
                sandbox.start()
            self._changed.notify_all()

    def take(self, sandbox):
        """Waits for an event for this sandbox; None when it will get none any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or sandbox.dead or self._closing)
            if sandbox.dead or self._closing:
                return None
            sandbox.event = self._queue.pop(0)
        self.deliver(sandbox, sandbox.event)
        return sandbox.event

    def done(self, sandbox, request_id, what, body):
        """A sandbox posted the outcome of its event."""
        with self._changed:
            event = sandbox.event
            if sandbox.dead or event is None or event.id != request_id:
                return False
            sandbox.event = None
            self._attempted(event, what)
            if what == "error":
                event.error = body
            return True

    def ended(self, sandbox, why, event=None):
        """A sandbox is dead, or will be at once. False when it was before, or has another event than this."""
        with self._changed:
            if sandbox.dead or (event and sandbox.event is not event):
                return False
            sandbox.dead, event = why, sandbox.event
            if event is None and not self._closing and self._queue:
                event = self._queue.pop(0)  # what it was started for fails with it
            sandbox.event = None
            if event:
                self._attempted(event, why)
            self._changed.notify_all()
            return True

    def _attempted(self, event, how):
        event.attempts.append(how)
        if how == "response" or len(event.attempts) == MOST_ATTEMPTS:
            self._open -= 1
            return
        timer = threading.Timer(self.retry_seconds, self._enqueue, [event])
        timer.daemon = True
        timer.start()

    def crash(self):
        """kill -9 of every sandbox that is at work."""
        for sandbox in list(self.sandboxes):
            if sandbox.event:
                sandbox.kill("crashed")

    def wait_until_idle(self, deadline_seconds=60):
        """Waits until every event was processed, or given up after the last attempt."""
        until(lambda: self._open == 0, "the function to have nothing to do", deadline_seconds, pause_seconds=0.01)

    def log_text(self):
        """What all sandboxes printed."""
        return "".join(sandbox.log.read_text(errors="replace") for sandbox in self.sandboxes)

    def serve(self, exchange):
        """Invoke and DescribeStacks."""
        if is_invoke(exchange):
            function, query = unquote(exchange.path).removeprefix("/2015-03-31/functions/").split("/invocations")
            assert function in (FUNCTION, ARN) and query in ("", "?Qualifier=$LATEST"), exchange.path
            assert exchange.headers.get("X-Amz-Invocation-Type") == "Event", exchange.headers.items()
            self.self_invocations.append(exchange.body)
            self.invoke(exchange.body)
            exchange.reply(202)
            return
        form = {name: value[0] for name, value in parse_qs(exchange.body.decode()).items()}
        assert form.get("Action") == "DescribeStacks", f"{exchange.command} {exchange.path} {exchange.body}"
        exchange.reply(*describe_stacks(form["StackName"], self.stack_status), {"Content-Type": "text/xml"})


def describe_stacks(stack_id, status):
    """CloudFormation's answer."""
    namespace = 'xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"'
    if status is None:
        error = "<Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message>"
        return 403, f"<ErrorResponse {namespace}><Error>{error}</Error></ErrorResponse>".encode()
    stack = (
        f"<StackName>{escape(stack_id.split('/')[1])}</StackName><StackId>{escape(stack_id)}</StackId>"
        f"<StackStatus>{status}</StackStatus><CreationTime>2026-11-21T00:00:00Z</CreationTime>"
    )
    members = f"<DescribeStacksResult><Stacks><member>{stack}</member></Stacks></DescribeStacksResult>"
    return 200, f"<DescribeStacksResponse {namespace}>{members}</DescribeStacksResponse>".encode()
