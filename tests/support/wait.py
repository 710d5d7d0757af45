"""Waiting for a condition, never for a time."""

import time

# How long a condition may take to come true. Generous, because a busy machine is no failure; a test that waits this
# long has failed anyway.
DEADLINE_SECONDS = 60


def until(condition, what, deadline_seconds=DEADLINE_SECONDS, pause_seconds=0.05):
    """Calls `condition` until it gives something true, and returns that."""
    end = time.monotonic() + deadline_seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_seconds} s for {what}; the last answer was {answer!r}")
        time.sleep(pause_seconds)
