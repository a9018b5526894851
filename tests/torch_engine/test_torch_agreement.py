"""The engine on PyTorch makes the light-cones of 21cmFAST, of the same seeds."""

import numpy as np
import pytest
import torch
from support.agreement import Agreement, compare
from support.beside import FAINT, simulation

from lcinfer.simulator import gm18 as twentyone
from lcinfer.simulator.coeval import coeval_boxes as boxes_of_21cmfast
from lcinfer.torch_engine import coeval_boxes, simulate

PRIOR = {
    "HII_EFF_FACTOR": (10, 250),
    "ION_Tvir_MIN": (4, 6),
    "L_X": (38, 42),
    "NU_X_THRESH": (100, 1500),
}
# Corners of the prior: no X-rays and many, the softest and the hardest, rare and common sources.
CORNERS = ((0, 0, 0, 0), (1, 0, 1, 0), (0, 1, 1, 0), (1, 1, 0, 1), (1, 1, 1, 1), (0, 0, 1, 1))
RMS, LARGEST, MEAN = 0.02, 1.0, 0.1  # mK
RMS_FLIPPED = 0.03  # mK, of a whole light-cone some of whose voxels change sides
FLIPPED = 1e-5  # of the voxels of the boxes


@pytest.fixture(scope="module")
def draws() -> list[Agreement]:
    """Twelve light-cones of the prior, six in its corners, by both engines."""
    rng = np.random.default_rng(12)
    places = [*CORNERS, *rng.random((6, 4))]
    settings = simulation(32, 96.0, z_step_factor=1.1)
    return [
        compare(
            settings,
            {
                name: low + share * (high - low)
                for (name, (low, high)), share in zip(PRIOR.items(), place, strict=True)
            },
            seed,
        )
        for seed, place in enumerate(places, 1)
    ]


def test_light_cones_agree(draws: list[Agreement]) -> None:
    """Whole, where no voxel changes sides. One that does differs by up to T_b itself: the aim of a
    whole light-cone may then be missed, by a little (0.024 mK is), and the rest must meet it."""
    assert max(made.rms for made in draws if not made.flipped) < RMS
    assert max(made.rms for made in draws) < RMS_FLIPPED
    assert max(made.rms_elsewhere for made in draws) < RMS
    assert max(made.largest for made in draws) < LARGEST


def test_mean_brightness_temperatures_agree(draws: list[Agreement]) -> None:
    assert max(made.mean for made in draws) < MEAN


def test_hardly_a_voxel_is_ionised_by_one_engine_alone(draws: list[Agreement]) -> None:
    assert sum(made.flipped for made in draws) < FLIPPED * sum(made.voxels for made in draws)


def test_it_takes_a_fraction_of_the_time(draws: list[Agreement]) -> None:
    assert 2 * sum(made.seconds for made in draws) < sum(made.other_seconds for made in draws)


def test_shells_smaller_than_the_smallest_halo_are_dark_in_both() -> None:
    made = compare(simulation(32, 48.0, velocities="none"), {**FAINT, "ION_Tvir_MIN": 5.99}, 3)
    assert made.rms < RMS
    assert made.largest < LARGEST


@pytest.mark.parametrize(
    ("velocities", "density"), [("subcell", "scaled"), ("both", "own"), ("none", "scaled")]
)
def test_every_treatment_is_that_of_21cmfast(velocities: str, density: str) -> None:
    settings = simulation(32, 96.0, velocities=velocities, thermal_density=density)
    theirs = twentyone.simulate(settings, FAINT, 5)
    ours = simulate(settings, FAINT, 5)
    assert ours.brightness_temp == pytest.approx(theirs.brightness_temp, abs=LARGEST)
    difference = ours.brightness_temp - theirs.brightness_temp
    assert np.sqrt(np.mean(difference.astype(np.float64) ** 2)) < RMS
    assert ours.node_redshift.tolist() == theirs.node_redshift.tolist()
    assert ours.neutral_fraction == pytest.approx(theirs.neutral_fraction, abs=1e-4)


def test_the_first_temperature_may_follow_the_density() -> None:
    settings = simulation(16, 48.0, options={"USE_ADIABATIC_FLUCTUATIONS": True})
    made = compare(settings, FAINT, 4)
    assert made.rms < RMS


def test_boxes_of_64_cells_agree_field_by_field() -> None:
    settings = simulation(64, 96.0)
    inputs = twentyone.inputs_for(settings, FAINT, 9)
    theirs = boxes_of_21cmfast(inputs)
    ours = coeval_boxes(settings, [FAINT], [9], torch.device("cpu"))
    fields = {
        "density": ("density", 1e-5),
        "spin_temperature": ("spin_temperature", 2e-3),
        "gas_temperature": ("kinetic_temp_neutral", 2e-3),
        "electrons": ("xray_ionised_fraction", 2e-3),
    }
    for own, other in zip(ours, theirs, strict=True):
        velocity = np.asarray(other.velocity_z)
        assert own.velocity is not None
        assert np.abs(own.velocity[0].numpy() - velocity).max() < 2e-3 * velocity.std()
        for name, (theirs_name, tolerance) in fields.items():
            field = np.asarray(getattr(other, theirs_name))
            error = np.abs(getattr(own, name)[0].numpy() - field)
            assert (error < tolerance * np.abs(field) + 1e-5).mean() > 1 - FLIPPED, name
        difference = own.brightness_temperature[0].numpy() - np.asarray(other.brightness_temp)
        assert np.sqrt(np.mean(difference**2)) < RMS
