"""Files of services and task definitions: values come from real services, and what comes out is Amazon's shape."""

import itertools
import json
import os
import re
from pathlib import Path

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from support import moto, program
from test_task_definition_files import definition_in, lost

# From public repositories; they are not part of the project.
DATA = Path(os.environ.get("LONGSHORE_DATA", program.CHECKOUT.parent / "shared" / "data"))
SERVICES = sorted((DATA / "services").glob("*.json"))
TASKDEFS = sorted([*(DATA / "taskdefs").glob("*.json"), *(DATA / "taskdefs-templated").glob("*.json")])

TASKDEF = "containerDefinitions: [{name: app, image: 'web:1', memory: 8}]\n"

# What is wrong with some of the files, and how the error says it.
SERVICES_REFUSED = {
    "LVD-devops__cicd-demo__2": "names no task definition",
    "SumiyaE__ecspresso-learning__1": "names no task definition",
    "ibuystuff__vasco__1": "web.service:5:21: expected value",
    "ijin__ecs-parallel__3": "did you mean `alarmNames`?",
    "shibayu36__nextjs-on-ecs__1": "names no task definition",
    "tatsukoni-pra__ecspresso-demo__1": "web.service:18:82: this is no template",
    "tynmarket__rails-template__1": "names no task definition",
    "zaru__ecs-service-connect-sample__1": "web.service:16:34: this is no template",
    "zaru__nextjs-ecs-cdk-escpresso__1": "web.service:18:33: this is no template",
}
TASKDEFS_REFUSED = {
    "DNXLabs__app-example-node__1": "web.taskdef:11:28: expected value",
    "MtkN1__cloud-bot-deploy-template__1": "web.taskdef:4:32: this is no template",
    "ijin__ecs-parallel__1": "web.taskdef:7:38: this is no template",
    "ijin__ecs-parallel__2": "web.taskdef:7:39: this is no template",
    "ijin__ecs-parallel__3": "web.taskdef:7:40: this is no template",
    "zaru__nextjs-ecs-cdk-escpresso__1": "web.taskdef:5:24: this is no template",
}

# What botocore knows of task definitions and this program does not; it is sent all the same.
NEW_IN_TASK_DEFINITIONS = (
    "`containerDefinitions.0.resourceRequirements.0.sharingStrategy`, `trustedExecutionConfiguration`"
)

# Members that CreateService has never had.
NO_MEMBERS = {"platformFamily", "enableLogging"}


def shape(operation):
    """The input of an ECS operation, as botocore knows it."""
    return get_session().get_service_model("ecs").operation_model(operation).input_shape


def complaints(operation, parameters):
    """What botocore says of the parameters."""
    return ParamValidator().validate(parameters, shape(operation)).generate_report()


@pytest.fixture
def render(tmp_path):
    """Writes files into a new directory, renders them, and gives the finished process."""
    numbers = itertools.count()

    def render(files, environment=None):
        directory = tmp_path / f"files-{next(numbers)}"
        directory.mkdir()
        for name, text in files.items():
            (directory / name).write_text(text)
        environment = environment or program.bare_environment(tmp_path / "home")
        return program.run([program.LONGSHORE, "render", directory], environment, check=False)

    return render


def only(done):
    """The only unit that was printed."""
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    return json.loads(line)


@pytest.fixture
def values(simulated_engine, name):
    """Parameters and a secret under the test's own name."""
    ssm, secrets = simulated_engine.client("ssm"), simulated_engine.client("secretsmanager")
    ssm.put_parameter(Name=f"/{name}/tag", Value="v7", Type="String")
    ssm.put_parameter(Name=f"/{name}/subnets", Value="subnet-a,subnet-b", Type="StringList")
    ssm.put_parameter(Name=f"/{name}/token", Value="hush", Type="SecureString")
    return secrets.create_secret(Name=f"{name}/db", SecretString="hush")["ARN"]


