"""Mean and spread of residuals in bins: the side panels of Figure 5."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

PER_BIN = 8  # points that a bin should hold on average for its spread to mean anything
LEAST_FOR_SPREAD = 3


@dataclass(frozen=True, slots=True)
class Profile:
    """Residuals in bins."""

    edges: NDArray[np.float64]
    """(bins + 1,) increasing."""
    count: NDArray[np.int64]
    """(bins,) points in each bin."""
    mean: NDArray[np.float64]
    """(bins,) mean residual; NaN in an empty bin."""
    spread: NDArray[np.float64]
    """(bins,) sample standard deviation; NaN in a bin of fewer than three points."""


def residual_profile(at: ArrayLike, residual: ArrayLike, edges: ArrayLike) -> Profile:
    """Mean and standard deviation of residuals in bins (Gillet et al. 2019, Fig. 5).

    The paper takes the standard deviation from a Gaussian fit; here it is the sample's
    (with n - 1), which needs no fit to converge on few points.

    Args:
        at: (n,) where each residual lies: a true or a predicted value.
        residual: (n,) predicted minus true.
        edges: (bins + 1,) increasing. A bin holds its lower edge, the last one both.
            Points outside are left out.
    """
    where, residuals = np.asarray(at, dtype=float), np.asarray(residual, dtype=float)
    bounds = np.asarray(edges, dtype=float)
    bins = len(bounds) - 1
    index = np.searchsorted(bounds, where, side="right") - 1
    index[where == bounds[-1]] = bins - 1
    inside = (index >= 0) & (index < bins)
    index, residuals = index[inside], residuals[inside]
    count = np.bincount(index, minlength=bins)
    total = np.bincount(index, weights=residuals, minlength=bins)
    mean = np.full(bins, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    # About the bin's own mean: the difference of two large sums would lose digits.
    squares = np.bincount(index, weights=(residuals - mean[index]) ** 2, minlength=bins)
    variance = np.full(bins, np.nan)
    np.divide(squares, count - 1, out=variance, where=count >= LEAST_FOR_SPREAD)
    return Profile(bounds, count, mean, np.sqrt(variance))


def density_bins(points: int, most: int) -> int:
    """Bins along each axis of the density of ``points`` predictions, ``most`` at most."""
    return min(most, max(6, round(1.6 * math.sqrt(points))))


def profile_bins(points: int, most: int) -> int:
    """Bins of a residual profile of ``points`` predictions, ``most`` at most."""
    return min(most, max(3, points // PER_BIN))
