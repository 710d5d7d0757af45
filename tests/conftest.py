"""Engines, one per runtime and per worker of pytest, and names that no other test uses."""

import itertools
import os
import uuid

import pytest
from support import docker, program
from support.custom_resource import Stack
from support.definitions import register_instance
from support.engine import Engine

RUNTIMES = ("process", "docker")
_numbers = itertools.count(1)


def pytest_configure(config):
    """A missing binary is one clear sentence and not a hundred failures."""
    if not os.access(program.LONGSHORE, os.X_OK):
        pytest.exit(f"there is no {program.LONGSHORE}: run ./test, or set LONGSHORE_BINARY", returncode=2)


@pytest.fixture(scope="session", autouse=True)
def no_container_is_left(tmp_path_factory):
    """Ends after all engines of this worker: what they have left in Docker goes."""
    yield
    docker.remove_containers_of_engines(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def docker_ready():
    """Skips the test where docker cannot be used, and else makes the test image."""
    reason = docker.why_not()
    if reason:
        pytest.skip(f"docker runtime: {reason}")
    docker.make_image()


@pytest.fixture(scope="session")
def engines(tmp_path_factory):
    """Running engines by runtime, started when first asked for."""
    running = {}

    def get(runtime):
        if runtime not in running:
            running[runtime] = Engine(tmp_path_factory.mktemp(f"engine-{runtime}"), runtime).start()
        return running[runtime]

    yield get
    codes = {runtime: engine.stop() for runtime, engine in running.items()}
    assert all(code == 0 for code in codes.values()), f"engines ended with {codes}"


@pytest.fixture(params=RUNTIMES)
def engine(request, engines):
    """An engine that many tests share, once per runtime that really runs something."""
    if request.param == "docker":
        request.getfixturevalue("docker_ready")
    return engines(request.param)


@pytest.fixture
def process_engine(engines):
    """The shared engine with the process runtime, for tests in which the runtime does not matter."""
    return engines("process")


@pytest.fixture
def simulated_engine(engines):
    """The shared engine that runs nothing, for tests of the API alone."""
    return engines("simulated")


@pytest.fixture
def own_engine(tmp_path):
    """Makes engines that the test may kill; what still runs at its end is ended."""
    made = []

    def make(runtime, **settings):
        engine = Engine(tmp_path / f"engine-{len(made)}", runtime, **settings)
        made.append(engine)
        return engine.start()

    yield make
    for engine in made:
        engine.stop()


@pytest.fixture
def name(request):
    """A name for this test's cluster, family and log group."""
    words = request.node.originalname.removeprefix("test_").replace("_", "-")
    return f"{words[:40]}-{next(_numbers)}-{uuid.uuid4().hex[:6]}"


@pytest.fixture
def ecs(engine):
    """A boto3 client for ECS."""
    return engine.client("ecs")


@pytest.fixture
def logs(engine):
    """A boto3 client for CloudWatch Logs."""
    return engine.client("logs")


@pytest.fixture
def cluster(ecs, name):
    """A cluster with one container instance."""
    ecs.create_cluster(clusterName=name)
    register_instance(ecs, name)
    return name


@pytest.fixture
def new_stack(process_engine, name, tmp_path):
    """Makes stacks with a `Custom::ECSTask` whose function has these settings. Each has a cluster with one instance."""
    made = []

    def make(**settings):
        cluster = f"{name}-{len(made)}" if made else name
        process_engine.client("ecs").create_cluster(clusterName=cluster)
        register_instance(process_engine.client("ecs"), cluster)
        made.append(Stack(process_engine, cluster, tmp_path / f"stack-{len(made)}", **settings).__enter__())
        return made[-1]

    yield make
    for stack in made:
        stack.__exit__(None)
        stack.stop_all()


@pytest.fixture
def stack(new_stack):
    """A stack with the usual settings, and a revision of its family that runs `true`."""
    made = new_stack()
    made.define()
    return made
