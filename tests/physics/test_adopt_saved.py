"""A light-cone that ``py21cmfast.run_lightcone`` saved, and the file it left on its way."""

import shutil

import h5py
import numpy as np
import py21cmfast
import pytest
from astropy.units import Mpc
from support.small import small_settings

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.infer.files import observations
from lcinfer.lightcone_file import saved as lightcone_files
from lcinfer.lightcones import journal, store
from lcinfer.simulator import gm18 as simulate
from lcinfer.simulator.lightcone import coordinates
from lcinfer.travel.adopt import adopt
from lcinfer.upkeep.verify import verify


@pytest.fixture(scope="module")
def wanted():
    settings = small_settings()
    settings["database"] |= {
        "box": {"cells": 16, "length": 48},
        "lightcone": {"z_min": 6, "cells": 60},
        "simulator": {
            "engine_version": simulate.version(),
            "z_step_factor": 1.4,
            "z_heat_max": 12,
        },
    }
    return config.parse(settings)


@pytest.fixture(scope="module")
def saved(wanted, tmp_path_factory):
    """The file, the checkpoint of the same run, and the brightness temperatures."""
    root = tmp_path_factory.mktemp("saved")
    point = wanted.mocks["FAINT"].parameters
    inputs = simulate.inputs_for(wanted.database, point, seed=7)
    cone = py21cmfast.run_lightcone(
        lightconer=py21cmfast.RectilinearLightconer(
            lc_distances=coordinates(wanted.database)[1] * Mpc,
            cosmo=inputs.cosmo_params.cosmo,
            quantities=("brightness_temp",),
        ),
        inputs=inputs,
        include_dvdr_in_tau21=True,
        cache=None,
        write=False,
        regenerate=True,
        lightcone_filename=root / "checkpoint.h5",
    )
    cone.save(root / "faint.h5")
    return root / "faint.h5", root / "checkpoint.h5", cone.lightcones["brightness_temp"]


def test_what_py21cmfast_saved_is_adopted_as_it_is(wanted, saved, tmp_path) -> None:
    path, _, cube = saved
    cones = adopt(wanted, [path], tmp_path / "results")
    assert cube.std() > 1
    np.testing.assert_array_equal(store.read(cones.store, 0), cube)
    (record,) = journal.finished(cones.journal).values()
    point = wanted.mocks["FAINT"].parameters
    assert (record["seed"], record["parameters"]) == (7, dict(point))
    with h5py.File(path) as file:
        mean = file["global_quantities/neutral_fraction"][:]
    assert record["neutral_fraction"] == mean.tolist()
    assert verify(cones).findings == []


def test_the_checkpoint_of_a_run_lacks_the_gradient_and_gets_it_wherever_it_is_read(
    wanted, saved, tmp_path
) -> None:
    path, checkpoint, cube = saved
    copy = tmp_path / "copy.h5"
    py21cmfast.LightCone.from_file(checkpoint, safe=False).save(copy)
    assert lightcone_files.read(path).gradient == "in"
    for uncorrected in (checkpoint, copy):
        file = lightcone_files.read(uncorrected)
        file.check_finished()
        assert file.gradient == "out"
        with h5py.File(uncorrected) as content:
            assert np.abs(content["lightcones/brightness_temp"][:] - cube).max() > 1
        cones = adopt(wanted, [uncorrected], tmp_path / uncorrected.stem)
        np.testing.assert_allclose(store.read(cones.store, 0), cube, rtol=1e-3, atol=1e-3)
        (found,) = observations(str(uncorrected))
        assert "put in here" in found.remarks[0]
        seen = found.cube[5, slice(None), slice(10, 30)]
        np.testing.assert_array_equal(seen, store.read(cones.store, 0)[5, :, 10:30])


def test_a_checkpoint_that_a_killed_run_left_is_unfinished(saved, tmp_path) -> None:
    _, checkpoint, _ = saved
    killed = shutil.copy(checkpoint, tmp_path)
    with h5py.File(killed, "a") as file:
        nodes = len(file["InputParameters/node_redshifts"])
        file.attrs["last_completed_node"] = 1
    with pytest.raises(UserError, match=f"unfinished: it holds 2 of {nodes} nodes"):
        list(observations(str(killed)))
