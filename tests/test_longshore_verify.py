"""`longshore verify`: against moto's server for IAM, ECR and load balancers, a registry of our own for other images, and
the engine for secrets and log groups. It must have no effect on any of them."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support import program
from support.moto import client, serve

TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture
def moto(tmp_path):
    """The environment for a client of moto's server."""
    with serve(tmp_path) as environment:
        yield environment


@contextmanager
def registry():
    """A registry with the image `team/web:v1`, for whoever has a token; gives its host, and what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.command, self.path))
            self.answer(200, json.dumps({"token": "anybody"}).encode())

        def do_HEAD(self):
            asked.append((self.command, self.path))
            if self.headers["authorization"] != "Bearer anybody":
                realm = f"http://{self.headers['host']}/token"
                self.answer(401, b"", {"www-authenticate": f'Bearer realm="{realm}",service="here"'})
            else:
                self.answer(200 if self.path == "/v2/team/web/manifests/v1" else 404)

        def answer(self, status, body=b"", headers=()):
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def write(directory, definition, service=None):
    """The files of the service `web`."""
    (directory / "web.taskdef.json").write_text(json.dumps({"family": "web"} | definition))
    if service:
        (directory / "web.service.json").write_text(json.dumps({"serviceName": "web"} | service))


def verify(environment, directory, cluster="prod"):
    """The exit code, and the checks by what they are about: state and reason."""
    done = program.run(
        [program.LONGSHORE, "verify", directory, "--cluster", cluster, "--output", "json"], environment, check=False
    )
    assert done.stdout, done.stderr
    checks = json.loads(done.stdout)["checks"]
    return done.returncode, {check["what"]: (check["state"], check.get("why")) for check in checks}


@pytest.fixture
def files(tmp_path):
    """An empty directory."""
    (tmp_path / "deploy").mkdir()
    return tmp_path / "deploy"


def push(ecr, repository, tag, platforms=()):
    """An image with one manifest, or an index of manifests for these processors."""
    if not platforms:
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": "sha256:" + "0" * 64}, "layers": []}
        ecr.put_image(
            repositoryName=repository, imageTag=tag, imageManifest=json.dumps(manifest), imageManifestMediaType=MANIFEST
        )
        return
    parts = []
    for processor in platforms:
        push(ecr, repository, f"{tag}-{processor}")
        [image] = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": f"{tag}-{processor}"}])["imageDetails"]
        platform = {"os": "linux", "architecture": processor}
        parts.append({"mediaType": MANIFEST, "digest": image["imageDigest"], "size": 1, "platform": platform})
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": parts}
    ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps(index), imageManifestMediaType=INDEX)


def balancer(environment, port, target_type, name):
    """A target group that a load balancer uses."""
    ec2, elb = client(environment, "ec2"), client(environment, "elbv2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    [group] = elb.create_target_group(Name=name, Protocol="HTTP", Port=port, VpcId=vpc, TargetType=target_type)["TargetGroups"]
    [made] = elb.create_load_balancer(Name=name, Subnets=subnets[:2])["LoadBalancers"]
    forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=forward)
    return group["TargetGroupArn"]


def test_all_is_well_and_nothing_is_touched(moto, files):
    client(moto, "ecs").create_cluster(clusterName="prod")
    role = client(moto, "iam").create_role(RoleName="exec", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    ecr = client(moto, "ecr")
    repository = ecr.create_repository(repositoryName="team/web")["repository"]["repositoryUri"]
    push(ecr, "team/web", "v1")
    client(moto, "ssm").put_parameter(Name="/web/db", Value="hush", Type="SecureString")
    secret = client(moto, "secretsmanager").create_secret(Name="key", SecretString='{"a": "hush"}')["ARN"]
    client(moto, "logs").create_log_group(logGroupName="/web")
    group = balancer(moto, 80, "ip", "web")
    parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/web/db"
    with registry() as (host, asked):
        write(
            files,
            {
                "executionRoleArn": role,
                "networkMode": "awsvpc",
                "containerDefinitions": [
                    {
                        "name": "app",
                        "image": f"{repository}:v1",
                        "portMappings": [{"containerPort": 80}],
                        "secrets": [
                            {"name": "DB", "valueFrom": "/web/db"},
                            {"name": "AGAIN", "valueFrom": parameter},
                            {"name": "KEY", "valueFrom": f"{secret}:a::"},
                        ],
                        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/web"}},
                    },
                    {"name": "other", "image": f"{host}/team/web:v1"},
                ],
            },
            {
                "loadBalancers": [{"targetGroupArn": group, "containerName": "app", "containerPort": 80}],
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            },
        )
        code, checks = verify(moto, files)
        done = program.run([program.LONGSHORE, "verify", files, "--cluster", "prod"], moto)

    states = {what: state for what, (state, _) in checks.items()}
    assert states.pop("subnets and security groups") == "notChecked"
    assert set(states.values()) == {"ok"} and len(states) == 10, checks
    assert code == 0
    assert checks["secret `KEY` of container `app`"][1] == "its value is not read, so its key `a` is not checked"
    assert asked[:3] == [
        ("HEAD", "/v2/team/web/manifests/v1"),
        ("GET", "/token?scope=repository%3Ateam%2Fweb%3Apull&service=here"),
        ("HEAD", "/v2/team/web/manifests/v1"),
    ]
    assert "hush" not in done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == "ok           cluster `prod`"
    assert done.stderr == "10 ok, 0 failed, 1 not checked\n"
    assert client(moto, "ecs").list_task_definitions()["taskDefinitionArns"] == []


def test_what_is_wrong_is_named(moto, files):
    untrusting = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    client(moto, "iam").create_role(RoleName="exec", AssumeRolePolicyDocument=json.dumps(untrusting))
    ecr = client(moto, "ecr")
    repository = ecr.create_repository(repositoryName="web")["repository"]["repositoryUri"]
    push(ecr, "web", "v1", ["amd64"])
    elb = client(moto, "elbv2")
    vpc = client(moto, "ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    [alone] = elb.create_target_group(Name="alone", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")["TargetGroups"]
    instance = balancer(moto, 80, "instance", "wrong")
    gone = alone["TargetGroupArn"].replace("/alone/", "/gone/")
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf"
    with registry() as (host, _):
        write(
            files,
            {
                "executionRoleArn": "exec",
                "taskRoleArn": "nobody",
                "networkMode": "awsvpc",
                "runtimePlatform": {"cpuArchitecture": "ARM64"},
                "containerDefinitions": [
                    {
                        "name": "app",
                        "image": f"{repository}:v1",
                        "secrets": [{"name": "DB", "valueFrom": "/web/db"}, {"name": "KEY", "valueFrom": secret}],
                        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/web"}},
                    },
                    {"name": "other", "image": f"{host}/team/web:v2"},
                    {"name": "third", "image": f"{repository}:v2"},
                ],
            },
            {
                "loadBalancers": [
                    {"targetGroupArn": arn, "containerName": "app", "containerPort": 80}
                    for arn in (alone["TargetGroupArn"], instance, gone)
                ]
            },
        )
        code, checks = verify(moto, files)

    tag = "the registry has no image with the tag `v2`"
    assert code == 1
    assert checks == {
        "cluster `prod`": ("failed", "there is none"),
        "executionRoleArn `exec`": ("failed", "its trust policy does not let ecs-tasks.amazonaws.com assume it"),
        "taskRoleArn `nobody`": ("failed", "there is no such role"),
        f"image `{repository}:v1` of container `app`": ("failed", "it is not made for linux/arm64, but for linux/amd64"),
        "secret `DB` of container `app`": ("failed", "there is no parameter `/web/db`"),
        "secret `KEY` of container `app`": ("failed", "there is no secret `key-AbCdEf`"),
        "log group `/web`": ("failed", "there is none"),
        f"image `{host}/team/web:v2` of container `other`": ("failed", tag),
        f"image `{repository}:v2` of container `third`": ("failed", tag),
        "target group `alone`": ("failed", "no load balancer uses it, and ECS refuses it then"),
        "target group `wrong`": ("failed", "its targets are of type instance, and must be ip"),
        "target group `gone`": ("failed", "there is none"),
        "port 80 of container `app` for the load balancer": ("failed", "it is not in the container's portMappings"),
    }


def test_the_engine_is_asked_what_it_offers(process_engine, files, name):
    process_engine.client("ecs").create_cluster(clusterName=name)
    process_engine.client("ssm").put_parameter(Name=f"/{name}/db", Value="hush", Type="SecureString")
    secret = process_engine.client("secretsmanager").create_secret(Name=f"{name}/key", SecretString="hush")["ARN"]
    process_engine.client("logs").create_log_group(logGroupName=f"/{name}")
    write(
        files,
        {
            "executionRoleArn": "exec",
            "containerDefinitions": [
                {
                    "name": "app",
                    "image": "127.0.0.1:1/web",
                    "secrets": [
                        {"name": "DB", "valueFrom": f"/{name}/db"},
                        {"name": "KEY", "valueFrom": secret},
                        {"name": "NO", "valueFrom": f"/{name}/no"},
                    ],
                    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": f"/{name}"}},
                }
            ],
        },
    )

    code, checks = verify(process_engine.environment(), files, cluster=name)

    assert code == 1
    assert {what: state for what, (state, _) in checks.items()} == {
        f"cluster `{name}`": "ok",
        "executionRoleArn `exec`": "notChecked",
        "image `127.0.0.1:1/web` of container `app`": "notChecked",
        "secret `DB` of container `app`": "ok",
        "secret `KEY` of container `app`": "ok",
        "secret `NO` of container `app`": "failed",
        f"log group `/{name}`": "ok",
    }


def test_nothing_is_claimed_where_nobody_answers(moto, files):
    write(files, {"containerDefinitions": [{"name": "app", "image": "127.0.0.1:1/web"}]})
    moto |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    done = program.run([program.LONGSHORE, "verify", files, "--cluster", "prod"], moto, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "http://127.0.0.1:1 does not answer" in done.stderr
