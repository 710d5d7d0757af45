"""The CloudFormation templates, judged by tools that nobody here wrote: cfn-lint, two linters of IAM policies, moto."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml
from cloudsplaining.scan.policy_document import PolicyDocument
from parliament import analyze_policy_string
from support import moto, program

TASK_RUNNER = program.CHECKOUT / "templates" / "task-runner.yaml"
EXAMPLE = program.CHECKOUT / "examples" / "custom-resource" / "stack.yaml"
TEMPLATES = [*(program.CHECKOUT / "templates").glob("*.yaml"), *EXAMPLE.parent.glob("*.yaml")]

ACCOUNT = "arn:aws:ecs:eu-west-1:123456789012"

# What the intrinsic functions of the task runner's role give.
VALUES = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "ClusterName": "web",
    "PassRoleArns": ["arn:aws:iam::123456789012:role/task", "arn:aws:iam::123456789012:role/execution"],
    "TaskLogGroupArns": ["arn:aws:logs:eu-west-1:123456789012:log-group:/web:*"],
    "LogGroup.Arn": "arn:aws:logs:eu-west-1:123456789012:log-group:runner:*",
    "Function.Arn": "arn:aws:lambda:eu-west-1:123456789012:function:runner",
}

# What cloudsplaining can say of a policy.
RISKS = (
    "all_allowed_unrestricted_actions",
    "allows_data_exfiltration_actions",
    "allows_privilege_escalation",
    "credentials_exposure",
    "infrastructure_modification",
    "permissions_management_without_constraints",
    "service_wildcard",
)


def plain(value):
    """A part of the template with the intrinsic functions worked out."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(name, argument)] = value.items()
        if name in ("Ref", "Fn::GetAtt"):
            return VALUES[argument if isinstance(argument, str) else ".".join(argument)]
        if name == "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda found: VALUES[found[1]], argument)
    return {str(name): plain(each) for name, each in value.items()}


@pytest.fixture(scope="module")
def policies():
    """The policies of the task runner's role, by their names."""
    found = {}
    for resource in cfn_yaml.load(str(TASK_RUNNER))["Resources"].values():
        properties = resource["Properties"]
        inline = properties.get("Policies", [properties] if "PolicyDocument" in properties else [])
        found |= {each["PolicyName"]: plain(each["PolicyDocument"]) for each in inline}
    return found


