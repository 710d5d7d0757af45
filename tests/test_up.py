"""`longshore up`: everything in one command on a machine with nothing but the binary, and else clear errors."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import urllib.request
from urllib.parse import urlsplit

import pytest
from support import program
from support.engine import EXPORTS, read_exports
from support.previews import request
from support.wait import DEADLINE_SECONDS, until

CLI_ERROR = 1


@pytest.fixture
def home(tmp_path):
    """An environment whose PATH has no docker, no python and nothing else, except a shell's basic tools."""
    tools = tmp_path / "tools"
    tools.mkdir()
    environment = program.bare_environment(tmp_path / "home") | {"PATH": str(tools)}
    environment["DOCKER_HOST"] = f"unix://{tmp_path}/no-docker.sock"
    return environment


@pytest.fixture
def up(home, tmp_path):
    """Starts `longshore up`; what still runs at the test's end is ended."""
    started = []

    def start(*arguments, environment=home):
        log = tmp_path / f"up-{len(started)}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [program.LONGSHORE, "up", *map(str, arguments)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        process.log = log
        started.append(process)
        process.exports = read_exports(process, log)
        return process

    start.home = tmp_path / "browser"
    yield start
    for process in started:
        if process.poll() is None:
            end(process)


def end(process, number=signal.SIGINT):
    """Ctrl-C, and the exit code."""
    process.send_signal(number)
    code = process.wait(DEADLINE_SECONDS)
    process.stdout.close()
    return code


def longshore(home, *arguments, **settings):
    """A `longshore` command that ends by itself."""
    return program.run([program.LONGSHORE, *arguments], home, check=False, **settings)


def aws(process, home, *arguments):
    """The AWS CLI with the exports of `up`."""
    environment = program.bare_environment(home["HOME"]) | process.exports
    return program.json_of(program.run([program.AWS, *arguments], environment))


def page(process):
    """The URL of the example, from what `up` said."""
    said = process.log.read_text()
    found = re.search(r"^open (http://\S+)$", said, re.MULTILINE)
    assert found, said
    return found[1]


def fetch(url):
    with urllib.request.urlopen(url, timeout=DEADLINE_SECONDS) as answer:
        return answer.read().decode()


def test_up_brings_up_an_example_and_serves_and_finds_everything_again(up, home, tmp_path):
    state = ["--state", tmp_path / "state"]
    first = up(*state, "--listen", "127.0.0.1:0")
    said = first.log.read_text()
    assert said.index("done: 4 migrations applied") < said.index("web: created"), "the migration is a gate"
    assert "<h1>Harbour</h1>" in fetch(page(first))
    assert [ship["name"] for ship in json.loads(fetch(f"{page(first)}/api/ships"))][0] == "Aurora"
    cluster = aws(first, home, "ecs", "describe-clusters")["clusters"][0]
    assert cluster["clusterName"] == "default" and cluster["registeredContainerInstancesCount"] == 2
    assert cluster["activeServicesCount"] == 2
    events = aws(first, home, "logs", "filter-log-events", "--log-group-name", "/harbour/web")["events"]
    lines = [event["message"] for event in events]
    assert "migrating the harbour database" in lines and any("listening on" in line for line in lines)

    again = exports(home, tmp_path / "state")
    assert again == first.exports and again.keys() >= EXPORTS

    instances = aws(first, home, "ecs", "list-container-instances")["containerInstanceArns"]
    url = page(first)
    assert end(first) == 0
    second = up(*state, "--listen", "127.0.0.1:0")
    assert sorted(aws(second, home, "ecs", "list-container-instances")["containerInstanceArns"]) == sorted(instances)
    assert page(second) == url and "<h1>Harbour</h1>" in fetch(url)
    assert "registered" not in second.log.read_text().replace("registered 1 targets", ""), "the files are as they were"
    assert end(second, signal.SIGTERM) == 0


