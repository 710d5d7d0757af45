"""Amazon's JavaScript SDK as a client of the engine: waiters, paginators, error classes and dates."""

import json
import os
import shutil
from pathlib import Path

import pytest
from support import program
from support.definitions import WAIT_FOR_TERM, container, task_definition

# Made by `./test` from package-lock.json.
MODULES = os.environ.get("LONGSHORE_NODE_MODULES", "")


def why_not():
    """Why the SDK cannot be used here; None when it can."""
    if not shutil.which("node"):
        return "there is no `node` on the PATH"
    if not MODULES or not Path(MODULES, "@aws-sdk", "client-ecs").exists():
        return "the SDK is not installed (LONGSHORE_NODE_MODULES): ./test does it where there is npm"
    return None


@pytest.mark.skipif(why_not() is not None, reason=f"JavaScript SDK: {why_not()}")
def test_the_javascript_sdk_runs_lists_waits_and_stops(engine, cluster):
    definition = task_definition(cluster, container(WAIT_FOR_TERM))
    done = program.run(
        ["node", program.TESTS / "javascript" / "run-task.cjs", cluster, json.dumps(definition)],
        engine.environment() | {"NODE_PATH": MODULES},
    )
    answer = json.loads(done.stdout)
    assert len(answer["started"]) == 3 and sorted(answer["listed"]) == sorted(answer["started"])
    assert (answer["running"], answer["stopped"]) == ("SUCCESS", "SUCCESS")
    assert answer["exitCodes"] == [3, 3, 3] and answer["reasons"] == ["seen enough"] * 3
    assert answer["createdAtIsADate"] is True
    assert answer["refused"] == "Cluster not found."