def test_values_come_from_ssm_and_secrets_manager(simulated_engine, render, values, name):
    taskdef = f"""
containerDefinitions:
  - name: app
    image: web:{{{{ ssm("/{name}/tag") }}}}
    memory: 8
    command: {{{{ ssm("/{name}/subnets") | split(",") | json }}}}
    secrets:
      - name: DB
        valueFrom: '{{{{ secret_arn("{name}/db") }}}}:password::'
      - name: TOKEN
        valueFrom: {{{{ ssm_arn("/" ~ env.STAGE ~ "/token") }}}}
executionRoleArn: ecsTaskExecutionRole
"""
    environment = simulated_engine.environment() | {"STAGE": name}
    unit = only(render({f"{name}.taskdef": taskdef}, environment))
    [container] = unit["taskDefinition"]["containerDefinitions"]
    assert container["image"] == "web:v7" and container["command"] == ["subnet-a", "subnet-b"]
    token = f"arn:aws:ssm:{simulated_engine.region}:000000000000:parameter/{name}/token"
    got = {secret["name"]: secret["valueFrom"] for secret in container["secrets"]}
    assert got["DB"] == f"{values}:password::"
    assert re.sub(r":\d{12}:", ":000000000000:", got["TOKEN"]) == token
    simulated_engine.client("ecs").register_task_definition(**unit["taskDefinition"])


def test_what_is_secret_or_missing_has_a_place_and_changes_nothing(simulated_engine, render, values, name):
    environment = simulated_engine.environment()

    def refused(template):
        done = render({"web.taskdef": f"# one\nfamily: {template}\n{TASKDEF}"}, environment)
        assert done.returncode == 1 and done.stdout == "" and "hush" not in done.stderr
        assert "/web.taskdef:2:12: " in done.stderr, done.stderr
        return done.stderr

    said = refused(f'{{{{ ssm("/{name}/token") }}}}')
    assert "is a SecureString" in said and "ssm_arn" in said
    said = refused(f'{{{{ ssm("/{name}/nothing") }}}}')
    assert "caused by: cannot read parameter" in said and "aws ssm describe-parameters" in said
    said = refused(f'{{{{ secret_arn("{name}/nothing") }}}}')
    assert "caused by: cannot describe secret" in said and "list-secrets" in said
    assert "`env.NOTHING` is not defined" in refused("{{ env.NOTHING }}")


