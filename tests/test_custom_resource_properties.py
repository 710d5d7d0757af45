"""`Custom::ECSTask`: what the properties do, in Lambda and with `longshore cfn handle`.

The numbers are those of the checklist in docs/custom-resource.md.
"""

import json

import pytest
from support.custom_resource import override
from support.definitions import NETWORK, container, fargate_definition, task_definition


def succeeded(answer):
    """The answer is SUCCESS; gives it."""
    assert answer["Status"] == "SUCCESS", answer
    return answer


@pytest.mark.parametrize("with_instances", [False, True])
def test_item_26_count_0_runs_nothing(stack, with_instances):
    """26: even when Instances is set."""
    instances = {"Instances": instances_of(stack)} if with_instances else {}
    succeeded(stack.create(Count=0, **instances))
    assert stack.tasks() == []


def test_item_26_count_12_is_12_tasks(stack):
    """26: ECS starts at most 10 in one call."""
    stack.define(stack.note())
    succeeded(stack.create(Count=12))
    assert stack.ran() == ["ran"] * 12
    assert sorted(call.json["count"] for call in stack.proxy.of("RunTask")) in ([2, 10], [6, 6])
    assert len({call.json["clientToken"] for call in stack.proxy.of("RunTask")}) == 2


def test_item_18_one_failed_task_of_several_fails_the_request(stack):
    """18: every task counts."""
    stack.define(f"{stack.note()}; mkdir {stack.directory}/first && exit 6; exit 0")
    answer = stack.create(Count=3)
    assert answer["Status"] == "FAILED" and "6" in answer["Reason"].splitlines()[0], answer
    assert stack.ran() == ["ran"] * 3


def instances_of(stack):
    """The ARNs of the cluster's container instances."""
    return stack.ecs.list_container_instances(cluster=stack.cluster)["containerInstanceArns"]


def test_item_26_instances_are_what_the_tasks_run_on(stack):
    """26: with StartTask, one on each; Count says nothing then."""
    stack.define(stack.note())
    instances = instances_of(stack)
    succeeded(stack.create(Instances=instances, Count=5))
    assert stack.ran() == ["ran"]
    [task] = stack.tasks()
    assert task["containerInstanceArn"] == instances[0]
    assert stack.proxy.of("RunTask") == [] and len(task["startedBy"]) <= 36


def test_item_11_strings_are_what_they_stand_for(stack):
    """11: CloudFormation sends every scalar as a string; ECS wants numbers."""
    stack.define()
    overrides = override(stack.note("$WHO"), {"WHO": 12}, cpu=64, memory=48, memoryReservation=16)
    succeeded(stack.create(Count=1, Timeout=60, WaitForCapacity=0, RunOnUpdate=True, Overrides=overrides))
    [call] = stack.proxy.of("RunTask")
    [sent] = call.json["overrides"]["containerOverrides"]
    assert (sent["cpu"], sent["memory"], sent["memoryReservation"]) == (64, 48, 16)
    assert sent["environment"] == [{"name": "WHO", "value": "12"}]


def test_item_11_numbers_are_taken_as_they_are(stack):
    """11: the other direction. A request written by hand has numbers and booleans where ECS wants strings."""
    event = stack.event("Create")
    overrides = {"name": "main", "command": ["sh", "-c", stack.note()], "cpu": 64}
    overrides["environment"] = [{"name": "PORT", "value": 5432}, {"name": "SSL", "value": True}]
    event["ResourceProperties"] |= {"Count": 1, "RunOnUpdate": True, "Overrides": {"containerOverrides": [overrides]}}
    done = stack.handle(event)
    succeeded(json.loads(done.stdout))
    [call] = stack.proxy.of("RunTask")
    values = [each["value"] for each in call.json["overrides"]["containerOverrides"][0]["environment"]]
    assert values == ["5432", "true"] and stack.ran() == ["ran"]


