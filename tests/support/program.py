"""The programs under test and the environment that they get: nothing of the caller's AWS settings reaches them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
CHECKOUT = TESTS.parent

# Made by `./test`, which builds the binary first.
LONGSHORE = os.environ.get("LONGSHORE_BINARY", str(CHECKOUT / "target" / "debug" / "longshore"))

# Version 1 of the AWS CLI lives beside this Python.
AWS = str(Path(sys.executable).parent / "aws")

# No command here needs longer; a hanging one fails its test instead of the whole run.
COMMAND_SECONDS = 120


def bare_environment(home):
    """An environment without anybody's AWS settings, proxies or configuration files."""
    home = Path(home)
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_RUNTIME_DIR": str(home),
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        "LANG": "C.UTF-8",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "AWS_MAX_ATTEMPTS": "1",
        "PYTHONWARNINGS": "ignore",
    } | {name: value for name, value in os.environ.items() if name in ("DOCKER_HOST", "RUST_BACKTRACE")}


def run(arguments, environment, check=True, seconds=COMMAND_SECONDS, **options):
    """Runs a command to its end; with `check`, an exit code other than 0 fails the test and shows what was printed."""
    done = subprocess.run(
        [str(word) for word in arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        **options,
    )
    if check and done.returncode != 0:
        raise AssertionError(
            f"{' '.join(map(str, arguments))}\nexited with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done


def aws_version_2():
    """The path of version 2 of the AWS CLI, or None. Only that version has `logs tail`."""
    for candidate in filter(None, (os.environ.get("LONGSHORE_AWS2"), shutil.which("aws"), "/usr/bin/aws")):
        if not os.access(candidate, os.X_OK):
            continue
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if answer.stdout.startswith("aws-cli/2"):
            return candidate
    return None


def json_of(done):
    """What a command printed, as JSON; None when it printed nothing."""
    return json.loads(done.stdout) if done.stdout.strip() else None
