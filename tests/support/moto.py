"""moto's server: AWS services that the engine does not offer, by people who know nothing of us."""

import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import boto3

from support import program
from support.wait import until

REGION = "eu-west-1"


@contextmanager
def serve(directory):
    """Starts a server, and gives the environment for its clients."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [Path(sys.executable).parent / "moto_server", "--host", "127.0.0.1", "--port", str(port)],
        env=program.bare_environment(directory / "server"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(port), "moto's server to answer")
        yield program.bare_environment(directory / "home") | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
        }
    finally:
        server.terminate()
        server.wait()


def answers(port):
    """Whether somebody listens."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def client(environment, service):
    """A boto3 client of the server."""
    return boto3.client(
        service,
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        verify=False,
    )


def bucket(environment, name, versioned):
    """A bucket in the region of the environment."""
    s3 = client(environment, "s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": environment["AWS_REGION"]})
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return s3