def test_a_browser_shows_the_page(up):
    chromium = shutil.which("chromium") or pytest.skip("chromium is not installed")
    url = page(up("--ephemeral", "--listen", "127.0.0.1:0"))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    shown = program.run([chromium, *options, url], program.bare_environment(up.home), check=True).stdout
    # The script of the page has asked the second service.
    assert "<td>Blue Marlin</td><td>4</td><td>13.3 m</td>" in shown, shown


def test_up_brings_up_its_example_in_docker_where_a_daemon_answers(docker_ready, up, tmp_path):
    process = up("--ephemeral", "--listen", "127.0.0.1:0", environment=program.bare_environment(tmp_path / "home"))
    assert "docker" in process.log.read_text() and "<h1>Harbour</h1>" in fetch(page(process))
    assert end(process) == 0


def without_docker(home, tmp_path):
    """An environment with git and all else but docker."""
    return home | {"PATH": os.environ["PATH"], "DOCKER_HOST": f"unix://{tmp_path}/no-docker.sock"}


@pytest.fixture(params=("process", "docker"))
def with_git(request, home, tmp_path):
    """An environment that has git, and a docker daemon or none."""
    if request.param == "process":
        return without_docker(home, tmp_path)
    request.getfixturevalue("docker_ready")
    return program.bare_environment(home["HOME"])