def test_outputs_and_exports_come_from_cloudformation(render, tmp_path):
    template = {
        "Resources": {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/web"}}},
        "Outputs": {
            "Group": {"Value": {"Ref": "Group"}},
            "Shared": {"Value": "<a> & b", "Export": {"Name": "net-shared"}},
        },
    }
    container = '{"name": "{{ output("net", "Group") }}", "image": {{ export("net-shared") | json }}}'
    taskdef = f'{{"containerDefinitions": [{container}]}}'
    with moto.serve(tmp_path / "moto") as environment:
        moto.client(environment, "cloudformation").create_stack(StackName="net", TemplateBody=json.dumps(template))
        definition = only(render({"web.taskdef": taskdef}, environment))["taskDefinition"]
        assert definition["containerDefinitions"][0] == {"name": "/web", "image": "<a> & b"}
        for wrong, said in [
            ('{{ output("net", "Grop") }}', "stack `net` has no output `Grop`"),
            ('{{ output("nothing", "Group") }}', "Stack with id nothing does not exist"),
            ('{{ export("nothing") }}', "no stack exports `nothing`"),
        ]:
            done = render({"web.taskdef": wrong}, environment)
            assert done.returncode == 1 and said in done.stderr and "hint: " in done.stderr, done.stderr


def test_a_described_service_is_a_file(render, tmp_path):
    with moto.serve(tmp_path / "moto") as environment:
        ecs = moto.client(environment, "ecs")
        ecs.create_cluster(clusterName="prod")
        ecs.register_task_definition(family="web", containerDefinitions=[{"name": "app", "image": "b", "memory": 8}])
        created = {
            "serviceName": "web",
            "taskDefinition": "web",
            "desiredCount": 2,
            "launchType": "EC2",
            "loadBalancers": [{"targetGroupArn": "arn:tg", "containerName": "app", "containerPort": 80}],
            "propagateTags": "SERVICE",
            "schedulingStrategy": "REPLICA",
        }
        ecs.create_service(cluster="prod", **created)
        described = program.run(
            [program.AWS, "ecs", "describe-services", "--cluster", "prod", "--services", "web"],
            environment | {"AWS_DEFAULT_REGION": moto.REGION},
        ).stdout
        assert "clusterArn" in described and "deployments" in described
        service = only(render({"web.service": described, "web.taskdef": TASKDEF}))["service"]
        assert lost(created, service) == [] and complaints("CreateService", service) == ""


def test_the_skeletons_are_what_amazon_takes(simulated_engine, name, tmp_path):
    simulated_engine.longshore("templates", name, "--dir", tmp_path)
    unit = only(simulated_engine.longshore("render", tmp_path))
    assert complaints("CreateService", unit["service"]) == ""
    simulated_engine.client("ecs").register_task_definition(**unit["taskDefinition"])
    assert unit["service"]["taskDefinition"] == unit["taskDefinition"]["family"] == name


def everything(shape, seen=()):
    """A value with every member that botocore knows; each shape once on the way."""
    if shape.type_name == "structure":
        if shape.name in seen:
            return {}
        return {member: everything(of, (*seen, shape.name)) for member, of in shape.members.items()}
    if shape.type_name == "list":
        return [everything(shape.member, seen)]
    if shape.type_name == "map":
        return {"key": everything(shape.value, seen)}
    if shape.type_name == "string":
        return (getattr(shape, "enum", None) or ["text"])[0]
    return {"boolean": True, "integer": 1, "long": 1, "double": 1.5, "float": 1.5, "timestamp": 1.5}[shape.type_name]


@pytest.mark.parametrize(
    "operation, file", [("CreateService", "web.service"), ("RegisterTaskDefinition", "web.taskdef")]
)
def test_every_member_that_botocore_knows_is_read_and_sent(render, operation, file):
    sent = everything(shape(operation))
    assert len(sent) > 10
    done = render({file: json.dumps(sent)})
    unit = only(done)
    warnings = [line.split("all the same: ")[1] for line in done.stderr.splitlines()]
    if operation == "CreateService":
        assert (warnings, unit["service"]) == ([], sent)
    else:
        assert (warnings, unit["taskDefinition"]) == ([NEW_IN_TASK_DEFINITIONS], sent)


def test_what_only_a_description_has_is_taken_off(render):
    service = get_session().get_service_model("ecs").shape_for("Service")
    described = everything(service) | {"tags": [{"key": "aws:x", "value": "y"}, {"key": "team", "value": "web"}]}
    described["deployments"][0]["status"] = "PRIMARY"
    done = render({"web.service": json.dumps({"services": [described], "failures": []})})
    created = only(done)["service"]
    assert done.stderr == "" and complaints("CreateService", created) == ""
    of_deployment = {"serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"}
    # Described as `roleArn`.
    others = of_deployment | {"role"}
    assert created.keys() == (shape("CreateService").members.keys() & service.members.keys()) | others
    assert created["tags"] == [{"key": "team", "value": "web"}]


def mended(text):
    """The text without what belongs to other tools: their placeholders, and a member in their own spelling."""
    text = re.sub(r"\{\{ \w+ `[^`]*`( `[^`]*`)? \}\}", "placeholder", text)
    text = re.sub(r"(?<=: )(<\w+>|\$\{\w+\})", "1", text)
    return text.replace('"alarmnames"', '"alarmNames"')


def judged(done, said):
    """The file was refused with this, or else read."""
    assert done.returncode == (1 if said else 0) and (said or "") in done.stderr, done.stderr


@pytest.mark.skipif(not SERVICES, reason=f"services of public repositories: none in {DATA} (LONGSHORE_DATA)")
def test_services_of_public_repositories(render):
    assert {path.stem for path in SERVICES} >= SERVICES_REFUSED.keys()
    for path in SERVICES:
        judged(render({"web.service": path.read_text()}), SERVICES_REFUSED.get(path.stem))
        text = mended(path.read_text())
        written = {key: value for key, value in json.loads(text).items() if key not in NO_MEMBERS}
        beside = {} if "taskDefinition" in written else {"web.taskdef": TASKDEF}
        service = only(render({"web.service": text} | beside))["service"]
        service.pop("enableLogging", None)
        assert complaints("CreateService", service) == "", path.stem
        assert lost(written, service) == [], path.stem
        assert service["serviceName"] == written.get("serviceName", "web")
        assert service["taskDefinition"] == written.get("taskDefinition", "web")


@pytest.mark.skipif(not TASKDEFS, reason=f"task definitions of public repositories: none in {DATA} (LONGSHORE_DATA)")
def test_task_definitions_of_public_repositories(render):
    assert {path.stem for path in TASKDEFS} >= TASKDEFS_REFUSED.keys()
    for path in TASKDEFS:
        judged(render({"web.taskdef": path.read_text()}), TASKDEFS_REFUSED.get(path.stem))
        text = mended(path.read_text())
        written = definition_in(re.sub(r"^#.*$", "", text, flags=re.MULTILINE))
        definition = only(render({"web.taskdef": text}))["taskDefinition"]
        assert lost(written, definition) == [], path.stem
        assert definition["family"] == written.get("family", "web")
