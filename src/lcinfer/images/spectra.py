"""Light-cones -> power spectra, in chunks along the line of sight.

    spectra[light_cone, 1, chunk, bin]   log10 of Delta^2 in mK^2, float32
    redshift, distance [chunk]           means over the chunk's cells
    k, or k_perp and k_par [bin]         means over the bin's waves, in 1/Mpc
    <parameter>[light_cone], random_seed[light_cone]   the design, copied

Delta^2 = k^3 P(k) / (2 pi^2) of each wave, averaged over the waves of a bin; docs/spectra.md has
the equations.
"""

from typing import Any

import numpy as np

from ..config.sections import Box
from ..config.spectra import Spectra
from ..products.databases import SpectraSet
from .form import Form


def form(spectra_set: SpectraSet) -> Form:
    """What is measured of each light-cone, see :class:`Form`."""
    simulation, settings = spectra_set.lightcones.simulation, spectra_set.spectra
    box = simulation.box
    chunks, numbers = settings.shape(box, simulation.lightcone)
    depth = settings.cells(box)
    bins = Bins(box, settings)
    mean = [np.nan] * settings.mean  # has no k
    return Form(
        shape=(1, chunks, numbers),
        dimensions=("image", "chunk", "bin"),
        attributes={
            "units": "log10(mK^2)",
            "long_name": f"logarithm of Delta^2 + {settings.floor:g} mK^2",
            "chunk_cells": depth,
        },
        make=lambda cube: measure(cube, box, settings, bins)[None],
        line_of_sight="chunk",
        along=lambda cells: cells[: chunks * depth].reshape(chunks, depth).mean(axis=1),
        tolerance=1e-4,
        coordinates={
            name: (np.append(values, mean), "bin", "1/Mpc") for name, values in bins.k.items()
        },
    )


class Bins:
    """The waves of a chunk, and the bin of each."""

    def __init__(self, box: Box, settings: Spectra) -> None:
        """Of chunks of a box."""
        axes = settings.axes(box)
        x, y, along = np.ix_(*axes)
        across = np.hypot(x, y)
        k = np.hypot(across, along)
        self._bin = settings.bins_of(axes).ravel()
        self._inside = self._bin >= 0
        self._bin = self._bin[self._inside]
        self._waves = np.bincount(self._bin)
        self._cubed = k.ravel()[self._inside] ** 3 / (2 * np.pi**2)
        self.lengths = [cells * box.cell_size for cells in k.shape]
        """Sides of a chunk in Mpc."""
        names = {"k": k} if settings.kind == "spherical" else {"k_perp": across, "k_par": along}
        self.k = {
            name: self._mean(np.broadcast_to(values, k.shape).ravel()[self._inside])
            for name, values in names.items()
        }
        """Mean wavenumbers of the bins in 1/Mpc."""

    def _mean(self, of_waves: np.ndarray) -> np.ndarray:
        return np.bincount(self._bin, of_waves) / self._waves

    def delta_squared(self, chunk: np.ndarray) -> np.ndarray:
        """(bin,) Delta^2 in mK^2 of a chunk (x, y, line_of_sight) in mK."""
        from powerbox import get_power  # heavy, and cutting images needs none of it

        power = get_power(chunk, self.lengths, res_ndim=0, dimensionless=False, nthreads=1).power
        waves = np.fft.ifftshift(power).ravel()[self._inside]  # the longest wave first
        return self._mean(self._cubed * waves)


def measure(cube: Any, box: Box, settings: Spectra, bins: Bins | None = None) -> np.ndarray:
    """Spectra of one light-cone.

    Cells behind the last whole chunk are left out. A chunk is taken as it is: it is not periodic
    along the line of sight, and nothing is tapered there.

    Args:
        cube: (x, y, line_of_sight) in mK, or what reads from one, a chunk at a time.
        box: gives the size of a cell.
        settings: chunks and bins.
        bins: those of the settings, if they are made already.

    Returns:
        (chunk, bin) log10 of Delta^2 + floor; last, if it is kept, the mean in mK.
    """
    bins, depth = bins or Bins(box, settings), settings.cells(box)
    rows = []
    for first in range(0, cube.shape[-1] - depth + 1, depth):
        chunk = np.asarray(cube[:, :, first : first + depth], float)
        row = np.log10(bins.delta_squared(chunk) + settings.floor)
        rows.append(np.append(row, chunk.mean()) if settings.mean else row)
    return np.array(rows, np.float32)
