"""Task definitions as files: what goes in comes out whole, and what is wrong is refused with a reason."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from support.program import CHECKOUT, TESTS

# The project's own, which together use every field.
OWN = sorted((TESTS / "taskdefs").glob("*.json"))

# From public repositories; they are not part of the project.
DATA = Path(os.environ.get("LONGSHORE_DATA", CHECKOUT.parent / "shared" / "data"))
FROM_REPOSITORIES = sorted((DATA / "taskdefs").glob("*.json"))

# What ECS writes into a definition where the file is silent or says nothing with many words.
EMPTY = (None, "", [], {})
SET_BY_ECS = {
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt",
    "registeredBy", "deregisteredAt",
}  # fmt: skip


@pytest.fixture
def ecs(simulated_engine):
    """A boto3 client for ECS, in an engine that runs nothing."""
    return simulated_engine.client("ecs")


def definition_in(text):
    """The parameters of RegisterTaskDefinition in a file's text: what Describe adds is no parameter."""
    document = json.loads(text)
    document = document.get("taskDefinition", document)
    return {key: value for key, value in document.items() if key not in SET_BY_ECS}


def mended(path):
    """The file's definition without the usual faults: placeholders, fields set to nothing, no execution role."""
    text = path.read_text()
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\$\{\w+\}|\{\{.*?\}\}|<[\w\s:/.%-]+>|%\w+%|\$[A-Z_]+", "placeholder", text)
    text = re.sub(r"(arn:aws:iam::)[^:\"]*:", r"\g<1>123456789012:", text)
    return {"executionRoleArn": "ecsTaskExecutionRole"} | without_nothing(definition_in(text))


def without_nothing(value):
    """The same without members that are null or empty strings."""
    if isinstance(value, dict):
        return {key: without_nothing(each) for key, each in value.items() if each is not None and each != ""}
    return [without_nothing(each) for each in value] if isinstance(value, list) else value


def lost(sent, found, where=""):
    """Where something that was sent is not in what was found. Members that say nothing may be left out."""
    if sent in EMPTY:
        return []
    if isinstance(sent, dict):
        if not isinstance(found, dict):
            return [f"{where}: {found!r}"]
        return [each for key, value in sent.items() for each in lost(value, found.get(key), f"{where}.{key}")]
    if isinstance(sent, list):
        if not isinstance(found, list) or len(sent) != len(found):
            return [f"{where}: {found!r} for {sent!r}"]
        if all(isinstance(each, dict) and "name" in each and "value" in each for each in sent):
            sent, found = (sorted(values, key=lambda each: each["name"]) for values in (sent, found))
        return [each for n, (a, b) in enumerate(zip(sent, found, strict=True)) for each in lost(a, b, f"{where}[{n}]")]
    return [] if sent == found else [f"{where}: {found!r} for {sent!r}"]


def register_and_describe(ecs, definition):
    """Registers it and gives where something was lost."""
    ecs.register_task_definition(**definition)
    described = ecs.describe_task_definition(taskDefinition=definition["family"], include=["TAGS"])
    return lost(definition, described["taskDefinition"] | {"tags": described.get("tags", [])})


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_every_field_is_given_back(ecs, path):
    assert register_and_describe(ecs, definition_in(path.read_text())) == []


@pytest.mark.skipif(
    not FROM_REPOSITORIES, reason=f"task definitions of public repositories: none in {DATA} (LONGSHORE_DATA)"
)
def test_every_valid_file_is_given_back_whole(ecs):
    kept, refused = 0, {}
    for path in FROM_REPOSITORIES:
        try:
            # Once as it is: it may be refused, but in ECS's way. And once mended.
            with suppress(ValueError, ParamValidationError):
                register_and_describe(ecs, definition_in(path.read_text()))
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("ClientException", "InvalidParameterException"), path.name
        try:
            assert register_and_describe(ecs, mended(path)) == [], path.name
            kept += 1
        except (ValueError, ParamValidationError, ClientError) as error:
            refused[path.name] = f"{error}"
    shown = "\n".join(f"{name}: {reason}" for name, reason in refused.items())
    assert kept * 4 >= len(FROM_REPOSITORIES) * 3, f"too many files were refused:\n{shown}"


def test_defaults_are_filled_in(ecs, name):
    ecs.register_task_definition(
        family=name,
        containerDefinitions=[
            {"name": "a", "image": "b", "memory": 8, "portMappings": [{"containerPort": 80}]},
        ],
    )
    definition = ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
    [container] = definition["containerDefinitions"]
    assert container["cpu"] == 0 and container["essential"] is True
    assert container["environment"] == [] and container["mountPoints"] == [] and container["volumesFrom"] == []
    assert container["portMappings"] == [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]
    assert definition["volumes"] == [] and definition["placementConstraints"] == []
    assert definition["status"] == "ACTIVE" and definition["revision"] == 1
    assert "EC2" in definition["compatibilities"]
    assert "registeredAt" in definition and definition["registeredBy"].startswith("arn:aws:")
