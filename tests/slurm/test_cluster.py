"""The tests' own SLURM cluster: what it refuses, and what happens where it cannot run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import cluster as tool
from support.projects import PROJECT

FOREIGN = "ClusterName=somebody\n"


@pytest.fixture
def conf(tmp_path, monkeypatch) -> Path:
    """A place for slurm.conf of the test's own."""
    monkeypatch.setattr(tool, "CONF", tmp_path / "slurm.conf")
    monkeypatch.setattr(tool, "STATE", tmp_path / "state")
    return tmp_path / "slurm.conf"


@pytest.mark.parametrize("verb", [tool.check, tool.up, tool.down])
def test_somebody_elses_configuration_is_never_touched(conf, verb):
    conf.write_text(FOREIGN)
    with pytest.raises(tool.ClusterError, match=r"slurm\.conf is not ours"):
        verb()
    assert conf.read_text() == FOREIGN
    assert not tool.STATE.exists()


def test_what_a_crash_left_of_a_cluster_is_removed_and_nobody_elses_process_is_stopped(conf):
    conf.write_text(f"{tool.MARKER}\n")
    tool.STATE.mkdir()
    # The number of a process that has been given to another one, this one, since.
    (tool.STATE / "slurmctld.pid").write_text(f"{os.getpid()} 1")
    tool.down()
    assert not conf.exists()
    assert not tool.STATE.exists()
    tool.down()


def test_starting_and_stopping_twice_is_starting_and_stopping_once(cluster):
    def processes() -> list[int | None]:
        return [tool._running(name) for name in ("munged", "slurmctld", *tool.NODES)]

    before = processes()
    assert None not in before
    assert tool.CONF.read_text().startswith(tool.MARKER)
    tool.up()
    assert processes() == before


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_without_slurm_a_test_is_skipped_with_the_reason_and_in_ci_it_fails(ci, outcome):
    name = "test_starting_and_stopping_twice_is_starting_and_stopping_once"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"{__file__}::{name}"],
        cwd=PROJECT,
        env=os.environ | {"PATH": str(Path(sys.executable).parent), "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert outcome in done.stdout
    assert "needs" in done.stdout  # root, or the packages
    assert (done.returncode == 0) == (not ci)
