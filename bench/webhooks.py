"""Webhooks of GitHub that `longshore serve` accepts: per second, each on the disk before it is answered."""

import hashlib
import hmac
import json
import re
import subprocess
import tempfile
import uuid
from contextlib import ExitStack
from pathlib import Path

from custom_resource import CLUSTER, engine

from support.github import SECRET, GitHub, sha
from support.previews import Serve
from support.wait import until

SCRIPT = Path(__file__).parent / "deliver.lua"
CONNECTIONS = (8, 32, 64)
SECONDS = 5
# Those of GitHub's own documentation have about as many bytes.
BODY_BYTES = 8000
UNITS = {"us": 0.001, "ms": 1, "s": 1000}
BRANCHES = {"of no environment": "docs/readme", "of an environment": "feature/login"}


def webhook(github, branch):
    """A push to a branch: its headers and its body."""
    event = github.push_event(branch, sha(1), github.branches[branch])
    missing = BODY_BYTES - len(json.dumps(event))
    body = json.dumps(event | {"compare": "x" * missing}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return headers, body


def deliver(serve, headers, body, connections):
    """Sends it over and over: accepted per second, and the 99th percentile of the answers' time in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        head, data = Path(folder, "head"), Path(folder, "body")
        lines = {"Host": serve.listen} | headers
        head.write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
        data.write_bytes(body)
        how = ["--threads", "1", "--connections", str(connections), "--duration", f"{SECONDS}s", "--latency"]
        place = ["--script", str(SCRIPT), f"http://{serve.listen}", "--", str(head), str(data)]
        prefix = f"{str(uuid.uuid4())[:-12]}"
        done = subprocess.run(["wrk", *how, *place, prefix], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"some webhooks were refused:\n{done.stdout}\n{serve.said()[-2000:]}")
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout).group(1))
    value, unit = re.search(r"99%\s+([0-9.]+)(us|ms|s)\b", done.stdout).groups()
    return rate, float(value) * UNITS[unit]


def webhooks():
    """The table's rows."""
    for what, branch in BRANCHES.items():
        for connections in CONNECTIONS:
            with ExitStack() as stack:
                server, _ = stack.enter_context(engine("process"))
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                github = stack.enter_context(GitHub())
                server.client("sqs").create_queue(QueueName="longshore-events")
                serve = Serve(server, CLUSTER, folder, github).define().start()
                stack.callback(serve.stop)
                github.push(branch, sha(2))
                if branch.startswith("feature/"):
                    serve.wait_for(branch.removeprefix("feature/"), "ready")
                rate, p99 = deliver(serve, *webhook(github, branch), connections)
                known = until(lambda: serve.api("/api/v1/deliveries")[1], "the deliveries")
                assert known, "nothing was kept"
            yield (
                f"webhooks: pushes to a branch {what}, {connections} connections",
                f"{rate:,.0f} /s, p99 {p99:.1f} ms",
                "-",
                "-",
                "2,000 /s, p99 under 50 ms",
            )
