"""Load balancers of the engine with a port of their own, and clients that keep asking."""

import http.client
import threading
import time
import urllib.parse

import pytest

from support.wait import until


class Balancer:
    """A load balancer with one listener and one target group."""

    def __init__(self, elb, ec2, name, **group):
        self.elb = elb
        subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
        self.arn = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        self.group = self.new_group(ec2, name, **group)
        self.listener = elb.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=80, DefaultActions=[forward(self.group)]
        )["Listeners"][0]["ListenerArn"]
        self.url = until(self.where, "the listener to listen")

    def new_group(self, ec2, name, **settings):
        """A target group whose news come soon."""
        quick = {
            "Protocol": "HTTP",
            "Port": 80,
            "TargetType": "instance",
            "VpcId": ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
            "HealthCheckIntervalSeconds": 5,
            "HealthCheckTimeoutSeconds": 2,
            "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2,
        }
        return self.elb.create_target_group(Name=name, **(quick | settings))["TargetGroups"][0]["TargetGroupArn"]

    def where(self):
        """What the engine tagged the listener with: where it really listens."""
        tags = self.elb.describe_tags(ResourceArns=[self.listener])["TagDescriptions"][0]["Tags"]
        return next((tag["Value"] for tag in tags if tag["Key"] == "longshore:url"), None)

    def states(self):
        """How the targets are."""
        found = self.elb.describe_target_health(TargetGroupArn=self.group)["TargetHealthDescriptions"]
        return [it["TargetHealth"]["State"] for it in found]


def forward(group):
    """The action that sends requests to a group."""
    return {"Type": "forward", "TargetGroupArn": group}


@pytest.fixture
def balancer(engine, name):
    """A load balancer for the test."""
    return Balancer(engine.client("elbv2"), engine.client("ec2"), short(name))


def short(name):
    """At most 32 characters that are the test's own: the end of its name."""
    return name[-32:].strip("-")


class Load:
    """Clients that ask one after the other over connections that they keep, and note every answer."""

    def __init__(self, url, clients=4, path="/", headers=()):
        self.address = urllib.parse.urlsplit(url)
        self.path = path
        self.headers = dict(headers)
        self.answers = []
        self.failures = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.ask, daemon=True) for _ in range(clients)]

    def ask(self):
        connection = None
        while not self.ended.is_set():
            try:
                connection = connection or http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=20)
                connection.request("GET", self.path, headers=self.headers)
                answer = connection.getresponse()
                body = answer.read().decode()
                (self.answers if answer.status == 200 else self.failures).append((answer.status, body))
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((type(error).__name__, str(error)))
                connection = None
            time.sleep(0.001)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        for thread in self.threads:
            thread.join(30)

    def check(self, at_least):
        """No request failed, and there were enough of them to tell."""
        assert self.failures == [], self.failures[:5]
        assert len(self.answers) >= at_least, len(self.answers)
