"""A problem whose posterior is known exactly, and wrong ones beside it."""

from typing import NamedTuple

import numpy as np
from scipy import stats

NOISE = np.array([0.05, 0.1, 0.2, 0.3])  # of each parameter's observation; the prior is uniform
CASES = {
    "exact": {},
    "widths x 0.7": {"width": 0.7},
    "widths x 1.4": {"width": 1.4},
    "bias of half a sigma": {"bias": 0.5},
    "posterior = prior": {"prior": True},
}


class Toy(NamedTuple):
    """What :func:`lcinfer.evaluation.calibration.calibration` takes."""

    samples: np.ndarray
    truth: np.ndarray
    reference: np.ndarray
    generator: np.random.Generator


def toy(
    seed: int, number: int = 200, width: float = 1.0, bias: float = 0.0, prior: bool = False
) -> Toy:
    """200 samples of each of ``number`` posteriors in four parameters.

    Args:
        seed: decides truths, observations and samples.
        number: of observations.
        width: of the posteriors, times the right one.
        bias: of the posteriors, in standard deviations of the observation.
        prior: whether they are the prior instead.
    """
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
    return Toy(samples, truth, observed.clip(0, 1), generator)
