"""X-rays in the gas: who absorbs them, and what their energy becomes.

The model of Mesinger, Furlanetto & Cen 2011 (MNRAS 411, 955), section 3.1, with the universe's
mean opacity of Greig & Mesinger 2017 (MNRAS 472, 2651).
"""

import math
from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
import torch
from torch import Tensor

from .constants import HELIUM_EDGE, HELIUM_PLUS_EDGE, HYDROGEN_EDGE, HZ_PER_EV, PLANCK
from .quadrature import integrate_adaptively
from .tables import table

# Ionised fractions of hydrogen at which energy deposition is tabulated, as 21cmFAST rounds them.
FRACTIONS = torch.tensor(
    [
        *(1e-4, 2.318e-4, 4.677e-4, 1e-3, 2.318e-3, 4.677e-3, 1e-2, 2.318e-2, 4.677e-2),
        *(0.1, 0.5, 0.9, 0.99, 0.999),
    ]
)
KINDS = ("heat", "ionisations", "lyman_alpha")
TOLERANCE = 0.01  # of 21cmFAST's integrals
LIMITS = 1500  # lower limits that are tabulated, of attenuated radiation
POINTS = 3  # of the quadrature between two of them


def hydrogenic(frequency: Tensor, edge: float, charge: int) -> Tensor:
    """Cross section of H I or He II in cm^2 (Osterbrock 1989, eq. 2.4); 0 below the edge."""
    excess = (frequency / edge - 1).clamp(min=1e-12).sqrt()
    size = 6.3e-18 / charge**2 * (edge / frequency) ** 4
    section = size * (4 - 4 * torch.atan(excess) / excess).exp()
    section = section / (1 - (-2 * math.pi / excess).exp())
    return torch.where(frequency < edge, 0.0, section)


def helium(frequency: Tensor) -> Tensor:
    """Cross section of He I in cm^2 (Verner et al. 1996, ApJ 465, 487); 0 below the edge."""
    x = frequency / HZ_PER_EV / 13.61 - 0.4434
    y = (x * x + 2.136**2).sqrt()
    section = 9.492e-16 * ((x - 1) ** 2 + 2.039**2) * y ** (0.5 * 3.188 - 5.5)
    section = section * (1 + (y / 1.469).sqrt()) ** -3.188
    return torch.where(frequency < HELIUM_EDGE, 0.0, section)


def mean_cross_sections(frequency: Tensor, hydrogen_share: float) -> tuple[Tensor, Tensor]:
    """Cross section per nucleus of neutral gas, and of ionised gas (of its He II), in cm^2."""
    neutral = hydrogen_share * hydrogenic(frequency, HYDROGEN_EDGE, 1)
    neutral = neutral + (1 - hydrogen_share) * helium(frequency)
    return neutral, (1 - hydrogen_share) * hydrogenic(frequency, HELIUM_PLUS_EDGE, 2)


@cache
def _electrons() -> tuple[Tensor, Tensor]:
    """Energies in eV, and for each kind and fraction what becomes of them: (energies, 3, 14)."""
    columns = table("secondary_electrons")
    kinds = [
        [values for name, values in columns.items() if name.startswith(kind)] for kind in KINDS
    ]
    values = torch.from_numpy(np.array(kinds))
    # The last fraction is beyond 21cmFAST's table, which it reads at 0.999 of it.
    before, last = FRACTIONS[-2:].double()
    share = (0.999 * last - before) / (last - before)
    values[:, -1] = values[:, -2] + share * (values[:, -1] - values[:, -2])
    return torch.from_numpy(columns["energy_eV"]), values.permute(2, 0, 1).contiguous()


def _deposited(energy: Tensor) -> Tensor:
    """What becomes of electrons of an energy in eV, linear in energy.

    Args:
        energy: shape (n,).

    Returns:
        shape (n, 3 kinds, 14 fractions).
    """
    energies, values = _electrons()
    inside = energy.clamp(float(energies[0]), 0.999 * float(energies[-1]))
    # Energies are 1.02 apart to 1009 eV, 1.1 beyond, where 21cmFAST takes the interval below.
    fine = ((inside / 10.0).log() / 1.98026273e-2).floor()
    coarse = 232 + ((inside / 1008.88).log() / 9.53101798e-2).floor()
    low = torch.where(inside < 1008.88, fine, coarse).long()
    share = (inside - energies[low]) / (energies[low + 1] - energies[low])
    found = torch.lerp(values[low], values[low + 1], share[:, None, None])
    found[energy < energies[0]] = torch.tensor([1.0, 0.0, 0.0], dtype=found.dtype)[:, None]
    return found


