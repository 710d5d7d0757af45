"""A round over 5,000 settled environments, as the example `settled` of the simulator does it."""

import re
import subprocess
from pathlib import Path
from statistics import median

COMMAND = ["cargo", "run", "--release", "--quiet", "--package", "longshore-sim", "--example", "settled"]
MS = {"µs": 0.001, "ms": 1.0, "s": 1000.0}
# Each reads many environments at once; anything else would be a call of one environment's own.
BATCHED = {"ListServices", "DescribeServices", "ListTasks", "DescribeTasks"}


def settled():
    """The sweep with all rounds that it wakes; the first one finds what was made a moment ago, and is left out."""
    done = subprocess.run(COMMAND, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    sweeps = re.findall(r"^sweep \d+: .* woke ([0-9.]+)(µs|ms|s), calls (.*)$", done.stdout, re.MULTILINE)[1:]
    assert sweeps, done.stdout
    calls = dict(re.findall(r'"(\w+)", (\d+)', sweeps[-1][2]))
    own = sorted(calls.keys() - BATCHED)
    said = ", ".join(f"{count} {name}" for name, count in calls.items())
    said += f"; of one environment's own: {', '.join(own)}" if own else ""
    took = median(float(value) * MS[unit] for value, unit, _ in sweeps)
    yield "a round over 5,000 settled environments", f"{took:.1f} ms ({said})", "-", "-", "under 50 ms, batched reads only"