def statements(policies):
    """All statements, by action."""
    found = {}
    for policy in policies.values():
        for statement in policy["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert action not in found and statement["Effect"] == "Allow"
                found[action] = statement
    return found


def parliament(policy):
    """What parliament finds."""
    return [(finding.issue, finding.detail) for finding in analyze_policy_string(json.dumps(policy)).findings]


def cloudsplaining(policy):
    """What cloudsplaining finds."""
    document = PolicyDocument(policy)
    return {risk: found for risk in RISKS if (found := getattr(document, risk))}


def test_there_are_templates_to_judge():
    assert {TASK_RUNNER, EXAMPLE} <= set(TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_cfn_lint_finds_nothing(template, tmp_path):
    linter = Path(sys.executable).parent / "cfn-lint"
    done = program.run(
        [linter, "--include-checks", "I", "--", template], program.bare_environment(tmp_path), check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    broken = tmp_path / "broken.yaml"
    broken.write_text(re.sub(r"Type: AWS::\w+::\w+", "Type: AWS::Logs::LogBook", template.read_text(), count=1))
    done = program.run([linter, "--", broken], program.bare_environment(tmp_path), check=False)
    assert done.returncode != 0 and "AWS::Logs::LogBook" in done.stdout


def test_the_linters_find_what_is_wrong_with_a_policy():
    wide = {"Effect": "Allow", "Action": ["iam:PassRole", "ecs:RunTask"], "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [wide]}
    assert set(cloudsplaining(policy)["infrastructure_modification"]) == {"iam:PassRole", "ecs:RunTask"}
    assert [issue for issue, _ in parliament(policy)] == ["RESOURCE_STAR"]
    wide["Condition"] = {"ArnEquals": {"ecs:clutser": "arn:aws:ecs:eu-west-1:123456789012:cluster/web"}}
    assert "UNKNOWN_CONDITION_FOR_ACTION" in [issue for issue, _ in parliament(policy)]


def test_the_linters_find_nothing_in_the_role(policies):
    assert set(policies) == {"RunTasks", "PassRoles", "ReadLogs", "HandOver"}
    for name, policy in policies.items():
        assert cloudsplaining(policy) == {}, name
    # Fargate has no container instances, which are the resource that parliament has in mind: the condition limits it.
    allowed = {"RunTasks": [("RESOURCE_STAR", ["ecs:ListTasks"])]}
    for name, policy in policies.items():
        assert parliament(policy) == allowed.get(name, []), name


def test_the_role_is_limited_to_the_cluster_and_to_the_tasks_roles(policies):
    by_action = statements(policies)
    on_the_cluster = {"ArnEquals": {"ecs:cluster": f"{ACCOUNT}:cluster/web"}}
    expected = {
        "ecs:RunTask": (f"{ACCOUNT}:task-definition/*", on_the_cluster),
        "ecs:StartTask": (f"{ACCOUNT}:task-definition/*", on_the_cluster),
        "ecs:DescribeTasks": (f"{ACCOUNT}:task/web/*", on_the_cluster),
        "ecs:StopTask": (f"{ACCOUNT}:task/web/*", on_the_cluster),
        "ecs:ListTasks": ("*", on_the_cluster),
        "ecs:DescribeContainerInstances": (f"{ACCOUNT}:container-instance/web/*", on_the_cluster),
        "ecs:DescribeTaskDefinition": ("*", None),
        "ecs:TagResource": (f"{ACCOUNT}:task/web/*", {"StringEquals": {"ecs:CreateAction": ["RunTask", "StartTask"]}}),
        "iam:PassRole": (VALUES["PassRoleArns"], {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}),
        "logs:GetLogEvents": (VALUES["TaskLogGroupArns"], None),
        "logs:CreateLogStream": (VALUES["LogGroup.Arn"], None),
        "logs:PutLogEvents": (VALUES["LogGroup.Arn"], None),
        "cloudformation:DescribeStacks": ("arn:aws:cloudformation:eu-west-1:123456789012:stack/*/*", None),
        "lambda:InvokeFunction": ([VALUES["Function.Arn"], f"{VALUES['Function.Arn']}:*"], None),
    }
    found = {action: (each["Resource"], each.get("Condition")) for action, each in by_action.items()}
    assert found == expected


def test_the_example_hands_the_runner_what_it_asks_for():
    runner, example = cfn_yaml.load(str(TASK_RUNNER)), cfn_yaml.load(str(EXAMPLE))
    nested = example["Resources"]["TaskRunner"]["Properties"]
    assert (EXAMPLE.parent / nested["TemplateURL"]).resolve() == TASK_RUNNER
    required = {name for name, each in runner["Parameters"].items() if "Default" not in each}
    assert required <= set(nested["Parameters"]) <= set(runner["Parameters"])
    migrate = example["Resources"]["MigrateTask"]
    output = migrate["Properties"]["ServiceToken"]["Fn::GetAtt"]
    assert ".".join(output).removeprefix("TaskRunner.Outputs.") in runner["Outputs"]
    assert example["Resources"]["Service"]["DependsOn"] == "MigrateTask"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """The environment for clients of moto's server."""
    with moto.serve(tmp_path_factory.mktemp("moto")) as environment:
        yield environment


@pytest.fixture(scope="module")
def package(aws, tmp_path_factory):
    """A published package: its size, and the parameters that publishing it printed."""
    moto.bucket(aws, "code", versioned=True)
    path = tmp_path_factory.mktemp("package") / "runner.zip"
    program.run([program.LONGSHORE, "lambda", "package", "--binary", "/bin/true", "--file", path], aws)
    done = program.run([program.LONGSHORE, "lambda", "publish", "--bucket", "code", "--file", path], aws)
    told = done.stderr.removeprefix("the template's parameters: ").split()
    return path.stat().st_size, dict(word.split("=") for word in told)


def create(aws, name, **parameters):
    """Creates a stack from the template, and gives its outputs."""
    cloudformation = moto.client(aws, "cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=TASK_RUNNER.read_text(),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    assert f"{name}-TaskRunnerArn" in {each.get("ExportName") for each in stack["Outputs"]}
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def function_of(aws, arn):
    """The function, and the statements of its role's policies by their names."""
    function = moto.client(aws, "lambda").get_function(FunctionName=arn)["Configuration"]
    iam, role = moto.client(aws, "iam"), function["Role"].rpartition("/")[2]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    # moto shows those of AWS::IAM::Role as Python writes them.
    documents = [each if isinstance(each, dict) else ast.literal_eval(each) for each in documents]
    granted = {each["Sid"]: each for document in documents for each in document["Statement"]}
    return function, granted


def test_the_stack_is_created_from_a_published_package(aws, package):
    size, parameters = package
    outputs = create(
        aws,
        "task-runner",
        ClusterName="web",
        PassRoleArns=",".join(VALUES["PassRoleArns"]),
        TaskLogGroupArns=",".join(VALUES["TaskLogGroupArns"]),
        LogRetentionInDays="14",
        **parameters,
    )
    function, granted = function_of(aws, outputs["TaskRunnerArn"])
    settings = [function[name] for name in ("Runtime", "Handler", "Timeout", "MemorySize", "Architectures", "CodeSize")]
    assert settings == ["provided.al2023", "bootstrap", 900, 128, [parameters["Architecture"]], size]
    assert "InvokeItself" in granted
    assert granted["StartTasks"]["Condition"]["ArnEquals"]["ecs:cluster"].endswith(":cluster/web")
    assert granted["GiveTasksTheirRoles"]["Resource"] == VALUES["PassRoleArns"]
    assert granted["ReadTheLogsOfTasks"]["Resource"] == VALUES["TaskLogGroupArns"]
    group_name = outputs["LogGroupName"]
    [group] = moto.client(aws, "logs").describe_log_groups(logGroupNamePrefix=group_name)["logGroups"]
    assert group["retentionInDays"] == 14


def test_what_is_not_asked_for_is_not_granted(aws, package):
    _, parameters = package
    outputs = create(aws, "least", ClusterName="web", **parameters)
    function, granted = function_of(aws, outputs["TaskRunnerArn"])
    assert not {"GiveTasksTheirRoles", "ReadTheLogsOfTasks"} & set(granted)
    assert not function.get("VpcConfig", {}).get("SubnetIds")


def test_the_function_can_be_in_a_vpc(aws, package):
    _, parameters = package
    ec2 = moto.client(aws, "ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    outputs = create(aws, "inside", ClusterName="web", SubnetIds=subnet, SecurityGroupIds=group, **parameters)
    function, _ = function_of(aws, outputs["TaskRunnerArn"])
    assert function["VpcConfig"]["SubnetIds"] == [subnet] and function["VpcConfig"]["SecurityGroupIds"] == [group]
    # moto's AWS::IAM::Role has no managed policies.
    role = cfn_yaml.load(str(TASK_RUNNER))["Resources"]["Role"]["Properties"]
    condition, [policy], otherwise = role["ManagedPolicyArns"]["Fn::If"]
    assert (condition, otherwise) == ("IsInVpc", {"Ref": "AWS::NoValue"})
    assert plain(policy) == "arn:aws:iam::aws:policy/service-role/AWSLambdaENIManagementAccess"


def test_the_function_may_hand_over_to_itself_and_its_events_end_with_the_request():
    """What moto leaves out."""
    resources = cfn_yaml.load(str(TASK_RUNNER))["Resources"]
    function = resources["Function"]["Properties"]
    assert function["RecursiveLoop"] == "Allow" and function["LoggingConfig"]["LogGroup"] == {"Ref": "LogGroup"}
    assert "ReservedConcurrentExecutions" not in function
    events = resources["EventInvokeConfig"]["Properties"]
    assert events["FunctionName"] == {"Ref": "Function"} and events["Qualifier"] == "$LATEST"
    assert (events["MaximumEventAgeInSeconds"], events["MaximumRetryAttempts"]) == (3600, 2)
