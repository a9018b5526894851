"""Statistics of residuals with bootstrap intervals over the test light-cones.

Of several training seeds the mean is taken in every resample: an interval tells the scatter
between light-cones, not that between trainings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..config.sections import Evaluation
from ..evaluation.evaluate import interval, resamples
from ..evaluation.posteriors import read_posteriors
from ..evaluation.residuals import profile_bins
from .basis import Seeds

FloatArray = NDArray[np.float64]
# How often each light-cone is drawn (resample, light_cone), its true value and its residual
# (light_cone,); gives (resample,).
Statistic = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
MOST_BINS = 10  # over which a parameter's range is divided


@dataclass(frozen=True)
class Measured:
    """A number with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Three digits of each."""
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def times(self, factor: float) -> "Measured":
        """In another unit."""
        return Measured(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Sample:
    """One parameter of the test light-cones, from one image of each, as the paper's test."""

    true: FloatArray
    """(light_cone,) in the paper's units."""
    residuals: FloatArray
    """(seed, light_cone) predicted minus true."""
    evaluation: Evaluation

    @classmethod
    def of(cls, seeds: Seeds, parameter: str, scale: float, evaluation: Evaluation) -> "Sample":
        """Of the trainings that differ in their seed alone; ``scale`` gives the paper's unit."""
        at = seeds.predictions[0].names.index(parameter)
        true = seeds.predictions[0].true[:, at] * scale
        predicted = np.array([them.predicted[:, 0, at] for them in seeds.predictions]) * scale
        return cls(true, predicted - true, evaluation)

    @classmethod
    def of_widths(
        cls, seeds: Seeds, parameter: str, scale: float, evaluation: Evaluation
    ) -> "Sample":
        """Posteriors' standard deviations, from all images, in the place of residuals."""
        found = [read_posteriors(each.posterior) for each in seeds.evaluations]
        at = found[0].names.index(parameter)
        widths = np.array([each.samples[:, :, at].std(axis=1, dtype=float) for each in found])
        return cls(found[0].truth[:, at] * scale, widths * scale, evaluation)

    @cached_property
    def _drawn(self) -> FloatArray:
        return resamples(len(self.true), self.evaluation).astype(float)

    def measure(self, statistic: Statistic) -> Measured:
        """A statistic of the sample, and where it lies in resamples of the light-cones."""
        once = np.ones((1, len(self.true)))
        value, spread = (
            np.mean([statistic(drawn, self.true, each) for each in self.residuals], axis=0)
            for drawn in (once, self._drawn)
        )
        low, high = interval(spread, self.evaluation)
        return Measured(float(value[0]), float(low), float(high))


def r2(drawn: FloatArray, true: FloatArray, residual: FloatArray) -> FloatArray:
    """The coefficient of determination."""
    _, variance = _moments(drawn, true)
    return np.asarray(1 - drawn @ residual**2 / (drawn.sum(axis=1) - 1) / variance)


def spread(drawn: FloatArray, true: FloatArray, residual: FloatArray) -> FloatArray:
    """Standard deviation of the residuals."""
    return np.asarray(np.sqrt(_moments(drawn, residual)[1]))


def within(part: tuple[float, float], statistic: Statistic) -> Statistic:
    """A statistic of the light-cones whose true value lies in [low, high)."""
    low, high = part

    def inside(drawn: FloatArray, true: FloatArray, residual: FloatArray) -> FloatArray:
        kept = (low <= true) & (true < high)
        return statistic(drawn[:, kept], true[kept], residual[kept])

    return inside


def mean(drawn: FloatArray, true: FloatArray, residual: FloatArray) -> FloatArray:
    """Mean of the residuals."""
    return _moments(drawn, residual)[0]


def slope(drawn: FloatArray, true: FloatArray, residual: FloatArray) -> FloatArray:
    """How far the prediction follows the true value: the slope of the one against the other.

    1: it follows; 0: it is saturated.
    """
    centred = true - true.mean()
    middle, variance = _moments(drawn, centred)
    count = drawn.sum(axis=1)
    covariance = drawn @ (centred * residual) - count * middle * _moments(drawn, residual)[0]
    return np.asarray(1 + covariance / (count - 1) / variance)


def less(one: Statistic, other: Statistic) -> Statistic:
    """The difference of two statistics of the same resamples."""
    return lambda *sample: one(*sample) - other(*sample)


def over(one: Statistic, other: Statistic) -> Statistic:
    """The ratio of two statistics of the same resamples."""
    return lambda *sample: one(*sample) / other(*sample)


def relative_error(low: float, high: float) -> Statistic:
    """Root mean square of the residuals over the mean true value, the median over bins.

    The bins divide [low, high] evenly: the median is undershot over half of the allowed range.
    """

    def median(drawn: FloatArray, true: FloatArray, residual: FloatArray) -> FloatArray:
        bins = profile_bins(len(true), MOST_BINS)
        edges = np.linspace(low, high, bins + 1)
        index = np.clip(np.searchsorted(edges, true, side="right") - 1, 0, bins - 1)
        member = np.eye(bins)[index]  # (light_cone, bin)
        squares = drawn @ (member * residual[:, None] ** 2)
        values, count = drawn @ (member * true[:, None]), drawn @ member
        with np.errstate(invalid="ignore", divide="ignore"):  # a bin may be empty in a resample
            error = np.sqrt(squares / count) / np.abs(values / count)
        return np.asarray(np.nanmedian(error, axis=1))

    return median


def _moments(drawn: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(resample,) mean and variance with n - 1; NaN where fewer than two are drawn."""
    count = drawn.sum(axis=1)
    count[count < 2] = np.nan
    centre = values.mean()  # keeps digits in the variance
    mean = drawn @ (values - centre) / count
    variance = drawn @ (values - centre) ** 2 / count - mean**2
    return mean + centre, np.maximum(variance, 0.0) * count / (count - 1)
