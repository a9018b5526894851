"""Peculiar velocities on fields made here: against py21cmfast's functions and the physics."""

import numpy as np
import pytest
from py21cmfast import rsds
from support.heavy import FAINT, simulation

from lcinfer.simulator import gm18 as simulate
from lcinfer.simulator.lightcone import BadLightCone
from lcinfer.simulator.velocities import KM_IN_MPC, include_gradient, move_to_redshift_space, moved

CELL = 3.0  # Mpc


def smooth(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A random field with waves of at least five cells along the last axis, of rms 1."""
    waves = np.fft.rfft(np.random.default_rng(seed).normal(size=shape))
    waves[..., 0] = 0
    waves[..., shape[-1] // 5 :] = 0
    field = np.fft.irfft(waves, n=shape[-1])
    return field / field.std()


def fields(shape: tuple[int, ...], hubble: np.ndarray | float) -> tuple[np.ndarray, ...]:
    """Brightness temperature, velocity and optical depth; displacements of 0.8 cells."""
    velocity = smooth(shape, 1) * 0.8 * CELL * hubble / KM_IN_MPC
    tau = np.abs(smooth(shape, 2)) * 0.1
    tau[0, 0, :3] = 0
    brightness = np.where(tau == 0, 0, smooth(shape) * 20)
    return tuple(one.astype(np.float32) for one in (brightness, velocity, tau))


@pytest.fixture(scope="module")
def inputs():
    return simulate.inputs_for(simulation(16, 16 * CELL, 60), FAINT, 1)


def hubble_at(inputs, redshifts):
    return inputs.cosmo_params.cosmo.H(redshifts).to_value("km / (s Mpc)")


@pytest.mark.parametrize("with_tau", [True, False])
def test_the_gradient_along_a_light_cone_is_py21cmfasts_to_the_last_bit(inputs, with_tau) -> None:
    inputs = inputs.evolve_input_structs(USE_TS_FLUCT=with_tau)
    redshifts = np.linspace(6, 8, 60)
    hubble = hubble_at(inputs, redshifts)
    brightness, velocity, tau = fields((16, 16, 60), hubble)
    optical = {"tau_21": tau} if with_tau else {}
    theirs = rsds.include_dvdr_in_tau21(
        brightness, velocity, redshifts, inputs, periodic=False, **optical
    )
    ours = brightness.copy()
    include_gradient(
        ours,
        velocity,
        tau if with_tau else None,
        hubble,
        CELL,
        largest=inputs.astro_params.MAX_DVDR,
    )
    assert np.abs(ours - brightness).max() > 1
    np.testing.assert_array_equal(ours, np.asarray(theirs, np.float32))


def test_the_gradient_in_a_box_is_py21cmfasts(inputs) -> None:
    hubble = hubble_at(inputs, 9.0)
    brightness, velocity, tau = fields((16, 16, 16), hubble)
    velocity *= np.float32(0.3)  # far from 1 + (dv/dr) / H = 0, where rounding decides
    theirs = rsds.include_dvdr_in_tau21(
        brightness, velocity, 9.0, inputs, periodic=True, tau_21=tau
    )
    include_gradient(brightness, velocity, tau, hubble, CELL, periodic=True, largest=0.2)
    np.testing.assert_allclose(brightness, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("subcells", [1, 3, 4, 20])
@pytest.mark.parametrize("amplitude", [0.3, 4.0])
def test_moved_cells_are_where_py21cmfast_moves_them(periodic, subcells, amplitude) -> None:
    field, displacement = smooth((6, 40)), amplitude * smooth((6, 40), 1)
    theirs = rsds.rsds_shift(field.T, displacement.T, subcells, periodic).T
    np.testing.assert_allclose(
        moved(field, displacement, subcells, periodic), theirs, rtol=0, atol=1e-12
    )


def test_a_light_cone_in_redshift_space_is_py21cmfasts(inputs) -> None:
    redshifts = np.linspace(6, 8, 60)
    hubble = hubble_at(inputs, redshifts)
    brightness, velocity, _ = fields((16, 16, 60), hubble)
    theirs = rsds.apply_rsds(brightness, velocity, redshifts, inputs, periodic=False)
    move_to_redshift_space(brightness, velocity, hubble, CELL)
    np.testing.assert_allclose(brightness, theirs, rtol=0, atol=2e-5)


def test_subcells_of_a_box_land_as_intervals_overlap() -> None:
    """Each sub-cell is an interval; where it lies, cells of the periodic line get their part."""
    cells, subcells = 12, 5
    field, displacement = smooth((1, cells))[0], 2.3 * smooth((1, cells), 1)[0]
    expected = np.zeros(cells)
    centres = np.arange(-1, cells + 1) + 0.5
    wrapped = displacement[np.arange(-1, cells + 1) % cells]
    for edge in np.arange(cells * subcells) / subcells:
        low = edge + np.interp(edge + 0.5 / subcells, centres, wrapped)
        for cell in range(-3 * cells, 4 * cells):
            overlap = min(low + 1 / subcells, cell + 1) - max(low, cell)
            expected[cell % cells] += max(overlap, 0) * field[int(edge + 1e-9)]
    ours = moved(field[None], displacement[None], subcells, periodic=True)
    np.testing.assert_allclose(ours[0], expected, atol=1e-12)


@pytest.mark.parametrize("periodic", [True, False])
def test_without_velocity_nothing_changes(periodic) -> None:
    brightness, velocity, tau = fields((4, 4, 30), 800.0)
    before = brightness.copy()
    include_gradient(brightness, 0 * velocity, tau, 800.0, CELL, periodic=periodic, largest=0.2)
    move_to_redshift_space(brightness, 0 * velocity, 800.0, CELL, periodic=periodic)
    np.testing.assert_allclose(brightness, before, rtol=1e-6)


@pytest.mark.parametrize("cells", [1, 3, -2])
def test_a_uniform_velocity_moves_a_field_by_v_over_h(cells) -> None:
    brightness, velocity, _ = fields((4, 4, 30), 800.0)
    before = brightness.copy()
    velocity[:] = cells * CELL * 800.0 / KM_IN_MPC
    move_to_redshift_space(brightness, velocity, 800.0, CELL, periodic=True, subcells=20)
    np.testing.assert_allclose(brightness, np.roll(before, cells, axis=-1), atol=1e-3)
    once_more = before.copy()
    move_to_redshift_space(once_more, velocity, 800.0, CELL)
    inner = slice(3, -3)  # what moved in from beyond an open end is not known
    np.testing.assert_allclose(once_more[..., inner], brightness[..., inner], atol=1e-3)


def test_a_periodic_line_keeps_its_sum() -> None:
    field, displacement = 5 + smooth((7, 64)), 3 * smooth((7, 64), 1)
    after = moved(field, displacement, 20, periodic=True)
    assert np.abs(after - field).max() > 1
    np.testing.assert_allclose(after.sum(-1), field.sum(-1))


def test_velocities_of_linear_theory_boost_a_wave_as_kaiser_1987_says() -> None:
    """delta_s = (1 + f mu^2) delta with mu = 1, in matter domination f = 1: twice the amplitude.

    With dv/dr = -f H delta, either effect does it: in thin gas T_b / (1 + (dv/dr) / H), or cells
    moved by v / H, each in proportion to 1 + delta.
    """
    cells, hubble, amplitude = 128, 800.0, 1e-3
    phase = 2 * np.pi * 2 * np.arange(cells) / cells
    wave = amplitude * np.cos(phase)
    wavenumber = 2 * np.pi * 2 / (cells * CELL)
    velocity = -amplitude * np.sin(phase) * hubble / KM_IN_MPC / wavenumber
    line = (1, 1, cells)
    by_gradient = (1 + wave).reshape(line).astype(np.float64)
    by_moving = by_gradient.copy()
    tau = np.full(line, 1e-6)
    scales = (hubble, CELL)
    include_gradient(by_gradient, velocity.reshape(line), tau, *scales, periodic=True, largest=0.2)
    move_to_redshift_space(by_moving, velocity.reshape(line), *scales, periodic=True, subcells=20)
    for after in (by_gradient, by_moving):
        boost = 2 * np.mean((after.ravel() - 1) * np.cos(phase)) / amplitude
        assert boost == pytest.approx(2, rel=0.01)


def test_velocities_that_are_no_numbers_are_told() -> None:
    brightness, velocity, _ = fields((4, 4, 30), 800.0)
    velocity[1, 2, 3] = np.nan
    with pytest.raises(BadLightCone, match="velocities are NaN"):
        move_to_redshift_space(brightness, velocity, 800.0, CELL)


def test_blocks_of_rows_change_nothing(monkeypatch) -> None:
    brightness, velocity, tau = fields((6, 5, 40), 800.0)
    whole = brightness.copy()
    include_gradient(whole, velocity, tau, 800.0, CELL, largest=0.2)
    move_to_redshift_space(whole, velocity, 800.0, CELL)
    monkeypatch.setattr("lcinfer.simulator.velocities.BLOCK_VOXELS", 400)
    include_gradient(brightness, velocity, tau, 800.0, CELL, largest=0.2)
    move_to_redshift_space(brightness, velocity, 800.0, CELL)
    np.testing.assert_array_equal(brightness, whole)
