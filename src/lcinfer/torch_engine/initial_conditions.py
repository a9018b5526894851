"""A Gaussian random field and the displacements that it causes, to second order.

Lagrangian perturbation theory (Zel'dovich 1970; second order: Scoccimarro 1998, MNRAS 299, 1097,
appendix D). Fields are extrapolated linearly to today.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .constants import CELL_RADIUS
from .cosmology import Background
from .fourier import Grid, top_hat
from .random_stream import gaussians, thread_seed


@dataclass(frozen=True)
class InitialConditions:
    """Of realisations side by side; float32.

    Attributes:
        density: overdensity today by linear growth, on the fine grid, shape (realisations, D, D,
            D).
        displacement: comoving, in Mpc, at the coarse grid's points, times the growth's gain since
            then: shape (realisations, 3, N, N, N).
        second: of second order, times 3/7 of the gain of the squared growth; same shape.
    """

    density: Tensor
    displacement: Tensor
    second: Tensor


def draw_modes(seed: int, grid: Grid, background: Background) -> Tensor:
    """Fourier modes of a Gaussian random field with the power spectrum of matter today.

    Returns:
        complex64, shape (D, D, D // 2 + 1), such that their sum over the box's volume is the
        overdensity.
    """
    cells, middle = grid.cells, grid.cells // 2
    shape = (cells, cells, middle + 1)
    parts = gaussians(thread_seed(seed), 2 * cells * cells * (middle + 1)).astype(np.float32)
    modes = torch.from_numpy(parts.view(np.complex64).reshape(shape)).to(grid.device)
    k = grid.magnitudes()
    power = np.concatenate([[0.0], background.power(k[1:])])
    modes *= grid.of_modes(np.sqrt(grid.length**3 * power / 2))
    # A real field's modes at k and -k are conjugates: 21cmFAST keeps those of the far half.
    other = (-torch.arange(cells, device=grid.device)) % cells
    for plane in (modes[..., 0], modes[..., middle]):
        partner = plane[other][:, other].conj()
        plane[1:middle] = partner[1:middle]
        for row in (0, middle):
            plane[row, 1:middle] = partner[row, 1:middle]
            for column in (0, middle):
                plane.imag[row, column] = 0.0
    modes[0, 0, 0] = 0.0
    return modes


def make_initial_conditions(
    seeds: list[int], fine: Grid, coarse: Grid, background: Background
) -> InitialConditions:
    """Initial conditions of each seed: those of 21cmFAST with one thread.

    Args:
        seeds: of the realisations.
        fine: the grid of the random field.
        coarse: that of the displacements, a whole number of times coarser.
        background: the universe.
    """
    made = [_of_seed(seed, fine, coarse, background) for seed in seeds]
    density, displacement, second = (torch.stack(part) for part in zip(*made, strict=True))
    return InitialConditions(density, displacement, second)


def _of_seed(
    seed: int, fine: Grid, coarse: Grid, background: Background
) -> tuple[Tensor, Tensor, Tensor]:
    modes = draw_modes(seed, fine, background) / fine.length**3
    density = fine.backward(modes).cpu()  # a GPU needs its memory for what follows
    k = fine.magnitudes()
    inverse = np.concatenate([[0.0], k[1:] ** -2.0])
    window = np.ones_like(k)
    if fine.cells != coarse.cells:
        window = top_hat(k * CELL_RADIUS * coarse.length / coarse.cells)
    displacement = _gradient(modes, fine.of_modes(inverse * window), fine, coarse)
    modes *= fine.of_modes(inverse)
    modes = fine.forward(_second_order(modes, fine))
    second = _gradient(modes, fine.of_modes(inverse * window), fine, coarse)
    return density.to(fine.device), displacement, second


def _axes(grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """k along each axis, in 1/Mpc, float32, of shapes that broadcast over modes."""
    n, h = (grid.numbers * grid.unit).float(), (grid.half * grid.unit).float()
    return n[:, None, None], n[:, None], h


def _gradient(modes: Tensor, weight: Tensor, fine: Grid, coarse: Grid) -> Tensor:
    """i k w f at each point of the coarse grid, shape (3, N, N, N).

    Points are every so many of the fine grid, so that wave numbers which differ by the coarse
    grid's number of cells are one and the same there.
    """
    factor, n = fine.cells // coarse.cells, coarse.cells
    parts = []
    for k in _axes(fine):
        folded = (modes * (weight * k)).view(factor, n, factor, n, -1).sum((0, 2)) * 1j
        shape = (n, n, fine.cells)
        line = torch.fft.irfftn(folded, s=shape, dim=(0, 1, 2), norm="forward")
        parts.append(line[..., ::factor])
    return torch.stack(parts)


def _second_order(potential: Tensor, grid: Grid) -> Tensor:
    """The source of second order: sum over i < j of phi_ii phi_jj - phi_ij^2."""
    x, y, z = _axes(grid)

    def second_derivative(one: Tensor, other: Tensor) -> Tensor:
        return grid.backward(potential * (-one * other))

    total = second_derivative(x, x)
    last = second_derivative(y, y)
    source = total * last
    total += last
    del last  # of a large box each of these is the most that there is at a time
    source.addcmul_(total, second_derivative(z, z))
    del total
    for one, other in ((x, y), (x, z), (y, z)):
        mixed = second_derivative(one, other)
        source.addcmul_(mixed, mixed, value=-1)
    return source
