"""Residuals of predictions, in bins and over all: moments, and Gaussian fits as the paper's.

A residual is predicted minus true.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.special import ndtr

PER_BIN = 8  # points that a bin should hold on average for its spread to mean anything
LEAST_FOR_SPREAD = 3
LEAST_FOR_FIT = 8  # points; a Gaussian through fewer follows single ones


@dataclass(frozen=True, slots=True)
class Profile:
    """Residuals in bins."""

    edges: NDArray[np.float64]
    """(bins + 1,) increasing."""
    count: NDArray[np.int64]
    """(bins,) points in each bin."""
    mean: NDArray[np.float64]
    """(bins,) mean residual; NaN in a bin that has none."""
    spread: NDArray[np.float64]
    """(bins,) standard deviation; NaN in a bin of too few points."""


def residual_profile(
    at: ArrayLike, residual: ArrayLike, edges: ArrayLike, *, fitted: bool = False
) -> Profile:
    """Mean and standard deviation of residuals in bins (Gillet et al. 2019, Fig. 5).

    The sample's own, with n - 1, need three points for a spread, and feel every outlier. Those of
    Gaussian fits, which the paper takes, need eight for either.

    Args:
        at: (n,) where each residual lies: a true or a predicted value.
        residual: (n,) predicted minus true.
        edges: (bins + 1,) increasing. A bin holds its lower edge, the last one both.
            Points outside are left out.
        fitted: whether they are those of Gaussian fits.
    """
    where, residuals, bounds = (np.asarray(it, dtype=float) for it in (at, residual, edges))
    first = bounds[:-1]
    # The last bin has its upper edge too, of which `digitize` knows nothing.
    index = np.digitize(where, np.append(first, np.nextafter(bounds[-1], np.inf))) - 1
    binned = [residuals[index == number] for number in range(len(first))]
    moments = np.array([(gaussian_fit if fitted else _moments)(each) for each in binned])
    return Profile(bounds, np.array([len(each) for each in binned]), *moments.T)


def _moments(residual: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation; NaN where there are too few residuals."""
    mean = float(residual.mean()) if len(residual) else math.nan
    enough = len(residual) >= LEAST_FOR_SPREAD
    return mean, float(residual.std(ddof=1)) if enough else math.nan


def gaussian_fit(residual: ArrayLike) -> tuple[float, float]:
    """Mean and standard deviation of a Gaussian fitted to residuals.

    Least squares of its cumulative distribution to theirs, which needs no bins of a histogram
    and is moved less by outliers than the moments are.

    Args:
        residual: (n,).

    Returns:
        NaN twice for fewer than eight residuals, or if the fit does not converge.
    """
    ordered = np.sort(np.asarray(residual, dtype=float))
    count = len(ordered)
    if count < LEAST_FOR_FIT:
        return math.nan, math.nan
    low, middle, high = np.quantile(ordered, [0.16, 0.5, 0.84])
    if not low < high:
        return float(middle), 0.0
    # In units of the start, so that the fit does not depend on the residuals' unit.
    scaled = (ordered - middle) / (high - low)
    share = (np.arange(count) + 0.5) / count

    def wrong(fit: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndtr((scaled - fit[0]) / abs(fit[1])) - share)

    found = least_squares(wrong, (0.0, 0.5))
    if not found.success:
        return math.nan, math.nan
    mean, spread = found.x
    return float(middle + mean * (high - low)), float(abs(spread) * (high - low))


def density_bins(points: int, most: int) -> int:
    """Bins along each axis of the density of ``points`` predictions, ``most`` at most."""
    return min(most, max(6, round(1.6 * math.sqrt(points))))


def profile_bins(points: int, most: int) -> int:
    """Bins of a residual profile of ``points`` predictions, ``most`` at most."""
    return min(most, max(3, points // PER_BIN))


def enough_for_fits(points: int, bins: int) -> bool:
    """Whether nearly all bins of a profile hold enough of ``points`` predictions for a fit."""
    return points >= 2 * LEAST_FOR_FIT * bins


def decimals(spread: float, points: int) -> int:
    """Digits behind the point that a mean of ``points`` values of such a spread deserves.

    The last one is the first of the mean's standard error.
    """
    if not spread > 0:
        return 2
    return max(0, -math.floor(math.log10(spread / math.sqrt(points))))
