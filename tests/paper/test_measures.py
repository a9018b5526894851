"""Statistics of residuals against the same written out for one sample."""

import numpy as np
import pytest

from lcinfer.config.sections import Evaluation
from lcinfer.evaluation.evaluate import r2
from lcinfer.paper import measures


@pytest.fixture
def sample() -> tuple[np.ndarray, np.ndarray]:
    """(light_cone,) true values and residuals."""
    random = np.random.default_rng(7)
    true = random.uniform(38, 42, 60)
    return true, random.normal(0.1, 0.3, 60)


def picked(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices drawn with replacement, and how often each was."""
    chosen = np.random.default_rng(8).integers(0, count, count)
    return chosen, np.bincount(chosen, minlength=count).astype(float)[None]


def line(true: np.ndarray, residual: np.ndarray) -> float:
    return float(np.polyfit(true, true + residual, 1)[0])


@pytest.mark.parametrize(
    ("statistic", "written_out"),
    [
        (measures.mean, lambda _, residual: residual.mean()),
        (measures.spread, lambda _, residual: residual.std(ddof=1)),
        (measures.slope, line),
        (measures.r2, lambda true, residual: r2(true, true + residual)),
    ],
    ids=["mean", "spread", "slope", "R2"],
)
def test_a_resample_gives_what_its_light_cones_give(sample, statistic, written_out) -> None:
    true, residual = sample
    chosen, drawn = picked(len(true))
    (found,) = statistic(drawn, true, residual)
    assert found == pytest.approx(written_out(true[chosen], residual[chosen]), rel=1e-9)


def test_a_part_of_the_range_is_measured_alone(sample) -> None:
    true, residual = sample
    inside = (true >= 39) & (true < 40)
    drawn = np.ones((1, len(true)))
    (found,) = measures.within((39, 40), measures.spread)(drawn, true, residual)
    assert found == pytest.approx(residual[inside].std(ddof=1))


def test_the_relative_error_is_the_median_over_the_bins() -> None:
    true = np.array([1.0] * 16 + [3.0] * 16 + [5.0] * 16 + [7.0] * 16)
    residual = np.repeat([0.5, 0.03, 0.1, 0.7], 16)
    found = measures.relative_error(0, 8)(np.ones((1, 64)), true, residual)
    ratios = [0.5, 0.01, 0.02, 0.1]  # bins: 8, of which 4 are empty
    assert found[0] == pytest.approx(np.median(ratios))


def test_the_interval_of_several_seeds_is_of_their_mean(sample) -> None:
    true, residual = sample
    evaluation = Evaluation(bootstrap=300)
    both = measures.Sample(true, np.array([residual, residual + 1]), evaluation)
    one = measures.Sample(true, residual[None], evaluation)
    shifted, alone = both.measure(measures.mean), one.measure(measures.mean)
    for name in ("value", "low", "high"):
        assert getattr(shifted, name) == pytest.approx(getattr(alone, name) + 0.5)
    assert alone.low < alone.value < alone.high


def test_a_part_that_a_resample_lacks_is_left_out_of_the_interval() -> None:
    true = np.array([0.0, 0.1, 0.2, 0.9, 1.0, 1.1])
    sample = measures.Sample(true, np.arange(6.0)[None], Evaluation(bootstrap=200))
    found = sample.measure(measures.within((0.5, 2), measures.spread))
    assert np.isfinite([found.low, found.high]).all()
