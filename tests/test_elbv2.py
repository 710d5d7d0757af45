"""Elastic Load Balancing and the bit of EC2 beside it, with the AWS CLI and boto3, as far as no request flows."""

import ipaddress
import json
import re
import uuid

import pytest
from botocore.exceptions import ClientError
from support import program
from support.wait import until

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d"
SOON = {"Delay": 1, "MaxAttempts": 5}


@pytest.fixture
def engine(simulated_engine):
    """The engine that runs nothing."""
    return simulated_engine


@pytest.fixture
def elb(engine):
    """A boto3 client for Elastic Load Balancing."""
    return engine.client("elbv2")


@pytest.fixture
def ec2(engine):
    """A boto3 client for EC2."""
    return engine.client("ec2")


@pytest.fixture
def short():
    """A name of at most 32 characters that nobody else uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def balancer(elb, ec2, short):
    """A load balancer in the default network; it goes again, because there are not many of them."""
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    [made] = elb.create_load_balancer(Name=short, Subnets=subnets)["LoadBalancers"]
    yield made
    elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])


@pytest.fixture
def new_group(elb, ec2, short):
    """Makes target groups of addresses."""
    [vpc] = ec2.describe_vpcs()["Vpcs"]

    def make(suffix="", **settings):
        request = {"Name": f"{short}{suffix}", "Protocol": "HTTP", "Port": 80, "TargetType": "ip"}
        [group] = elb.create_target_group(VpcId=vpc["VpcId"], **request | settings)["TargetGroups"]
        return group["TargetGroupArn"]

    return make


@pytest.fixture
def listener(elb, balancer):
    """A listener that answers 404."""
    return new_listener(elb, balancer)


def new_listener(elb, balancer, port=80, action=None):
    [listener] = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=port, DefaultActions=[action or fixed("404")]
    )["Listeners"]
    return listener["ListenerArn"]


def fixed(status, **settings):
    """The action that answers by itself."""
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status} | settings}


def forward(group):
    """The action that forwards to a target group."""
    return {"Type": "forward", "TargetGroupArn": group}


def path(pattern):
    """The condition that a path is like the pattern."""
    return {"Field": "path-pattern", "Values": [pattern]}


def refused(code, call, **request):
    """The sentence of a call that must be refused with this code."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Message"]


def paged(client, operation, key, size, **request):
    """All items of a description, in pages of this size."""
    pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **request)
    pages = [page[key] for page in pages]
    assert all(len(page) <= size for page in pages) and len(pages) > 1
    return [item for page in pages for item in page]


