"""Power spectra of light-cones, and the sampling of a likelihood of them: their sections."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from .base import RUN_ONLY, Ascending, Name, PositiveFloat, PositiveInt, Section
from .sections import Box, LightConeGeometry


class Spectra(Section):
    """Power spectra of a light-cone in chunks along the line of sight, from the nearest on."""

    kind: Literal["cylindrical", "spherical"] = "cylindrical"
    """Bins of k across and along the line of sight, or of its magnitude alone."""
    chunk: PositiveFloat | None = None
    """Depth of a chunk in comoving Mpc, a whole number of cells; none: the box's side."""
    bins: PositiveInt = 8
    """Bins equal in log k; of a cylindrical spectrum along each of its axes. Those without a wave
    are left out."""
    k: Annotated[tuple[PositiveFloat, PositiveFloat], Ascending] = (0.1, 1.0)
    """Ends of the bins in 1/Mpc; by default those of Greig & Mesinger 2018."""
    floor: PositiveFloat = 0.1
    """Added to Delta^2, in mK^2, before its logarithm is taken: much less counts as nothing."""
    mean: bool = False
    """Also keep each chunk's mean brightness temperature in mK, which no interferometer sees."""

    def cells(self, box: Box) -> int:
        """Cells of a chunk along the line of sight."""
        return round((self.chunk or box.length) / box.cell_size)

    def axes(self, box: Box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """|k| in 1/Mpc of a chunk's waves along each of its axes, the longest wave first."""
        lengths = (box.cells, box.cells, self.cells(box))
        across, beside, along = (
            2 * np.pi * np.abs(np.fft.fftfreq(cells, box.cell_size)) for cells in lengths
        )
        return across, beside, along

    def bins_of(self, axes: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """The bin of each wave of a grid (x, y, line of sight), counted from 0; -1: of none."""
        x, y, along = np.ix_(*axes)
        across = np.hypot(x, y)
        if self.kind == "spherical":
            found = self._bin(np.hypot(across, along))
        else:
            one, other = np.broadcast_arrays(self._bin(across), self._bin(along))
            found = np.where((one >= 0) & (other >= 0), one * self.bins + other, -1)
        there = np.unique(found[found >= 0])
        return np.where(found >= 0, np.searchsorted(there, found), -1)

    def _bin(self, k: np.ndarray) -> np.ndarray:
        number = np.digitize(k, np.geomspace(*self.k, self.bins + 1)) - 1
        return np.where(number < self.bins, number, -1)

    def shape(self, box: Box, lightcone: LightConeGeometry) -> tuple[int, int]:
        """(chunks, numbers of each).

        Raises:
            ValueError: what is wrong with the section, if a light-cone has no such spectra.
        """
        chunk = self.chunk or box.length
        cells = chunk / box.cell_size
        if round(cells) > lightcone.cells:
            raise ValueError(
                f"a chunk of {chunk:g} Mpc is longer than the light-cone, "
                f"{lightcone.cells * box.cell_size:g} Mpc"
            )
        if abs(cells - round(cells)) > 1e-6 or round(cells) < 2:
            raise ValueError(
                f"chunk {chunk:g} Mpc is not two or more of the box's {box.cell_size:g} Mpc cells"
            )
        # An octant has all magnitudes that there are.
        x, y, along = (axis[: len(axis) // 2 + 1] for axis in self.axes(box))
        bins = int(self.bins_of((x, y, along)).max()) + 1
        if not bins:
            raise ValueError(
                f"k {self.k[0]:g} to {self.k[1]:g} 1/Mpc holds no wave of the box, whose are "
                f"{x[1]:.3g} to {x[-1]:.3g}"
            )
        return lightcone.cells // round(cells), bins + self.mean


class Mcmc(Section):
    """A posterior from spectra by a likelihood: an emulator of the spectra, fitted on the training
    light-cones, and their scatter about it, sampled by MCMC."""

    spectra: Annotated[Name, Field(json_schema_extra=RUN_ONLY)]
    """Which section of `spectra`."""
    components: PositiveInt = 32
    """Principal components of the spectra that the likelihood is of."""
    hidden: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (128, 128)
    """Neurons of the emulator's hidden layers."""
    walkers: Annotated[int, Field(ge=4)] = 64
    """Walkers of the ensemble."""
    steps: Annotated[int, Field(ge=10)] = 2500
    """Steps of each walker; the first half is left out."""
    most_steps: Annotated[PositiveInt | None, Field(json_schema_extra={"since": "0.4"})] = None
    """Chains that are shorter than 50 autocorrelation times go on to so many steps at most; none:
    all have the same."""
    samples: PositiveInt = 2000
    """Samples that are kept of each light-cone."""
    test: bool = False
    """Also sample every test light-cone, beside the mocks."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    """Decides the emulator's first weights, and the walkers' ways."""

    @model_validator(mode="after")
    def _keeps_what_there_is(self) -> Self:
        if self.most_steps is not None and self.most_steps < self.steps:
            raise ValueError(f"most_steps {self.most_steps} are fewer than steps {self.steps}")
        there = self.walkers * (self.steps - self.steps // 2)
        if self.samples > there:
            raise ValueError(f"samples {self.samples} are more than the {there} that walkers give")
        return self
