"""What the light-cones of a training set look like along the line of sight, and what does not.

A network answers on any numbers. Whether it has seen their like is judged by four measures of
each part of the line of sight: the mean brightness; its spread across the line of sight; the
largest step of the mean from one cell to the next, in units of that spread; and how much the mean
varies along the whole line of sight, which is the same for all parts. The first follows the
global signal, the second fluctuations, noise and missing values, the third seams: a part that is
empty, or of another light-cone. The last is missing where the mean was taken off.

Where a measure leaves the training set's range by more than ``ALLOWANCE`` of the range's tail, a
new light-cone is unlike all of it. A tail is as wide as what the outermost tenth of the
light-cones takes up, so that a sharp end of the range is held to more strictly than a long one.
docs/inference.md has the rates at which good light-cones and bad ones are named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

PARTS = 32  # of the line of sight, equal in cells
ALLOWANCE = 1.0  # tails
TAIL = 0.1  # of the light-cones
LEAST = 20  # light-cones in a tail, or all: the outermost of few lie far apart by chance
FLOOR = 1e-3  # mK, or steps: smaller ones, as of ionised parts, are not told apart
MEAN, *POSITIVE = range(4)
VARIATION = POSITIVE[-1]
NAMES = (
    "mean brightness",
    "spread across the line of sight",
    "step of the mean between cells",
    "variation of the mean along the line of sight",
)
ARRAYS = ("least", "most", "low", "high")
UNITS = ("mK", "mK", "times the spread", "mK")


@dataclass(frozen=True)
class Envelope:
    """The measures of a training set: (measure, part) arrays."""

    light_cones: int
    """How many there were."""
    least: np.ndarray
    """The smallest of them."""
    most: np.ndarray
    """The largest."""
    low: np.ndarray
    """What is smaller is unlike them."""
    high: np.ndarray
    """What is larger."""

    @classmethod
    def of(cls, measured: Sequence[np.ndarray]) -> Self:
        """Around what :func:`measures` gave for each light-cone, in any order."""
        ordered = np.sort(measured, axis=0)
        count = len(ordered)
        tail = min(count - 1, max(LEAST, round(TAIL * count)))
        least, most = ordered[0], ordered[-1]
        inner, outer = ordered[tail], ordered[-1 - tail]
        low, high = least - ALLOWANCE * (inner - least), most + ALLOWANCE * (most - outer)
        for each in POSITIVE:  # and over decades: their tails are factors
            low[each] = least[each] * (least[each] / inner[each]) ** ALLOWANCE
            high[each] = most[each] * (most[each] / outer[each]) ** ALLOWANCE
        return cls(count, least, most, low, high)

    def plain(self) -> dict[str, Any]:
        """As JSON types, for a checkpoint; ``Envelope.read`` takes it back."""
        arrays = {name: getattr(self, name).tolist() for name in ARRAYS}
        return {"light_cones": self.light_cones, **arrays}

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Self:
        """From JSON types."""
        return cls(plain["light_cones"], **{name: np.array(plain[name]) for name in ARRAYS})

    def equals(self, other: Self) -> bool:
        """Whether it is of the same light-cones, within what other machines make of the sums."""
        return self.light_cones == other.light_cones and all(
            np.allclose(getattr(self, name), getattr(other, name), rtol=1e-5, atol=FLOOR)
            for name in ARRAYS
        )

    def unlike(self, images: np.ndarray, redshift: Sequence[float]) -> list[str]:
        """In what a light-cone is unlike all of the training set, a line each; empty: in nothing.

        Args:
            images: (image, transverse, line_of_sight) in mK, cut as the training set's.
            redshift: (line_of_sight,) of its cells.
        """
        found, along = measures(images), np.asarray(redshift)
        sides = (("low", found < self.low, self.least), ("high", found > self.high, self.most))
        return [
            f"{NAMES[measure]} too {side}"
            + self._where(measure, np.flatnonzero(outside[measure]), found, end, along)
            for measure in (MEAN, *POSITIVE)
            for side, outside, end in sides
            if outside[measure].any()
        ]

    def _where(
        self, measure: int, parts: np.ndarray, found: np.ndarray, end: np.ndarray, along: np.ndarray
    ) -> str:
        """At which redshifts, neighbouring parts taken together, and by how much at the worst."""
        edges = _edges(len(along))

        def span(first: int, last: int) -> str:
            return f"z = {along[edges[first]]:.2f} to {along[edges[last + 1] - 1]:.2f}"

        beyond, width = np.abs(found - end)[measure], (self.most - self.least)[measure]
        worst = parts[np.argmax((beyond / np.maximum(width, FLOOR))[parts])]
        at, unit = (measure, worst), UNITS[measure]
        where, there = "", ""
        if measure != VARIATION:
            runs = np.split(parts, np.flatnonzero(np.diff(parts) > 1) + 1)
            where = f" at {', '.join(span(run[0], run[-1]) for run in runs)}"
            there = f" at {span(worst, worst)}"
        return (
            f"{where}: by {beyond[worst]:.3g} {unit}{there}, {found[at]:.3g} where the training "
            f"set has {self.least[at]:.3g} to {self.most[at]:.3g}"
        )


def measures(images: np.ndarray) -> np.ndarray:
    """Mean, spread, step and variation in each part of a light-cone's line of sight.

    Args:
        images: (image, transverse, line_of_sight) in mK.

    Returns:
        (measure, part) in :data:`UNITS`.
    """
    cells = images.reshape(-1, images.shape[-1]).astype(np.float64, copy=False)
    mean = cells.mean(axis=0)
    squares = np.einsum("ij,ij->j", cells, cells) / len(cells)  # spares an array as large
    variance = np.maximum(0, squares - np.square(mean))
    around = np.sqrt((variance[1:] + variance[:-1]) / 2)
    step = np.abs(np.diff(mean)) / np.maximum(around, FLOOR)
    edges = _edges(len(mean))
    starts, counts = edges[:-1], np.diff(edges)
    return np.stack(
        [
            np.add.reduceat(mean, starts) / counts,
            np.maximum(FLOOR, np.sqrt(np.add.reduceat(variance, starts) / counts)),
            np.maximum(FLOOR, np.maximum.reduceat(np.append(0, step), starts)),
            np.full(len(starts), max(FLOOR, mean.std())),
        ]
    )


def _edges(cells: int) -> np.ndarray:
    """First cell of each part, and the end."""
    parts = min(PARTS, cells)
    return np.arange(parts + 1) * cells // parts
