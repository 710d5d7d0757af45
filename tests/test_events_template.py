"""templates/events.yaml as a stack in moto: which events reach the queue, and what its policies allow."""

import json
import re

import pytest
from cfnlint.decode import cfn_yaml
from cloudsplaining.scan.policy_document import PolicyDocument
from parliament import analyze_policy_string
from support import moto, program

TEMPLATE = program.CHECKOUT / "templates" / "events.yaml"

ACCOUNT = "123456789012"
ECS = f"arn:aws:ecs:eu-west-1:{ACCOUNT}"
ELB = f"arn:aws:elasticloadbalancing:eu-west-1:{ACCOUNT}"
BALANCER = f"{ELB}:loadbalancer/app/shared/0a1b2c3d"

# What only some need.
LISTS = {
    "PassRoleArns": f"arn:aws:iam::{ACCOUNT}:role/task,arn:aws:iam::{ACCOUNT}:role/execution",
    "TaskLogGroupArns": f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/web:*",
    "TopicArns": f"arn:aws:sns:eu-west-1:{ACCOUNT}:previews",
    "HookFunctionArns": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:hook",
}

# IAM knows no resource for these, or asks about `*` and is limited by the condition.
WITHOUT_RESOURCE = {
    "ec2:DescribeInstances",
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeTaskDefinition",
    "ecs:ListServices",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
}

# What makes a thing an environment's.
TAG = "longshore:environment"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """The environment for clients of moto's server."""
    with moto.serve(tmp_path_factory.mktemp("moto")) as environment:
        yield environment


@pytest.fixture(scope="module")
def create(aws):
    """Creates a stack from the template, and gives its outputs."""

    def create(name, **parameters):
        cloudformation = moto.client(aws, "cloudformation")
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=TEMPLATE.read_text(),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in {"QueueName": name, **parameters}.items()
            ],
        )
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    return create


@pytest.fixture(scope="module")
def everything(create):
    """A stack with all parameters."""
    return create(
        "everything", ClusterName="web", AutoScalingGroupNames="web,batch", LoadBalancerArns=BALANCER, **LISTS
    )


def event(source, kind, resource, detail):
    """An event as PutEvents takes it."""
    return {"Source": source, "DetailType": kind, "Resources": [resource], "Detail": json.dumps(detail)}


def events_of(cluster, group):
    """One of each kind that Longshore wants, and one that it does not."""
    of_cluster = {"clusterArn": f"{ECS}:cluster/{cluster}"}
    service = f"{ECS}:service/{cluster}/api"
    of_group = {"AutoScalingGroupName": group}
    return [
        event("aws.ecs", "ECS Task State Change", f"{ECS}:task/{cluster}/1", of_cluster),
        event("aws.ecs", "ECS Service Action", service, of_cluster),
        event("aws.ecs", "ECS Deployment State Change", service, {"eventName": "SERVICE_DEPLOYMENT_COMPLETED"}),
        event("aws.autoscaling", "EC2 Instance-launch Lifecycle Action", group, of_group),
        event("aws.autoscaling", "EC2 Instance-terminate Lifecycle Action", group, of_group),
        event("aws.ecs", "AWS API Call via CloudTrail", service, of_cluster),
    ]


def arrived(aws, queue, put):
    """The kinds and resources of what reaches the queue when these events happen."""
    events = moto.client(aws, "events")
    for first in range(0, len(put), 10):
        answer = events.put_events(Entries=put[first : first + 10])
        assert answer["FailedEntryCount"] == 0, answer
    sqs = moto.client(aws, "sqs")
    found = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        found += [json.loads(each["Body"]) for each in messages]
    return sorted((each["detail-type"], each["resources"][0]) for each in found)


def test_the_events_of_the_cluster_and_of_the_groups_arrive(aws, everything):
    wanted, others = events_of("web", "web"), events_of("other", "other")
    found = arrived(aws, everything["QueueUrl"], wanted + others)
    assert found == sorted((each["DetailType"], each["Resources"][0]) for each in wanted[:-1])


def test_without_names_the_events_of_all_clusters_and_groups_arrive(aws, create):
    # moto takes no statements that are absent from a list: what the policy is without these is looked at below.
    outputs = create("all", **LISTS)
    wanted = events_of("a", "a")[:-1] + events_of("b", "b")[:-1]
    found = arrived(aws, outputs["QueueUrl"], [*wanted, events_of("a", "a")[-1]])
    assert found == sorted((each["DetailType"], each["Resources"][0]) for each in wanted)


def test_only_the_rules_may_send_and_what_cannot_be_read_is_kept(aws, everything):
    sqs = moto.client(aws, "sqs")
    attributes = sqs.get_queue_attributes(QueueUrl=everything["QueueUrl"], AttributeNames=["All"])["Attributes"]
    # moto leaves policies of queues out.
    resources = cfn_yaml.load(str(TEMPLATE))["Resources"]
    policy = resources["QueuePolicy"]["Properties"]
    [statement] = policy["PolicyDocument"]["Statement"]
    rules = [name for name, each in resources.items() if each["Type"] == "AWS::Events::Rule"]
    assert len(rules) == 3 and policy["Queues"] == [{"Ref": "Queue"}]
    sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sorted(each["Fn::GetAtt"][0] for each in sources) == sorted(rules)
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", {"Fn::GetAtt": ["Queue", "Arn"]})
    dead = sqs.get_queue_attributes(QueueUrl=everything["DeadLettersUrl"], AttributeNames=["QueueArn"])
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == dead["Attributes"]["QueueArn"]
    assert attributes["ReceiveMessageWaitTimeSeconds"] == "20"


