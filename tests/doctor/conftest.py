"""Sites to examine: a small configuration, any profile, fake programs."""

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ranks import MPIEXEC

from lcinfer import config
from lcinfer.doctor.profile import Profile
from lcinfer.doctor.site import Site


@pytest.fixture
def site(settings, tmp_path) -> Callable[..., Site]:
    """Makes a site; ``profile`` is a profile's settings, the rest are the site's fields."""

    def make(profile=None, **fields) -> Site:
        own = profile or {"set-resources": {"simulate": {"mpi": MPIEXEC, "tasks": 2}}}
        place = {
            "file": tmp_path / "config.yaml",
            "results": tmp_path,
            "scratch": tmp_path / "doctor-test",
        }
        asked = {"ranks": 2, "nodes": 2, "limit": 60.0}
        parsed = config.parse(settings)
        made = Profile(tmp_path / "profile.yaml", own)
        return Site(**{"config": parsed, "profile": made, **place, **asked, **fields})

    return make


@pytest.fixture
def program(tmp_path) -> Callable[[str, str], Path]:
    """Writes a program, a Python script, into a folder of its own and gives its path."""

    def write(name: str, script: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def say(program) -> Callable[..., Path]:
    """Writes a program that says something on stdout, or fails saying it on stderr."""

    def write(name: str, text: str = "", status: int = 0) -> Path:
        stream = "stderr" if status else "stdout"
        script = f"import sys; print({text!r}, file=sys.{stream}); sys.exit({status})"
        return program(name, script)

    return write


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB."""
    place = tmp_path / "small disk"
    place.mkdir()
    options = shlex.split("mount -t tmpfs -o size=8m tmpfs")
    mounted = subprocess.run([*options, str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)
