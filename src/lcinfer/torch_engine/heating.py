"""What radiation does to the gas: sources seen by each cell, and rates in it.

Mesinger, Furlanetto & Cen 2011 (MNRAS 411, 955), section 3.1: X-rays heat, ionise and make
Lyman-alpha photons; ultraviolet light becomes Lyman-alpha.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .constants import (
    BOLTZMANN,
    HZ_PER_EV,
    LIGHT_SPEED,
    LYMAN_ALPHA,
    PLANCK,
    PROTON_MASS,
    SOLAR_MASS,
    YEAR,
)
from .cosmology import single
from .coupling import lyman_alpha_coupling
from .fourier import BESIDE, Grid, at_once, top_hat
from .galaxies import Galaxies
from .lookup import below, read
from .mass_function import DENSITIES, MassFunction, conditional, conditional_slope
from .opacity import Universe, least_frequencies
from .options import Options
from .shells import Shells
from .xrays import FRACTIONS, FrequencyIntegrals

NO_LIGHT = 1e-15  # mean collapsed fraction below which there are no sources
KEPT = 2**22  # voxels of shells, or modes, up to which all that depends on them is kept
REDSHIFT_STEP = 0.1  # of the table of mean collapsed fractions


class Spheres:
    """The spheres of the shells' radii, as filters of a box in Fourier space."""

    def __init__(self, radius: Tensor, grid: Grid) -> None:
        """Those of some radii in Mpc, the first a cell's, which is not filtered."""
        self.grid, self.count = grid, len(radius)
        window = torch.from_numpy(top_hat(grid.magnitudes() * radius.numpy()[:, None])).float()
        window[0] = 1.0
        self._window = window.to(grid.device)
        small = len(radius) * grid.squared.numel() <= KEPT
        self._kept = self._window[:, grid.squared] if small else None

    def windows(self, some: slice) -> Tensor:
        """Of some radii, at each mode: float32, shape (radii, N, N, N // 2 + 1)."""
        if self._kept is None:
            return self._window[some][:, self.grid.squared]
        return self._kept[some]


class Regions:
    """The density around each cell, in spheres of the shells' radii, extrapolated to today.

    Of each it has the place in a table of densities from the least to the largest of a radius.

    Attributes:
        place: from 0 to DENSITIES - 1, float32, shape (realisations, radii, N^3).
        least: least density of a radius, float64, shape (realisations, radii, 1).
        step: between the densities of a table; same shape.
        weight: share of the cells at each density of a table, linear between two, float64, shape
            (realisations, radii, DENSITIES).
    """

    def __init__(self, modes: Tensor, growth: float, spheres: Spheres) -> None:
        """Filter a density field.

        Args:
            modes: Fourier modes of the overdensity, shape (realisations, N, N, N // 2 + 1).
            growth: linear growth at its redshift.
            spheres: of the shells.
        """
        grid, radii = spheres.grid, spheres.count
        count, cells = len(modes), grid.cells**3
        self.place = torch.empty(count, radii, cells, device=grid.device)
        least, step, weight = [], [], []
        for some in at_once(radii, BESIDE[grid.device.type] * count * cells, grid.device):
            part = self.place[:, some]
            density = grid.backward(modes[:, None] * spheres.windows(some)).flatten(2)
            # Filters overshoot; nothing is emptier than empty.
            torch.mul(density.clamp_(min=-1.0), 1 / growth, out=part)
            low, high = part.amin(-1, keepdim=True), part.amax(-1, keepdim=True)
            low, width = low.double(), (high.double() - low) / (DENSITIES - 1)
            width = width.clamp(min=1e-30)
            part.sub_(low.float()).div_(width.float()).clamp_(0.0, DENSITIES - 1.001)
            least.append(low)
            step.append(width)
            weight.append(_shares(part))
        self.least, self.step = torch.cat(least, 1), torch.cat(step, 1)
        self.weight = torch.cat(weight, 1)
        # Of a small box, what is asked for at each node is kept.
        small = self.place.numel() <= KEPT
        self._below = below(self.place, DENSITIES) if small else None

    def below(self, cells: slice) -> tuple[Tensor, Tensor]:
        """The table's density below that of each of some cells: see :func:`lookup.below`."""
        if self._below is None:
            return below(self.place[..., cells], DENSITIES)
        low, share = self._below
        return low[..., cells], share[..., cells]


