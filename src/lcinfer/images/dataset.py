"""Images with their parameters, and the normalisation."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from math import prod
from typing import Any, TypeVar

import numpy as np
import torch
import zarr
from torch import Tensor

from ..base.errors import UserError
from . import envelope
from .envelope import Envelope
from .geometry import Geometry
from .noise import Noise

T = TypeVar("T")
READ_BYTES = 256 * 2**20  # what other passes over images read at once; changes no result


@dataclass(frozen=True)
class LabelledImages:
    """Images of light-cones, and the parameters that made them."""

    images: zarr.Array[Any] | np.ndarray
    """(light_cone, image, *image_shape) brightness temperature in mK."""
    parameters: np.ndarray
    """(light_cone, parameter) in the units of the prior."""
    names: tuple[str, ...]
    """The parameters' py21cmfast names."""
    failed: tuple[int, ...] = ()
    """Light-cones without images, since their simulations failed."""
    geometry: Geometry | None = None
    """Where the images lie in their light-cones, if that is known."""
    prior: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Lowest and highest value of each parameter that could be drawn, if that is known."""
    noise: Noise | None = None
    """What an instrument adds to them."""

    def __post_init__(self) -> None:
        """Refuse arrays of different light-cones."""
        rows, columns = self.parameters.shape
        if self.images.ndim < 3 or self.images.shape[0] < rows or columns != len(self.names):
            raise ValueError(
                f"images {self.images.shape} and parameters {self.parameters.shape} "
                f"do not belong together"
            )

    @property
    def light_cones(self) -> int:
        """Number of light-cones, the failed ones too; a store that has grown holds more."""
        return len(self.parameters)

    @property
    def per_lightcone(self) -> int:
        """Images of one light-cone."""
        return int(self.images.shape[1])

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of an image, as (transverse, line of sight) cells."""
        return tuple(map(int, self.images.shape[2:]))

    @property
    def image_bytes(self) -> int:
        """Size of an image in memory, as float32."""
        return 4 * prod(self.image_shape)

    def read(self, lightcones: Sequence[int], images: int) -> np.ndarray:
        """The first ``images`` images of some light-cones, in ascending order; with the noise
        that is each light-cone's own, if an instrument sees them.

        Returns:
            (light_cone, image, *image_shape) float32 in mK.

        Raises:
            UserError: naming the light-cone, if a value is not a finite number.
        """
        values = np.empty((len(lightcones), images, *self.image_shape), np.float32)
        for at, start, stop in _runs(lightcones):
            values[at : at + stop - start] = self.images[start:stop, :images]
        if self.noise is not None:
            for own, index in zip(values, lightcones, strict=True):
                own += self.noise.fixed(index)[:images]
        # One sum per light-cone spares a mask as large as the images; brightness
        # temperatures cannot overflow it.
        broken = np.flatnonzero(~np.isfinite(values.sum(axis=tuple(range(1, values.ndim)))))
        if broken.size:
            raise UserError(
                f"the images of light-cone {lightcones[broken[0]]} hold NaN or infinity: "
                f"verify and repair the database, then make its images again"
            )
        return values

    @property
    def signal(self) -> "LabelledImages":
        """The same without noise."""
        return replace(self, noise=None)

    def blocks(self, lightcones: Sequence[int], images: int) -> Iterator[np.ndarray]:
        """``read`` a few light-cones at a time."""
        step = max(1, READ_BYTES // (images * self.image_bytes))
        for first in range(0, len(lightcones), step):
            yield self.read(lightcones[first : first + step], images)

    def each(
        self, lightcones: Sequence[int], images: int, function: Callable[[int, np.ndarray], T]
    ) -> list[T]:
        """``function`` of each light-cone's place and :meth:`read` images, by several threads."""
        together = max(1, READ_BYTES // (images * self.image_bytes))

        def one(place: int, lightcone: int) -> T:
            return function(place, self.read([lightcone], images)[0])

        with ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), together)) as threads:
            return list(threads.map(one, range(len(lightcones)), lightcones))


def _runs(lightcones: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Light-cones that lie one behind the other: place of the first, its index, end."""
    gaps = np.flatnonzero(np.diff(lightcones) != 1) + 1
    for run in np.split(np.arange(len(lightcones)), gaps):
        yield int(run[0]), lightcones[run[0]], lightcones[run[-1]] + 1


@dataclass(frozen=True)
class Normalisation:
    """Shifts and scales to zero mean and unit variance, from the training set alone."""

    image_mean: float
    """Mean brightness temperature in mK."""
    image_std: float
    """Its standard deviation in mK."""
    parameter_mean: tuple[float, ...]
    """Mean of each parameter over light-cones."""
    parameter_std: tuple[float, ...]
    """Standard deviation of each parameter over light-cones."""

    def images(self, brightness: np.ndarray) -> Tensor:
        """Normalise images in mK to a float32 tensor of the same shape."""
        normalised = brightness - np.float32(self.image_mean)
        normalised /= np.float32(self.image_std)
        return torch.from_numpy(normalised)

    def parameters(self, physical: np.ndarray) -> Tensor:
        """Normalise parameters (..., parameter) to a float32 tensor."""
        normalised = (physical - np.array(self.parameter_mean)) / np.array(self.parameter_std)
        return torch.from_numpy(normalised.astype(np.float32))

    def physical(self, normalised: Tensor) -> np.ndarray:
        """Parameters (..., parameter) in their units, float64, from a network's outputs."""
        outputs = normalised.detach().cpu().numpy().astype(np.float64)
        values: np.ndarray = outputs * self.parameter_std + self.parameter_mean
        return values

    def plain(self) -> dict[str, Any]:
        """For a checkpoint: numbers and lists; ``Normalisation(**plain)`` takes it back."""
        return asdict(self)


def fit(
    labelled: LabelledImages, training: Sequence[int], images: int
) -> tuple[Normalisation, Envelope]:
    """Means and standard deviations over the training light-cones and nothing else; their range.

    ``images`` of each light-cone count. All are read once.

    Raises:
        UserError: if an image holds NaN, or nothing varies over the training set.
    """
    # Sums per light-cone, so that the result does not depend on how many are read at a time.
    sums, measured = zip(*labelled.each(training, images, _measured), strict=True)
    total, squares = (sum(column) for column in zip(*sums, strict=True))
    count = len(training) * images * prod(labelled.image_shape)
    mean = total / count
    image_std = float(np.sqrt(max(0.0, squares / count - mean**2)))
    if image_std == 0:
        raise UserError("all training images hold one and the same brightness temperature")
    parameters = labelled.parameters[list(training)]
    spread = parameters.std(axis=0)
    for name, std in zip(labelled.names, spread, strict=True):
        if not std > 0:
            raise UserError(
                f"{name} does not vary over the {len(training)} training light-cones: "
                f"nothing can be learnt about it"
            )
    normalisation = Normalisation(
        image_mean=mean,
        image_std=image_std,
        parameter_mean=tuple(parameters.mean(axis=0).tolist()),
        parameter_std=tuple(spread.tolist()),
    )
    return normalisation, Envelope.of(measured)


def _measured(_: int, values: np.ndarray) -> tuple[tuple[float, float], np.ndarray]:
    """Sums of a light-cone's values and of their squares; its measures."""
    exact = values.astype(np.float64)
    measured = envelope.measures(exact)
    return (float(exact.sum()), float(np.square(exact).sum())), measured
