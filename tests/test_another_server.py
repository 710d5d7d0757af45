"""`longshore run` against a server that nobody here wrote: it must not depend on our engine's own ways."""

import json

import pytest
from support import program
from support.definitions import container, fargate_definition
from support.moto import client, serve


@pytest.fixture
def moto(tmp_path):
    """The environment for a client of moto's server."""
    with serve(tmp_path) as environment:
        yield environment


def test_run_detached_starts_a_fargate_task(moto, tmp_path):
    network = client(moto, "ec2")
    subnet = network.describe_subnets()["Subnets"][0]["SubnetId"]
    group = network.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    ecs = client(moto, "ecs")
    ecs.create_cluster(clusterName="elsewhere")
    path = tmp_path / "task.json"
    path.write_text(json.dumps(fargate_definition("job", container("true"))))

    done = program.run(
        [program.LONGSHORE, "run", path, "--cluster", "elsewhere", "--launch-type", "FARGATE", "--subnet", subnet,
         "--security-group", group, "-e", "A=1", "--detach"],
        moto,
    )  # fmt: skip

    arn = done.stdout.strip()
    [task] = ecs.describe_tasks(cluster="elsewhere", tasks=[arn])["tasks"]
    assert task["launchType"] == "FARGATE" and task["startedBy"] == "longshore"
    assert task["overrides"]["containerOverrides"][0]["environment"] == [{"name": "A", "value": "1"}]
    [revision] = ecs.list_task_definitions(familyPrefix="job")["taskDefinitionArns"]
    assert task["taskDefinitionArn"] == revision


def test_a_wrong_cluster_is_said_in_its_words(moto):
    client(moto, "ecs").register_task_definition(**fargate_definition("job", container("true")))
    done = program.run([program.LONGSHORE, "run", "job", "--cluster", "nowhere"], moto, check=False)
    assert done.returncode == 1 and "nowhere" in done.stderr and done.stdout == "", done.stderr
