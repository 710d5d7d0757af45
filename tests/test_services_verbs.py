"""The verbs around `longshore apply`: prune, drift, init, gc and destroy, against services that really run."""

import json

import pytest
from support.definitions import container, register_instance

# Runs until it is stopped, and ends at once when it is.
SERVE = "trap 'exit 0' TERM; sleep 600 & wait"


@pytest.fixture
def verb(process_engine, name, tmp_path):
    """Runs a verb on the test's own cluster and project, in the test's own directory."""
    ecs = process_engine.client("ecs")
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    (tmp_path / "longshore.toml").write_text(f'[apply]\ncluster = "{name}"\nproject = "{name}"\n')

    def verb(*arguments, check=True):
        return process_engine.longshore(*arguments, check=check, cwd=tmp_path)

    yield verb
    for service in described(ecs, name).values():
        if service["status"] == "ACTIVE":
            ecs.delete_service(cluster=name, service=service["serviceName"], force=True)


@pytest.fixture
def ecs(process_engine):
    """A boto3 client for ECS."""
    return process_engine.client("ecs")


def described(ecs, cluster):
    """The cluster's services by name."""
    arns = ecs.list_services(cluster=cluster)["serviceArns"]
    answer = ecs.describe_services(cluster=cluster, services=arns) if arns else {"services": []}
    return {service["serviceName"]: service for service in answer["services"]}


def active(ecs, family):
    """The names of the family's active revisions, the newest first."""
    arns = ecs.list_task_definitions(familyPrefix=family, sort="DESC")["taskDefinitionArns"]
    return [arn.rpartition("/")[2] for arn in arns]


@pytest.fixture
def files(name, tmp_path):
    """Writes the files of services, each of its own family."""

    def files(*units, variables=(), count=1, directory="deploy"):
        (tmp_path / directory).mkdir(exist_ok=True)
        for unit in units:
            environment = [{"name": key, "value": value} for key, value in variables]
            definition = {
                "family": f"{name}-{unit}",
                "containerDefinitions": [container(SERVE, environment=environment)],
            }
            service = {"serviceName": unit, "desiredCount": count, "launchType": "EC2"}
            (tmp_path / directory / f"{unit}.taskdef.json").write_text(json.dumps(definition))
            (tmp_path / directory / f"{unit}.service.json").write_text(json.dumps(service))

    return files


def test_prune_removes_the_service_whose_files_are_gone(ecs, verb, files, name, tmp_path):
    files("web", "old")
    verb("apply", "deploy")
    ecs.create_service(
        cluster=name, serviceName="foreign", taskDefinition=f"{name}-web", desiredCount=0, launchType="EC2"
    )
    for path in (tmp_path / "deploy").glob("old.*"):
        path.unlink()

    refused = verb("apply", "deploy", "--prune", check=False)
    assert refused.returncode == 2 and "service old (1 task running)" in refused.stderr, refused.stderr
    calls = json.loads(verb("apply", "deploy", "--prune", "--dry-run").stdout)
    assert [call["call"] for call in calls] == ["UpdateService", "DeleteService"]
    assert described(ecs, name)["old"]["status"] == "ACTIVE"

    done = verb("apply", "deploy", "--prune", "--yes", "--output", "json")
    assert [pruned["result"] for pruned in json.loads(done.stdout)["pruned"]] == ["deleted"], done.stderr
    assert set(described(ecs, name)) == {"web", "foreign"}


def test_drift_is_seen_and_can_be_ignored(ecs, verb, files, name):
    files("web", variables=[("DB_PASSWORD", "swordfish")])
    verb("apply", "deploy")
    assert verb("drift", "deploy").returncode == 0
    ecs.update_service(cluster=name, service="web", desiredCount=2)
    drifted = verb("drift", "deploy", "--output", "json", check=False)
    assert drifted.returncode == 2, drifted.stderr
    [service] = json.loads(drifted.stdout)["services"]
    assert service == {"title": "service web", "members": [{"path": "desiredCount", "live": 2, "wanted": 1}]}
    assert verb("drift", "deploy", "--ignore", "desiredCount").returncode == 0

    files("web", variables=[("DB_PASSWORD", "marlin")], count=2)
    drifted = verb("drift", "deploy", check=False)
    assert drifted.returncode == 2 and "environment" in drifted.stdout
    assert "swordfish" not in drifted.stdout and "marlin" not in drifted.stdout


