"""Docker, where a daemon answers: whether it does, the one image that the tests use, and what engines leave there."""

import io
import json
import subprocess
import tarfile
from pathlib import Path

from support.definitions import IMAGE

BUSYBOX = Path("/bin/busybox")
APPLETS = ("sh", "true", "echo", "seq", "sleep", "cat", "wget", "httpd", "nc")


def why_not():
    """Why docker cannot be used here, in a sentence; None when it can."""
    try:
        answer = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "there is no `docker` on the PATH"
    if answer.returncode != 0:
        return f"no docker daemon answers: {answer.stderr.strip().splitlines()[-1]}"
    if not has_image() and not BUSYBOX.exists():
        return f"the test image is made from {BUSYBOX} (Debian: busybox-static), which is not there"
    return None


def has_image():
    """Whether the test image was made before."""
    answer = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False)
    return answer.returncode == 0


def make_image():
    """Makes the test image from Debian's static busybox: nothing is pulled."""
    if has_image():
        return
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, "busybox", 0o777
            tar.addfile(link)
        for folder in ("tmp", "etc", "proc", "sys", "dev"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
    subprocess.run(["docker", "import", "-", IMAGE], input=archive.getvalue(), stdout=subprocess.DEVNULL, check=True)


def remove_containers_of_engines(folder):
    """Removes what engines with their state below a folder have left: containers go on when their engine ends."""
    if why_not():
        return
    engines = [json.loads(file.read_text())["engine_id"] for file in Path(folder).rglob("credentials.json")]
    left = [container for engine in engines for container in containers_of(engine)]
    if left:
        subprocess.run(["docker", "rm", "--force", "--volumes", *left], stdout=subprocess.DEVNULL, check=True)


def containers_of(engine):
    """The ids of an engine's containers, whether they run or not."""
    only = f"label=longshore.engine={engine}"
    listed = subprocess.run(["docker", "ps", "-aq", "--filter", only], capture_output=True, text=True, check=True)
    return listed.stdout.split()