def _integrand(slope: float, hydrogen_share: float) -> Callable[[Tensor], Tensor]:
    """What X-rays of a spectrum (nu / eV)^-slope do to a nucleus, per photon of it and per Hz.

    Heat in erg, ionisations, Lyman-alpha photons.

    Args:
        slope: of the number of photons.
        hydrogen_share: of the nuclei.

    Returns:
        of frequencies in Hz, shape (n,), to (n, 3 kinds x 14 fractions).
    """
    ionised = FRACTIONS.double()
    species = (
        (HYDROGEN_EDGE, hydrogen_share * (1 - ionised)),
        (HELIUM_EDGE, (1 - hydrogen_share) * (1 - ionised)),
        (HELIUM_PLUS_EDGE, (1 - hydrogen_share) * ionised),
    )

    def integrand(frequency: Tensor) -> Tensor:
        sections = (
            hydrogenic(frequency, HYDROGEN_EDGE, 1),
            helium(frequency),
            hydrogenic(frequency, HELIUM_PLUS_EDGE, 2),
        )
        total = torch.zeros(1, dtype=torch.float64)
        for (edge, there), section in zip(species, sections, strict=True):
            what = _deposited((frequency - edge) / HZ_PER_EV)
            what[:, 0] *= PLANCK * (frequency - edge)[:, None]
            what[:, 1] += 1.0  # the electron's own atom
            total = total + what * section[:, None, None] * there
        spectrum = (frequency / HZ_PER_EV) ** -slope
        return (total * spectrum[:, None, None]).flatten(1)

    return integrand


def _integrals(lower: Tensor, upper: float, slope: float, hydrogen_share: float) -> Tensor:
    """Integrals over frequency of :func:`_integrand`, as near as 21cmFAST's: to 0.1 %.

    Args:
        lower: lower limits in eV, float64, shape (n,).
        upper: upper limit in eV.
        slope: of the number of photons.
        hydrogen_share: of the nuclei.

    Returns:
        shape (n, 3 kinds, 14 fractions).
    """
    functions = _integrand(slope, hydrogen_share)
    made = integrate_adaptively(functions, lower * HZ_PER_EV, upper * HZ_PER_EV, TOLERANCE)
    return made.view(len(lower), len(KINDS), len(FRACTIONS))


@lru_cache(maxsize=1)
def _tabulated(upper: float, slope: float, hydrogen_share: float) -> tuple[Tensor, Tensor]:
    """ln of lower limits in eV, and ln of the integrals, shape (limits, 3, 14): to 1e-4."""
    least = math.log(HELIUM_EDGE / HZ_PER_EV)
    limits = torch.linspace(least, math.log(upper), LIMITS, dtype=torch.float64)
    node, weight = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(POINTS))
    half = 0.5 * (limits[1] - limits[0])
    energy = (limits[:-1, None] + half * (1 + node)).exp()
    integrand = _integrand(slope, hydrogen_share)(energy.view(-1) * HZ_PER_EV)
    between = integrand.view(*energy.shape, -1) * (energy * HZ_PER_EV * weight * half)[..., None]
    beyond = between.sum(1).flip(0).cumsum(0).flip(0)
    beyond = torch.cat([beyond, beyond[-1:] * 1e-9])  # no spectrum is left at the end
    return limits, beyond.view(LIMITS, len(KINDS), len(FRACTIONS)).log()


class FrequencyIntegrals:
    """The integrals of sources side by side, each with its own lower limit of the spectrum."""

    def __init__(
        self, threshold: Tensor, upper: float, index: float, hydrogen_share: float
    ) -> None:
        """Those of some spectra.

        Args:
            threshold: eV, float64, shape (realisations,); spectra begin there.
            upper: eV; they end there.
            index: of the energy spectrum.
            hydrogen_share: of the nuclei.
        """
        self._at = upper, index + 1, hydrogen_share
        self._threshold = threshold
        self._scale = threshold ** (index + 1)
        whole = _integrals(threshold.cpu(), *self._at).to(threshold.device)
        self._whole = whole * self._scale[:, None, None]

    def __call__(self, lower: Tensor) -> Tensor:
        """Integrals from lower limits on, of (nu / threshold)^-(index + 1).

        Args:
            lower: in eV, not below the threshold; shape (realisations, shells).

        Returns:
            shape (realisations, shells, 3, 14).
        """
        whole = self._whole[:, None].expand(-1, lower.shape[1], -1, -1)
        attenuated = lower > self._threshold[:, None]
        if not attenuated.any():
            return whole
        limits, logs = (part.to(lower.device) for part in _tabulated(*self._at))
        place = (lower.log() - limits[0]) / (limits[1] - limits[0])
        low = place.floor().clamp(0, LIMITS - 2).long()
        share = (place - low)[..., None, None]
        part = torch.lerp(logs[low], logs[low + 1], share).exp()
        part = part * self._scale[:, None, None, None]
        return torch.where(attenuated[..., None, None], part, whole)
