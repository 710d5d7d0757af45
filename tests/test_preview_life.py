"""An environment's whole life in both runtimes: pushed, pushed again, asleep, awake, deleted, and nothing left."""

from support.balancer import Load
from support.github import sha
from support.previews import github, serves  # noqa: F401 (fixtures)
from support.wait import until


def visits(serve, url):
    """Clients of an environment behind our own proxy."""
    return Load(f"http://{serve.proxy}", headers={"Host": url.split("/")[2]})


def completed(service):
    """Whether ECS calls the newest deployment done."""
    return service["deployments"][0]["rolloutState"] == "COMPLETED"


def test_the_whole_life_of_an_environment(serves, github):
    serve = serves().define().start()
    name = "login"
    assert github.push("feature/login", sha(2)) == 202
    view = serve.wait_for(name, "ready", deployed_sha=sha(2))
    assert serve.get(view["url"]) == (200, sha(2))

    # Until then ECS counts the first task for nothing, and stops it without waiting for the second.
    until(lambda: all(completed(it) for it in serve.services().values()), "ECS to count the first task as healthy")
    with visits(serve, view["url"]) as load:
        github.push("feature/login", sha(3))
        view = serve.wait_for(name, "ready", deployed_sha=sha(3))
        assert serve.get(view["url"]) == (200, sha(3))
        until(lambda: all(it["runningCount"] == 1 for it in serve.services().values()), "the old task to be gone")
    load.check(at_least=50)
    bodies = [body for _, body in load.answers]
    assert bodies[0] == sha(2) and bodies[-1] == sha(3)

    serve.preview("sleep", "feature/login")
    serve.wait_for(name, "asleep")
    until(lambda: all(it["runningCount"] == 0 for it in serve.services().values()), "the tasks to be gone")
    assert serve.get(view["url"]) == (200, sha(3)), "the first request is held until it is awake"
    serve.wait_for(name, "ready")

    github.delete("feature/login")
    serve.gone(name)
    assert serve.services() == {}
    ecs = serve.engine.client("ecs")
    families = ecs.list_task_definition_families(status="ACTIVE", familyPrefix=serve.app)["families"]
    assert families == [], "the revisions of the environment are deregistered"
    status, _ = serve.get(view["url"])
    assert status == 404