def _shares(place: Tensor) -> Tensor:
    """See :attr:`Regions.weight`: sums of integers, which have no order.

    A number has, in its upper half, how many cells there are at a density, in its lower half how
    far above it they are together.
    """
    cells = place.shape[-1]
    bits = cells.bit_length()
    unit = 2 ** min(24, 62 - 2 * bits)  # a share's digits, as many as there is room for
    low = place.long()
    part = (place - low.float()).mul_(unit).long().add_(unit << bits)
    sums = torch.zeros(*low.shape[:-1], DENSITIES, dtype=torch.int64, device=low.device)
    sums.scatter_add_(-1, low, part)
    above = (sums & ((unit << bits) - 1)).double() / unit
    shares: Tensor = (sums // (unit << bits)).double() - above
    shares[..., 1:] += above[..., :-1]
    return shares / cells


@dataclass(frozen=True)
class Rates:
    """What radiation does in some cells, float32.

    Attributes:
        by_fraction: by X-rays at each of 14 electron fractions: heating in K, ionisations, both
            per unit redshift, and Lyman-alpha coupling (x_alpha before the correction of the
            spectrum's shape, over the density): shape (realisations, 3, 14, cells).
        lyman_alpha: coupling by ultraviolet light, shape (realisations, cells).
    """

    by_fraction: Tensor
    lyman_alpha: Tensor


@dataclass(frozen=True)
class Sky:
    """The radiation at a redshift: what star formation in each shell does, and where it is.

    Attributes:
        weights: what a shell's star formation does, float32, shape (realisations, 43, shells).
        regions: the density in the shells.
        slope: d f_coll / dz at the densities of the regions' tables, float32, shape (realisations,
            shells, DENSITIES).
        rise: what it changes by to the next.
        least: 1 + delta at the first, shape (realisations, shells, 1).
        step: between two.
    """

    weights: Tensor
    regions: Regions
    slope: Tensor
    rise: Tensor
    least: Tensor
    step: Tensor

    def rates(self, cells: slice) -> Rates:
        """What radiation does in some cells."""
        place = self.regions.place[..., cells]
        # (1 + delta) d f_coll / dz
        forming = read(self.slope, self.rise, *self.regions.below(cells))
        forming.mul_(torch.addcmul(self.least, place, self.step))
        made = torch.bmm(self.weights, forming)
        by_fraction = made[:, 1:].view(len(made), 3, len(FRACTIONS), -1)
        return Rates(by_fraction, made[:, 0])


class Radiation:
    """The radiation of realisations side by side."""

    def __init__(
        self, galaxies: Galaxies, mass_function: MassFunction, options: Options, radius: Tensor
    ) -> None:
        """That of some sources in a universe.

        Args:
            galaxies: their sources.
            mass_function: of haloes.
            options: numbers of the model.
            radius: of the shells.
        """
        self._galaxies, self._masses, self._options = galaxies, mass_function, options
        self._background = background = mass_function.background
        self._integrals = FrequencyIntegrals(
            galaxies.threshold,
            single(options.NU_X_MAX),
            single(options.X_RAY_SPEC_INDEX),
            background.hydrogen_share,
        )
        sphere = torch.log(background.mass(radius))
        self._sigma = mass_function.sigma(sphere).to(galaxies.zeta.device)

    def smallest(self, z: Tensor) -> Tensor:
        """Mass of the smallest halo with stars at redshifts (n,): (realisations, n)."""
        mass: Tensor = self._background.virial_mass(z, self._galaxies.virial_temperature[:, None])
        return mass

    def universe(self, shells: Shells, electrons: Tensor) -> Universe:
        """The mean universe between the shells and a cell.

        Args:
            shells: around a cell.
            electrons: mean electron fraction outside ionised regions, shape (realisations,).
        """
        first = shells.redshift * 0.999
        last = shells.centre[-1] * 1.001
        count = math.ceil((last - first) / REDSHIFT_STEP) + 1
        z = first + REDSHIFT_STEP * torch.arange(
            count, dtype=torch.float64, device=electrons.device
        )
        smallest = self.smallest(z)
        collapsed = self._masses.collapsed(z.expand_as(smallest), smallest)
        return Universe(
            shells.redshift, first, REDSHIFT_STEP, collapsed, self._galaxies.zeta, electrons
        )

    def sky(self, shells: Shells, regions: Regions, electrons: Tensor) -> Sky:
        """The radiation that arrives from the shells.

        Args:
            shells: around a cell.
            regions: densities in them.
            electrons: see :meth:`universe`.
        """
        device = electrons.device
        centre = torch.from_numpy(shells.centre).to(device)
        growth = torch.from_numpy(shells.growth).to(device)[:, None]
        universe = self.universe(shells, electrons)
        least_sigma = self._masses.sigma(self.smallest(centre).log())[..., None]
        sigma = self._sigma[:, None]
        steps = torch.arange(DENSITIES, dtype=torch.float64, device=device)
        density = (regions.least + regions.step * steps) * growth
        collapsed = conditional(growth, density, least_sigma, sigma)
        slope = conditional_slope(
            self._background, centre[:, None], density, least_sigma, sigma
        ).float()
        mean = (collapsed * regions.weight).sum(-1)
        here = torch.full_like(mean[:, :1], shells.redshift)
        alight = universe.collapsed_at(here) > NO_LIGHT
        expected = universe.collapsed_at(centre.expand_as(mean))
        # Stars form with the mean of the universe, and where extended Press-Schechter puts them.
        stars = torch.from_numpy(shells.width).to(device) * (expected / mean)
        stars = torch.where(alight, stars, 0.0) * single(10.0**self._options.F_STAR10)
        return Sky(
            self._weights(shells, stars, universe),
            regions,
            slope,
            torch.diff(slope, append=slope[..., -1:]),
            (1 + density[..., :1]).float(),
            (density[..., 1:2] - density[..., :1]).float(),
        )

    def _weights(self, shells: Shells, stars: Tensor, universe: Universe) -> Tensor:
        """What a shell's star formation does in a cell, float32, shape (realisations, 43, shells).

        First Lyman-alpha from ultraviolet light, then X-rays' heat, ionisations and Lyman-alpha at
        each of 14 electron fractions.
        """
        background, options, galaxies = self._background, self._options, self._galaxies
        z = shells.redshift
        slope = single(options.X_RAY_SPEC_INDEX)
        centre = torch.from_numpy(shells.centre).to(stars.device)
        threshold = galaxies.threshold * HZ_PER_EV
        lower = least_frequencies(universe, centre, threshold, background) / HZ_PER_EV
        integrals = self._integrals(lower)  # (realisations, shells, 3, 14)
        # Photons per Hz at the threshold of an erg below NU_X_BAND_MAX.
        top = single(options.NU_X_BAND_MAX)
        if abs(slope - 1) < 1e-6:
            per_erg = 1 / (threshold * (top / galaxies.threshold).log())
        else:
            band = (top * HZ_PER_EV) ** (1 - slope) - threshold ** (1 - slope)
            per_erg = (1 - slope) * threshold**-slope / band
        photons = per_erg / (PLANCK * threshold) * LIGHT_SPEED * (1 + z) ** (slope + 3)
        baryons = background.baryons * background.critical_density / SOLAR_MASS  # per cm^3
        emitted = galaxies.luminosity * YEAR * photons * baryons
        xrays = (stars * emitted[:, None] * (1 + centre) ** -slope)[..., None, None] * integrals
        dt_dz = background.dt_dz(z)
        coupling = lyman_alpha_coupling(z)
        to_line = LIGHT_SPEED / (4 * math.pi) / LYMAN_ALPHA / background.hubble(z)
        nuclei = background.nuclei * (1 + z) ** 3
        scale = [dt_dz * 2 / 3 / BOLTZMANN, dt_dz, to_line * nuclei * coupling]
        xrays = xrays * torch.tensor(scale, dtype=stars.dtype, device=stars.device)[:, None]
        helium = single(options.Y_He)
        per_star = LIGHT_SPEED / (4 * math.pi) * SOLAR_MASS / PROTON_MASS * (1 - 0.75 * helium)
        lyman = torch.from_numpy(shells.lyman_alpha).to(stars.device)
        lyman = stars * lyman * (per_star * baryons * coupling)
        return torch.cat([lyman[..., None], xrays.flatten(2)], -1).transpose(1, 2).float()
