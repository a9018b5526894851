"""How far X-rays get: below which frequency the universe between two redshifts is opaque.

The optical depth of the mean universe, partly ionised by sources (Mesinger, Furlanetto & Cen 2011,
MNRAS 411, 955, eqs. 16 and 17).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .constants import HELIUM_EDGE, HZ_PER_EV, LIGHT_SPEED
from .cosmology import Background
from .mass_function import interpolate
from .quadrature import gauss_kronrod
from .xrays import mean_cross_sections

HARDEST = 1e6 * HZ_PER_EV  # upper end of the search
BRACKET = 0.02  # relative; the search ends when the answer is known to it
STEPS = 100  # of the search, at most
LEAST_NEUTRAL = 1e-4  # neutral share after reionisation
TOO_IONISED = 0.9999  # electron fraction from which nothing is absorbed
SECTIONS = 40_000  # frequencies at which cross sections are tabulated
SURE = 0.95  # where a depth below 1 at this share of a frequency settles that light passes


@dataclass(frozen=True)
class Universe:
    """The mean universe of realisations side by side, as seen from one redshift.

    Attributes:
        redshift: z'.
        first: least redshift of the table of collapsed fractions.
        step: between its redshifts.
        collapsed: mean collapsed fraction, float64, shape (realisations, redshifts).
        zeta: ionising efficiency, shape (realisations,).
        electrons: mean electron fraction of gas outside ionised regions; same shape.
    """

    redshift: float
    first: float
    step: float
    collapsed: Tensor
    zeta: Tensor
    electrons: Tensor

    def collapsed_at(self, z: Tensor) -> Tensor:
        """Mean collapsed fraction, at redshifts of shape (realisations, n)."""
        return interpolate(z, self.first, self.step, self.collapsed)


def least_frequencies(
    universe: Universe, centres: Tensor, threshold: Tensor, background: Background
) -> Tensor:
    """Frequency in Hz from which on X-rays of each shell arrive.

    Where the optical depth is 1, or the threshold of the sources if that is above it.

    Args:
        universe: between the shells and the cell.
        centres: redshift of the shells, float64, shape (shells,).
        threshold: in Hz, shape (realisations,).
        background: its expansion.

    Returns:
        shape (realisations, shells).
    """
    found = threshold[:, None].expand(-1, len(centres)).clone()
    depth = _Depth(universe, centres, background)
    opaque = (depth.at(found * SURE) >= 1) & (universe.electrons <= TOO_IONISED)[:, None]
    if opaque.any():
        some = depth.of(opaque)
        found[opaque] = torch.maximum(some.frequency_of_one(), found[opaque])
    return found


class _Depth:
    """Optical depths from shells to a cell, shape (realisations, shells), or (n,) of chosen ones.

    Integrals of the absorption along the way by the 15-point rule: what of it does not depend on
    frequency is there once.
    """

    def __init__(self, universe: Universe, centres: Tensor, background: Background) -> None:
        nodes, weights, _ = (torch.from_numpy(x).to(centres.device) for x in gauss_kronrod(7))
        half = 0.5 * (centres - universe.redshift)[:, None]
        z = universe.redshift + half * (1 + nodes)  # (shells, 15)
        path = -LIGHT_SPEED * background.dt_dz(z) * background.nuclei * (1 + z) ** 3
        electrons = universe.electrons[:, None, None]
        collapsed = universe.collapsed_at(z.flatten().expand(len(electrons), -1))
        ionised = universe.zeta[:, None, None] * collapsed.view(-1, *z.shape)
        neutral = (1 - ionised / (1 - electrons)).clamp(min=LEAST_NEUTRAL)
        self._column = half * weights * path * neutral
        self._bluer = ((1 + z) / (1 + universe.redshift)).log().expand_as(self._column)
        self._electrons = electrons.expand_as(self._column[..., :1])
        self._share = background.hydrogen_share

    def of(self, chosen: Tensor) -> "_Depth":
        """Those that are chosen, in a row."""
        some = object.__new__(_Depth)
        some._share = self._share
        some._column, some._bluer = self._column[chosen], self._bluer[chosen]
        some._electrons = self._electrons[chosen]
        return some

    def at(self, frequency: Tensor) -> Tensor:
        """The optical depth at a frequency in Hz as received."""
        first, step, logs = _cross_sections(self._share)
        emitted = frequency.log()[..., None] + self._bluer
        neutral, ionised = _section(emitted, first, step, logs.to(emitted.device))
        section = neutral + (ionised - neutral) * self._electrons
        depth: Tensor = (self._column * section).sum(-1)
        return depth

    def frequency_of_one(self) -> Tensor:
        """Where the depth is 1, to :data:`BRACKET`; that of He I where it is less there.

        Brent's method (Brent 1973, chapter 4), as the GNU Scientific Library has it: it ends with
        a bracket of 2 %, so that the way there is part of the answer. The search is NumPy's:
        of so few numbers a call of PyTorch's takes most of its time, on any device, to begin.
        """
        device = self._column.device

        def over(frequency: np.ndarray) -> np.ndarray:
            depth = self.at(torch.from_numpy(frequency).to(device))
            return np.asarray(depth.cpu().numpy()) - 1

        with np.errstate(all="ignore"):  # of what is not chosen below
            return torch.from_numpy(_brent(over, len(self._column))).to(device)


def _brent(over: Callable[[np.ndarray], np.ndarray], count: int) -> np.ndarray:
    """See :meth:`_Depth.frequency_of_one`.

    Args:
        over: depth - 1 at frequencies of shape (count,).
        count: searches side by side.
    """
    a, b = np.full(count, HELIUM_EDGE), np.full(count, HARDEST)
    fa, fb = over(a), over(b)
    transparent = fa < 0
    c, fc, d = b, fb, b - a
    e = d
    answer = a
    active = ~transparent
    for _ in range(STEPS):
        same = fb * fc > 0
        c, fc = np.where(same, a, c), np.where(same, fa, fc)
        d, e = np.where(same, b - a, d), np.where(same, b - a, e)
        swap = np.abs(fc) < np.abs(fb)
        a, b, c = (np.where(swap, new, old) for new, old in ((b, a), (c, b), (b, c)))
        fa, fb, fc = (np.where(swap, new, old) for new, old in ((fb, fa), (fc, fb), (fb, fc)))
        same = same | swap
        tolerance = 0.5 * np.finfo(np.float64).eps * np.abs(b)
        m = 0.5 * (c - b)
        s, q, r = fb / fa, fa / fc, fb / fc
        p = np.where(same, 2 * m * s, s * (2 * m * q * (q - r) - (b - a) * (r - 1)))
        q = np.where(same, 1 - s, (q - 1) * (r - 1) * (s - 1))
        q, p = np.where(p > 0, -q, q), np.abs(p)
        bound = np.minimum(3 * m * q - np.abs(tolerance * q), np.abs(e * q))
        bisect = (np.abs(e) < tolerance) | (np.abs(fa) <= np.abs(fb)) | ~(2 * p < bound)
        e, d = np.where(bisect, m, d), np.where(bisect, m, p / q)
        a, fa = b, fb
        b = np.where(np.abs(d) > tolerance, b + d, b + tolerance * np.sign(m))
        fb = over(b)
        answer = np.where(active, b, answer)
        other = np.where(fb * fc > 0, a, c)
        least = np.minimum(np.abs(b), np.abs(other))
        active = active & (np.abs(b - other) >= BRACKET * least)
        if not active.any():
            break
    return answer


@lru_cache(maxsize=1)
def _cross_sections(hydrogen_share: float) -> tuple[float, float, Tensor]:
    """Mean cross sections per nucleus in cm^2 over equal steps of ln of the frequency in Hz.

    Returns:
        the first, the step, and sections of neutral and of ionised gas, shape (n, 2).
    """
    first, last = math.log(HELIUM_EDGE), math.log(100 * HARDEST)
    frequency = torch.linspace(first, last, SECTIONS, dtype=torch.float64).exp()
    sections = mean_cross_sections(frequency, hydrogen_share)
    return first, (last - first) / (SECTIONS - 1), torch.stack(sections, -1)


def _section(log: Tensor, first: float, step: float, table: Tensor) -> tuple[Tensor, Tensor]:
    """Both cross sections at ln of the frequency, linear in it."""
    place = (log - first) / step
    low = place.long().clamp_(0, len(table) - 2)
    sections = torch.lerp(table[low], table[low + 1], (place - low)[..., None])
    return sections[..., 0], sections[..., 1]
