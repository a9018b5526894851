"""Periodic boxes in Fourier space: wave numbers and filters.

Transforms are those of real fields: the last axis has the non-negative wave numbers alone.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

# Voxels that are worked on at once: what fits into a core's cache, and what keeps a GPU busy.
VOXELS = {"cpu": 2**19, "cuda": 2**25}
# Filtering a field and placing it in a table takes the memory of some four, long integers included;
# for a GPU that is in VOXELS.
BESIDE = {"cpu": 4, "cuda": 1}


def at_once(fields: int, voxels: int, device: torch.device) -> Iterator[slice]:
    """Which of some fields, each of so many voxels, to work on at once."""
    count = max(1, VOXELS[device.type] // voxels)
    return (slice(start, min(start + count, fields)) for start in range(0, fields, count))


@dataclass(frozen=True)
class Grid:
    """A periodic cube.

    Attributes:
        cells: along a side.
        length: of a side, in Mpc.
        device: where its tensors are.
    """

    cells: int
    length: float
    device: torch.device

    @cached_property
    def numbers(self) -> Tensor:
        """Whole wave numbers of the first axes, int64; the one of cells / 2 is positive."""
        n = torch.arange(self.cells, device=self.device)
        return torch.where(n > self.cells // 2, n - self.cells, n)

    @property
    def half(self) -> Tensor:
        """Whole wave numbers of the last axis."""
        return self.numbers[: self.cells // 2 + 1]

    @cached_property
    def squared(self) -> Tensor:
        """Square of the whole wave vector of each mode, int32, shape (n, n, n // 2 + 1)."""
        n, h = self.numbers.int() ** 2, self.half.int() ** 2
        return n[:, None, None] + n[:, None] + h

    @property
    def unit(self) -> float:
        """k of the whole wave number 1, in 1/Mpc."""
        return 2 * math.pi / self.length

    def magnitudes(self) -> np.ndarray:
        """|k| in 1/Mpc of each value that :attr:`squared` can have, from 0 on."""
        return self.unit * np.sqrt(np.arange(3 * (self.cells // 2) ** 2 + 1))

    def of_modes(self, values: np.ndarray) -> Tensor:
        """For each mode the value of its |k|, float32.

        Args:
            values: one for each of :meth:`magnitudes`.
        """
        return torch.from_numpy(values.astype(np.float32)).to(self.device)[self.squared]

    @cached_property
    def k(self) -> Tensor:
        """|k| of each mode, float32, rounded as in 21cmFAST: a sharp-k filter shows it."""
        n = (self.numbers.double() * self.unit).float()
        h = n[: self.cells // 2 + 1]
        return (n[:, None, None] ** 2 + n[:, None] ** 2 + h**2).sqrt()

    def backward(self, modes: Tensor) -> Tensor:
        """Real fields from modes, sums without a factor, over the last three axes."""
        shape = (self.cells,) * 3
        fields: Tensor = torch.fft.irfftn(modes, s=shape, dim=(-3, -2, -1), norm="forward")
        return fields

    def forward(self, fields: Tensor) -> Tensor:
        """Modes from real fields, divided by the number of cells: the inverse of backward."""
        modes: Tensor = torch.fft.rfftn(fields, dim=(-3, -2, -1), norm="forward")
        return modes


def top_hat(kr: np.ndarray) -> np.ndarray:
    """A sphere's window in Fourier space: 3 (sin x - x cos x) / x^3."""
    x = np.where(kr < 1e-4, 1.0, kr)
    return np.where(kr < 1e-4, 1 - kr**2 / 10, 3 * (np.sin(x) - x * np.cos(x)) / x**3)


SHARP_K = 0.413566994  # (9 pi / 2)^(-1/3) of a sharp-k filter with a sphere's volume
