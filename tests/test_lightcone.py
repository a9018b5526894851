"""Where a light-cone's cells are, and which light-cones are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.cosmology import z_at_value
from support import standin

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.config.sections import Cosmology, Simulation
from lcinfer.simulator import lightcone
from lcinfer.simulator.lightcone import BadLightCone, LightCone, coordinates, refuse_impossible

PAPER = Path(__file__).parents[1] / "config" / "config.yaml"


@pytest.fixture(scope="module")
def paper() -> Simulation:
    return config.load(PAPER).database


@pytest.fixture
def small(settings) -> Simulation:
    return config.parse(settings).database


@pytest.fixture
def good(small) -> LightCone:
    return standin.simulate(small, {"L_X": 40.0}, 1)


def test_the_papers_light_cone_reaches_from_redshift_6_to_34_in_cells_of_1_5_mpc(paper) -> None:
    redshift, distance = coordinates(paper)
    assert redshift.shape == distance.shape == (2200,)
    assert redshift[0] == pytest.approx(6.0, abs=1e-9)
    assert redshift[-1] == pytest.approx(34.17, abs=0.005)
    assert redshift[2083] < 30 < redshift[2084]
    np.testing.assert_allclose(np.diff(distance), 1.5, rtol=0, atol=1e-9)
    assert np.all(np.diff(redshift) > 0)


def test_redshifts_are_those_of_astropy_at_the_same_distances(paper) -> None:
    redshift, distance = coordinates(paper)
    cosmology = lightcone.cosmology(paper.cosmology)
    for cell in (1, 700, 1500, 2199):
        exact = z_at_value(
            cosmology.comoving_distance, distance[cell] * units.Mpc, zmin=5, zmax=40, ztol=1e-10
        )
        assert redshift[cell] == pytest.approx(exact.value, rel=0, abs=1e-6)


@pytest.mark.parametrize("changes", [{}, {"hlittle": 0.7, "OMm": 0.27, "OMb": 0.045}])
def test_distances_are_py21cmfasts_bit_for_bit(changes) -> None:
    from py21cmfast import CosmoParams

    cosmology = Cosmology(**changes)
    theirs = CosmoParams(**cosmology.model_dump()).cosmo
    ours = lightcone.cosmology(cosmology)
    redshift = np.linspace(0, 40, 200)
    np.testing.assert_array_equal(
        ours.comoving_distance(redshift).value, theirs.comoving_distance(redshift).value
    )


def test_a_light_cone_may_start_at_redshift_zero_and_have_one_cell(small) -> None:
    geometry = small.lightcone.model_copy(update={"z_min": 0.0, "cells": 1})
    redshift, distance = coordinates(small.model_copy(update={"lightcone": geometry}))
    assert (redshift.tolist(), distance.tolist()) == ([0.0], [0.0])


def test_a_light_cone_that_never_ends_is_one_clear_line(small) -> None:
    geometry = small.lightcone.model_copy(update={"cells": 10_000})
    with pytest.raises(UserError, match=r"database\.lightcone\.cells 10000 reaches beyond"):
        coordinates(small.model_copy(update={"lightcone": geometry}))


def test_a_good_light_cone_passes(small, good) -> None:
    refuse_impossible(good, small)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_single_voxel_that_is_no_number_is_refused_and_counted(small, good, value) -> None:
    good.brightness_temp[-1, 0, -1] = value
    with pytest.raises(BadLightCone, match="1 of 2560 voxels are NaN or infinite"):
        refuse_impossible(good, small)


def test_a_constant_light_cone_is_refused_with_its_value(small, good) -> None:
    good.brightness_temp[...] = 2.5
    with pytest.raises(BadLightCone, match=r"every voxel is 2\.5 mK"):
        refuse_impossible(good, small)


def test_another_shape_is_refused(small, good) -> None:
    cut = replace(good, brightness_temp=good.brightness_temp[..., :-1])
    with pytest.raises(BadLightCone, match=r"\(8, 8, 39\) instead of \(8, 8, 40\)"):
        refuse_impossible(cut, small)


@pytest.mark.parametrize("history", ["node_redshift", "neutral_fraction", "global_brightness_temp"])
def test_an_incomplete_history_is_refused(small, good, history) -> None:
    values = getattr(good, history)
    for wrong in (values[:-1], np.where(np.arange(len(values)) == 2, np.nan, values)):
        with pytest.raises(BadLightCone, match="history is incomplete or not finite"):
            refuse_impossible(replace(good, **{history: wrong}), small)


def test_the_stand_in_depends_on_parameters_and_seed_alone(small) -> None:
    point = {"L_X": 39.0, "ION_Tvir_MIN": 5.0}
    same = [standin.simulate(small, dict(items), 7) for items in (point, reversed(point.items()))]
    np.testing.assert_array_equal(same[0].brightness_temp, same[1].brightness_temp)
    for others in ((point, 8), ({**point, "L_X": 41.0}, 7)):
        other = standin.simulate(small, *others)
        assert np.any(other.brightness_temp != same[0].brightness_temp)
