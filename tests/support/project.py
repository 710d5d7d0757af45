"""A directory of files for `longshore apply`, and the program on it."""

import json
import signal
import subprocess

import pytest

from support import program
from support.definitions import container, task_definition
from support.wait import until

# A server that says which version it is, on the port that it is told. In either runtime: busybox is in the image, too.
SERVER = 'mkdir -p www && printf %s "$VERSION" > www/index.html && exec busybox httpd -f -p "$PORT" -h www'


class Project:
    """The files, the cluster, and `longshore` in the directory of both."""

    def __init__(self, engine, cluster, directory):
        self.engine = engine
        self.cluster = cluster
        self.directory = directory
        self.files = directory / "deploy"
        self.files.mkdir(parents=True)
        self.started = []

    def write(self, name, script, count=1, service=None, **settings):
        """Writes NAME.taskdef.json and NAME.service.json. The family and the log group are the cluster's and NAME."""
        family = f"{self.cluster}-{name}"
        definition = task_definition(family, container(script, group=family, **settings))
        self.definition(name, definition)
        wanted = {"serviceName": name, "desiredCount": count} | (service or {})
        (self.files / f"{name}.service.json").write_text(json.dumps(wanted))

    def definition(self, name, definition):
        """Writes NAME.taskdef.json."""
        (self.files / f"{name}.taskdef.json").write_text(json.dumps(definition))

    def configure(self, text):
        """Writes longshore.toml."""
        (self.directory / "longshore.toml").write_text(text)

    def longshore(self, verb, *arguments, **options):
        """Runs a verb on the directory, and returns the finished process."""
        place = [self.files] if verb in ("apply", "diff", "drift", "verify", "render") else []
        return self.engine.longshore(
            verb, *place, "--cluster", self.cluster, *arguments, check=False, cwd=self.directory, **options
        )

    def apply(self, *arguments, exits=0):
        """Applies, and returns what it said; its exit code is checked."""
        done = self.longshore("apply", *arguments)
        assert done.returncode == exits, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def begin(self, verb, *arguments):
        """Starts a verb that goes on while the test looks."""
        place = [self.files] if verb == "apply" else []
        self.started.append(
            subprocess.Popen(
                [program.LONGSHORE, verb, *map(str, place), "--cluster", self.cluster, *map(str, arguments)],
                env=self.engine.environment(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return self.started[-1]

    def end(self):
        """Nothing of what was begun is left."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def service(self, ecs, name):
        """The service as it is now."""
        return ecs.describe_services(cluster=self.cluster, services=[name], include=["TAGS"])["services"][0]


@pytest.fixture
def project(engine, cluster, tmp_path):
    """A project of its own for the test, on the test's cluster."""
    project = Project(engine, cluster, tmp_path)
    yield project
    project.end()


def interrupt(process):
    """Ctrl-C."""
    process.send_signal(signal.SIGINT)


def settled(ecs, cluster, name, count=None):
    """Waits until a service has one deployment and as many tasks as it wants; returns it."""

    def look():
        service = ecs.describe_services(cluster=cluster, services=[name])["services"][0]
        enough = service["runningCount"] == (service["desiredCount"] if count is None else count)
        return service if enough and len(service["deployments"]) == 1 else None

    return until(look, f"service {name} to be steady")
