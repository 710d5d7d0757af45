"""A deployment from `longshore apply` to stable, against the sum of the starts of its tasks' own commands."""

import json
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from containers import seconds
from servers import LONGSHORE, longshore
from support.definitions import container, register_instance, task_definition

TASKS = 50
ROUNDS = 3
# Says when it is up, as a server does.
COMMAND = "echo up; exec sleep 600"


def deployment():
    """50 process tasks: created, and then replaced by those of a new revision."""
    with longshore("process") as server, tempfile.TemporaryDirectory() as directory:
        ecs = server.client("ecs")
        ecs.create_cluster(clusterName="default")
        register_instance(ecs, "default", cpu=65536, memory=65536)
        files = Path(directory)
        (files / "web.service").write_text(json.dumps({"desiredCount": TASKS}))
        taken, alone = [], []
        for number in range(ROUNDS + 1):
            definition = task_definition("bench", container(COMMAND, cpu=1, environment=[{"name": "N", "value": str(number)}]))
            (files / "web.taskdef").write_text(json.dumps(definition))
            command = [LONGSHORE, "apply", files]
            took = seconds(lambda: subprocess.run(command, env=server.environment(), check=True, capture_output=True))
            alone.append(sum(seconds(start_alone) for _ in range(TASKS)))
            taken.append(took)
        return [
            row("a new service of 50 process tasks, `apply` to stable", taken[0], alone[0]),
            row("all 50 replaced by a new revision, `apply` to stable", median(taken[1:]), median(alone[1:])),
        ]


def start_alone():
    """The command without anything around it, until it is up."""
    process = subprocess.Popen(["sh", "-c", COMMAND], stdout=subprocess.PIPE)
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()


def row(name, ours, alone):
    """A row of the table."""
    return name, f"{ours:.2f} s", f"{alone:.2f} s, the sum of 50 bare starts", f"{ours / alone:.2f}", "none"
