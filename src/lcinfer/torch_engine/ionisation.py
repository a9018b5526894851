"""Which cells are ionised: the excursion set of Furlanetto, Zaldarriaga & Hernquist 2004.

A cell is ionised if in some sphere around it sources have made a photon for each hydrogen atom that
X-rays left neutral: zeta f_coll > 1 - x_e (Mesinger & Furlanetto 2007, ApJ 669, 663; Zahn et al.
2011, MNRAS 414, 727). Spheres are sharp in k; the smallest are cells, ionised in part.
"""

import math

import numpy as np
import torch
from torch import Tensor

from .constants import CELL_RADIUS
from .cosmology import single
from .density import EMPTIEST, Matter
from .fourier import BESIDE, SHARP_K, Grid, at_once
from .galaxies import Galaxies
from .lookup import below, read
from .mass_function import DENSITIES, MassFunction, conditional
from .options import Options

NOTHING = 1e-5  # mean zeta f_coll below which nothing is ionised
MARGIN = 0.001  # of the densities in a table beyond those in the box
LEAST_MEAN = 1e-7  # of f_coll in the box, which the universe's is divided by
MOST_ELECTRONS = 0.999


def radii(grid: Grid, options: Options) -> np.ndarray:
    """Radii of the spheres in comoving Mpc, smallest first, by equal factors from a cell's on."""
    largest = min(single(options.R_BUBBLE_MAX), CELL_RADIUS * grid.length)
    smallest = max(single(options.R_BUBBLE_MIN), CELL_RADIUS * grid.length / grid.cells)
    count = int(math.log(largest / smallest) / math.log(options.DELTA_R_HII_FACTOR) + 1)
    radius = smallest * options.DELTA_R_HII_FACTOR ** np.arange(count)
    over = np.nonzero(radius > largest - 1e-7)[0]
    if len(over):
        radius = radius[: over[0] + 1]
        radius[-1] = largest
    return np.asarray(radius)


class Ionisation:
    """The ionised regions of realisations side by side."""

    def __init__(
        self, galaxies: Galaxies, mass_function: MassFunction, options: Options, grid: Grid
    ) -> None:
        """Those of some sources in a box.

        Args:
            galaxies: their sources.
            mass_function: of haloes.
            options: numbers of the model.
            grid: the box's.
        """
        self._galaxies, self._masses, self._grid = galaxies, mass_function, grid
        self._background = mass_function.background
        self._radius = radii(grid, options)
        mass = self._background.mass(self._radius)
        self._mass = torch.from_numpy(mass).to(grid.device)
        self._sigma = torch.from_numpy(mass_function.exact_sigma(mass)).to(grid.device)
        reach = torch.from_numpy(self._radius).float().to(grid.device)
        self._inside = torch.stack([((grid.k * r).double() * SHARP_K <= 1).float() for r in reach])
        self._inside[0] = 1.0  # cells are not filtered

    def neutral_fraction(self, redshift: float, matter: Matter, electrons: Tensor) -> Tensor:
        """Neutral share of hydrogen, float32, shape (realisations, N^3).

        Args:
            redshift: of the box.
            matter: in it.
            electrons: x_e outside ionised regions, shape (realisations, N^3).
        """
        device = self._grid.device
        z = torch.full_like(self._galaxies.zeta, redshift)
        smallest = self._background.virial_mass(z, self._galaxies.virial_temperature)
        mean = self._masses.collapsed(z, smallest)
        sources = mean * self._galaxies.zeta >= NOTHING
        untouched = 1.0 - electrons
        if not sources.any():
            return untouched
        sigma = self._masses.exact_sigma(smallest.cpu().numpy())
        least = torch.from_numpy(sigma).to(device)[:, None, None]
        growth = torch.tensor(self._background.growth(redshift), device=device).double()
        modes = self._grid.forward(electrons.clamp(0.0, 1.0).view_as(matter.density))
        ionised = torch.zeros_like(electrons, dtype=torch.bool)
        neutral = untouched
        for some in at_once(len(self._radius), BESIDE[device.type] * electrons.numel(), device):
            # Spheres that hold less than the smallest halo have no sources.
            holds = smallest[:, None] <= self._mass[some]
            photons, left = self._photons(some, matter, modes, growth, mean, least)
            photons.mul_(holds[..., None])
            if some.start == 0:
                part = (1 - photons[:, 0] - left[:, 0]).clamp_(0.0, 1.0)
                neutral = torch.where(holds[:, :1], part, 1.0)
            for crossed in (photons.add_(left) > 1).unbind(1):
                ionised |= crossed
        neutral = torch.where(ionised, 0.0, neutral)
        return torch.where(sources[:, None], neutral, untouched)

    def _photons(
        self,
        some: slice,
        matter: Matter,
        modes: Tensor,
        growth: Tensor,
        mean: Tensor,
        least: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Photons per hydrogen atom in spheres of some radii, and x_e in them.

        Both float32, shape (realisations, radii, N^3).
        """
        density, electrons = (self._filtered(field, some) for field in (matter.modes, modes))
        electrons.clamp_(0.0, MOST_ELECTRONS)
        low, high = density.amin(-1, keepdim=True).double(), density.amax(-1, keepdim=True).double()
        low, high = low - MARGIN, high + MARGIN
        step = (high - low) / (DENSITIES - 1)
        steps = torch.arange(DENSITIES, dtype=torch.float64, device=density.device)
        table = conditional(growth, low + step * steps, least, self._sigma[some][:, None])
        place = density.clamp_(min=EMPTIEST).sub_(low.float()).div_(step.float())
        place.clamp_(0.0, DENSITIES - 1.001)
        table = table.float()
        rise = torch.diff(table, append=table[..., -1:])
        collapsed = read(table, rise, *below(place, DENSITIES))
        there = collapsed.sum(-1, dtype=torch.float64) / collapsed.shape[-1]
        scale = self._galaxies.zeta[:, None] * mean[:, None] / there.clamp(min=LEAST_MEAN)
        return collapsed.mul_(scale[..., None].float()), electrons

    def _filtered(self, modes: Tensor, some: slice) -> Tensor:
        """A field in spheres of some radii, float32, shape (realisations, radii, N^3)."""
        return self._grid.backward(modes[:, None] * self._inside[some]).flatten(2)