class Clone:
    """A clone of the repository that `up` has printed."""

    def __init__(self, process, environment, directory):
        said = process.log.read_text()
        found = re.search(r"^\$ git clone (\S+) && cd (\S+)$", said, re.MULTILINE)
        assert found, said
        people = {f"GIT_{who}_{what}": "octocat" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self.environment = environment | people | {"GIT_CONFIG_NOSYSTEM": "1"}
        self.directory = directory
        self.git("clone", found[1])
        self.directory = directory / found[2]

    def git(self, *arguments):
        """Runs git, and returns what it printed."""
        return program.run(["git", *arguments], self.environment, cwd=self.directory).stdout.strip()

    def commit(self):
        """A new commit of the branch that is checked out, pushed; the beginning of its name."""
        self.git("commit", "--allow-empty", "-m", "something")
        self.git("push", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")[:7]


def exports(home, state):
    """What `longshore env` prints."""
    printed = longshore(home, "env", "--state", state)
    assert printed.returncode == 0, printed.stderr
    return dict(shlex.split(line)[1].split("=", 1) for line in printed.stdout.splitlines())


def environments(server):
    """All environments that the API of `up` knows, by branch."""
    headers = {"Authorization": f"Bearer {server['LONGSHORE_TOKEN']}"}
    asked = urllib.request.Request(f"{server['LONGSHORE_SERVER']}/api/v1/environments", None, headers)
    return {view["branch"]: view for view in json.loads(fetch(asked))}


def visit(url, path=None):
    """Asks an environment: not every resolver knows that *.localhost is this machine."""
    return request(url, f"127.0.0.1:{urlsplit(url).port}", path)


def shows(server, branch, commit):
    """Waits until a branch's URL shows the branch at a commit, and returns the environment."""

    def shown():
        view = environments(server).get(branch)
        assert view is None or view["state"] != "failed", view
        if view is None or view["url"] is None:
            return None
        status, page = visit(view["url"])
        return view if status == 200 and f"<b>{branch}</b> at commit <code>{commit}</code>" in page else None

    return until(shown, f"{branch} to show {commit}")


def test_each_branch_that_is_pushed_gets_an_environment(up, with_git, tmp_path):
    state = tmp_path / "state"
    first = up("--state", state, "--listen", "127.0.0.1:0", environment=with_git)
    server = exports(with_git, state)
    assert server.keys() >= {"LONGSHORE_SERVER", "LONGSHORE_TOKEN"}
    clone = Clone(first, with_git, tmp_path)
    clone.git("switch", "-c", "feature/blue")
    made = shows(server, "feature/blue", clone.commit())
    assert shows(server, "feature/blue", clone.commit())["url"] == made["url"]
    clone.git("switch", "-c", "green")
    commit = clone.commit()
    green = shows(server, "green", commit)
    assert json.loads(visit(green["url"], "/api/ships")[1])[0]["name"] == "Aurora", "its second service answers, too"
    done = longshore(with_git | server, "preview", "open", "green", "--output", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["url"] == green["url"], done.stderr

    clone.git("push", "origin", "--delete", "feature/blue")
    until(lambda: environments(server).keys() == {"green"}, "the deleted branch's environment to be gone")
    assert visit(made["url"])[0] == 404

    assert end(first) == 0
    # Somebody else has taken the port meanwhile: the same environment is at another one.
    with socket.create_server(("127.0.0.1", urlsplit(green["url"]).port)):
        second = up("--state", state, "--listen", "127.0.0.1:0", environment=with_git)
        again = shows(exports(with_git, state), "green", commit)
        assert (again["id"], again["created_at"]) == (green["id"], green["created_at"])
        assert again["url"] != green["url"]
        assert end(second) == 0


def test_up_without_git_says_so_and_goes_on(up, home):
    process = up("--ephemeral", "--listen", "127.0.0.1:0")
    said = process.log.read_text()
    assert re.search(r"^note: branches get no environments: .*git", said, re.MULTILINE), said
    assert "<h1>Harbour</h1>" in fetch(page(process)) and "git clone" not in said


def test_up_ephemeral_leaves_nothing(up, home, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = up("--ephemeral", "--listen", "127.0.0.1:0", environment=home | {"TMPDIR": str(temporary)})
    assert list(temporary.iterdir()), "its state is there while it runs"
    assert aws(process, home, "sts", "get-caller-identity")["Account"] == "123456789012"
    assert end(process) == 0
    left = [
        path
        for path in (tmp_path / "home").rglob("*")
        if path.is_file() and path.suffix in (".db", ".sqlite", ".sqlite3")
    ]
    assert left == []
    assert list(temporary.iterdir()) == []


def test_a_port_in_use(home, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for verb in ("up", "engine"):
            done = longshore(home, verb, "--state", tmp_path / verb, "--listen", address)
            assert done.returncode == CLI_ERROR and address in done.stderr and "use" in done.stderr, done.stderr
            assert "panicked" not in done.stderr and done.stdout == ""


def test_an_unwritable_directory(home, tmp_path):
    # A file where the directory should be: root, who runs continuous integration, may write everywhere else.
    blocked = tmp_path / "file"
    blocked.write_text("")
    for verb in ("up", "engine"):
        done = longshore(home, verb, "--state", blocked / "state", "--listen", "127.0.0.1:0")
        assert done.returncode == CLI_ERROR and str(blocked) in done.stderr, done.stderr
        assert "panicked" not in done.stderr


def test_a_second_engine_on_the_same_state(up, home, tmp_path):
    first = up("--state", tmp_path / "state", "--listen", "127.0.0.1:0")
    for verb in ("up", "engine"):
        done = longshore(home, verb, "--state", tmp_path / "state", "--listen", "127.0.0.1:0")
        assert done.returncode == CLI_ERROR and str(tmp_path / "state") in done.stderr, done.stderr
        assert "panicked" not in done.stderr
    assert aws(first, home, "ecs", "list-clusters")["clusterArns"], "the first one still serves"


def test_the_listen_address_is_the_own_machine(home, tmp_path):
    done = longshore(home, "engine", "--state", tmp_path / "state", "--listen", "0.0.0.0:0", seconds=30)
    assert done.returncode in (1, 2) and "loopback" in done.stderr.lower(), done.stderr


def test_env_without_an_engine_says_what_to_do(home, tmp_path):
    done = longshore(home, "env", "--state", tmp_path / "nothing")
    assert done.returncode == CLI_ERROR and "longshore up" in done.stderr, done.stderr


def test_help_teaches(home):
    whole = longshore(home, "--help")
    assert whole.returncode == 0 and all(verb in whole.stdout for verb in ("up", "run", "engine", "env"))
    for verb in ("up", "run", "engine", "env"):
        done = longshore(home, verb, "--help")
        assert done.returncode == 0 and "Usage" in done.stdout
    assert longshore(home, "runn").returncode == 2
