"""The expanding background, linear growth, and the power spectrum of matter.

Flat LambdaCDM. Redshifts may be floats, NumPy arrays or tensors. As in 21cmFAST the cosmological
constant is 1 - Omega_m, radiation not taken off, and parameters are rounded to single precision.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ..config.sections import Cosmology
from .constants import (
    CMB_TEMPERATURE,
    GRAVITATION,
    LIGHT_SPEED,
    MPC,
    PROTON_MASS,
    SOLAR_MASS,
)

HUBBLE_UNIT = 3.2407e-18  # 100 km/s/Mpc in 1/s
RADIATION = 8.6e-5  # Omega_r
GROWTH_STEP = float(np.float32(1e-10))  # of 21cmFAST's dD/dz, a difference in double precision


def single(value: float) -> float:
    """Rounded to single precision."""
    return float(np.float32(value))


@dataclass(frozen=True)
class Background:
    """A flat universe.

    Attributes:
        cosmology: its parameters.
        helium: mass fraction of helium.
    """

    cosmology: Cosmology
    helium: float = 0.245

    @cached_property
    def h(self) -> float:
        """H0 / (100 km/s/Mpc)."""
        return single(self.cosmology.hlittle)

    @cached_property
    def hubble_0(self) -> float:
        """H0 in 1/s."""
        return self.h * HUBBLE_UNIT

    @cached_property
    def matter(self) -> float:
        """Omega_m."""
        return single(self.cosmology.OMm)

    @cached_property
    def baryons(self) -> float:
        """Omega_b."""
        return single(self.cosmology.OMb)

    @cached_property
    def vacuum(self) -> float:
        """Omega_Lambda."""
        return single(1 - self.cosmology.OMm)

    @cached_property
    def critical_density(self) -> float:
        """Today, in g/cm^3."""
        return 3.0 * self.hubble_0**2 / (8.0 * math.pi * GRAVITATION)

    @cached_property
    def matter_density(self) -> float:
        """Comoving, in solar masses per Mpc^3."""
        return self.matter * self.critical_density * MPC**3 / SOLAR_MASS

    @cached_property
    def hydrogen(self) -> float:
        """Number density of hydrogen today, in 1/cm^3."""
        return self.critical_density * self.baryons * (1 - single(self.helium)) / PROTON_MASS

    @cached_property
    def nuclei(self) -> float:
        """Number density of hydrogen and helium today, in 1/cm^3."""
        helium = self.critical_density * self.baryons * single(self.helium) / (4.0 * PROTON_MASS)
        return self.hydrogen + helium

    @property
    def hydrogen_share(self) -> float:
        """Share of hydrogen among the nuclei."""
        return self.hydrogen / self.nuclei

    def hubble(self, z: Any) -> Any:
        """H in 1/s."""
        scale = 1.0 + z
        density = self.matter * scale**3 + single(RADIATION) * scale**4 + self.vacuum
        return self.hubble_0 * density**0.5

    def dt_dz(self, z: Any) -> Any:
        """dt/dz in s, of matter and vacuum alone (Peebles 1993, eq. 13.20 differentiated)."""
        ratio = math.sqrt(self.vacuum / self.matter)
        x = ratio * (1.0 + z) ** -1.5
        dx = -1.5 * ratio * (1.0 + z) ** -2.5
        root = (x * x + 1.0) ** 0.5
        age = 2.0 * math.sqrt(1.0 + self.matter / self.vacuum) / (3.0 * self.hubble_0)
        return age * dx * (1.0 + x / root) / (x + root)

    def matter_share(self, z: Any) -> Any:
        """Omega_m at a redshift."""
        scale = 1.0 + z
        matter = self.matter * scale**3
        return matter / (matter + self.vacuum + single(RADIATION) * scale**4)

    def growth(self, z: Any) -> Any:
        """Linear growth, 1 today (Carroll, Press & Turner 1992, ARA&A 30, 499, eq. 29)."""

        def relative(share: Any) -> Any:
            return 2.5 * share / (1 / 70 + share * (209 - share) / 140 + share ** (4 / 7))

        return relative(self.matter_share(z)) / (relative(self.matter) * (1.0 + z))

    def growth_slope(self, z: float) -> float:
        """dD/dz."""
        return float(self.growth(z + GROWTH_STEP) - self.growth(z)) / GROWTH_STEP

    def virial_mass(self, z: Any, temperature: Any) -> Any:
        """Mass of a halo of a virial temperature in K, in solar masses.

        Barkana & Loeb 2001 (Phys. Rep. 349, 125), eq. 26, with the overdensity of Bryan & Norman
        1998 (ApJ 495, 80). Gas is ionised, mu = 0.6, from 10^4 K on, else neutral, 1.22.
        """
        share = self.matter_share(z)
        over = share - 1.0
        collapsed = 18 * math.pi**2 + 82 * over - 39 * over * over
        weight = 0.6 + 0.62 * (temperature < 9.99999e3)
        size = (share / (self.matter * collapsed)) ** 0.5 * 7030.97 / self.h
        return size * (temperature / (weight * (1.0 + z))) ** 1.5

    def radius(self, mass: Any) -> Any:
        """Comoving radius in Mpc of a sphere of mean density."""
        return (3.0 * mass / (4.0 * math.pi * self.matter_density)) ** (1.0 / 3.0)

    def mass(self, radius: Any) -> Any:
        """In solar masses; the inverse of :meth:`radius`."""
        return 4.0 / 3.0 * math.pi * radius**3 * self.matter_density

    def redshift_per_mpc(self, z: float) -> float:
        """dz of light that comes from a comoving Mpc farther."""
        return float(-MPC / ((1.0 + z) * LIGHT_SPEED * self.dt_dz(z)))

    def transfer(self, k: np.ndarray) -> np.ndarray:
        """Transfer function of Eisenstein & Hu 1999 (ApJ 511, 5), eqs. 1 to 24, at k in 1/Mpc.

        Without massive neutrinos, whose share is 1e-10 as the fit divides by it.
        """
        theta = CMB_TEMPERATURE / 2.7
        matter, baryons = self.matter * self.h**2, self.baryons * self.h**2
        f_nu, f_b = 1e-10, self.baryons / self.matter
        equality = 25000 * matter / theta**4 - 1
        k_equality = 0.0746 * matter / theta**2
        drag = 0.313 * matter**-0.419 * (1 + 0.607 * matter**0.674)
        drag = 1 + drag * baryons ** (0.238 * matter**0.223)
        drag *= 1291 * matter**0.251 / (1 + 0.659 * matter**0.828)
        y = (1 + equality) / (1 + drag)
        r_drag = 31.5 * baryons / theta**4 * 1000 / (1 + drag)
        r_equality = 31.5 * baryons / theta**4 * 1000 / (1 + equality)
        horizon = 2 / 3 / k_equality * math.sqrt(6 / r_equality)
        horizon *= math.log(
            (math.sqrt(1 + r_drag) + math.sqrt(r_drag + r_equality)) / (1 + math.sqrt(r_equality))
        )
        f_c, f_cb, f_nub = 1 - f_nu - f_b, 1 - f_nu, f_nu + f_b
        p_c = (math.sqrt(1 + 24 * f_c) - 5) / 4
        p_cb = (math.sqrt(1 + 24 * f_cb) - 5) / 4
        alpha = f_c / f_cb * (2 * (p_c + p_cb) + 5) / (4 * p_cb + 5)
        alpha *= 1 - 0.553 * f_nub + 0.126 * f_nub**3
        alpha /= 1 - 0.193 * math.sqrt(f_nu) + 0.169 * f_nu
        alpha *= (1 + y) ** (p_c - p_cb)
        alpha *= 1 + (p_cb - p_c) / 2 * (1 + 1 / (4 * p_c + 3) / (4 * p_cb + 7)) / (1 + y)
        beta = 1 / (1 - 0.949 * f_nub)

        root = math.sqrt(alpha)
        q = k * theta**2 / matter
        q = q / (root + (1 - root) / (1 + (0.43 * k * horizon) ** 4))
        log = np.log(math.e + 1.84 * beta * root * q)
        result = log / (log + q**2 * (14.4 + 325 / (1 + 60.5 * q**1.11)))
        q_nu = 3.92 * k * theta**2 / matter / math.sqrt(f_nu)
        bump = 1.2 * f_nu**0.64 / (q_nu**-1.6 + q_nu**0.8)
        return np.asarray(result * (1 + bump))

    def power(self, k: np.ndarray) -> np.ndarray:
        """Linear power spectrum of matter today at k > 0 in 1/Mpc, in Mpc^3."""
        return self._amplitude * self._shape(k)

    def _shape(self, k: np.ndarray) -> np.ndarray:
        return np.asarray(k ** single(self.cosmology.POWER_INDEX) * self.transfer(k) ** 2)

    @cached_property
    def _amplitude(self) -> float:
        """From sigma_8."""
        eight = np.array([self.mass(self.radius(self.mass(8.0 / self.h)))])
        unit, _ = variance(self, eight, self._shape)
        return float(self.cosmology.SIGMA_8**2 / unit[0])


def variance(
    background: Background,
    mass: np.ndarray,
    power: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """sigma^2(M) today in spheres of a mass, and d sigma^2 / dM in 1/solar mass.

    sigma^2 = int k^2 P(k) W^2(k R) dk / (2 pi^2), up to k R = 350.

    Args:
        background: the universe.
        mass: in solar masses, shape (n,).
        power: another spectrum than the universe's.
    """
    power = power or background.power
    radius = background.radius(mass)
    x, weight = _points()
    k = x / radius[:, None]
    w = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    slope = (9 * x * np.cos(x) + 3 * (x**2 - 3) * np.sin(x)) / x**4  # dW/dx
    small = x < 1e-2  # where the differences above lose digits
    w = np.where(small, 1 - x**2 / 10 + x**4 / 280, w)
    slope = np.where(small, -x / 5 + x**3 / 70, slope)
    density = k**2 * power(k) * weight / radius[:, None] / (2 * math.pi**2)
    # dR/dM = R / (3 M)
    derivative = (density * 2 * w * slope * x).sum(1) / (3 * mass)
    return (density * w**2).sum(1), derivative


@lru_cache(maxsize=1)
def _points() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre points and weights in x = k R: by decades below 1, by 2 above."""
    node, weight = np.polynomial.legendre.leggauss(12)
    logs = np.linspace(math.log(1e-9), 0.0, 28)
    edges = np.linspace(1.0, 350.0, 176)

    def panels(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = np.diff(edges)[:, None] / 2
        return (edges[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()

    low, low_weight = panels(logs)
    high, high_weight = panels(edges)
    low = np.exp(low)
    return np.concatenate([low, high]), np.concatenate([low * low_weight, high_weight])
