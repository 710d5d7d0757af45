"""The servers that are measured: Longshore's engine and moto's server, started fresh for each measure."""

import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

LONGSHORE = os.environ["LONGSHORE_BINARY"]
START_SECONDS_MAX = 60
END_SECONDS_MAX = 20


class Server:
    """A server that runs: where it is and how one calls it."""

    def __init__(self, name, process, endpoint, key, secret, region="us-east-1"):
        self.name, self.process, self.endpoint = name, process, endpoint
        self.key, self.secret, self.region = key, secret, region

    def client(self, service):
        """A boto3 client."""
        return boto3.client(
            service,
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=16),
        )

    def environment(self):
        """The environment of a command that calls it."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def resident_mib(self):
        """Its memory now."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise SystemExit(f"{self.name} has ended")


@contextmanager
def longshore(runtime, *options):
    """`longshore engine` with a state directory on disk: durable before it answers."""
    with tempfile.TemporaryDirectory() as folder:
        command = [LONGSHORE, "engine", "--listen", "127.0.0.1:0", "--state", folder, "--runtime", runtime, *options]
        with Path(folder, "engine.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield Server(f"longshore ({runtime})", process, *_exports(process))
        finally:
            _end(process)


def _exports(process):
    found = {}
    for line in process.stdout:
        if line.startswith("export "):
            name, _, value = shlex.split(line)[1].partition("=")
            found[name] = value
        if len(found) == 5:
            return found["AWS_ENDPOINT_URL"], found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]
    raise SystemExit("the engine did not start")


@contextmanager
def moto():
    """moto_server, all in memory."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).parent / "moto_server"
    process = subprocess.Popen(
        [program, "--host", "127.0.0.1", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        server = Server("moto_server", process, f"http://127.0.0.1:{port}", "test", "test")
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                server.client("ecs").list_clusters()
                break
            except Exception:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        yield server
    finally:
        _end(process)


def _end(process):
    process.terminate()
    try:
        process.wait(END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        print(f"{process.args[0]} did not end on SIGTERM and was killed", file=sys.stderr)
        process.kill()
        process.wait()
