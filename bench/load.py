"""Load on a server: requests signed beforehand and sent by wrk."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ECS = "AmazonEC2ContainerServiceV20141113"
SCRIPT = Path(__file__).parent / "replay.lua"

# Enough for a steady rate, and far less than the 5 minutes for which a signature is valid.
SECONDS = 5
CONNECTIONS = 8


def sign(server, operation, body):
    """One request: its headers and its body."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{ECS}.{operation}"}
    request = AWSRequest(method="POST", url=server.endpoint + "/", data=data, headers=headers)
    SigV4Auth(Credentials(server.key, server.secret), "ecs", server.region).add_auth(request)
    sent = dict(request.prepare().headers.items())
    sent["Host"] = server.endpoint.removeprefix("http://")
    return sent, data


def requests_per_second(server, calls, seconds=SECONDS):
    """Sends these (operation, body) pairs in turn over and over; requests per second. A refused one is an error."""
    with tempfile.TemporaryDirectory() as folder:
        for number, (operation, body) in enumerate(calls):
            headers, data = sign(server, operation, body)
            lines = (
                f"{name}: {value.decode() if isinstance(value, bytes) else value}\n" for name, value in headers.items()
            )
            Path(folder, f"{number}.head").write_text("".join(lines))
            Path(folder, f"{number}.body").write_bytes(data)
        how = ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", "--timeout", "30s"]
        command = ["wrk", *how, "--script", str(SCRIPT), server.endpoint, "--", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"{server.name} refused some of {calls[0][0]}:\n{done.stdout}")
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout).group(1))
