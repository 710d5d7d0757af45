"""Starts, kills and restarts `longshore engine`, and gives clients for it."""

import os
import shlex
import signal
import subprocess
import threading
from pathlib import Path

import boto3
from botocore.config import Config

from support import program
from support.wait import DEADLINE_SECONDS

EXPORTS = {
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
}


class Engine:
    """One `longshore engine` process and its state directory. It can be started again after its end."""

    def __init__(self, directory, runtime, options=(), ephemeral=False, environment=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.runtime = runtime
        self.options = list(options)
        self.ephemeral = ephemeral
        self.state = self.directory / "state"
        self.log = self.directory / "engine.log"
        self.exports = {}
        self.extra_environment = environment or {}
        self.process = None
        self._clients = {}

    def command(self):
        """The command line: a port that the kernel chooses at first, the same one after a restart."""
        listen = self.endpoint.removeprefix("http://") if self.exports else "127.0.0.1:0"
        place = ["--ephemeral"] if self.ephemeral else ["--state", self.state]
        return [program.LONGSHORE, "engine", "--listen", listen, *place, "--runtime", self.runtime, *self.options]

    def start(self):
        """Starts it and returns once it serves, which is when it has printed its exports."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()],
                env=program.bare_environment(self.directory / "home") | self.extra_environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.exports = read_exports(self.process, self.log)
        return self

    @property
    def endpoint(self):
        """Such as `http://127.0.0.1:4510`."""
        return self.exports["AWS_ENDPOINT_URL"]

    @property
    def port(self):
        """The port it listens on."""
        return int(self.endpoint.rsplit(":", 1)[1])

    @property
    def region(self):
        """The region that its exports name."""
        return self.exports["AWS_REGION"]

    def kill(self):
        """kill -9: it gets no chance to put anything in order."""
        self.process.kill()
        self._reap()

    def stop(self):
        """SIGTERM, and its exit code."""
        if self.process is None or self.process.poll() is not None:
            return None
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self):
        try:
            return self.process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the engine did not end in {DEADLINE_SECONDS} s:\n{self.log_text()}") from None
        finally:
            self.process.stdout.close()

    def log_text(self):
        """What it said on stderr."""
        return self.log.read_text(errors="replace")

    def environment(self, region=None):
        """The environment of a client of this engine, as a user has it after `eval`ing the exports."""
        regions = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {}
        return program.bare_environment(self.directory / "home") | self.exports | regions

    def client(self, service, region=None):
        """A boto3 client."""
        key = (service, region or self.region, self.endpoint)
        if key not in self._clients:
            self._clients[key] = boto3.session.Session().client(
                service,
                region_name=region or self.region,
                endpoint_url=self.endpoint,
                aws_access_key_id=self.exports["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.exports["AWS_SECRET_ACCESS_KEY"],
                verify=False,
                config=Config(
                    retries={"total_max_attempts": 1},
                    connect_timeout=5,
                    read_timeout=DEADLINE_SECONDS,
                    max_pool_connections=32,
                ),
            )
        return self._clients[key]

    def aws(self, *arguments, region=None, check=True):
        """Runs the AWS CLI and returns the JSON it printed, or with check=False the finished process."""
        done = program.run([program.AWS, *arguments], self.environment(region), check=check)
        return program.json_of(done) if check else done

    def longshore(self, *arguments, check=True, **options):
        """Runs `longshore` as a client of this engine."""
        return program.run([program.LONGSHORE, *arguments], self.environment(), check=check, **options)


def read_exports(process, log):
    """Reads `export NAME=VALUE` lines until all are there. A thread goes on reading; all lines are in `printed`."""
    exports, complete = {}, threading.Event()
    process.printed = []

    def read():
        lines = process.stdout
        try:
            for line in lines:
                process.printed.append(line)
                if line.startswith("export "):
                    name, _, value = shlex.split(line)[1].partition("=")
                    exports[name] = value
                if exports.keys() >= EXPORTS:
                    complete.set()
        except ValueError:
            pass  # the pipe was closed because the process ended
        complete.set()

    threading.Thread(target=read, daemon=True).start()
    if not complete.wait(DEADLINE_SECONDS) or not exports.keys() >= EXPORTS:
        process.kill()
        process.wait()
        said = Path(log).read_text(errors="replace")
        raise AssertionError(f"the engine printed {sorted(exports)} and no more; on stderr it said:\n{said}")
    return exports


def processes_with(marker):
    """The ids of the processes that have this text in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue  # it ended meanwhile, or is not ours
    return found
