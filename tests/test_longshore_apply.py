"""`longshore apply` and its family against the engine: what is created, changed, left alone, and taken back."""

import json

import pytest
from support.definitions import WAIT_FOR_TERM
from support.project import interrupt, project, settled  # noqa: F401 (fixture)
from support.wait import until

CRASHES = "echo no database here; exit 3"


def revision(service):
    """`3` of `family:3`."""
    return int(service["taskDefinition"].rsplit(":", 1)[1])


def test_what_is_applied_is_there_and_applying_again_changes_nothing(ecs, project):
    project.write("web", WAIT_FOR_TERM, count=2)
    project.write("worker", WAIT_FOR_TERM)
    assert project.longshore("diff").returncode == 2
    said = project.apply().stderr
    assert "web: created, and stable" in said and "worker: created, and stable" in said, said
    web = project.service(ecs, "web")
    assert (web["runningCount"], revision(web)) == (2, 1)
    assert {"key": "longshore:project", "value": "default"} in web["tags"]

    done = project.longshore("diff")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing to change\n")
    said = project.apply().stderr
    assert "web: unchanged" in said and "registered" not in said, said
    assert project.service(ecs, "web")["events"][0]["id"] == web["events"][0]["id"]


def test_only_what_changed_is_registered_and_updated(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    project.write("worker", WAIT_FOR_TERM)
    project.apply()
    project.write("web", WAIT_FOR_TERM, environment=[{"name": "VERSION", "value": "2"}])
    shown = project.longshore("diff").stdout
    assert '+          "value": "2"' in shown and "worker" not in shown, shown
    result = json.loads(project.apply("--output", "json").stdout)
    assert {it["service"]: it["result"] for it in result["services"]} == {"web": "updated", "worker": "unchanged"}
    assert revision(settled(ecs, project.cluster, "web")) == 2
    assert revision(project.service(ecs, "worker")) == 1


def test_attributes_and_revision_change_in_one_deployment(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    project.apply()
    project.write("web", WAIT_FOR_TERM, count=2, cpu=32, service={"enableExecuteCommand": True})
    project.apply()
    past = ecs.list_service_deployments(cluster=project.cluster, service="web")["serviceDeployments"]
    assert len(past) == 2, "the creation, and one update"


def test_a_deployment_whose_tasks_crash_is_rolled_back(ecs, project):
    breaker = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}
    project.write("web", WAIT_FOR_TERM, service=breaker)
    project.apply()
    project.write("web", CRASHES, service=breaker)
    said = project.apply(exits=1).stderr
    assert "container `main` exited with 3" in said and "web | no database here" in said, said
    assert "rolled back to" in said, said
    web = settled(ecs, project.cluster, "web")
    assert revision(web) == 1 and web["runningCount"] == 1


def test_without_a_circuit_breaker_apply_goes_back_itself(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    project.apply()
    project.write("web", CRASHES)
    said = project.apply(exits=1).stderr
    assert "rolling back" in said and "web | no database here" in said, said
    assert revision(settled(ecs, project.cluster, "web")) == 1


def test_a_new_service_that_crashes_has_nothing_to_go_back_to(project):
    project.write("web", CRASHES)
    said = project.apply(exits=1).stderr
    assert "there is no earlier revision to go back to" in said and "web | no database here" in said, said


@pytest.mark.parametrize("end", ["interrupt", "kill"])
def test_what_was_begun_is_finished_by_the_next_apply(ecs, project, end):
    project.write("web", WAIT_FOR_TERM, count=1)
    project.apply()
    # A health check that takes a while keeps the deployment on its way.
    slow = {"command": ["CMD-SHELL", "test -e ready"], "interval": 5, "retries": 10, "startPeriod": 0}
    project.write("web", "sleep 3; touch ready; " + WAIT_FOR_TERM, healthCheck=slow)
    applying = project.begin("apply")
    until(lambda: revision(project.service(ecs, "web")) == 2 or None, "the update")
    if end == "interrupt":
        interrupt(applying)
        _, said = applying.communicate(timeout=30)
        assert applying.returncode == 130 and "its deployment goes on" in said, said
    else:
        applying.kill()
        applying.communicate()
    said = project.apply().stderr
    assert "registered" not in said, said
    web = settled(ecs, project.cluster, "web")
    assert revision(web) == 2 and web["deployments"][0]["rolloutState"] == "COMPLETED"


def gates(project, **commands):
    """longshore.toml with gates for `web`."""
    lines = [f"[[apply.service.web.{when}]]\ncommand = {json.dumps(['sh', '-c', it])}\n" for when, it in commands.items()]
    project.configure("\n".join(lines))


def test_gates_run_with_the_revision_that_is_deployed(ecs, project):
    gates(project, before="echo migrating for $VERSION", after="echo smoke test of $VERSION")
    project.write("web", WAIT_FOR_TERM, environment=[{"name": "VERSION", "value": "7"}])
    said = project.apply().stderr
    lines = ["web | migrating for 7", "web: created", "web | smoke test of 7", "web: created, and stable"]
    positions = [said.find(line) for line in lines]
    assert -1 not in positions and positions == sorted(positions), said
    assert "gate" not in project.apply().stderr, "nothing new, nothing to pass"


def test_gates_of_a_service_without_a_file_are_a_slip(ecs, project):
    project.configure('[[apply.service.wbe.before]]\ncommand = ["true"]\n')
    project.write("web", WAIT_FOR_TERM)
    said = project.apply(exits=2).stderr
    assert "gates of service `wbe`, which has no file" in said and "did you mean `web`?" in said, said
    # Beside the files it counts just the same.
    (project.directory / "longshore.toml").rename(project.files / "longshore.toml")
    assert "`wbe`" in project.apply(exits=2).stderr
    assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []


def test_a_gate_that_fails_before_stops_everything(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    project.apply()
    gates(project, before="echo table is locked; exit 9")
    project.write("web", WAIT_FOR_TERM, cpu=32)
    said = project.apply(exits=1).stderr
    assert "exited with 9" in said and "the service was not changed" in said and "web | table is locked" in said, said
    assert revision(project.service(ecs, "web")) == 1


def test_a_gate_that_fails_after_rolls_back(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    project.apply()
    gates(project, after="exit 4")
    project.write("web", WAIT_FOR_TERM, cpu=32)
    said = project.apply(exits=1).stderr
    assert "gate `after: sh -c exit 4` failed" in said and "rolled back to" in said, said
    assert revision(settled(ecs, project.cluster, "web")) == 1
    # To ECS it was successful; to us it is not what a rollback may choose.
    done = project.longshore("rollback", "web", "--dry-run")
    assert done.returncode == 1 and "remembers no other revision" in done.stderr, done.stderr


def test_rollback_goes_to_what_last_ran_well(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    project.apply()
    # Registered, and never deployed: not what a rollback may choose.
    ecs.register_task_definition(**json.loads((project.files / "web.taskdef.json").read_text()))
    project.write("web", WAIT_FOR_TERM, cpu=32)
    project.apply()
    assert revision(project.service(ecs, "web")) == 3
    done = project.longshore("rollback", "web")
    assert done.returncode == 0, done.stderr
    assert f"web: {project.cluster}-web:3 -> {project.cluster}-web:1" in done.stderr
    assert revision(settled(ecs, project.cluster, "web")) == 1


def test_scale_restart_and_status(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    project.apply()
    first = ecs.list_tasks(cluster=project.cluster, serviceName="web")["taskArns"]
    assert project.longshore("scale", "web=3").returncode == 0
    assert project.service(ecs, "web")["runningCount"] == 3
    assert project.longshore("restart", "web").returncode == 0
    settled(ecs, project.cluster, "web", 3)
    assert not set(first) & set(ecs.list_tasks(cluster=project.cluster, serviceName="web")["taskArns"])
    lines = project.longshore("status").stdout.splitlines()
    assert lines[0].split() == ["SERVICE", "RUNNING", "STATE", "TASK", "DEFINITION"]
    assert lines[1].split() == ["web", "3", "of", "3", "steady", f"{project.cluster}-web:1"]
    missing = project.longshore("scale", "nobody=1")
    assert missing.returncode == 1 and "there is no active service `nobody`" in missing.stderr


def test_a_dry_run_prints_the_calls_and_makes_none(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    calls = json.loads(project.apply("--dry-run").stdout)
    assert [call["call"] for call in calls] == ["RegisterTaskDefinition", "CreateService"]
    assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []


def test_what_is_wrong_in_one_file_changes_nothing(ecs, project):
    project.write("web", WAIT_FOR_TERM)
    (project.files / "worker.service.json").write_text('{"serviceName": "worker", "taskDefinition": "{{ var.family }}"}')
    said = project.apply(exits=1).stderr
    assert "worker.service.json:1:" in said and "family" in said, said
    assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []
    said = project.apply("--var", "family=nobody", exits=1).stderr
    assert "service `worker` runs task definition `nobody`, which is not registered and has no file" in said, said
    assert ecs.list_services(cluster=project.cluster)["serviceArns"] == []
