"""`longshore serve` with a GitHub and an engine around it, and the environments that it makes."""

import http.client
import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support import program
from support.definitions import container, task_definition
from support.github import SECRET, GitHub
from support.project import SERVER
from support.wait import DEADLINE_SECONDS, until

CONFIG = """
[serve]
listen = "{listen}"
proxy = "{proxy}"
queue = "longshore-events"
github = {{ api = "{github}" }}
{serve}

[[preview]]
repository = "octo-org/shop"
app = "{app}"
cluster = "{cluster}"
branches = ["feature/**"]
strip = ["feature/"]
{preview}

[[preview.service]]
name = "web"
task_definition = "{family}"
port = 8080
environment = {{ VERSION = "{{{{ sha }}}}" }}
{service}
health = {{ path = "/index.html", interval = "5s", timeout = "2s" }}
{after}
"""


class Serve:
    """One `longshore serve` with its configuration. It can be killed and started again."""

    def __init__(self, engine, cluster, directory, github, **config):
        self.engine, self.cluster, self.directory, self.github = engine, cluster, Path(directory), github
        self.config = {"serve": "", "preview": "", "service": "", "after": ""} | config
        self.secrets = {"GITHUB_TOKEN": "ghp_test", "GITHUB_WEBHOOK_SECRET": SECRET}
        self.state = self.directory / "serve"
        self.log = self.directory / "serve.log"
        self.listen = self.proxy = "127.0.0.1:0"
        self.app = cluster.lower().replace("_", "-")[-20:].strip("-")
        self.process = None

    def define(self, script=SERVER, name="web", **settings):
        """The base task definition of a service: a server that says its VERSION."""
        family = f"{self.cluster}-{name}"
        base = container(
            script,
            group=family,
            environment=[{"name": "VERSION", "value": "base"}, {"name": "PORT", "value": "8080"}],
            portMappings=[{"containerPort": 8080}],
        )
        self.engine.client("ecs").register_task_definition(**task_definition(family, base | settings))
        return self

    def write(self):
        """Writes longshore.toml."""
        text = CONFIG.format(
            listen=self.listen,
            proxy=self.proxy,
            github=self.github.url,
            app=self.app,
            cluster=self.cluster,
            family=f"{self.cluster}-web",
            **self.config,
        )
        (self.directory / "longshore.toml").write_text(text)

    def start(self):
        """Starts it and returns once it is ready; its addresses are the same after a restart."""
        self.begin()
        until(self.is_ready, "`longshore serve` to be ready")
        return self

    def stand_by(self):
        """Starts it beside another one that acts: its addresses are what it says, until it acts itself."""
        before = self.said().count("dashboard: ") if self.log.exists() else 0
        self.begin()
        until(lambda: self.said().count("Serving until") > before or None, "it to serve")
        self.listen = re.findall(r"^dashboard: http://(\S+)$", self.said(), re.MULTILINE)[-1]
        self.proxy = re.findall(r"^environments: behind http://(\S+)$", self.said(), re.MULTILINE)[-1]
        self.github.webhooks = f"http://{self.listen}"
        return self

    def begin(self):
        """Starts the process."""
        self.write()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program.LONGSHORE, "serve", "--state", str(self.state)],
                env=self.environment(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def is_ready(self):
        """Whether it answers; then its addresses are known."""
        assert self.process.poll() is None, self.said()
        try:
            endpoint = (self.state / "endpoint").read_text().strip()
            with urllib.request.urlopen(f"{endpoint}/readyz", timeout=5):
                self.listen = endpoint.removeprefix("http://")
                self.proxy = (self.state / "proxy").read_text().strip()
                self.github.webhooks = endpoint
                return True
        except (OSError, urllib.error.URLError):
            return False

    def environment(self):
        """That of an operator of the engine."""
        return self.engine.environment() | self.secrets

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM, and its exit code."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_SECONDS)

    def said(self):
        """What it said."""
        return self.log.read_text(errors="replace")

    @property
    def token(self):
        """The operator's token that it made for this machine."""
        return (self.state / "token").read_text().strip()

    def api(self, path, body=None, token=None):
        """Asks the JSON API: the status, and the document."""
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.listen}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
                return error.code, json.loads(text) if text else None

    def environments(self):
        """All environments, by id."""
        status, found = self.api("/api/v1/environments")
        assert status == 200, found
        return {view["id"]: view for view in found}

    def preview(self, *arguments, check=True, **options):
        """Runs `longshore preview`."""
        environment = self.environment() | {"LONGSHORE_SERVER": f"http://{self.listen}", "LONGSHORE_TOKEN": self.token}
        return program.run([program.LONGSHORE, "preview", *arguments], environment, check=check, **options)

    def wait_for(self, name, state, **members):
        """Waits until an environment is in this state, with these members, and returns it."""

        def reached():
            view = self.environments().get(f"{name}.{self.app}")
            if view is None:
                return None
            is_earlier = "deployed_sha" in members and view["sha"] != members["deployed_sha"]
            assert state == "failed" or view["state"] != "failed" or is_earlier, view
            fits = all(view[member] == value for member, value in members.items())
            return view if view["state"] == state and fits else None

        try:
            return until(reached, f"{name} to be {state}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.api(f'/api/v1/environments/{name}.{self.app}')}\n{self.said()[-4000:]}") from None

    def gone(self, name):
        """Waits until nothing of an environment is left: not here, and not in AWS."""
        until(lambda: f"{name}.{self.app}" not in self.environments(), f"{name} to be gone")

    def services(self):
        """The services of the cluster that are not INACTIVE, by name."""
        ecs = self.engine.client("ecs")
        # So many of them are on a page, and can be described at once.
        pages = ecs.get_paginator("list_services").paginate(cluster=self.cluster, maxResults=10)
        pages = [page["serviceArns"] for page in pages if page["serviceArns"]]
        found = [ecs.describe_services(cluster=self.cluster, services=arns)["services"] for arns in pages]
        services = [service for page in found for service in page]
        return {service["serviceName"]: service for service in services if service["status"] != "INACTIVE"}

    def get(self, url, **options):
        """A request to an environment: the status, and the body."""
        return request(url, self.proxy, **options)


def request(url, proxy, path=None, headers=(), timeout=DEADLINE_SECONDS):
    """Asks our own proxy for a URL, whatever its host's name stands for."""
    address = urlsplit(url)
    host, port = proxy.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request("GET", path or address.path or "/", headers={"Host": address.netloc} | dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def github():
    """A GitHub of the test's own."""
    with GitHub() as server:
        yield server


@pytest.fixture
def serves(engine, cluster, tmp_path, github):
    """Makes `longshore serve`s; what still runs at the test's end is ended."""
    made = []
    engine.client("sqs").create_queue(QueueName="longshore-events")

    def make(**config):
        made.append(Serve(engine, cluster, tmp_path, github, **config))
        return made[-1]

    yield make
    codes = [serve.stop() for serve in made]
    assert all(code in (None, 0) for code in codes), (codes, made[-1].said()[-4000:])
