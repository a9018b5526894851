"""Campaigns of a few MPI ranks, for tests: how they are begun, watched and compared."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lcinfer import config
from lcinfer.lightcones import journal, store
from lcinfer.products.databases import LightCones
from lcinfer.products.run import Run
from lcinfer.stages import lightcones

MPIEXEC = str(Path(sys.executable).with_name("mpiexec"))


def cones_of(path: Path, results: Path) -> LightCones:
    """The database of a configuration, prepared."""
    cones = Run(config.load(path), results).database
    lightcones.prepare(cones)
    return cones


def simulate(path: Path, results: Path, ranks: int, *more: str) -> list[str]:
    """The command line of a campaign."""
    command = ["-m", "mpi4py", "-m", "lcinfer", "simulate", str(path)]
    name = config.load(path).database.name
    return [
        *(MPIEXEC, "-n", str(ranks), sys.executable),
        *command,
        *(name, "--results", str(results), "--ranks", str(ranks), *more),
    ]


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess:
    """Run a command to its end, at most two minutes."""
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=120
    )


def shards(cones: LightCones) -> dict[str, bytes]:
    """Every file of the light-cones' array."""
    files = (cones.store / store.CUBES).rglob("*")
    return {
        str(path.relative_to(cones.store)): path.read_bytes() for path in files if path.is_file()
    }


def attempts(cones: LightCones) -> list[int]:
    """Index of every line of the journal."""
    return sorted(line["index"] for line in journal.records(cones.journal))


def wait_until(happened: Callable[[], bool], seconds: float = 300) -> None:
    """Wait for something to happen, and fail if it does not, even on a busy machine."""
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.02)
