"""Snakemake itself killed on one machine, its notes lost, and the command given again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.ranks import attempts, shards, wait_until
from support.victims import FINISHED, HELD_UP, UNDER_WAY, held_up

from lcinfer import config
from lcinfer.products.databases import LightCones
from lcinfer.products.run import Run
from lcinfer.upkeep.verify import verify

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def cones(settings, write_config, tmp_path) -> LightCones:
    """A database of one block, of which nothing is there."""
    settings["database"] |= {"block": 12}
    settings["database"]["simulator"]["engine"] = f"support.standin:{HELD_UP}"
    return Run(config.load(write_config(settings)), tmp_path / "results").database


@pytest.fixture
def snakemake(cones, tmp_path, gate):
    """Begins ``snakemake --profile profiles/local`` on the database; what it says is in a file."""
    begun = []

    def begin() -> tuple[subprocess.Popen, Path]:
        said = tmp_path / f"snakemake-{len(begun)}.log"
        profile = ["--profile", "profiles/local", "--directory", str(tmp_path)]
        target = str(cones.sealed.relative_to(tmp_path))
        configuration = ["--configfile", str(tmp_path / "config.yaml")]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        with said.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *profile, *configuration, "--", target],
                cwd=PROJECT,
                env=os.environ | {"PATH": path, "STANDIN_MARKER": str(gate)},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        begun.append(process)
        return process, said

    yield begin
    gate.touch()  # the ranks end by themselves
    for process in begun:
        process.kill()
        process.wait()


def test_a_killed_snakemake_leaves_its_job_at_work_and_a_restart_does_nothing_twice(
    expected, cones, snakemake, gate, tmp_path
):
    first, _ = snakemake()
    wait_until(lambda: len(held_up(gate)) == len(UNDER_WAY))
    job = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    shutil.rmtree(tmp_path / ".snakemake")
    second, said = snakemake()
    assert second.wait(timeout=300) == 1
    assert "is at work on this block" in said.read_text()
    assert attempts(cones) == FINISHED
    gate.touch()
    assert psutil.wait_procs(job, timeout=300)[1] == []
    assert attempts(cones) == list(range(cones.realizations))
    third, said = snakemake()
    assert third.wait(timeout=300) == 0, said.read_text()
    assert attempts(cones) == list(range(cones.realizations))
    assert shards(cones) == expected
    assert verify(cones).findings == []
