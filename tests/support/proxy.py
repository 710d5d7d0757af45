"""A proxy between the product and the engine that misbehaves as a network and a busy service do, by a plan.

A fault is a function of (proxy, exchange). It is given an operation and a number of times (`Proxy.fault`), or chosen
for each request by a function (`Proxy.choose`), such as `RandomFaults`.
"""

import http.client
import json
import threading
import time
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from support.served import Served

# The headers that belong to one connection and not to the request.
OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Call:
    """A request that came by."""

    moment: float
    operation: str
    body: bytes

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)


def pass_on(proxy, exchange):
    """No fault."""
    exchange.reply(*proxy.forward(exchange))


def lose_request(_, exchange):
    """The request does not arrive."""
    exchange.drop()


def lose_reply(proxy, exchange):
    """The request arrives; the client never hears of it."""
    proxy.forward(exchange)
    exchange.drop()


def fail_after(proxy, exchange):
    """The request arrives and is carried out; the client hears of an error."""
    proxy.forward(exchange)
    unavailable(proxy, exchange)


def delay(seconds):
    """The request is late."""

    def late(proxy, exchange):
        time.sleep(seconds)
        pass_on(proxy, exchange)

    return late


def refuse(status, kind, message="Injected."):
    """The service answers with an error and has done nothing."""
    body = json.dumps({"__type": kind, "message": message}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "00000000-0000-0000-0000-000000000000"}
    return lambda _, exchange: exchange.reply(status, body, headers)


def after(function):
    """The request arrives, and before the client hears of it something else happens."""

    def then(proxy, exchange):
        answer = proxy.forward(exchange)
        function()
        exchange.reply(*answer)

    return then


def missing(_, exchange):
    """DescribeTasks knows none of its tasks, as in the first moments after RunTask."""
    failures = [{"arn": arn, "reason": "MISSING"} for arn in json.loads(exchange.body)["tasks"]]
    body = json.dumps({"tasks": [], "failures": failures}).encode()
    exchange.reply(200, body, {"Content-Type": "application/x-amz-json-1.1"})


unavailable = refuse(500, "ServerException")
throttle = refuse(400, "ThrottlingException", "Rate exceeded")


class Proxy(Served):
    """Passes requests on to a port of this machine, except where the plan says otherwise; notes all of them."""

    def __init__(self, port):
        super().__init__()
        self._upstream = port
        self._lock = threading.Lock()
        self._planned = []
        self.calls = []
        self.choose = lambda operation: None

    def fault(self, operation, act, times=1):
        """The next so many requests of this operation (None: of any) go wrong; times=None is all of them."""
        with self._lock:
            self._planned.append([operation, act, times])

    def serve(self, exchange):
        """Does with a request what the plan says."""
        operation = name_of(exchange)
        with self._lock:
            self.calls.append(Call(time.monotonic(), operation, exchange.body))
            act = self._next(operation)
        act(self, exchange)

    def _next(self, operation):
        for planned in self._planned:
            if planned[0] in (None, operation) and planned[2] != 0:
                if planned[2] is not None:
                    planned[2] -= 1
                return planned[1]
        return self.choose(operation) or pass_on

    def forward(self, exchange):
        """Sends the request on as it is, `Host` included (it is signed); gives status, body and headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=120)
        try:
            connection.putrequest(exchange.command, exchange.path, skip_host=True, skip_accept_encoding=True)
            for name, value in exchange.headers.items():
                if name.lower() not in OF_A_CONNECTION:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(exchange.body)))
            connection.putheader("Connection", "close")
            connection.endheaders(exchange.body)
            answer = connection.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in OF_A_CONNECTION}
            return answer.status, answer.read(), headers
        finally:
            connection.close()

    def of(self, operation):
        """The calls of one operation."""
        with self._lock:
            return [call for call in self.calls if call.operation == operation]


def name_of(exchange):
    """The operation that a request asks for: of the JSON protocols, of the query protocol, of Lambda."""
    target = exchange.headers.get("X-Amz-Target")
    if target:
        return target.rsplit(".", 1)[-1]
    if exchange.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(exchange.body.decode()).get("Action", ["?"])[0]
    return "Invoke" if is_invoke(exchange) else exchange.path


def is_invoke(exchange):
    """Whether a request is Lambda's Invoke."""
    return urlsplit(exchange.path).path.endswith("/invocations")


class RandomFaults:
    """Chooses faults by a seeded source, a limited number of them: what it stands for passes."""

    KINDS = (lose_request, lose_reply, fail_after, unavailable, throttle)

    def __init__(self, numbers, rate, most):
        self.numbers, self.rate, self.left = numbers, rate, most
        self.chosen = []

    def __call__(self, operation):
        if self.left == 0 or self.numbers.random() > self.rate:
            return None
        self.left -= 1
        fault = self.numbers.choice(self.KINDS)
        if self.numbers.random() < 0.2:
            fault = delay(self.numbers.uniform(0, 0.2))
        self.chosen.append(f"{operation}: {getattr(fault, '__name__', '')}")
        return fault
