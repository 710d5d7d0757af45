"""Routes through load balancers: a listener for each environment (`port`), or a rule of a shared listener (`host`).

On the engine requests really flow. On moto's server, which runs no task and which knows nothing of us, the calls count:
what is made carries our tags, and all of it goes again."""

import os
import random
import time
from urllib.parse import urlsplit

import pytest
from support import moto
from support.balancer import Load
from support.github import sha
from support.previews import Serve, github, request, serves  # noqa: F401 (fixtures)
from support.shared import NOT_HERE, REDIRECT, Shared, ours
from support.wait import until

NAMES = [f"branch-{number}" for number in range(6)]
process = pytest.mark.parametrize("engine", ["process"], indirect=True)


@pytest.fixture
def shared(engine, name):
    """A load balancer for the test."""
    return Shared(engine, name)


def test_a_listener_of_its_own(serves, github, shared):
    shared.listen(7000, REDIRECT)
    shared.listen(7001, NOT_HERE)
    # Its two ports are the whole range: the first one is taken by somebody else.
    serve = serves(preview=shared.port_route(7001, 7002)).define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "ready")
    address = urlsplit(view["url"])
    assert address.port == 7002, "the last port of the range is in it"
    where = urlsplit(shared.url(shared.ports()[7002])).netloc
    assert request(view["url"], where) == (200, sha(2))
    assert shared.tags(shared.ports()[7002])["longshore:environment"] == view["id"]
    with Load(f"http://{where}") as load:
        github.push("feature/one", sha(3))
        view = serve.wait_for("one", "ready", deployed_sha=sha(3))
        assert request(view["url"], where) == (200, sha(3))
        until(lambda: all(it["runningCount"] == 1 for it in serve.services().values()), "the old task to be gone")
    load.check(at_least=10)
    github.delete("feature/one")
    serve.gone("one")
    assert sorted(shared.ports()) == [7000, 7001]
    assert (serve.services(), ours(shared.groups(), serve)) == ({}, set())


@process
def test_a_range_that_is_used_up(serves, github, shared):
    serve = serves(preview=shared.port_route(7100, 7103)).define().start()
    # All at once: whose port was taken meanwhile takes another one.
    for number, name in enumerate(NAMES[:4]):
        github.push(f"feature/{name}", sha(number + 2))
    views = [serve.wait_for(name, "ready") for name in NAMES[:4]]
    assert {urlsplit(view["url"]).port for view in views} == {7100, 7101, 7102, 7103}
    github.push("feature/late", sha(9))
    waits = lambda: serve.environments().get(f"late.{serve.app}", {}).get("waiting", [])  # noqa: E731
    until(lambda: any("all ports from 7100 to 7103" in it for it in waits()), "the late one to say what it waits for")
    github.delete(f"feature/{NAMES[0]}")
    view = serve.wait_for("late", "ready")
    assert view["url"] == views[0]["url"]


@process
def test_a_rule_of_a_shared_listener(serves, github, shared):
    listener = shared.listen(7200, NOT_HERE)
    foreign = {"Field": "host-header", "Values": ["shop.test"]}
    shared.elb.create_rule(ListenerArn=listener, Priority=30_000, Conditions=[foreign], Actions=[REDIRECT])
    where = urlsplit(shared.url(listener)).netloc
    serve = serves(preview=shared.host_route(listener)).define().start()
    for number, name in enumerate(["one", "two"]):
        github.push(f"feature/{name}", sha(number + 2))
    for number, name in enumerate(["one", "two"]):
        view = serve.wait_for(name, "ready")
        assert view["url"] == f"http://{name}.{serve.app}.preview.test:7200/"
        assert request(view["url"], where) == (200, sha(number + 2))
    assert request("http://three.preview.test/", where) == (404, "not here")
    assert len(shared.rules(listener)) == 3
    with Load(f"http://{where}", headers={"Host": f"one.{serve.app}.preview.test"}) as load:
        github.push("feature/one", sha(4))
        serve.wait_for("one", "ready", deployed_sha=sha(4))
        until(lambda: load.answers[-1] == (200, sha(4)), "the new version to answer")
    load.check(at_least=10)
    for name in ["one", "two"]:
        github.delete(f"feature/{name}")
    for name in ["one", "two"]:
        serve.gone(name)
    assert list(shared.rules(listener)) == [30_000]
    assert (serve.services(), ours(shared.groups(), serve)) == ({}, set())


@process
@pytest.mark.parametrize("kind", ["port", "host"])
def test_kill_9_leaves_nothing_behind(serves, github, shared, kind):
    seed = int(os.environ.get("LONGSHORE_CRASH_SEED", random.randrange(2**32)))
    print(f"LONGSHORE_CRASH_SEED={seed}")
    moments = random.Random(seed)
    listener = shared.listen(7250, NOT_HERE)
    route = shared.port_route(7251, 7299) if kind == "port" else shared.host_route(listener)
    serve = serves(preview=route).define().start()

    def killed():
        """Kills it at several moments of what goes on."""
        for _ in range(2):
            time.sleep(moments.uniform(0, 0.4))
            serve.kill()
            serve.start()

    github.push("feature/one", sha(2))
    killed()
    view = serve.wait_for("one", "ready")
    where = urlsplit(shared.url(shared.ports()[urlsplit(view["url"]).port])).netloc
    assert request(view["url"], where) == (200, sha(2))
    assert (len(shared.ports()), len(shared.rules(listener))) == ((2, 0) if kind == "port" else (1, 1))
    github.delete("feature/one")
    killed()
    serve.gone("one")
    assert (list(shared.ports()), shared.rules(listener)) == ([7250], {})
    assert (serve.services(), ours(shared.groups(), serve)) == ({}, set())


