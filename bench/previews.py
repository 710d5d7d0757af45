"""Preview environments beside those of the system to surpass, on the same engine: from the webhook to a URL that is
announced and answers, and API calls for each environment's life."""

import http.client
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from custom_resource import CLUSTER, engine
from deity import Deity

from support.balancer import short
from support.github import GitHub, sha
from support.previews import Serve
from support.proxy import Proxy
from support.wait import until

ROUNDS = 5
TOGETHER = 10
CONTAINER_PORT = 8080
# The same for both, and the quickest that a load balancer takes. One task each.
HEALTH = {
    "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "traffic-port",
    "HealthCheckPath": "/index.html",
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 2,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
    "Matcher": {"HttpCode": "200"},
}
# At rest a long poll of 20 s, however many environments there are; it ends when an event comes.
OF_THE_QUEUE = {"ReceiveMessage", "DeleteMessage", "DeleteMessageBatch"}
PAUSE_SECONDS = 0.01
DEADLINE_SECONDS = 180


class Counted(Serve):
    """`longshore serve`, with its calls of the engine counted on their way."""

    def __init__(self, proxy, *place, **config):
        super().__init__(*place, **config)
        self.calls_by = proxy

    def environment(self):
        """That of an operator of the proxy in between."""
        return super().environment() | {"AWS_ENDPOINT_URL": self.calls_by.url}


class Ours:
    """Environments of `longshore serve`."""

    def __init__(self, server, folder, proxy, github):
        server.client("sqs").create_queue(QueueName="longshore-events")
        self.github, self.commits = github, 1
        limits = f"limits = {{ removals = {TOGETHER} }}"
        self.serve = Counted(proxy, server, CLUSTER, folder, github, preview=limits).define().start()
        # What it does at its start is of no environment.
        until(lambda: proxy.of("ListServices") and proxy.of("ListTasks"), "the first sweep")

    def push(self, name):
        """The webhook of a new branch."""
        self.commits += 1
        assert self.github.push(f"feature/{name}", sha(self.commits)) == 202

    def wait_until_up(self, name):
        """Until its URL is announced and answers."""
        view = wait_for(lambda: self.view(name, "ready"), f"{name} to be ready")
        wait_for(lambda: self.serve.get(view["url"])[0] == 200, f"{view['url']} to answer")

    def view(self, name, state):
        """The environment, if it is in this state."""
        view = self.serve.environments().get(f"{name}.{self.serve.app}")
        return view if view and view["state"] == state else None

    def delete(self, name):
        """The webhook of a deleted branch."""
        assert self.github.delete(f"feature/{name}") == 202

    def wait_until_gone(self, name):
        """Until nothing of it is left."""
        wait_for(lambda: f"{name}.{self.serve.app}" not in self.serve.environments(), f"{name} to be gone")


class Theirs:
    """Environments in the way of the system to surpass: what it does goes on in the call of the webhook."""

    def __init__(self, server, proxy):
        self.elb, ec2 = server.client("elbv2"), server.client("ec2")
        subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
        [balancer] = self.elb.create_load_balancer(Name=short(CLUSTER), Subnets=subnets)["LoadBalancers"]
        vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        ecs, elb = (through(proxy, server, service) for service in ("ecs", "elbv2"))
        self.deity = Deity(ecs, elb, CLUSTER, balancer["LoadBalancerArn"], vpc)
        self.balancer = balancer["LoadBalancerArn"]

    def up(self, name):
        """From the webhook until its URL is announced and answers."""
        _, port = self.deity.create(name, f"{CLUSTER}-web", "main", CONTAINER_PORT, 1, HEALTH)
        address = urlsplit(self.where(port)).netloc
        wait_for(lambda: answers(address), f"{address} to answer")

    def where(self, port):
        """Where the engine really listens for a listener of this port: it says so in a tag."""
        listeners = self.elb.describe_listeners(LoadBalancerArn=self.balancer)["Listeners"]
        [arn] = [one["ListenerArn"] for one in listeners if one["Port"] == port]
        tags = self.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
        return next(tag["Value"] for tag in tags if tag["Key"] == "longshore:url")