def test_drift_names_services_without_a_file_and_fails_with_1(ecs, verb, files, name, tmp_path):
    files("web", "old")
    verb("apply", "deploy")
    for path in (tmp_path / "deploy").glob("old.*"):
        path.unlink()
    drifted = verb("drift", "deploy", check=False)
    assert (drifted.returncode, drifted.stdout) == (2, "service old: has no file\n")
    assert verb("drift", "nowhere", check=False).returncode == 1
    assert verb("drift", "deploy", "--cluster", "nowhere", check=False).returncode == 1


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_after_init_there_is_nothing_to_change(ecs, verb, name, tmp_path, kind):
    ecs.register_task_definition(
        family=f"{name}-web",
        containerDefinitions=[
            container(SERVE, environment=[{"name": "FORMAT", "value": "{{.Name}} {% x %} {# y #}"}], essential=True)
        ],
        tags=[{"key": "team", "value": "a"}],
    )
    ecs.create_service(
        cluster=name,
        serviceName="web",
        taskDefinition=f"{name}-web",
        desiredCount=2,
        launchType="EC2",
        placementStrategy=[{"type": "spread", "field": "instanceId"}],
        deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 200},
    )
    flags = ["--yaml"] if kind == "yaml" else []
    verb("init", "web", "--dir", "deploy", *flags)
    assert {path.name for path in (tmp_path / "deploy").iterdir()} == {f"web.taskdef.{kind}", f"web.service.{kind}"}
    difference = verb("diff", "deploy")
    assert (difference.returncode, difference.stdout) == (0, ""), difference.stdout
    again = verb("init", "web", "--dir", "deploy", check=False)
    assert again.returncode == 1 and "is there already" in again.stderr, again.stderr

    verb("apply", "deploy")
    [revision] = active(ecs, f"{name}-web")
    assert described(ecs, name)["web"]["taskDefinition"].endswith(revision), "nothing was registered"


def test_gc_keeps_the_newest_and_what_is_in_use(ecs, verb, files, name):
    family = f"{name}-web"
    for number in range(1, 6):
        files("web", variables=[("NUMBER", str(number))])
        verb("apply", "deploy")
    task = ecs.run_task(cluster=name, taskDefinition=f"{family}:2", launchType="EC2")["tasks"][0]
    done = verb("gc", family, "--keep", "1", "--yes", "--output", "json")
    answer = json.loads(done.stdout)
    # The service runs 5, a rollback goes to 4, and a task runs 2.
    assert answer["deregistered"] == [f"{family}:3", f"{family}:1"], done.stderr
    assert {left["taskDefinition"] for left in answer["left"]} == {f"{family}:4", f"{family}:2"}
    assert active(ecs, family) == [f"{family}:5", f"{family}:4", f"{family}:2"]
    ecs.stop_task(cluster=name, task=task["taskArn"])


def test_gc_leaves_what_is_not_ours(ecs, verb, name):
    family = f"{name}-theirs"
    for _ in range(3):
        ecs.register_task_definition(family=family, containerDefinitions=[container("true")])
    done = verb("gc", family, "--keep", "1", "--yes")
    assert "2 old revisions are not of project" in done.stderr
    assert len(active(ecs, family)) == 3


def test_destroy_leaves_nothing_of_the_project_and_all_of_others(ecs, verb, files, name):
    files("web", "job")
    verb("apply", "deploy")
    ecs.register_task_definition(family=f"{name}-foreign", containerDefinitions=[container(SERVE)])
    ecs.create_service(
        cluster=name, serviceName="foreign", taskDefinition=f"{name}-foreign", desiredCount=1, launchType="EC2"
    )
    refused = verb("destroy", check=False)
    assert refused.returncode == 2 and set(described(ecs, name)) == {"web", "job", "foreign"}

    done = verb("destroy", "--yes", "--output", "json")
    answer = json.loads(done.stdout)
    assert {(removed["service"], removed["result"]) for removed in answer["services"]} == {
        ("web", "deleted"),
        ("job", "deleted"),
    }, done.stderr
    assert answer["deregistered"] == [f"{name}-job:1", f"{name}-web:1"] and answer["left"] == []
    assert set(described(ecs, name)) == {"foreign"} and len(active(ecs, f"{name}-foreign")) == 1
    again = verb("destroy", "--yes")
    assert "nothing to remove" in again.stderr


def test_destroy_leaves_revisions_that_another_cluster_runs(ecs, verb, files, name):
    files("web")
    verb("apply", "deploy")
    other = f"{name}-other"
    ecs.create_cluster(clusterName=other)
    ecs.create_service(
        cluster=other, serviceName="web", taskDefinition=f"{name}-web", desiredCount=0, launchType="EC2"
    )
    done = verb("destroy", "--yes", "--output", "json")
    answer = json.loads(done.stdout)
    assert answer["deregistered"] == [] and answer["left"][0]["taskDefinition"] == f"{name}-web:1"
    assert f"service web of cluster {other}" in answer["left"][0]["why"]
    ecs.delete_service(cluster=other, service="web", force=True)