def test_item_29_the_properties_of_older_templates(stack):
    """29: every property that a template may have from before, in the form it had."""
    stack.define(environment=[{"name": "DB_HOST", "value": "db"}])
    properties = {
        "Count": 1,
        "Timeout": 1800,
        "RunOnUpdate": True,
        "UpdateCriteria": [{"Container": "main", "EnvironmentKeys": ["DB_HOST"]}],
        "PollInterval": 3,
        "Overrides": override(stack.note(), {"SOME_VAR": "SOME_VALUE"}),
        "Instances": instances_of(stack),
        "Triggers": ["some-value", "another"],
        "ServiceTimeout": 3600,
    }
    succeeded(stack.create(**properties))
    assert stack.ran() == ["ran"]


def test_item_18_a_sidecar_does_not_count(stack):
    """18: its 137 or 143 after the essential container ended is no failure."""
    main = container(stack.note(), group=stack.cluster)
    side = container("sleep 300", name="side", essential=False)
    stack.ecs.register_task_definition(**task_definition(stack.cluster, main, side))
    succeeded(stack.create())


def test_item_18_the_named_container_counts(stack):
    """18: and its codes that are accepted."""
    main = container("sleep 0.3", group=stack.cluster)
    side = container("exit 3", name="side", essential=False)
    stack.ecs.register_task_definition(**task_definition(stack.cluster, main, side))
    succeeded(stack.create())
    answer = stack.create(Container="side")
    assert answer["Status"] == "FAILED" and "side" in answer["Reason"], answer
    accepted = succeeded(stack.create(Container="side", AcceptExitCodes=[3, 4]))
    assert str(accepted["Data"]["ExitCode"]) == "3"


def test_fargate(stack):
    """LaunchType, NetworkConfiguration and CapacityProviderStrategy go to ECS as they are."""
    family = f"{stack.cluster}-fargate"
    stack.ecs.register_task_definition(**fargate_definition(family, container(stack.note(), group=stack.cluster)))
    succeeded(stack.create(TaskDefinition=family, LaunchType="FARGATE", NetworkConfiguration=NETWORK))
    providers = ["FARGATE", "FARGATE_SPOT"]
    stack.ecs.put_cluster_capacity_providers(
        cluster=stack.cluster, capacityProviders=providers, defaultCapacityProviderStrategy=[]
    )
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    succeeded(
        stack.create(TaskDefinition=family, CapacityProviderStrategy=strategy, NetworkConfiguration=NETWORK)
    )
    assert sorted(task.get("capacityProviderName", "") for task in stack.tasks()) in (
        ["", "FARGATE_SPOT"],
        ["FARGATE", "FARGATE_SPOT"],
    )
    both = stack.create(
        TaskDefinition=family, LaunchType="FARGATE", CapacityProviderStrategy=strategy, NetworkConfiguration=NETWORK
    )
    assert both["Status"] == "FAILED" and "CapacityProviderStrategy" in both["Reason"], both


def test_cfn_handle_prints_the_answers_and_puts_them(stack):
    """The same handler at a terminal: one document for each request, and 0 when all were SUCCESS."""
    stack.define(stack.note())
    events = [stack.event("Create", logical_id=f"Task{number}") for number in range(3)]
    done = stack.handle(*events)
    documents = documents_of(done.stdout)
    assert sorted(each["LogicalResourceId"] for each in documents) == ["Task0", "Task1", "Task2"]
    assert {each["Status"] for each in documents} == {"SUCCESS"} and stack.ran() == ["ran"] * 3
    for event in events:
        assert stack.callback.answer(event) in documents
    assert stack.callback.secret not in done.stdout + done.stderr


def test_cfn_handle_tells_a_failure_by_its_exit_code(stack):
    """And a file that is no request by 1 or 2, naming the file."""
    done = stack.handle(stack.event("Create", stack.properties(Overrides=override("exit 5"))), check=False)
    [document] = documents_of(done.stdout)
    assert done.returncode == 1 and document["Status"] == "FAILED" and "5" in document["Reason"], done
    broken = stack.directory / "broken.json"
    broken.write_text("{")
    done = stack.longshore("cfn", "handle", broken, check=False)
    assert done.returncode in (1, 2) and "broken.json" in done.stderr, done
    done = stack.longshore("cfn", "handle", stack.directory / "absent.json", check=False)
    assert done.returncode in (1, 2) and "absent.json" in done.stderr, done


def documents_of(text):
    """JSON documents, one after the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found
