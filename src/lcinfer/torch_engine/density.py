"""Matter moved to where it is at a redshift, and how it moves there.

Particles of the fine grid are displaced by Lagrangian perturbation theory (Zel'dovich 1970, A&A 5,
84; second order: Scoccimarro 1998, MNRAS 299, 1097) and shared among the eight nearest cells of the
coarse grid (cloud in cell: Hockney & Eastwood 1988, section 5).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .cosmology import Background
from .fourier import Grid
from .initial_conditions import InitialConditions

START = 300.0  # redshift at which particles have the random field's density
FIXED_POINT = 2.0**30  # masses are summed as integers: the order of additions has no part
EMPTIEST = -1.0 + 1e-7  # least overdensity


@dataclass(frozen=True)
class Matter:
    """At a redshift; float32, shape (realisations, N, N, N).

    Attributes:
        density: overdensity.
        modes: its Fourier modes, over the number of cells.
    """

    density: Tensor
    modes: Tensor


class Particles:
    """The particles of realisations side by side."""

    def __init__(self, initial: InitialConditions, coarse: Grid, background: Background) -> None:
        """Those of some initial conditions, unmoved.

        Args:
            initial: their initial conditions.
            coarse: the grid that they are moved on.
            background: the universe.
        """
        self._grid, self._background = coarse, background
        self._first, self._second = initial.displacement, initial.second
        count, cells = len(initial.density), initial.density.shape[-1]
        n, factor = coarse.cells, cells // coarse.cells
        self._factor = factor
        # The particles that move by the displacement at a coarse point are those nearest to it.
        self._nearest = -(factor // 2)
        mass = 1.0 + initial.density * background.growth(START)
        mass = mass.roll((factor // 2,) * 3, (1, 2, 3))
        mass = mass.view(count, n, factor, n, factor, n, factor)
        self._mass = mass.permute(0, 2, 4, 6, 1, 3, 5).reshape(count, *(factor,) * 3, n**3)
        self._axis = torch.arange(n, dtype=torch.float32, device=coarse.device)

    def at(self, redshift: float) -> Matter:
        """Matter at a redshift."""
        n = self._grid.cells
        masses = torch.stack([self._placed(i, redshift) for i in range(len(self._mass))])
        density = masses.view(-1, n, n, n).clamp(min=EMPTIEST)
        return Matter(density, self._grid.forward(density))

    def _placed(self, realisation: int, redshift: float) -> Tensor:
        """Overdensity of each cell of one realisation, shape (N^3,)."""
        n, factor = self._grid.cells, self._factor
        now, start = self._background.growth(redshift), self._background.growth(START)
        first, second = (
            field[realisation].reshape(3, n**3) for field in (self._first, self._second)
        )
        moved = first * ((now - start) * n / self._grid.length)
        moved.add_(second, alpha=3 / 7 * (now**2 - start**2) * n / self._grid.length)  # in cells
        # A block of particles spans less than a cell, and so reaches three along each axis.
        corner = (moved + self._nearest / factor).floor_()
        inside = moved.sub_(corner).add_(self._nearest / factor)  # the first particle's: 0 to 1
        share = [self._shares(inside[axis]) for axis in range(3)]
        mass = _contract(_contract(self._mass[realisation], share[2], 2), share[1], 1)
        x, y, z = self._cells(corner.view(3, n, n, n))
        plane = y[:, None] * n + z
        total = torch.zeros(n**3, device=mass.device)
        if mass.is_cuda:  # which adds in any order: integers, so that it has no part
            total = total.long()
        for target in range(3):
            given = mass[0] * share[0][target, 0]
            for particle in range(1, factor):
                given.addcmul_(mass[particle], share[0][target, particle])
            index = (plane + x[target] * n**2).view(-1)
            if mass.is_cuda:
                total.scatter_add_(0, index, (given * FIXED_POINT).round_().long().view(-1))
            else:
                total.scatter_add_(0, index, given.view(-1))
        if mass.is_cuda:
            total = total.double() / FIXED_POINT
        return (total / factor**3 - 1.0).float()

    def _shares(self, inside: Tensor) -> Tensor:
        """The share of each of a block's particles in each of three cells along an axis.

        Args:
            inside: the first particle's place from the first cell's centre, shape (blocks,).

        Returns:
            shape (cells 3, particles, blocks).
        """
        offset = torch.arange(self._factor, device=inside.device) / self._factor
        offset = offset - torch.arange(3, device=inside.device)[:, None]
        place = inside + offset[..., None]
        return place.abs_().neg_().add_(1.0).clamp_(min=0.0)

    def _cells(self, corner: Tensor) -> list[Tensor]:
        """For each axis, the three cells that each block reaches, shape (3, N^3)."""
        n, found = self._grid.cells, []
        around = torch.arange(n + 2, device=corner.device) % n
        for axis in range(3):
            shape = [1, 1, 1]
            shape[axis] = n
            first = (corner[axis] + self._axis.view(shape)).remainder_(n).view(-1).int()
            found.append(torch.stack([around.index_select(0, first + i) for i in range(3)]))
        return found

    def velocity(self, matter: Matter, redshift: float) -> Tensor:
        """Comoving peculiar velocity along the last axis, in Mpc/s, by linear theory.

        v = (dD/dt / D) i k delta / k^2 (Peebles 1980, section 14).
        """
        rate = self._background.growth_slope(redshift) / self._background.dt_dz(redshift)
        rate /= self._background.growth(redshift)
        grid = self._grid
        squared = grid.squared.clamp(min=1)
        weight = (rate / grid.unit) * grid.half / squared.double()
        return grid.backward(matter.modes * weight.float() * 1j)


def _contract(mass: Tensor, share: Tensor, axis: int) -> Tensor:
    """Masses of particles, along an axis, shared among three cells.

    Args:
        mass: the last axis is that of blocks.
        share: see :meth:`Particles._shares`.
        axis: of the particles in ``mass``.
    """
    shape = list(mass.shape)
    shape[axis] = 3
    given = mass.new_empty(shape)
    for target in range(3):
        into = given.select(axis, target)
        torch.mul(mass.select(axis, 0), share[target, 0], out=into)
        for particle in range(1, mass.shape[axis]):
            into.addcmul_(mass.select(axis, particle), share[target, particle])
    return given
