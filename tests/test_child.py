"""A simulation can hurt only itself: what the rank sees of crashes, and what the child sees."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support import standin

from lcinfer import config
from lcinfer.lightcones import child as supervise
from lcinfer.lightcones import journal, store
from lcinfer.lightcones.child import Simulating, realize
from lcinfer.products.run import Run

POINT = {"HII_EFF_FACTOR": 100.0, "ION_Tvir_MIN": 5.0, "L_X": 40.0, "NU_X_THRESH": 500.0}
PATIENCE = 60.0


@pytest.fixture
def cones(settings, tmp_path):
    """A function: empty light-cones of this engine."""

    def make(engine="simulate"):
        settings["database"]["simulator"] |= {"engine": f"support.standin:{engine}", "threads": 3}
        made = Run(config.parse(settings), tmp_path).database
        store.prepare(made)
        return made

    return make


@pytest.fixture
def supervised(cones):
    """A function: the child of one rank for this engine; ended with the test."""
    started = []

    def start(engine):
        made = cones(engine)
        started.append(Simulating(made.simulation, made.store, limit=60))
        return started[-1]

    yield start
    for child in started:
        child.close()


@pytest.fixture
def marker(tmp_path, monkeypatch) -> Path:
    path = tmp_path / "marker"
    monkeypatch.setenv(standin.MARKER, str(path))
    return path


def begin(child, index=0, seed=1, parameters=POINT):
    child.start([{"index": index, "parameters": parameters, "seed": seed}])


def attempt(child, index, seed):
    begin(child, index, seed)
    record = child.result(PATIENCE)
    assert record is not None
    assert (record["index"], record["seed"], record["parameters"]) == (index, seed, POINT)
    return record


def realized(cones, seed=1):
    return realize(cones.simulation, cones.store, 5, POINT, seed)


def test_a_success_has_the_digest_of_what_is_on_the_disk_and_where_it_was_made(cones) -> None:
    made = cones()
    record = realized(made)
    assert record["digest"] == store.digest(5, store.read(made.store, 5))
    assert "error" not in record
    assert record["node_redshift"] == standin.NODES.tolist()
    assert len(record["neutral_fraction"]) == len(record["global_brightness_temp"]) == 7
    assert 0 <= record["seconds"] < PATIENCE
    assert record["peak_bytes"] > 2**20
    assert set(record["versions"]) == {"lcinfer", "21cmfast", "numpy", "zarr"}
    assert record["host"]
    assert json.loads(json.dumps(record, allow_nan=False)) == record


@pytest.mark.parametrize(
    ("engine", "error"),
    [
        ("raises", "RuntimeError: no such universe: seed 1"),
        ("returns_nan", "BadLightCone: 1 of 2560 voxels are NaN or infinite"),
        ("returns_constant", "BadLightCone: every voxel is 0 mK"),
        ("not_there", "UserError: database.simulator.engine support.standin:not_there"),
    ],
)
def test_a_failure_has_one_line_and_a_traceback_and_leaves_nothing(cones, engine, error) -> None:
    made = cones(engine)
    record = realized(made)
    assert record["error"].startswith(error)
    assert "\n" not in record["error"]
    assert record["traceback"].startswith("Traceback")
    assert "digest" not in record
    assert not store.shard_path(made.store, 5).exists()


def test_a_full_disk_is_not_the_light_cones_failure(cones, monkeypatch) -> None:
    made = cones()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.durable.os, "fsync", full)
    record = realized(made)
    assert "No space left on device" in record["unwritable"]
    assert "error" not in record
    assert not list(made.store.rglob("*.partial"))


def test_after_an_exception_the_same_child_goes_on(supervised) -> None:
    child = supervised("raises_for_odd_seeds")
    assert "RuntimeError" in attempt(child, 0, 1)["error"]
    process = child._process.pid
    assert "digest" in attempt(child, 1, 2)
    assert child._process.pid == process


@pytest.mark.parametrize(
    ("engine", "died"), [("exits", "exit status 3"), ("segfaults", "signal SIGSEGV")]
)
def test_a_dead_child_costs_one_attempt_and_the_rank_lives_on(supervised, engine, died) -> None:
    child = supervised(f"{engine}_for_odd_seeds")
    assert attempt(child, 0, 1)["error"] == f"the simulating process died: {died}"
    assert "digest" in attempt(child, 1, 2)


def test_a_child_that_dies_while_idle_costs_nothing(supervised) -> None:
    child = supervised("simulate")
    assert "digest" in attempt(child, 0, 1)
    os.kill(child._process.pid, signal.SIGKILL)
    child._process.join(PATIENCE)
    assert "digest" in attempt(child, 1, 2)


def test_the_child_sees_no_launcher_and_no_mpi_and_the_threads_it_is_given(
    supervised, marker, monkeypatch
) -> None:
    launcher = ("PMI_RANK", "PMIX_ID", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "MPI_LOCALRANKID")
    for name in (*launcher, "HYDI_CONTROL_FD", "HYDRA_X"):
        monkeypatch.setenv(name, "17")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = dict(os.environ)
    child = supervised("looks_around")
    assert "digest" in attempt(child, 0, 1)
    assert dict(os.environ) == before, "the rank's own environment is as it was"
    seen = json.loads(marker.read_text())
    assert not [name for name, value in seen["environment"].items() if value == "17"]
    assert seen["environment"]["OMP_NUM_THREADS"] == "3"
    assert seen["mpi"] == []
    assert seen["pid"] not in (os.getpid(), os.getppid())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_batch_systems_signal_costs_the_simulation_under_way_nothing(
    supervised, marker, number
) -> None:
    child = supervised("waits_for_fourth_seeds")
    begin(child, seed=4)
    os.kill(child._process.pid, number)  # SLURM signals every process of a step
    assert child.result(1.0) is None
    os.kill(child._process.pid, number)
    marker.touch()
    assert "digest" in child.result(PATIENCE)


def test_the_child_is_replaced_after_its_share_of_simulations(supervised, monkeypatch) -> None:
    monkeypatch.setattr(supervise, "RECYCLE_AFTER", 2)
    child = supervised("simulate")
    processes = []
    for index in range(4):
        if index == 3:  # it is old enough to be worth a new one
            monkeypatch.setattr(supervise, "RECYCLE_SECONDS", 0.0)
        assert "digest" in attempt(child, index, index + 1)
        processes.append(child._process.pid)
    assert processes[0] == processes[1] == processes[2] != processes[3]


def test_a_simulation_under_way_has_no_result_and_can_be_ended(supervised, marker) -> None:
    child = supervised("sleeps_once")
    begin(child)
    wait_for(marker.exists)
    assert child.result(0.05) is None
    process = child._process
    with closing(child):
        pass
    assert process.exitcode == -signal.SIGKILL


PARENT = """
import sys, time
from pathlib import Path
from lcinfer import config
from lcinfer.products.run import Run
from lcinfer.lightcones.child import Simulating

if __name__ == "__main__":
    cones = Run(config.load(sys.argv[1]), Path(sys.argv[2])).database
    child = Simulating(cones.simulation, cones.store, limit=60)
    child.start([{"index": 0, "parameters": {"L_X": 40.0}, "seed": 1}])
    print(child._process.pid, flush=True)
    time.sleep(120)
"""


def test_the_child_dies_when_its_parent_is_killed(cones, settings, write_config, marker) -> None:
    cones("sleeps_once")
    script = marker.with_name("parent.py")
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, script, write_config(settings), marker.parent],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_for(marker.exists)  # it simulates
        assert alive(child)
    finally:
        parent.kill()
        parent.communicate()
    wait_for(lambda: not alive(child))


def alive(process: int) -> bool:
    """Whether a process runs; one that is dead but not yet waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_a_record_of_either_kind_goes_into_the_journal(cones, tmp_path) -> None:
    lines = journal.Journal(tmp_path / "journal", "job-0")
    for index, engine in enumerate(("simulate", "returns_nan")):
        lines.append({"index": index, **realized(cones(engine))})
    lines.close()
    assert set(journal.finished(tmp_path / "journal")) == {0}
    assert [line["index"] for line in journal.failures(tmp_path / "journal")] == [1]
