"""kill -9 of `longshore serve` at many random moments of environments' lives changes nothing but time.
`LONGSHORE_CRASH_SEED` repeats a run's moments."""

import os
import random
import time

import pytest
from support.github import sha
from support.previews import github, serves  # noqa: F401 (fixtures)

# So often it is killed, in all.
MOMENTS = 50
# A step of a life takes about so long; the kill comes within it.
STEP_SECONDS_MAX = 1.2


# What runs the tasks makes no difference to who is killed.
@pytest.mark.parametrize("engine", ["process"], indirect=True)
def test_kill_9_changes_nothing_but_time(serves, github):
    seed = int(os.environ.get("LONGSHORE_CRASH_SEED", random.randrange(2**32)))
    print(f"LONGSHORE_CRASH_SEED={seed}")
    moments = random.Random(seed)
    serve = serves().define().start()
    commit, kills = 1, 0

    def through(step, is_done):
        """Takes a step, is killed a few times on its way, and comes to its end all the same."""
        nonlocal kills
        step()
        for _ in range(5):
            time.sleep(moments.uniform(0, STEP_SECONDS_MAX))
            serve.kill()
            kills += 1
            serve.start()
        is_done()

    for life in range(MOMENTS // 10 // 2 + 1):
        name = f"life-{life}"
        branch = f"feature/{name}"
        commit += 1
        through(
            lambda: github.push(branch, sha(commit)),
            lambda: serve.wait_for(name, "ready", deployed_sha=sha(commit)),
        )
        commit += 1
        # Nobody tells it: GitHub is read again.
        through(
            lambda: github.push(branch, sha(commit), tell=False),
            lambda: serve.wait_for(name, "ready", deployed_sha=sha(commit)),
        )
        url = serve.environments()[f"{name}.{serve.app}"]["url"]
        assert serve.get(url) == (200, sha(commit))
        through(lambda: serve.preview("sleep", branch), lambda: serve.wait_for(name, "asleep"))
        assert serve.get(url) == (200, sha(commit))
        through(lambda: github.delete(branch), lambda: serve.gone(name))
        assert serve.services() == {}
        if kills >= MOMENTS:
            break
    assert kills >= MOMENTS
