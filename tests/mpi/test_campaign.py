"""Many light-cones under MPI: the same bytes whatever the ranks and the interruptions."""

import json
import os
import signal
import subprocess

import numpy as np
import psutil
import pytest
import xarray as xr
from support.ranks import attempts, cones_of, run, shards, simulate, wait_until
from support.standin import waiting

from lcinfer.base.errors import UserError
from lcinfer.lightcones import journal
from lcinfer.stages import lightcones


def test_the_bytes_do_not_depend_on_the_number_of_ranks(
    undisturbed, settings, write_config, tmp_path
):
    path = write_config(settings)
    cones = cones_of(path, tmp_path / "three")
    done = run(simulate(path, tmp_path / "three", 3))
    assert done.returncode == 0, done.stderr
    assert len({line["rank"] for line in journal.records(cones.journal)}) > 1
    assert shards(cones) == shards(undisturbed)
    for span in cones.spans:
        lightcones.finish_block(cones, span)
        lightcones.finish_block(undisturbed, span)
        assert cones.done(span).read_bytes() == undisturbed.done(span).read_bytes()


def test_a_killed_campaign_goes_on_and_gives_the_same_bytes(
    undisturbed, settings, write_config, tmp_path
):
    settings["database"]["simulator"]["engine"] = "support.standin:waits_for_fourth_seeds"
    path, gate = write_config(settings, "held-up.yaml"), tmp_path / "gate"
    cones = cones_of(path, tmp_path / "killed")
    command, environment = simulate(path, tmp_path / "killed", 2), {"STANDIN_MARKER": str(gate)}
    job = subprocess.Popen(
        command,
        env=os.environ | environment,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(list(tmp_path.glob(waiting(gate).name))) == 2)  # 0 and 4
    mine = psutil.Process(job.pid).children(recursive=True)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait(timeout=30)
    # Ranks and children die with their launcher: none may still write when they go on.
    assert psutil.wait_procs(mine, timeout=30)[1] == []
    gate.touch()
    assert attempts(cones) == [1, 2, 3]
    done = run(command, **environment)
    assert done.returncode == 0, done.stderr
    assert attempts(cones) == list(range(cones.realizations))  # none was simulated twice
    assert shards(cones) == shards(undisturbed)


def test_a_second_run_simulates_nothing(undisturbed, settings, write_config, tmp_path):
    before = attempts(undisturbed)
    assert run(simulate(write_config(settings), tmp_path / "undisturbed", 2)).returncode == 0
    assert attempts(undisturbed) == before


def test_what_stops_a_campaign_is_said_once_with_what_is_left(settings, write_config, tmp_path):
    settings["database"]["simulator"]["engine"] = "support.standin:no_such_engine"
    path = write_config(settings)
    cones_of(path, tmp_path)
    done = run(simulate(path, tmp_path, 1, "--block", "0-4"))
    (told,) = [line for line in done.stderr.splitlines() if "stopped by" in line]
    assert "light-cone 0, which cannot be made" in told
    assert told.endswith("4 of light-cones 0 to 3 are left for the next job")


def test_a_failure_leaves_the_others_finished_and_the_block_incomplete(
    settings, write_config, tmp_path
):
    settings["database"]["simulator"]["engine"] = "support.standin:raises_for_odd_seeds"
    path = write_config(settings)
    cones = cones_of(path, tmp_path)
    done = run(simulate(path, tmp_path, 2, "--block", "0-4"))
    assert done.returncode == 1
    complaint = [line for line in done.stderr.splitlines() if line.startswith("lcinfer:")]
    assert len(complaint) == 1
    assert "2 of light-cones 0 to 3 are not finished, 2 of them failed" in complaint[0]
    assert not cones.done((0, 4)).exists()
    assert len(journal.finished(cones.journal)) == 2
    failures = journal.failures(cones.journal)
    assert len(failures) == 2
    for line in failures:
        assert "Traceback" in line["traceback"]
        assert line["seed"] % 2 == 1
        expected = cones.design.parameters(line["index"], line["index"] + 1)[0]
        assert list(line["parameters"].values()) == expected.tolist()


def test_ranks_that_do_not_know_each_other_are_refused(settings, write_config, tmp_path):
    path = write_config(settings)
    cones = cones_of(path, tmp_path)
    command = simulate(path, tmp_path, 2)
    alone = run(command[3:])  # as a launcher of another MPI would start each of them
    assert alone.returncode == 1
    assert "asked for 2 ranks, but MPI sees 1" in alone.stderr
    assert "Traceback" not in alone.stderr
    assert attempts(cones) == []


def test_a_sealed_database_opens_in_xarray_with_dimensions_coordinates_and_histories(undisturbed):
    lightcones.seal(undisturbed)
    data = xr.open_zarr(undisturbed.store, consolidated=False)
    cubes = data["brightness_temp"]
    assert cubes.dims == ("light_cone", "x", "y", "line_of_sight")
    assert cubes.attrs["units"] == "mK"
    assert not np.isnan(cubes.values).any()
    assert data["neutral_fraction"].dims == ("light_cone", "node")
    assert data["random_seed"].values.tolist() == undisturbed.design.seeds(0, 12).tolist()
    sealed = json.loads(undisturbed.sealed.read_text())
    assert sealed["realizations"] == undisturbed.realizations


def test_an_unfinished_database_is_not_sealed(settings, write_config, tmp_path):
    cones = cones_of(write_config(settings), tmp_path)
    with pytest.raises(UserError, match="12 of light-cones 0 to 11 are not finished"):
        lightcones.seal(cones)
    assert not cones.sealed.exists()