def through(proxy, server, service):
    """A client whose calls are counted."""
    return boto3.client(
        service,
        region_name=server.region,
        endpoint_url=proxy.url,
        aws_access_key_id=server.exports["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=server.exports["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def answers(address):
    """Whether a host and port answer with 200."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def wait_for(condition, what):
    """Often enough to measure by."""
    return until(condition, what, DEADLINE_SECONDS, PAUSE_SECONDS)


def timed(function, *arguments):
    """The seconds that it took."""
    began = time.monotonic()
    function(*arguments)
    return time.monotonic() - began


class Lives:
    """What the lives of environments took: seconds up and down, and calls, those of the queue apart."""

    def __init__(self, proxy):
        self.proxy, self.up, self.down, self.calls = proxy, [], [], []

    @contextmanager
    def counted(self):
        """The calls that come by meanwhile, by operation."""
        before = len(self.proxy.calls)
        yield
        self.calls.append(Counter(call.operation for call in self.proxy.calls[before:]))

    def each(self, of_the_queue=False):
        """The median of their numbers of calls."""
        return median(
            sum(count for name, count in calls.items() if (name in OF_THE_QUEUE) == of_the_queue)
            for calls in self.calls
        )

    def said(self):
        """The calls of the last life, by operation, for those who want to know where they come from."""
        last = ", ".join(f"{name} {count}" for name, count in self.calls[-1].most_common())
        return f"{len(self.calls)} lives, of the last: {last}"


def one_at_a_time(product, peer, ours, theirs):
    """Environments that come and go, in turns."""
    for number in range(ROUNDS):
        name = f"b{number}"
        with ours.counted():
            ours.up.append(timed(lambda: (product.push(name), product.wait_until_up(name))))
            ours.down.append(timed(lambda: (product.delete(name), product.wait_until_gone(name))))
        with theirs.counted():
            theirs.up.append(timed(peer.up, name))
            theirs.down.append(timed(peer.deity.destroy, name))


def together(product, ours):
    """Environments that come and go at the same time."""
    names = [f"t{number}" for number in range(TOGETHER)]
    for _ in range(ROUNDS):
        with ours.counted():
            for each, waits, seconds in (
                (product.push, product.wait_until_up, ours.up),
                (product.delete, product.wait_until_gone, ours.down),
            ):
                seconds.append(timed(lambda: ([each(name) for name in names], [waits(name) for name in names])))


def previews():
    """The table's rows."""
    with ExitStack() as stack:
        server, _ = stack.enter_context(engine("process"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        our_proxy, their_proxy = (stack.enter_context(Proxy(server.port)) for _ in range(2))
        product = Ours(server, folder, our_proxy, stack.enter_context(GitHub()))
        stack.callback(product.serve.stop)
        ours, many, theirs = Lives(our_proxy), Lives(our_proxy), Lives(their_proxy)
        one_at_a_time(product, Theirs(server, their_proxy), ours, theirs)
        together(product, many)
    for name, lives in (("ours", ours), ("ours together", many), ("beside it", theirs)):
        print(f"{name}: {lives.said()}", file=sys.stderr)
    yield timing("webhook to healthy URL", ours.up, theirs.up, "a tenth")
    yield timing(f"the same, {TOGETHER} at once, the last", many.up, theirs.up, "-")
    yield timing("branch deleted to nothing left", ours.down, theirs.down, "-")
    calls = theirs.each()
    yield calling("API calls of an environment's life", ours.each(), calls, "half")
    yield calling(f"the same, {TOGETHER} at once, for each", many.each() / TOGETHER, calls, "-")
    yield calling("calls of the queue of events meanwhile", ours.each(True), 0, "-")


def timing(what, ours, theirs, goal):
    """A row of seconds."""
    ours, theirs = median(ours), median(theirs)
    return f"preview: {what}", f"{ours:.2f} s", f"ECS Deity: {theirs:.2f} s", f"{ours / theirs:.3f}", goal


def calling(what, ours, theirs, goal):
    """A row of calls."""
    ratio = f"{ours / theirs:.2f}" if theirs else "-"
    return f"preview: {what}", f"{ours:.1f}", f"ECS Deity: {theirs:.1f}", ratio, goal