def test_a_load_balancer_at_a_shell(engine, short):
    aws = engine.aws
    subnets = aws("ec2", "describe-subnets", "--query", "Subnets[].SubnetId")
    made = aws("elbv2", "create-load-balancer", "--name", short, "--subnets", *subnets, "--tags", "Key=team,Value=a b")
    [balancer] = made["LoadBalancers"]
    arn = balancer["LoadBalancerArn"]
    assert re.fullmatch(
        rf"arn:aws:elasticloadbalancing:{engine.region}:\d{{12}}:loadbalancer/app/{short}/[0-9a-f]{{16}}", arn
    )
    done = engine.aws("elbv2", "wait", "load-balancer-available", "--names", short, check=False)
    assert done.returncode == 0, done.stderr
    [described] = aws("elbv2", "describe-load-balancers", "--names", short)["LoadBalancers"]
    assert described["State"]["Code"] == "active"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)", described["CreatedTime"])
    address = ipaddress.ip_address(described["DNSName"])
    assert address.is_loopback and address not in ipaddress.ip_network("127.0.0.0/16")
    tags = aws("elbv2", "describe-tags", "--resource-arns", arn)["TagDescriptions"][0]["Tags"]
    assert tags == [{"Key": "team", "Value": "a b"}]

    [vpc] = aws("ec2", "describe-vpcs", "--query", "Vpcs[].VpcId")
    words = ["--protocol", "HTTP", "--port", "80", "--vpc-id", vpc, "--target-type", "ip"]
    [group] = aws("elbv2", "create-target-group", "--name", short, *words)["TargetGroups"]
    action = f"Type=forward,TargetGroupArn={group['TargetGroupArn']}"
    words = ["--load-balancer-arn", arn, "--protocol", "HTTP", "--port", "80", "--default-actions", action]
    [listener] = aws("elbv2", "create-listener", *words)["Listeners"]
    words = ["--listener-arn", listener["ListenerArn"], "--priority", "10", "--actions", action]
    conditions = json.dumps([{"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}}])
    [rule] = aws("elbv2", "create-rule", *words, "--conditions", conditions)["Rules"]
    assert (rule["Priority"], rule["Conditions"][0]["Values"]) == ("10", ["*.example.com"])
    rules = aws("elbv2", "describe-rules", "--listener-arn", listener["ListenerArn"])["Rules"]
    assert [rule["Priority"] for rule in rules] == ["10", "default"]

    done = engine.aws("elbv2", "delete-target-group", "--target-group-arn", group["TargetGroupArn"], check=False)
    assert "(ResourceInUse)" in done.stderr and "in use by a listener or a rule" in done.stderr
    for verb, option, named in [
        ("delete-rule", "--rule-arn", rule["RuleArn"]),
        ("delete-listener", "--listener-arn", listener["ListenerArn"]),
        ("delete-target-group", "--target-group-arn", group["TargetGroupArn"]),
        ("delete-load-balancer", "--load-balancer-arn", arn),
    ]:
        done = engine.aws("elbv2", verb, option, named, check=False)
        assert done.returncode == 0, done.stderr
    done = engine.aws("elbv2", "wait", "load-balancers-deleted", "--load-balancer-arns", arn, check=False)
    assert done.returncode == 0, done.stderr
    done = engine.aws("elbv2", "describe-load-balancers", "--names", short, check=False)
    assert f"(LoadBalancerNotFound) when calling the DescribeLoadBalancers operation: Load balancers '[{short}]'" in (
        done.stderr
    )


def test_a_load_balancer_takes_subnets_that_nobody_knows(elb, short):
    real = ["subnet-0a1b2c3d4e5f60718", "subnet-1a2b3c4d"]
    [made] = elb.create_load_balancer(Name=short, SubnetMappings=[{"SubnetId": it} for it in real], Scheme="internal")[
        "LoadBalancers"
    ]
    assert {zone["SubnetId"] for zone in made["AvailabilityZones"]} == set(real)
    assert len({zone["ZoneName"] for zone in made["AvailabilityZones"]}) == 2
    again = elb.create_load_balancer(Name=short, Subnets=real, Scheme="internal")["LoadBalancers"]
    assert again == [made], "the same settings are the same load balancer"
    refused("DuplicateLoadBalancerName", elb.create_load_balancer, Name=short, Subnets=real)
    arn = made["LoadBalancerArn"]
    changed = elb.set_subnets(LoadBalancerArn=arn, Subnets=["subnet-00000001", *real])
    assert len(changed["AvailabilityZones"]) == 3 and changed["IpAddressType"] == "ipv4"
    assert elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=["sg-0a1b2c3d"])["SecurityGroupIds"] == [
        "sg-0a1b2c3d"
    ]
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn], WaiterConfig=SOON)


@pytest.mark.parametrize(
    ("change", "code", "part"),
    [
        ({"Name": "a" * 33}, "ValidationError", "longer than '32'"),
        ({"Name": "internal-a"}, "ValidationError", "'internal-'"),
        ({"Subnets": ["subnet-1a2b3c4d"]}, "ValidationError", "At least two subnets"),
        ({"Subnets": ["here", "there"]}, "InvalidSubnet", "'here'"),
        ({"SecurityGroups": ["default"]}, "InvalidSecurityGroup", "'default'"),
        ({"Type": "network"}, "InvalidConfigurationRequest", "'network' is not offered"),
        ({"Scheme": "public"}, "ValidationError", "[internet-facing, internal]"),
    ],
)
def test_load_balancers_that_are_refused(elb, change, code, part):
    request = {"Name": "refused", "Subnets": ["subnet-1a2b3c4d", "subnet-1a2b3c4e"]} | change
    assert part in refused(code, elb.create_load_balancer, **request)


