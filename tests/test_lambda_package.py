"""`longshore lambda package` and `publish`: what Lambda gets, and what is refused before it gets there."""

import io
import json
import os
import re
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from support import moto, program

# A small program of this machine, linked to its C library. Its versions are changed below.
PROGRAM = Path("/bin/true")

# Where an ELF file says for which operating system and which processor it is, and what kind of file it is.
OS_ABI, KIND, MACHINE = 7, 16, 18


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """The environment for clients of moto's server."""
    with moto.serve(tmp_path_factory.mktemp("moto")) as environment:
        yield environment


@pytest.fixture
def longshore(tmp_path):
    """Runs `longshore lambda` in the test's folder."""

    def run(*arguments, environment=None, check=True):
        environment = environment or program.bare_environment(tmp_path / "home")
        return program.run([program.LONGSHORE, "lambda", *arguments], environment, check=check, cwd=tmp_path)

    return run


def patched(path, *patches, **replaced):
    """A copy of the program with some bytes changed."""
    content = bytearray(PROGRAM.read_bytes())
    for place, value in patches:
        content[place : place + len(value)] = value
    for old, new in replaced.items():
        assert old.encode() in content, f"{PROGRAM} has no {old}"
        content = content.replace(old.encode(), new)
    path.write_bytes(content)
    return path


def newest_glibc():
    """The name of the newest version of the C library that the program asks for."""
    names = {word for word in PROGRAM.read_bytes().split(b"\0") if word.startswith(b"GLIBC_2.")}
    return max(names, key=lambda name: [int(part) for part in name[6:].split(b".")]).decode()


def test_the_running_program_is_packed_as_bootstrap(longshore, tmp_path):
    done = longshore("package", "--output", "json")
    document = json.loads(done.stdout)
    assert document == {"file": "longshore-lambda.zip", "architecture": machine()}
    package = tmp_path / "longshore-lambda.zip"
    assert package.stat().st_mode & 0o444 == 0o444 & ~umask()
    with zipfile.ZipFile(package) as archive:
        [entry] = archive.infolist()
        assert entry.filename == "bootstrap" and stat.S_IMODE(entry.external_attr >> 16) == 0o755
        assert archive.read(entry) == Path(program.LONGSHORE).read_bytes()
        assert entry.compress_size < entry.file_size
    if b".debug_info" in Path(program.LONGSHORE).read_bytes():
        assert "debug info" in done.stderr and "--release" in done.stderr


def test_equal_programs_give_equal_packages(longshore, tmp_path):
    packages = []
    for number in range(2):
        binary = tmp_path / f"program-{number}"
        shutil.copy(PROGRAM, binary)
        os.utime(binary, (number * 10**8, number * 10**8))
        done = longshore("package", "--binary", binary, "--file", f"{number}.zip")
        assert done.stdout == f"architecture: {machine()}\nfile: {number}.zip\n" and done.stderr == ""
        packages.append((tmp_path / f"{number}.zip").read_bytes())
    assert packages[0] == packages[1]


def test_a_program_for_a_newer_c_library_is_refused_with_the_way_to_build_one(longshore, tmp_path):
    newer = patched(tmp_path / "newer", **{newest_glibc(): b"GLIBC_2.39".ljust(len(newest_glibc()), b"\0")})
    done = longshore("package", "--binary", newer, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert "GLIBC_2.39" in done.stderr and "`provided.al2023` has GLIBC_2.34" in done.stderr
    assert "pip install ziglang cargo-zigbuild" in done.stderr
    assert f"cargo zigbuild --release -p longshore --target {rust_target()}.2.34" in done.stderr
    assert not (tmp_path / "longshore-lambda.zip").exists()


@pytest.mark.parametrize(
    "patches, sentence",
    [
        ([(OS_ABI, b"\x09")], "another operating system"),
        ([(KIND, b"\x01\x00")], "object file"),
        ([(MACHINE, struct.pack("<H", 243))], "it is for RISCV, and Lambda has x86_64 and arm64"),
        ([(0, b"\xcf\xfa\xed\xfe")], "no Linux program"),
    ],
)
def test_a_program_that_lambda_cannot_start_is_refused(longshore, tmp_path, patches, sentence):
    done = longshore("package", "--binary", patched(tmp_path / "other", *patches), check=False)
    assert done.returncode == 1 and sentence in done.stderr, done.stderr
    assert list(tmp_path.glob("*.zip")) == []


def test_a_program_with_another_loader_is_refused(longshore, tmp_path):
    musl = patched(tmp_path / "musl", **{"/ld-linux": b"/ld-musl-"})
    done = longshore("package", "--binary", musl, check=False)
    assert done.returncode == 1, done.stderr
    assert re.search(r"it is started by /lib\S*/ld-musl-\S+, which is not there", done.stderr), done.stderr
    assert "link it statically" in done.stderr


def test_the_other_processor_is_told(longshore, tmp_path):
    arm = patched(tmp_path / "arm", (MACHINE, struct.pack("<H", 183)))
    assert json.loads(longshore("package", "--binary", arm, "--output", "json").stdout)["architecture"] == "arm64"


def test_what_cannot_be_read_or_written_leaves_nothing_behind(longshore, tmp_path):
    done = longshore("package", "--binary", "nobody", check=False)
    assert done.returncode == 1 and "nobody" in done.stderr
    done = longshore("package", "--binary", PROGRAM, "--file", "no/such/folder.zip", check=False)
    assert done.returncode == 1 and "cannot write `no/such/folder.zip`" in done.stderr
    (tmp_path / "taken").mkdir()
    done = longshore("package", "--binary", PROGRAM, "--file", "taken", check=False)
    assert done.returncode == 1 and "cannot write `taken`" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "taken"]


