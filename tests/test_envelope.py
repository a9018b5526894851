"""What a training set looks like is kept, and a light-cone that does not look so is named."""

import numpy as np
import pytest

from lcinfer.images.envelope import PARTS, Envelope, measures

CELLS = 64  # along the line of sight, and across: axes may be swapped
REDSHIFT = np.linspace(6, 30, CELLS)
SIZE = (CELLS, CELLS)


def light_cone(seed):
    """Two images of a universe whose trough has a place, a depth and a roughness of its own.

    Ionised behind z = 8, absorption of -5 mK far away.
    """
    random = np.random.default_rng(seed)
    place, depth, rough = random.uniform([14, 50, 0.1], [20, 200, 0.3])
    profile = -5 - depth * np.exp(-0.5 * ((REDSHIFT - place) / 3) ** 2)
    noise = random.normal(0, 1, (2, *SIZE))
    ionised = 1 / (1 + np.exp(-4 * (REDSHIFT - 8)))
    return (ionised * profile * (1 + rough * noise)).astype(np.float32)


@pytest.fixture(scope="module")
def envelope():
    """That of 120 light-cones."""
    return Envelope.of([measures(light_cone(seed)) for seed in range(120)])


@pytest.fixture
def images():
    """A light-cone that the envelope does not know."""
    return light_cone(1000)


def told(envelope, images):
    return envelope.unlike(images, REDSHIFT)


def test_few_light_cones_of_the_same_kind_are_named(envelope):
    named = [bool(told(envelope, light_cone(seed))) for seed in range(1000, 1200)]
    assert np.mean(named) <= 0.05


def test_whatever_the_envelope_is_made_of_is_not_named(envelope):
    assert not any(told(envelope, light_cone(seed)) for seed in range(120))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda cone: cone - cone.mean(axis=(0, 1)), "mean brightness too high at z = "),
        (lambda cone: np.random.default_rng(1).normal(0, 50, cone.shape), "spread across"),
        (lambda cone: np.where(REDSHIFT < 14, 0, cone), "step of the mean"),
        (lambda cone: np.where(REDSHIFT > 14, 0, cone), "spread across the line of sight too low"),
        (
            lambda cone: np.where(np.random.default_rng(1).random(cone.shape) < 1e-3, -999.0, cone),
            "spread across the line of sight too high at z = ",
        ),
        (lambda cone: cone.swapaxes(1, 2), "mean brightness"),
        (lambda cone: cone[..., ::-1], "mean brightness"),
        (lambda cone: cone + 10, "mean brightness too high"),
        (lambda cone: 2 * cone, "mean brightness too low"),
    ],
    ids=[
        *("mean subtracted", "noise alone", "near half empty", "far half empty", "missing as -999"),
        *("axes swapped", "reversed", "offset", "twice the contrast"),
    ],
)
def test_what_no_simulation_gives_is_named(envelope, images, spoil, said):
    lines = told(envelope, spoil(images))
    assert any(line.startswith(said) for line in lines), lines


def test_it_is_said_where_on_which_side_and_by_how_much(envelope, images):
    far = REDSHIFT > 25
    (line,) = told(envelope, np.where(far, images + 40, images))[:1]
    assert line.startswith("mean brightness too high at z = 25.")
    assert "to 30.00: by " in line
    assert " mK at z = " in line
    assert ", 3" in line
    assert " where the training set has -" in line


def test_neighbouring_parts_are_told_as_one(envelope, images):
    both = (REDSHIFT < 9) | (REDSHIFT > 25)
    line = told(envelope, np.where(both, images + 40, images))[0]
    where = line.split(":")[0]
    assert where.count(" to ") == 2, line


def test_a_line_of_sight_shorter_than_the_parts_has_one_part_per_cell(images):
    assert measures(images).shape == (4, PARTS)
    assert measures(images[..., :5]).shape == (4, 5)


def test_it_comes_back_from_what_a_checkpoint_holds_and_does_not_depend_on_the_order(envelope):
    backwards = Envelope.of([measures(light_cone(seed)) for seed in reversed(range(120))])
    assert backwards.plain() == envelope.plain()
    assert Envelope.read(envelope.plain()).plain() == envelope.plain()
    assert envelope.equals(backwards)


def test_it_knows_whether_it_is_of_the_same_light_cones(envelope):
    other = Envelope.of([measures(light_cone(seed)) for seed in range(1, 121)])
    assert not envelope.equals(other)


def test_ionised_parts_alone_are_known_and_their_dust_is_not_told_apart():
    dark = [measures(np.zeros((1, 8, 64))) for _ in range(30)]
    dust = np.random.default_rng(0).normal(0, 1e-5, (1, 8, 64))
    assert not Envelope.of(dark).unlike(dust * 0, REDSHIFT)
    assert measures(dust)[1].max() == measures(dust * 0)[1].max()