def policy_of(aws, arn):
    """A managed policy's document."""
    iam = moto.client(aws, "iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    # IAM counts all but white space.
    assert len(re.sub(r"\s", "", json.dumps(document))) <= 6144
    return document


def by_action(document):
    """The statements of a policy by their actions."""
    found = {}
    for statement in document["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert action not in found and statement["Effect"] == "Allow"
            found[action] = statement
    return found


def test_the_policies_allow_what_environments_need_and_touch_only_what_is_tagged(aws, everything):
    serve = by_action(policy_of(aws, everything["ServePolicyArn"]))
    balance = by_action(policy_of(aws, everything["BalancePolicyArn"]))
    on_the_cluster = {"ArnLike": {"ecs:cluster": f"{ECS}:cluster/web"}}
    created, ours = {"Null": {f"aws:RequestTag/{TAG}": "false"}}, {"Null": {f"aws:ResourceTag/{TAG}": "false"}}
    expected = {
        "ecs:CreateService": (f"{ECS}:service/web/*", created),
        "ecs:UpdateService": (f"{ECS}:service/web/*", ours),
        "ecs:DeleteService": (f"{ECS}:service/web/*", ours),
        "ecs:DescribeServices": (f"{ECS}:service/web/*", None),
        "ecs:RegisterTaskDefinition": (f"{ECS}:task-definition/*", created),
        "ecs:RunTask": (f"{ECS}:task-definition/*", on_the_cluster),
        "ecs:StopTask": (f"{ECS}:task/web/*", on_the_cluster),
        "ecs:ListTasks": ("*", on_the_cluster),
        "sqs:ReceiveMessage": (everything["QueueArn"], None),
        "sns:Publish": ([f"arn:aws:sns:eu-west-1:{ACCOUNT}:previews"], None),
        "lambda:InvokeFunction": ([f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:hook"], None),
        "logs:GetLogEvents": ([f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/web:*"], None),
    }
    found = {action: (serve[action]["Resource"], serve[action].get("Condition")) for action in expected}
    assert found == expected
    assert serve["iam:PassRole"]["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert balance["elasticloadbalancing:CreateListener"]["Resource"] == [BALANCER]
    for action, statement in balance.items():
        verb = action.removeprefix("elasticloadbalancing:")
        condition = statement.get("Condition")
        if verb.startswith("Describe"):
            assert (statement["Resource"], condition) == ("*", None), action
        elif verb.startswith("Create"):
            assert condition == created, action
        elif verb.startswith("Delete"):
            assert condition == ours, action
    assert {action for action, each in serve.items() if each["Resource"] == "*"} == WITHOUT_RESOURCE


def is_known(issue, detail):
    """Whether it is a thing that parliament is too old or too strict for."""
    if issue == "RESOURCE_MISMATCH":
        # It wants listeners of network load balancers, too.
        return bool(detail) and all(re.search(r":listener(-rule)?/net/", each["required_format"]) for each in detail)
    return "elasticloadbalancing:CreateAction" in str(detail)


def test_the_linters_find_nothing_in_the_policies(aws, everything):
    for output in ("ServePolicyArn", "BalancePolicyArn"):
        document = policy_of(aws, everything[output])
        findings = analyze_policy_string(json.dumps(document)).findings
        # What has no resource is looked at above.
        issues = [(each.issue, each.detail) for each in findings if each.issue != "RESOURCE_STAR"]
        assert [(issue, detail) for issue, detail in issues if not is_known(issue, detail)] == []
        assert PolicyDocument(document).allows_privilege_escalation == []
        assert PolicyDocument(document).service_wildcard == []


def test_what_is_not_asked_for_is_not_granted():
    template = cfn_yaml.load(str(TEMPLATE))
    statements = template["Resources"]["ServePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    optional = [each["Fn::If"] for each in statements if "Fn::If" in each]
    by_condition = {condition: granted for condition, granted, _ in optional}
    assert {condition: granted["Action"] for condition, granted in by_condition.items()} == {
        "PassesRoles": "iam:PassRole",
        "ReadsLogs": "logs:GetLogEvents",
        "Publishes": "sns:Publish",
        "CallsHooks": "lambda:InvokeFunction",
    }
    assert all(otherwise == {"Ref": "AWS::NoValue"} for _, _, otherwise in optional)
    assert template["Resources"]["BalancePolicy"]["Condition"] == "Balances"
    for condition, granted in by_condition.items():
        parameter = granted["Resource"]["Ref"]
        assert template["Parameters"][parameter]["Default"] == ""
        assert parameter in json.dumps(template["Conditions"][condition])
