"""Peculiar velocities in a coeval box: ``subcell`` of :mod:`lcinfer.simulator.velocities` in
tensors.

The gradient in the optical depth, and sub-cells moved along the line of sight (Mao et al. 2012,
MNRAS 422, 926; Jensen et al. 2013, MNRAS 435, 460). The same arithmetic up to rounding, in an order
that has no additions into shared places.
"""

import math

import torch
from torch import Tensor

from ..simulator.velocities import KM_IN_MPC, SUBCELLS_OF_BOX
from .fourier import at_once


def include_gradient(
    brightness: Tensor, tau: Tensor, velocity: Tensor, hubble: float, cell: float
) -> Tensor:
    """T_b with the velocity gradient in the optical depth.

    Args:
        brightness: T_b in mK without it, float32, shape (realisations, N, N, N).
        tau: optical depth without it; same shape.
        velocity: along the last axis, comoving, in Mpc/s; same shape.
        hubble: in km/s/Mpc.
        cell: in Mpc.
    """
    cells = velocity.shape[-1]
    k = 2 * math.pi * torch.fft.rfftfreq(cells, cell, device=velocity.device)
    along = torch.fft.irfft(torch.fft.rfft(velocity) * (k * (KM_IN_MPC / hubble) * 1j), n=cells)
    slowed = along.add_(1.0).abs_()
    factor = torch.expm1(-tau / slowed) / torch.expm1(-tau)
    return brightness * torch.where(tau < 1e-10, 1.0, factor)


def move(field: Tensor, velocity: Tensor, hubble: float, cell: float) -> Tensor:
    """A field whose sub-cells are moved along the last axis, which is periodic, by v / H.

    Args:
        field: float32, shape (realisations, N, N, N).
        velocity: see :func:`include_gradient`.
        hubble: in km/s/Mpc.
        cell: in Mpc.
    """
    by = velocity * (KM_IN_MPC / (hubble * cell))  # in cells
    least, most = math.floor(by.min()), math.floor(by.max()) + 1
    moved = torch.zeros_like(field)
    rows = field.shape[0] * field.shape[1]
    lines = field.flatten(0, 1), by.flatten(0, 1), moved.flatten(0, 1)
    for some in at_once(rows, SUBCELLS_OF_BOX * field[0, 0].numel(), field.device):
        still, along, into = (x[some] for x in lines)
        _move_lines(still, along, into, range(least, most + 1))
    return moved


def _move_lines(field: Tensor, by: Tensor, moved: Tensor, targets: range) -> None:
    """Add to ``moved`` the field with its sub-cells moved by so many cells.

    Args:
        field: shape (rows, N, N).
        by: the displacement at the middle of cells, in cells.
        moved: where to add.
        targets: how many cells farther a part of a cell may come to lie.
    """
    ahead, behind = by.roll(-1, -1), by.roll(1, -1)
    low = by.new_empty(SUBCELLS_OF_BOX, *by.shape)  # sub-cells' lower edges, from their cell's
    for part in range(SUBCELLS_OF_BOX):
        off = (part + 0.5) / SUBCELLS_OF_BOX - 0.5
        torch.lerp(by, behind if off < 0 else ahead, abs(off), out=low[part])
        low[part].mul_(SUBCELLS_OF_BOX).add_(part)
    before: Tensor | None = None
    for target in targets:
        # The share of each cell that comes to lie below the target's upper edge.
        upto = torch.rsub(low, (target + 1) * SUBCELLS_OF_BOX).clamp_(0.0, 1.0).mean(0)
        share = upto if before is None else upto - before
        moved += (share * field).roll(target, -1)
        before = upto