@process
def test_a_target_group_of_somebody_else_is_not_touched(serves, github, shared):
    serve = serves(preview=shared.port_route(7300, 7309)).define().start()
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    [name] = ours(shared.groups(), serve)
    github.delete("feature/one")
    serve.gone("one")
    foreign = shared.group(name, TargetType="instance")
    github.push("feature/one", sha(3))
    view = serve.wait_for("one", "failed")
    assert f"target group `{name}` is not Longshore's" in view["failure"], view
    github.delete("feature/one")
    serve.gone("one")
    [left] = shared.elb.describe_target_groups(Names=[name])["TargetGroups"]
    assert left["TargetGroupArn"] == foreign and shared.tags(foreign) == {}
    assert shared.ports() == {}
    shared.elb.delete_target_group(TargetGroupArn=foreign)


@process
@pytest.mark.parametrize("kind", ["port", "host"])
def test_a_load_balancer_that_is_not_there(serves, github, shared, kind):
    listener = shared.listen(7400, NOT_HERE)
    shared.elb.delete_load_balancer(LoadBalancerArn=shared.arn)
    route = shared.port_route(7400, 7409) if kind == "port" else shared.host_route(listener)
    serve = serves(preview=route).define().start()
    github.push("feature/one", sha(2))
    view = serve.wait_for("one", "failed")
    assert "that `route` in longshore.toml names does not exist" in view["failure"]
    github.delete("feature/one")
    serve.gone("one")


@process
def test_a_load_balancer_that_goes(serves, github, shared):
    serve = serves(preview=shared.port_route(7500, 7509)).define().start()
    github.push("feature/one", sha(2))
    serve.wait_for("one", "ready")
    shared.elb.delete_load_balancer(LoadBalancerArn=shared.arn)
    github.delete("feature/one")
    serve.gone("one")
    assert (serve.services(), ours(shared.groups(), serve)) == ({}, set())


class Moto:
    """moto's server in the place of the engine."""

    def __init__(self, environment):
        self.variables = environment

    def environment(self):
        return self.variables

    def client(self, service):
        return moto.client(self.variables, service)


@pytest.fixture
def aws(tmp_path):
    """A server of its own."""
    with moto.serve(tmp_path) as environment:
        yield Moto(environment)


@pytest.fixture
def on_moto(aws, name, tmp_path, github):
    """Makes a `longshore serve` on moto's server."""
    made = []
    aws.client("ecs").create_cluster(clusterName=name)
    aws.client("sqs").create_queue(QueueName="longshore-events")

    def make(**config):
        made.append(Serve(aws, name, tmp_path, github, **config).define())
        return made[-1].start()

    yield make
    assert [serve.stop() for serve in made] == [0] * len(made), made[-1].said()[-4000:]


def all_made(serve, github, names):
    """Pushes the branches, and waits until each has a service: moto runs no task, so that none becomes ready. One after
    the other, because moto does not mind two listeners on one port."""
    for number, name in enumerate(names):
        github.push(f"feature/{name}", sha(number + 2))
        until(lambda: len(serve.services()) == number + 1, f"the service of {name} to be made")
    assert {view["state"] for view in serve.environments().values()} == {"creating"}


def all_gone(serve, shared, github, names):
    """Deletes all branches, and waits until nothing is left."""
    for name in names:
        github.delete(f"feature/{name}")
    for name in names:
        serve.gone(name)
    assert (serve.services(), shared.groups()) == ({}, set())
    ecs = serve.engine.client("ecs")
    arns = ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    assert [arn.split("/")[1] for arn in arns] == [f"{serve.cluster}-web:1"]


def test_listeners_on_moto(aws, on_moto, github, name):
    shared = Shared(aws, name)
    before = {shared.listen(8080, REDIRECT), shared.listen(8083, NOT_HERE)}
    group = shared.group("somebody-else")
    serve = on_moto(preview="limits = { removals = 10 }\n" + shared.port_route(8080, 8087))
    all_made(serve, github, NAMES)
    ports = shared.ports()
    assert sorted(ports) == list(range(8080, 8088)), "each has a port of its own"
    made = {arn: shared.tags(arn)["longshore:environment"] for arn in ports.values() if arn not in before}
    assert sorted(made.values()) == sorted(serve.environments())
    for service in serve.services().values():
        [balanced] = service["loadBalancers"]
        tags = shared.tags(balanced["targetGroupArn"])
        assert (tags["longshore:repository"], balanced["containerPort"]) == ("octo-org/shop", 8080)
    all_gone(serve, shared, github, NAMES)
    assert set(shared.ports().values()) == before
    [left] = shared.elb.describe_target_groups()["TargetGroups"]
    assert left["TargetGroupArn"] == group


def test_rules_on_moto(aws, on_moto, github, name):
    shared = Shared(aws, name)
    listener = shared.listen(80, REDIRECT)
    condition = {"Field": "path-pattern", "Values": ["/health"]}
    shared.elb.create_rule(ListenerArn=listener, Priority=7, Conditions=[condition], Actions=[NOT_HERE])
    serve = on_moto(preview="limits = { removals = 10 }\n" + shared.host_route(listener))
    all_made(serve, github, NAMES)
    rules = shared.rules(listener)
    assert len(rules) == len(NAMES) + 1
    hosts = {rule["RuleArn"]: rule["Conditions"][0] for priority, rule in rules.items() if priority != 7}
    for arn, condition in hosts.items():
        [host] = condition.get("Values") or condition["HostHeaderConfig"]["Values"]
        assert host == f"{shared.tags(arn)['longshore:environment']}.preview.test"
    all_gone(serve, shared, github, NAMES)
    assert list(shared.rules(listener)) == [7]
    assert len(shared.ports()) == 1
