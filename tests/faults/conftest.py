"""What tests of faults share: a campaign to disturb, and what it must come to."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.filling import complete
from support.ranks import cones_of, shards, simulate
from support.victims import HELD_UP, Campaign

from lcinfer import config
from lcinfer.products.run import Run


@pytest.fixture
def gate(tmp_path) -> Path:
    """The file that stand-ins wait for, or that one leaves when it has failed once."""
    return tmp_path / "gate"


@pytest.fixture
def campaign(settings, write_config, tmp_path, gate) -> Iterator[Campaign]:
    """Begins a campaign with an engine in place of the stand-in; gives database and process."""
    begun = []

    def begin(engine: str = HELD_UP, ranks: int = 2, block: str = "", under=(), **more):
        settings["database"]["simulator"]["engine"] = f"support.standin:{engine}"
        settings["database"].update(more.pop("database", {}))
        path = write_config(settings, f"{engine}.yaml")
        cones = cones_of(path, tmp_path)
        job = subprocess.Popen(
            [*under, *simulate(path, tmp_path, ranks, *(["--block", block] if block else []))],
            env=os.environ | {"STANDIN_MARKER": str(gate)} | more,
            start_new_session=True,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(job)
        return cones, job

    yield begin
    for job in begun:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
        job.communicate()


@pytest.fixture
def expected(settings, write_config, tmp_path) -> dict[str, bytes]:
    """The bytes of a database without a fault."""
    undisturbed = Run(config.load(write_config(settings)), tmp_path / "undisturbed").database
    complete(undisturbed)
    return shards(undisturbed)
