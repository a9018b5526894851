"""A light-cone that ``py21cmfast.run_lightcone`` made and saved, adopted."""

import h5py
import numpy as np
import py21cmfast
import pytest
from astropy.units import Mpc
from small import small_settings

from lcinfer import config, journal, simulate, store
from lcinfer.lightcone import coordinates
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
    """The file, and the brightness temperatures that went into it."""
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
    )
    path = tmp_path_factory.mktemp("saved") / "faint.h5"
    cone.save(path)
    return path, cone.lightcones["brightness_temp"]


def test_what_py21cmfast_saved_is_adopted_as_it_is(wanted, saved, tmp_path) -> None:
    path, cube = saved
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