def test_a_published_package_has_a_version(longshore, aws, tmp_path):
    s3 = moto.bucket(aws, "versioned", versioned=True)
    longshore("package", "--binary", PROGRAM)
    versions = []
    for _ in range(2):
        done = longshore("publish", "--bucket", "versioned", "--key", "a b/runner.zip", "--file",
                         "longshore-lambda.zip", "--output", "json", environment=aws)  # fmt: skip
        document = json.loads(done.stdout)
        versions.append(document.pop("objectVersion"))
        assert document == {
            "s3Url": "s3://versioned/a b/runner.zip",
            "url": f"{aws['AWS_ENDPOINT_URL']}/versioned/a%20b/runner.zip",
            "architecture": machine(),
        }
        parameters = f"CodeBucket=versioned CodeKey=a b/runner.zip CodeVersion={versions[-1]} Architecture={machine()}"
        assert parameters in done.stderr and "warning" not in done.stderr
    stored = s3.get_object(Bucket="versioned", Key="a b/runner.zip", VersionId=versions[0])
    assert stored["Body"].read() == (tmp_path / "longshore-lambda.zip").read_bytes()
    assert stored["VersionId"] == versions[0] != versions[1]


def test_a_bucket_without_versions_is_warned_of(longshore, aws):
    moto.bucket(aws, "unversioned", versioned=False)
    longshore("package", "--binary", PROGRAM)
    done = longshore("publish", "--bucket", "unversioned", "--file", "longshore-lambda.zip", environment=aws)
    assert "objectVersion" not in done.stdout and "s3Url: s3://unversioned/longshore-lambda.zip\n" in done.stdout
    assert "put-bucket-versioning --bucket unversioned" in done.stderr and "CodeVersion" not in done.stderr


def test_a_bucket_that_is_not_there_is_named(longshore, aws):
    longshore("package", "--binary", PROGRAM)
    done = longshore("publish", "--bucket", "nowhere", "--file", "longshore-lambda.zip", environment=aws, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert "cannot upload `s3://nowhere/longshore-lambda.zip`: NoSuchBucket" in done.stderr
    assert "aws s3 mb" in done.stderr


def test_a_dry_run_uploads_nothing(longshore, aws):
    s3 = moto.bucket(aws, "untouched", versioned=True)
    longshore("package", "--binary", PROGRAM)
    done = longshore("publish", "--bucket", "untouched", "--file", "longshore-lambda.zip", "--dry-run", environment=aws)
    assert done.stdout == f"architecture: {machine()}\ns3Url: s3://untouched/longshore-lambda.zip\n"
    assert "nothing was uploaded" in done.stderr
    assert "Contents" not in s3.list_objects_v2(Bucket="untouched")


@pytest.mark.parametrize(
    "content, sentence", [(None, "no package"), ("other", "bootstrap"), ("bad", "no Linux program")]
)
def test_what_is_no_package_is_not_published(longshore, tmp_path, content, sentence):
    file = tmp_path / "wrong.zip"
    if content is None:
        file.write_bytes(b"hello")
    else:
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            archive.writestr("bootstrap" if content == "bad" else "index.py", "#!/bin/sh\n")
        file.write_bytes(memory.getvalue())
    done = longshore("publish", "--bucket", "anywhere", "--file", file, "--dry-run", check=False)
    assert done.returncode == 1 and sentence in done.stderr and done.stdout == "", done.stderr


def machine():
    """This machine's processor, in Lambda's words."""
    return {"x86_64": "x86_64", "aarch64": "arm64"}[os.uname().machine]


def rust_target():
    """This machine, in Rust's words."""
    return f"{os.uname().machine}-unknown-linux-gnu"


def umask():
    """What newly made files are not for."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
