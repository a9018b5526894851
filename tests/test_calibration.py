"""The calibration gate, on a problem whose posterior is known exactly."""

import numpy as np
import pytest
from scipy import stats

from lcinfer.evaluation.calibration import calibration

NOISE = np.array([0.05, 0.1, 0.2, 0.3])  # of each parameter's observation; the prior is uniform


def verdicts(number=200, seeds=60, width=1.0, bias=0.0, prior=False):
    """Share of seeds in which the gate fails posteriors that are so wide and so biased."""
    failed = 0
    for seed in range(seeds):
        generator = np.random.default_rng([seed, number])
        truth = generator.random((number, 4))
        observed = truth + NOISE * generator.standard_normal(truth.shape)
        uniform = generator.random((number, 200, 4))
        if prior:
            samples = uniform
        else:  # a normal distribution that ends where the prior ends
            mean, sigma = observed + bias * NOISE, width * NOISE
            low, high = stats.norm.cdf([(0 - mean) / sigma, (1 - mean) / sigma])[..., None, :]
            samples = mean[:, None] + sigma * stats.norm.ppf(low + (high - low) * uniform)
        found = calibration(samples, truth, observed.clip(0, 1), generator)
        failed += found.verdict == "FAIL"
    return failed / seeds


def test_exact_posteriors_fail_as_often_as_the_gate_says() -> None:
    assert stats.binomtest(round(verdicts(seeds=200) * 200), 200, 0.05).pvalue > 0.01


@pytest.mark.parametrize(
    "wrong",
    [{"width": 0.7}, {"width": 1.4}, {"bias": 0.5}, {"prior": True}],
    ids=["too narrow", "too wide", "biased by half a sigma", "the prior"],
)
def test_wrong_posteriors_fail(wrong) -> None:
    assert verdicts(**wrong) > 0.95


def test_coverage_is_what_the_intervals_say() -> None:
    generator = np.random.default_rng(1)
    truth = generator.random((4000, 2))
    samples = generator.random((4000, 500, 2))
    found = calibration(samples, truth, truth, generator)
    assert found.coverage(0.68) == pytest.approx(np.full(2, 0.68), abs=0.02)
    assert found.coverage(0.95) == pytest.approx(np.full(2, 0.95), abs=0.01)


def test_few_light_cones_get_no_verdict() -> None:
    generator = np.random.default_rng(1)
    few = calibration(generator.random((199, 50, 2)), *generator.random((2, 199, 2)), generator)
    assert few.verdict == "none"
    assert few.reason(("a", "b")) == "199 test light-cones, and a verdict needs 200"
