"""The engine on PyTorch by itself: what its light-cones depend on, and what it refuses."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch
from support.beside import FAINT, simulation

from lcinfer.base.errors import UserError
from lcinfer.simulator import gm18 as twentyone
from lcinfer.simulator.lightcone import LightCone, refuse_impossible
from lcinfer.simulator.velocities import KM_IN_MPC, moved
from lcinfer.torch_engine import engine, simulate, simulate_batch
from lcinfer.torch_engine.light_cone import geometry_of
from lcinfer.torch_engine.quadrature import gauss_kronrod, integrate_adaptively
from lcinfer.torch_engine.redshift_space import move
from lcinfer.torch_engine.xrays import FrequencyIntegrals

SMALL = simulation(16, 48.0, velocities="subcell", thermal_density="scaled", z_step_factor=1.6)
BRIGHT = {"HII_EFF_FACTOR": 200.0, "ION_Tvir_MIN": 5.477121, "L_X": 41.0, "NU_X_THRESH": 150.0}


@pytest.fixture(scope="module")
def alone() -> LightCone:
    return simulate(SMALL, FAINT, 3)


def same(one: LightCone, other: LightCone) -> bool:
    fields = zip(asdict(one).values(), asdict(other).values(), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in fields)


def test_a_light_cone_is_one_that_a_database_takes(alone: LightCone) -> None:
    refuse_impossible(alone, SMALL)
    assert alone.brightness_temp.dtype == np.float32


def test_bytes_do_not_depend_on_companions(alone: LightCone) -> None:
    given = [(BRIGHT, 8), (FAINT, 3), (FAINT, 4)]
    made = simulate_batch(SMALL, [p for p, _ in given], [s for _, s in given])
    assert same(made[1], alone)
    assert not same(made[2], alone)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bytes_do_not_depend_on_threads(alone: LightCone, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert same(simulate(SMALL, FAINT, 3), alone)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_realisations_side_by_side_are_those_made_one_by_one(alone: LightCone) -> None:
    """As on a GPU: up to rounding, which now and then moves a sub-cell to the cell beside."""
    from lcinfer.torch_engine.engine import _made

    both = _made(SMALL, [BRIGHT, FAINT], [8, 3], torch.device("cpu"))
    differences = np.abs(both[1].brightness_temp - alone.brightness_temp)
    assert np.sqrt(np.mean(differences**2)) < 0.1
    assert np.quantile(differences, 0.99) < 0.05


@pytest.mark.parametrize("velocities", ["gradient", "both", "subcell"])
def test_nodes_are_those_of_21cmfast(velocities: str) -> None:
    settings = simulation(16, 48.0, velocities=velocities)
    assert geometry_of(settings).nodes == twentyone.node_redshifts(settings)


@pytest.mark.parametrize(
    ("simulator", "said"),
    [
        ({"threads": 2}, "threads 2: the torch engine has 21cmFAST's random numbers of one thread"),
        ({"template": "simple"}, "template simple: the torch engine has const-zeta alone"),
        ({"options": {"INHOMO_RECO": True}}, "INHOMO_RECO True: the torch engine has False alone"),
        ({"options": {"OMk": 0.1}}, "OMk: the torch engine has flat LambdaCDM alone"),
        ({"options": {"T_RE": 1e4}}, "T_RE: the torch engine does not have this option"),
        ({"options": {"Y_He": "much"}}, "Y_He should be a number, not much"),
        ({"options": {"USE_ADIABATIC_FLUCTUATIONS": 1}}, "should be true or false, not 1"),
        ({"options": {"R_BUBBLE_MAX": 15.9}, "z_step_factor": 1.6}, None),
    ],
)
def test_what_it_does_not_have_is_refused_by_name(
    simulator: dict[str, Any], said: str | None
) -> None:
    settings = simulation(16, 48.0, **simulator)
    if said is None:
        simulate(settings, FAINT, 1)
        return
    with pytest.raises(UserError, match=said) as error:
        simulate(settings, FAINT, 1)
    assert "\n" not in str(error.value)


def test_a_box_too_small_for_its_bubbles_is_refused() -> None:
    own = "lcinfer.torch_engine:simulate"
    settings = simulation(16, 48.0, engine=own, options={"R_BUBBLE_MAX": 20})
    with pytest.raises(UserError, match=r"box\.length 48 Mpc is too small"):
        simulate(settings, FAINT, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"F_STAR10": -1.0}, "F_STAR10 is none that the torch engine varies"),
        ({"L_X": None}, "L_X is missing"),
    ],
)
def test_other_parameters_are_refused(change: dict[str, float | None], said: str) -> None:
    given = {name: value for name, value in {**FAINT, **change}.items() if value is not None}
    with pytest.raises(UserError, match=said):
        simulate(SMALL, given, 1)


@pytest.mark.parametrize(
    ("parameters", "seeds", "said"),
    [
        ([FAINT], [-1], "seeds: -1 is not a whole number from 1"),
        ([FAINT], [0], "seeds: 0 is not a whole number from 1"),
        ([FAINT], [2**32], "seeds: 4294967296 is not a whole number from 1"),
        ([FAINT], [1.5], "seeds: 1.5 is not a whole number from 1"),
        ([FAINT], 7, "seeds: they should be a list, with one for each light-cone, not 7"),
        (FAINT, [1], "parameters: they should be a list, with a dictionary for each light-cone"),
        ([30.0], [1], "parameters: they should be a list, with a dictionary for each light-cone"),
        ([FAINT], [1, 2], "1 sets of parameters and 2 seeds"),
    ],
)
def test_what_is_no_list_of_realisations_is_one_line(parameters, seeds, said) -> None:
    with pytest.raises(UserError) as error:
        simulate_batch(SMALL, parameters, seeds)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_seeds_may_be_an_array(monkeypatch) -> None:
    monkeypatch.setattr(engine, "_made", lambda simulation, parameters, seeds, device: seeds)
    assert simulate_batch(SMALL, [FAINT, BRIGHT], np.array([3, 2**32 - 1])) == [3, 2**32 - 1]


def test_a_gpu_that_is_not_there_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="sees no GPU here"):
        simulate_batch(SMALL, [FAINT], [1], device="cuda")


@pytest.mark.parametrize("gauss", [7, 30])
def test_kronrod_rules_are_exact_for_polynomials(gauss: int) -> None:
    nodes, weights, own = gauss_kronrod(gauss)
    for power in range(0, 3 * gauss + 2, 2):
        assert weights @ nodes**power == pytest.approx(2 / (power + 1), rel=1e-12)
    assert own @ nodes ** (2 * gauss - 2) == pytest.approx(2 / (2 * gauss - 1), rel=1e-12)


def test_adaptive_integrals_keep_their_tolerance() -> None:
    low = torch.tensor([100.0, 700.0, 5000.0], dtype=torch.float64)
    slopes = torch.tensor([2.5, 4.0])
    found = integrate_adaptively(lambda x: x[:, None] ** -slopes, low, 1e4, 0.01)
    exact = (low[:, None] ** (1 - slopes) - 1e4 ** (1 - slopes)) / (slopes - 1)
    assert (found / exact - 1).abs().max() < 0.01


def test_attenuated_spectra_join_whole_ones() -> None:
    threshold = torch.tensor([300.0], dtype=torch.float64)
    integrals = FrequencyIntegrals(threshold, 1e4, 1.0, 0.92)
    made = integrals(torch.tensor([[300.0, 300.001, 900.0]], dtype=torch.float64))[0]
    assert made[1] == pytest.approx(made[0], rel=3e-3)
    assert (made[2, 0] < made[0, 0]).all()


def test_moving_boxes_is_moving_lines() -> None:
    rng = np.random.default_rng(1)
    field, by = (rng.normal(size=(1, 4, 4, 12)).astype(np.float32) for _ in range(2))
    hubble, cell = 100.0, 3.0
    velocity = by * np.float32(hubble * cell / KM_IN_MPC)
    found = move(torch.from_numpy(field), torch.from_numpy(velocity), hubble, cell)
    assert found.numpy() == pytest.approx(moved(field, by, 20, periodic=True), abs=1e-5)
