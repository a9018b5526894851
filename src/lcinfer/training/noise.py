"""New noise for every image at every epoch, from a bank of noise light-cones.

Thermal noise on a periodic plane is as likely in one place as in another, turned by half a turn,
or with the other sign. A light-cone is therefore given one of the bank's, moved, turned and signed
at random: thousands of times as many as the bank has. What it is given follows from the training's
seed, the light-cone's index and the epoch alone.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..images.noise import Noise

BANK_BYTES = 2**28  # decides results, as the bank's size does: not the machine's memory
LEAST, MOST = 4, 64  # light-cones of a bank
BANK, EPOCHS = 2**63, 2**63 + 1  # beside a seed: no light-cone has such an index


class Given(NamedTuple):
    """What light-cones are given in an epoch; (light_cone,) each."""

    light_cone: Tensor
    """Of the bank."""
    x: Tensor
    """By how many cells it is moved."""
    y: Tensor
    turned: Tensor
    """1, or -1 after half a turn of the sky."""
    sign: Tensor
    """It is multiplied with this, 1 or -1."""


class NoiseBank:
    """Noise light-cones, and what they give to images."""

    def __init__(
        self,
        noise: Noise,
        seed: int,
        scale: float,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        size: int | None = None,
    ) -> None:
        """Draw them.

        Args:
            noise: of the instrument.
            seed: of the training.
            scale: in mK, what images are divided by.
            device: where the bank lies.
            dtype: what it is kept as.
            size: light-cones of the bank; None: as many as some memory holds.
        """
        cells = noise.response.channels.cells
        along = noise.response.power.shape[0]
        if size is None:
            size = min(MOST, max(LEAST, BANK_BYTES // (4 * cells**2 * along)))
        self._noise, self._seed, self._cells, self._size = noise, seed, cells, size
        self.rows = torch.empty((size * cells**2, along), dtype=dtype, device=device)
        for number, own in enumerate(torch.tensor_split(self.rows, size)):
            field = noise.response.noise(_stream(seed, BANK, number))
            own[...] = torch.from_numpy(field).reshape(cells**2, along) / scale
        x, y = np.divmod(noise.cells, cells)
        self._x, self._y = (torch.from_numpy(each).to(device) for each in (x, y))

    def epoch(self, number: int, light_cones: np.ndarray) -> Given:
        """What these light-cones, by their indices, are given in an epoch."""
        generator = _stream(self._seed, EPOCHS, number)
        ends = (self._size, self._cells, self._cells, 2, 2)
        drawn = generator.integers(ends, size=(int(light_cones.max()) + 1, len(ends)))
        columns = torch.from_numpy(drawn[light_cones]).to(self.rows.device)
        own, x, y, turned, sign = columns.unbind(1)
        return Given(own, x, y, 1 - 2 * turned, 1 - 2 * sign)

    def places(self, given: Given, images: Tensor) -> Tensor:
        """(image, transverse) rows of the bank for images, by their numbers in their light-cones;
        ``given`` to the light-cone of each."""
        own, x, y, turned, _ = (each[:, None] for each in given)
        across = (turned * self._x[images] + x) % self._cells
        up = (turned * self._y[images] + y) % self._cells
        return (own * self._cells + across) * self._cells + up


def _stream(seed: int, what: int, number: int) -> np.random.Generator:
    key = np.array([seed, what], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, number, 0]))