def test_target_groups_have_elbs_defaults(elb, new_group):
    arn = new_group()
    [group] = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    expected = {
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "HealthCheckPath": "/",
        "Matcher": {"HttpCode": "200"},
        "LoadBalancerArns": [],
    }
    assert group | expected == group
    changed = elb.modify_target_group(
        TargetGroupArn=arn, HealthCheckPath="/up", HealthCheckIntervalSeconds=5, Matcher={"HttpCode": "200-299,304"}
    )["TargetGroups"]
    assert [changed[0][key] for key in ("HealthCheckPath", "HealthCheckIntervalSeconds", "Matcher")] == [
        "/up",
        5,
        {"HttpCode": "200-299,304"},
    ]
    attributes = elb.modify_target_group_attributes(
        TargetGroupArn=arn,
        Attributes=[
            {"Key": "deregistration_delay.timeout_seconds", "Value": "5"},
            {"Key": "stickiness.enabled", "Value": "true"},
        ],
    )["Attributes"]
    assert attributes == elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    values = {attribute["Key"]: attribute["Value"] for attribute in attributes}
    assert values["deregistration_delay.timeout_seconds"] == "5" and values["stickiness.type"] == "lb_cookie"
    assert values["load_balancing.algorithm.type"] == "round_robin"
    wrong = [{"Key": "deregistration_delay.timeout_seconds", "Value": "3601"}]
    refused("ValidationError", elb.modify_target_group_attributes, TargetGroupArn=arn, Attributes=wrong)
    assert new_group(Port=80, HealthCheckPath="/up", HealthCheckIntervalSeconds=5, Matcher={"HttpCode": "200-299,304"})
    refused("DuplicateTargetGroupName", new_group, Port=81)
    elb.delete_target_group(TargetGroupArn=arn)
    refused("TargetGroupNotFound", elb.describe_target_groups, TargetGroupArns=[arn])


def test_load_balancer_attributes(elb, balancer):
    arn = balancer["LoadBalancerArn"]
    values = {it["Key"]: it["Value"] for it in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
    assert values["idle_timeout.timeout_seconds"] == "60" and values["deletion_protection.enabled"] == "false"

    def protect(value):
        attributes = [{"Key": "deletion_protection.enabled", "Value": value}]
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)

    protect("true")
    assert "deletion protection" in refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)
    protect("false")


