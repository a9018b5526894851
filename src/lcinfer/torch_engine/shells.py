"""The shells of sources around a cell, from which its radiation comes: geometry and Lyman series.

Light that arrives at z' left a shell at z''. Mesinger, Furlanetto & Cen 2011 (MNRAS 411, 955),
section 3.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .constants import CELL_RADIUS, LYMAN_ALPHA
from .cosmology import Background, single
from .options import Options
from .tables import table

EDGE_POINTS = 1000  # by which the last shell that Lyman-alpha comes from is divided


@dataclass(frozen=True)
class Shells:
    """The shells around a cell at a redshift; arrays of shape (shells,), the nearest first.

    Attributes:
        redshift: z', of the cell.
        radius: outer radius, comoving Mpc.
        centre: z'', of the shell's middle.
        width: of the shell in redshift, negative.
        growth: linear growth at its middle.
        lyman_alpha: photons per stellar baryon and Hz that arrive as Lyman-alpha, times
            (1 + z')^2 (1 + z'').
    """

    redshift: float
    radius: np.ndarray
    centre: np.ndarray
    width: np.ndarray
    growth: np.ndarray
    lyman_alpha: np.ndarray


def radii(cell: float, options: Options) -> np.ndarray:
    """Outer radii of the shells in comoving Mpc, equal steps in ln R from a cell's on."""
    first = CELL_RADIUS * cell
    step = (options.R_MAX_TS / first) ** single(1 / options.N_STEP_TS)
    return first * np.multiply.accumulate(np.r_[1.0, np.full(options.N_STEP_TS - 1, step)])


@lru_cache(maxsize=512)
def shells_at(redshift: float, cell: float, background: Background, options: Options) -> Shells:
    """The shells around a cell of ``cell`` Mpc at a redshift."""
    radius = radii(cell, options)
    edges = [redshift]
    for thickness in np.diff(radius, prepend=0.0):
        edges.append(edges[-1] + thickness * background.redshift_per_mpc(edges[-1]))
    edge = np.array(edges)
    centre = 0.5 * (edge[1:] + edge[:-1])
    photons = _lyman_alpha(redshift, centre, options.POP2_ION)
    return Shells(
        redshift=redshift,
        radius=radius,
        centre=centre,
        width=-np.diff(edge),
        growth=np.asarray(background.growth(centre)),
        lyman_alpha=photons * (1 + redshift) ** 2 * (1 + centre),
    )


def _lyman_alpha(redshift: float, centre: np.ndarray, ionising: float) -> np.ndarray:
    """Photons per stellar baryon and Hz of each shell that arrive as Lyman-alpha.

    A photon that redshifts into Lyman n cascades to Lyman-alpha with a probability
    (Hirata 2006, MNRAS 367, 259; Barkana & Loeb 2005, ApJ 626, 1).
    """
    series = table("lyman_series")
    level, recycled = series["level"], series["recycled"]
    farthest = _farthest(redshift, level)
    sums = np.zeros(len(centre))
    for n, share, limit in zip(level, recycled, farthest, strict=True):
        there = centre < limit if n == 2 else centre <= limit
        emitted = _line(n) * (1 + centre) / (1 + redshift)
        sums += np.where(there, share * _spectrum(emitted, ionising), 0.0)
    # The first shell beyond reach is partly within: as much of the one before as is.
    beyond = [i for i in range(2, len(centre)) if sums[i] == 0 and sums[i - 1] > 0]
    if beyond:
        i = beyond[0]
        point = np.arange(EDGE_POINTS)
        trial = centre[i - 1] + (centre[i] - centre[i - 1]) * point / (EDGE_POINTS - 1.0)
        dark = np.nonzero(trial > farthest.max())[0]
        sums[i] = sums[i - 1] * (single(dark[0] / EDGE_POINTS) if len(dark) else 0.0)
    return sums


def _line(n: np.ndarray | float) -> np.ndarray:
    """Frequency of Lyman n in that of Lyman-alpha."""
    return np.asarray((1 - np.asarray(n, np.float64) ** -2) / 0.75)


def _farthest(redshift: float, level: np.ndarray) -> np.ndarray:
    """Redshift beyond which light would have passed the next line on its way to Lyman n."""
    reach = (1 + redshift) * (1 - (level + 1) ** -2.0) / (1 - level**-2.0) - 1
    return reach.astype(np.float32).astype(np.float64)


def _spectrum(frequency: np.ndarray, ionising: float) -> np.ndarray:
    """Photons per stellar baryon and Hz at a frequency in that of Lyman-alpha, of Pop II stars.

    Power laws between lines, each with its share of the photons.
    """
    series = table("lyman_series")
    edges = _line(series["level"]).astype(np.float32).astype(np.float64)
    slope, photons = series["slope"], series["photons"].copy()
    rise = slope[:-1] + 1
    photons[:-1] *= rise / (edges[1:] ** rise - edges[:-1] ** rise) * ionising
    band = np.clip(np.searchsorted(edges, frequency, side="right") - 1, 0, len(edges) - 1)
    return np.asarray(photons[band] * frequency ** slope[band] / LYMAN_ALPHA)
