"""How much matter has collapsed: sigma(M), the mean of the universe, and a region's share.

The mean over the universe is Sheth & Tormen's; how it is spread over regions is that of extended
Press-Schechter theory, normalised to the mean (Barkana & Loeb 2004, ApJ 609, 474; Mesinger,
Furlanetto & Cen 2011, MNRAS 411, 955, section 3).
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .constants import CRITICAL_OVERDENSITY
from .cosmology import Background, variance
from .quadrature import integrate

LOWEST, HIGHEST = 1e5, 1e20  # solar masses, of the table of sigma(M)
MASSES = 300  # in it
LARGEST_HALO = 1e16  # solar masses
DARK = 1e-6  # collapsed fraction of a region no larger than the smallest halo
DENSITIES = 400  # in a table of collapsed fractions of regions
GROWTH_INTERVAL = 0.001  # in redshift, of the fraction's derivative


def interpolate(x: Tensor, first: Any, step: Any, table: Tensor) -> Tensor:
    """Linear interpolation in a table of equal steps, shape (n,) or (..., n) for x (..., m)."""
    place = (x - first) / step
    low = place.floor().clamp(0, table.shape[-1] - 2).long()
    if table.ndim == 1:
        left, right = table[low], table[low + 1]
    else:
        left, right = table.gather(-1, low), table.gather(-1, low + 1)
    return torch.lerp(left, right, place - low)


@dataclass(frozen=True)
class MassFunction:
    """Masses of haloes in a universe."""

    background: Background

    @cached_property
    def _table(self) -> tuple[Tensor, Tensor, float, float]:
        """sigma and log10(-d sigma^2/dM) over equal steps of ln M; the first ln M, and the step."""
        first = math.log(LOWEST)
        step = (math.log(HIGHEST) - first) / (MASSES - 1)
        mass = np.exp(first + step * np.arange(MASSES)).astype(np.float32).astype(np.float64)
        squared, slope = variance(self.background, mass)
        sigma, logs = (
            torch.from_numpy(values.astype(np.float32).astype(np.float64))
            for values in (np.sqrt(squared), np.log10(-slope))
        )
        return sigma, logs, first, step

    def sigma(self, log_mass: Tensor) -> Tensor:
        """sigma(M) today, interpolated at ln(M / solar mass)."""
        sigma, _, first, step = self._table
        return interpolate(log_mass, first, step, sigma.to(log_mass.device))

    def exact_sigma(self, mass: np.ndarray) -> np.ndarray:
        """sigma(M) today, integrated; mass in solar masses, shape (n,)."""
        return np.asarray(np.sqrt(variance(self.background, mass)[0]))

    def collapsed(self, z: Tensor, smallest: Tensor) -> Tensor:
        """Share of all matter in haloes above ``smallest`` solar masses.

        Sheth & Tormen 2002 (MNRAS 329, 61) with Jenkins et al. 2001's parameters.

        Args:
            z: redshift, float64, any shape.
            smallest: same shape.
        """
        a, p, norm = 0.73, 0.175, 0.353
        sigma_table, slope_table, first, step = self._table
        growth = self.background.growth(z)[..., None]

        def mass_function(log_mass: Tensor) -> Tensor:
            at = (first, step)
            sigma = interpolate(log_mass, *at, sigma_table.to(z.device)) * growth
            slope = 10.0 ** interpolate(log_mass, *at, slope_table.to(z.device)) * growth**2
            nu = math.sqrt(a) * CRITICAL_OVERDENSITY / sigma
            peak = norm * (1 + nu ** (-2 * p)) * nu * (-0.5 * nu * nu).exp()
            share: Tensor = log_mass.exp() * peak * slope / (2 * sigma * sigma)
            return share * math.sqrt(2 / math.pi)

        low = smallest.log()
        return integrate(mass_function, low, torch.full_like(low, math.log(LARGEST_HALO)), 30)


def complementary_error(x: Tensor) -> Tensor:
    """erfc(x) to 1.2e-7 (Press et al. 1992, Numerical Recipes, section 6.2); 1 below 0.

    Argument and result are rounded to single precision as in 21cmFAST: the derivative of a
    collapsed fraction, a difference, shows it.
    """
    x = x.float().double().clamp(min=0.0)
    t = 1.0 / (1.0 + 0.5 * x)
    series = torch.zeros_like(t)
    for coefficient in (
        0.17087277,
        -0.82215223,
        1.4885159,
        -1.13520398,
        0.2788681,
        -0.1862881,
        0.0967842,
        0.374092,
        1.0000237,
        -1.2655122,
    ):
        series.mul_(t).add_(coefficient)
    return (t * (series - x * x).exp()).float().double()


def conditional(growth: Tensor, overdensity: Tensor, least: Tensor, region: Tensor) -> Tensor:
    """Share of a region's matter in haloes, by extended Press-Schechter theory.

    erfc((delta_c - delta) / (D sqrt(2 (sigma_least^2 - sigma_region^2)))) (Bond et al. 1991, ApJ
    379, 440; Lacey & Cole 1993, MNRAS 262, 627).

    Args:
        growth: D.
        overdensity: linear, of the region at that redshift.
        least: sigma today on the scale of the smallest halo.
        region: sigma today on the region's scale.
    """
    growth, overdensity = growth.float().double(), overdensity.float().double()
    least, region = least.float(), region.float()
    spread = (least * least - region * region).double().clamp(min=0.0).sqrt()
    share = complementary_error((CRITICAL_OVERDENSITY - overdensity) / growth / (2**0.5 * spread))
    return torch.where(region < least, share, DARK)


def conditional_slope(
    background: Background, z: Tensor, overdensity: Tensor, least: Tensor, region: Tensor
) -> Tensor:
    """d/dz of :func:`conditional`, of a region that follows linear growth."""
    z, overdensity = z.float().double(), overdensity.float().double()
    today = overdensity / background.growth(z)
    first, second = (
        conditional(
            background.growth(at.float().double()), today * background.growth(at), least, region
        )
        for at in (z + GROWTH_INTERVAL, z - GROWTH_INTERVAL)
    )
    return (first - second) / (2 * GROWTH_INTERVAL)


@lru_cache(maxsize=4)
def mass_function_of(background: Background) -> MassFunction:
    """The masses of haloes in a universe, whose tables serve all its realisations."""
    return MassFunction(background)