def test_listeners_and_their_certificates(elb, balancer, listener):
    arn = balancer["LoadBalancerArn"]
    same = {"LoadBalancerArn": arn, "Protocol": "HTTP", "Port": 80}
    assert elb.create_listener(**same, DefaultActions=[fixed("404")])["Listeners"][0]["ListenerArn"] == listener
    refused("DuplicateListener", elb.create_listener, **same, DefaultActions=[fixed("500")])
    tls = {"LoadBalancerArn": arn, "Protocol": "HTTPS", "Port": 443, "DefaultActions": [fixed("404")]}
    message = refused("ValidationError", elb.create_listener, **tls)
    assert message == "A certificate must be specified for HTTPS listeners"
    [made] = elb.create_listener(**tls, Certificates=[{"CertificateArn": CERTIFICATE}])["Listeners"]
    assert made["Certificates"] == [{"CertificateArn": CERTIFICATE}] and made["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    more = [{"CertificateArn": f"{CERTIFICATE}{n}"} for n in range(3)]
    elb.add_listener_certificates(ListenerArn=made["ListenerArn"], Certificates=more)
    elb.remove_listener_certificates(ListenerArn=made["ListenerArn"], Certificates=more[:1])
    found = paged(elb, "describe_listener_certificates", "Certificates", 2, ListenerArn=made["ListenerArn"])
    assert [(it["CertificateArn"], it["IsDefault"]) for it in found] == [
        (CERTIFICATE, True),
        (more[1]["CertificateArn"], False),
        (more[2]["CertificateArn"], False),
    ]
    changed = elb.modify_listener(ListenerArn=made["ListenerArn"], Port=8443, DefaultActions=[fixed("503")])
    assert changed["Listeners"][0]["Port"] == 8443
    of_balancer = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
    assert {it["Port"] for it in of_balancer} == {80, 8443}
    elb.delete_listener(ListenerArn=listener)
    refused("ListenerNotFound", elb.describe_listeners, ListenerArns=[listener])


CONDITIONS = [
    {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com", "a.localhost"]}},
    {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/img/*"]}},
    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "User-Agent", "Values": ["*Chrome*"]}},
    {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1"}, {"Value": "x&y"}]}},
    {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "HEAD"]}},
    {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8", "::1/128"]}},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition["Field"])
def test_conditions_come_back_as_they_went_in(elb, listener, condition):
    made = elb.create_rule(ListenerArn=listener, Priority=1, Conditions=[condition], Actions=[fixed("200")])["Rules"]
    assert made[0]["Conditions"][0] | condition == made[0]["Conditions"][0]
    found = elb.describe_rules(RuleArns=[made[0]["RuleArn"]])["Rules"]
    assert found == made
    elb.modify_rule(RuleArn=made[0]["RuleArn"], Conditions=[path("/other")])
    changed = elb.modify_rule(RuleArn=made[0]["RuleArn"], Conditions=[condition])["Rules"]
    assert changed == made


def test_actions_come_back_as_they_went_in(elb, listener, new_group):
    first, second = new_group("-1"), new_group("-2")
    weighted = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": first, "Weight": 9}, {"TargetGroupArn": second, "Weight": 1}],
            "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
        },
    }
    redirect = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    answer = fixed("503", ContentType="text/html", MessageBody="<p>later & more</p>")
    actions = [weighted, forward(first), redirect, answer]
    for priority, action in enumerate(actions, 1):
        elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=[path("/a")], Actions=[action])
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    found = [rule["Actions"][0] for rule in rules[:-1]]
    assert found[0] == weighted
    assert found[1]["TargetGroupArn"] == first and found[1]["ForwardConfig"]["TargetGroups"] == [
        {"TargetGroupArn": first, "Weight": 1}
    ]
    assert found[2]["RedirectConfig"] == redirect["RedirectConfig"] | {
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
    }
    assert found[3] == answer
    loop = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302"}}
    refused("InvalidLoadBalancerAction", elb.modify_rule, RuleArn=rules[0]["RuleArn"], Actions=[loop])
    gone = forward(f"{first}0")
    refused("TargetGroupNotFound", elb.modify_rule, RuleArn=rules[0]["RuleArn"], Actions=[gone])


def test_rules_keep_their_order(elb, listener):
    arns = {}
    for priority in (50000, 7, 100, 1):
        request = {"ListenerArn": listener, "Conditions": [path(f"/{priority}")], "Actions": [fixed("200")]}
        arns[priority] = elb.create_rule(Priority=priority, **request)["Rules"][0]["RuleArn"]
    found = paged(elb, "describe_rules", "Rules", 2, ListenerArn=listener)
    assert [rule["Priority"] for rule in found] == ["1", "7", "100", "50000", "default"]
    message = refused("PriorityInUse", elb.create_rule, Priority=7, **request)
    assert message == "Priority '7' is currently in use"
    swap = [{"RuleArn": arns[1], "Priority": 7}, {"RuleArn": arns[7], "Priority": 1}]
    elb.set_rule_priorities(RulePriorities=swap)
    order = [rule["RuleArn"] for rule in elb.describe_rules(ListenerArn=listener)["Rules"]]
    assert order[:4] == [arns[7], arns[1], arns[100], arns[50000]]
    taken = [{"RuleArn": arns[1], "Priority": 100}]
    refused("PriorityInUse", elb.set_rule_priorities, RulePriorities=taken)
    refused("OperationNotPermitted", elb.delete_rule, RuleArn=order[4])
    elb.delete_rule(RuleArn=arns[100])
    refused("RuleNotFound", elb.delete_rule, RuleArn=arns[100])
    refused("ValidationError", elb.create_rule, Priority=1, ListenerArn=listener, Conditions=[], Actions=[fixed("200")])


def test_targets_are_registered_and_drain(elb, balancer, new_group):
    group = new_group()

    def states(**request):
        answer = elb.describe_target_health(TargetGroupArn=group, **request)["TargetHealthDescriptions"]
        return {(it["Target"]["Id"], it["Target"]["Port"]): it["TargetHealth"] for it in answer}

    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "10.0.0.1"}, {"Id": "10.0.0.1", "Port": 81}])
    assert {(key, health["Reason"]) for key, health in states().items()} == {
        (("10.0.0.1", 80), "Target.NotInUse"),
        (("10.0.0.1", 81), "Target.NotInUse"),
    }
    new_listener(elb, balancer, action=forward(group))
    assert {health["State"] for health in states().values()} == {"initial"}
    elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": "10.0.0.1", "Port": 81}])
    until(lambda: ("10.0.0.1", 81) not in states() or None, "the target, which has nothing in flight, to be gone")
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}]
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
    target = {"Id": "10.0.0.1", "Port": 80}
    elb.deregister_targets(TargetGroupArn=group, Targets=[target])
    waiter = elb.get_waiter("target_deregistered")
    waiter.wait(TargetGroupArn=group, Targets=[target], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert states(Targets=[target])["10.0.0.1", 80]["Reason"] == "Target.NotRegistered"
    refused("ValidationError", elb.register_targets, TargetGroupArn=group, Targets=[{"Id": "i-0123abcd"}])
    refused("TargetGroupNotFound", elb.register_targets, TargetGroupArn=f"{group}0", Targets=[target])


def test_load_balancers_and_groups_in_pages(engine, short):
    elb = engine.client("elbv2", region="eu-north-1")
    subnets = ["subnet-1a2b3c4d", "subnet-1a2b3c4e"]
    balancers = [elb.create_load_balancer(Name=f"{short}-{n}", Subnets=subnets)["LoadBalancers"][0] for n in range(5)]
    found = paged(elb, "describe_load_balancers", "LoadBalancers", 2)
    assert sorted(it["LoadBalancerArn"] for it in found) == sorted(it["LoadBalancerArn"] for it in balancers)
    assert len({it["DNSName"] for it in found}) == 5
    request = {"Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1a2b3c4d"}
    for n in range(5):
        elb.create_target_group(Name=f"{short}-{n}", **request)
    found = paged(elb, "describe_target_groups", "TargetGroups", 2)
    assert [it["TargetGroupName"] for it in found] == [f"{short}-{n}" for n in range(5)]
    limits = paged(elb, "describe_account_limits", "Limits", 3)
    assert {"Name": "rules-per-application-load-balancer", "Max": "100"} in limits
    listeners = [new_listener(elb, balancers[0], port) for port in range(80, 85)]
    found = paged(elb, "describe_listeners", "Listeners", 2, LoadBalancerArn=balancers[0]["LoadBalancerArn"])
    assert sorted(it["ListenerArn"] for it in found) == sorted(listeners)
    refused("ValidationError", elb.describe_load_balancers, Marker="elsewhere")


def test_tags_of_everything(elb, balancer, listener, new_group):
    rule = {"ListenerArn": listener, "Priority": 1, "Conditions": [path("/")], "Actions": [fixed("200")]}
    [rule] = elb.create_rule(**rule, Tags=[{"Key": "first", "Value": "1"}])["Rules"]
    arns = [balancer["LoadBalancerArn"], listener, rule["RuleArn"], new_group()]
    elb.add_tags(ResourceArns=arns, Tags=[{"Key": "team", "Value": "dock + crew"}])
    elb.remove_tags(ResourceArns=arns, TagKeys=["first"])
    found = elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    tags = {it["ResourceArn"]: [tag for tag in it["Tags"] if not tag["Key"].startswith("longshore:")] for it in found}
    assert tags == {arn: [{"Key": "team", "Value": "dock + crew"}] for arn in arns}
    many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    refused("TooManyTags", elb.add_tags, ResourceArns=arns[:1], Tags=many)
    refused("DuplicateTagKeys", elb.add_tags, ResourceArns=arns[:1], Tags=[many[0], many[0]])


def test_limits_of_a_load_balancer(elb, balancer):
    for port in range(1, 51):
        new_listener(elb, balancer, port)
    refused("TooManyListeners", new_listener, elb=elb, balancer=balancer, port=51)
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    request = {"ListenerArn": listeners[0]["ListenerArn"], "Conditions": [path("/")], "Actions": [fixed("200")]}
    for priority in range(1, 101):
        elb.create_rule(Priority=priority, **request)
    refused("TooManyRules", elb.create_rule, Priority=101, **request)


def test_the_default_network(engine, ec2):
    [vpc] = ec2.describe_vpcs(Filters=[{"Name": "isDefault", "Values": ["true"]}])["Vpcs"]
    assert vpc["IsDefault"] and vpc["State"] == "available" and vpc["CidrBlock"] == "172.31.0.0/16"
    inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
    subnets = ec2.describe_subnets(Filters=[*inside, {"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [subnet["AvailabilityZone"] for subnet in subnets] == [zone["ZoneName"] for zone in zones]
    assert {subnet["VpcId"] for subnet in subnets} == {vpc["VpcId"]} and len(subnets) == 3
    blocks = [ipaddress.ip_network(subnet["CidrBlock"]) for subnet in subnets]
    assert all(block.subnet_of(ipaddress.ip_network(vpc["CidrBlock"])) for block in blocks)
    [group] = ec2.describe_security_groups(Filters=[*inside, {"Name": "group-name", "Values": ["default"]}])[
        "SecurityGroups"
    ]
    assert group["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    assert ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"] == [group]
    assert engine.client("ec2", region="eu-west-3").describe_vpcs()["Vpcs"][0]["VpcId"] != vpc["VpcId"]
    ids = engine.aws("ec2", "describe-subnets", "--filters", f"Name=vpc-id,Values={vpc['VpcId']}")["Subnets"]
    assert [subnet["SubnetId"] for subnet in ids] == [subnet["SubnetId"] for subnet in subnets]


def test_what_ec2_does_not_know(ec2):
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=["vpc-1a2b3c4d"])
    message = refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=["subnet-1a2b3c4d"])
    assert message == "The subnet ID 'subnet-1a2b3c4d' does not exist"
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=["sg-1a2b3c4d"])
    refused("InvalidAction", ec2.describe_images)


def test_unknown_operations_and_wrong_keys_are_said_in_their_protocols(engine, elb):
    refused("InvalidAction", elb.describe_ssl_policies)
    environment = engine.environment() | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    for service, verb in (("elbv2", "describe-load-balancers"), ("ec2", "describe-vpcs")):
        done = program.run([program.AWS, service, verb], environment, check=False)
        assert done.returncode != 0 and "(InvalidSignature" in done.stderr, done.stderr


def test_a_load_balancer_outlives_kill_9(own_engine):
    engine = own_engine("simulated")
    elb = engine.client("elbv2")
    subnets = ["subnet-1a2b3c4d", "subnet-1a2b3c4e"]
    [balancer] = elb.create_load_balancer(Name="kept", Subnets=subnets)["LoadBalancers"]
    request = {"Name": "kept", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1a2b3c4d", "TargetType": "ip"}
    [group] = elb.create_target_group(**request)["TargetGroups"]
    listener = new_listener(elb, balancer, action=forward(group["TargetGroupArn"]))
    rule = {"ListenerArn": listener, "Priority": 5, "Conditions": CONDITIONS[:3], "Actions": [fixed("200")]}
    elb.create_rule(**rule)
    elb.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": "127.0.0.1", "Port": 8000}])

    def everything():
        return [
            elb.describe_load_balancers()["LoadBalancers"],
            elb.describe_target_groups()["TargetGroups"],
            elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"],
            elb.describe_rules(ListenerArn=listener)["Rules"],
            elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"],
        ]

    before = everything()
    engine.kill()
    engine.start()
    assert everything() == before
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group["TargetGroupArn"])


def test_container_instances_are_instances_of_this_machine(engine, ec2):
    ecs, instance = engine.client("ecs"), f"i-0{uuid.uuid4().hex[:16]}"
    zone = [{"name": "ecs.availability-zone", "value": f"{engine.region}b"}]
    ecs.create_cluster(clusterName=instance)
    ecs.register_container_instance(
        cluster=instance, instanceIdentityDocument=json.dumps({"instanceId": instance}), attributes=zone
    )
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig=SOON)
    [page] = ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": "instance-id", "Values": [instance]}])
    [found] = [each for reservation in page["Reservations"] for each in reservation["Instances"]]
    assert (found["InstanceId"], found["PrivateIpAddress"]) == (instance, "127.0.0.1")
    assert found["Placement"]["AvailabilityZone"] == f"{engine.region}b"
    [subnet] = ec2.describe_subnets(SubnetIds=[found["SubnetId"]])["Subnets"]
    assert subnet["AvailabilityZone"] == f"{engine.region}b"
    with pytest.raises(ClientError, match="i-0123456789abcdef0") as missing:
        ec2.describe_instances(InstanceIds=["i-0123456789abcdef0"])
    assert missing.value.response["Error"]["Code"] == "InvalidInstanceID.NotFound"
