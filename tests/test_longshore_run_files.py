"""`longshore run` and files: variables, overrides, and task definitions that are registered only when they differ."""

import json

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from support.definitions import container, describe, fargate_definition, task_definition
from support.run import all_tasks, registered, run, shown  # noqa: F401 (fixtures)
from test_task_definition_files import DATA, FROM_REPOSITORIES, OWN, definition_in, mended


def revisions(ecs, family):
    """How many there are."""
    return len(ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"])


def test_variables_come_from_files_and_flags(run, registered, tmp_path):
    (tmp_path / "first.env").write_text("# ours\nA=first\nB=first\n\nQUOTED=\"two words\"\nLANG\n")
    (tmp_path / "second.env").write_text("B=second\nC=second\n")
    files = ["--env-file", tmp_path / "first.env", "--env-file", tmp_path / "second.env"]
    done = run(registered('echo "$A $B $C $QUOTED $LANG"'), *files, "-e", "C=flag")
    assert done.returncode == 0 and shown(done) == ['first second flag "two words" C.UTF-8'], done.stderr


def test_an_unusable_line_is_named_and_not_shown(run, registered, tmp_path):
    path = tmp_path / "prod.env"
    path.write_text("A=1\n-----BEGIN PRIVATE KEY-----\nhushhush\n")
    done = run(registered("true"), "--env-file", path)
    assert done.returncode == 2 and f"`{path}`: line 2 has a space" in done.stderr
    assert "BEGIN" not in done.stderr and "hush" not in done.stderr


def test_overrides_are_sent_as_they_are_and_the_command_line_wins(ecs, cluster, run, registered, tmp_path):
    path = tmp_path / "overrides.json"
    variables = [{"name": "A", "value": "file"}, {"name": "B", "value": "b"}]
    overrides = [{"name": "main", "cpu": 64, "environment": variables}]
    path.write_text(json.dumps({"taskRoleArn": "arn:aws:iam::123456789012:role/job", "containerOverrides": overrides}))
    done = run(registered('echo "$A $B"'), "--overrides", path, "-e", "A=flag", "--memory", "64")
    assert done.returncode == 0 and shown(done) == ["flag b"], done.stderr
    [task] = [describe(ecs, cluster, arn) for arn in all_tasks(ecs, cluster)]
    assert task["overrides"]["taskRoleArn"].endswith("role/job") and task["overrides"]["memory"] == "64"
    [main] = task["overrides"]["containerOverrides"]
    assert main["cpu"] == 64 and {pair["name"] for pair in main["environment"]} == {"A", "B"}


def test_an_accepted_exit_code_is_a_success(run, registered):
    family = registered("exit 3")
    assert run(family, "--accept-exit-code", "2", "--accept-exit-code", "3").returncode == 0
    assert run(family, "--accept-exit-code", "2").returncode == 3


def test_a_file_is_registered_only_when_it_differs(ecs, cluster, run, tmp_path):
    path = tmp_path / "task.json"
    definition = task_definition(cluster, container("true", environment=[{"name": "B", "value": "1"}]))
    path.write_text(json.dumps(definition))
    said = [run(path).stderr, run(path).stderr]
    assert f"registered {cluster}:1\n" in said[0] and f"task definition {cluster}:1 is unchanged\n" in said[1]
    definition["containerDefinitions"][0]["environment"][0]["value"] = "2"
    path.write_text(json.dumps(definition))
    assert f"registered {cluster}:2\n" in run(path).stderr
    # A description is a file, too.
    described = ecs.describe_task_definition(taskDefinition=cluster, include=["TAGS"])
    path.write_text(json.dumps(described, default=str))
    assert f"task definition {cluster}:2 is unchanged\n" in run(path).stderr
    ecs.deregister_task_definition(taskDefinition=f"{cluster}:2")
    assert f"registered {cluster}:3\n" in run(path).stderr
    assert revisions(ecs, cluster) == 2


def is_known(engine, definition, path):
    """Whether a dry run of this file would register nothing."""
    path.write_text(json.dumps(definition))
    done = engine.longshore("run", path, "--dry-run")
    document = json.loads(done.stdout)
    assert document["runTask"], done.stderr
    return "registerTaskDefinition" not in document


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_every_member_counts(simulated_engine, path, tmp_path, name):
    definition = definition_in(path.read_text()) | {"family": name}
    simulated_engine.client("ecs").register_task_definition(**definition)
    file = tmp_path / "task.json"
    assert is_known(simulated_engine, definition, file)
    for member in definition.keys() - {"family", "containerDefinitions"}:
        without = {key: value for key, value in definition.items() if key != member}
        said_anyway = definition[member] in ("bridge", False)
        assert is_known(simulated_engine, without, file) == said_anyway, member


@pytest.mark.skipif(
    not FROM_REPOSITORIES, reason=f"task definitions of public repositories: none in {DATA} (LONGSHORE_DATA)"
)
def test_what_is_registered_is_known_again(simulated_engine, tmp_path):
    ecs, known = simulated_engine.client("ecs"), 0
    for path in FROM_REPOSITORIES:
        try:
            definition = mended(path)
            ecs.register_task_definition(**definition)
        except (ValueError, ParamValidationError, ClientError):
            continue
        assert is_known(simulated_engine, definition, tmp_path / "task.json"), path.name
        known += 1
    assert known * 4 >= len(FROM_REPOSITORIES) * 3
