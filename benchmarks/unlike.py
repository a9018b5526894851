"""How often `lcinfer infer` would call good light-cones unlike the training set, and bad ones.

    python benchmarks/unlike.py results/images/small-*/images.zarr/images [--training 104 1000]

Takes the envelope of light-cones drawn at random from a set of images, as a training keeps it, and
judges the others as they are and spoilt in several ways. Prints the share that a warning names.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import zarr

from lcinfer.images.envelope import Envelope, measures

DRAWS = 30  # of the light-cones that the envelope is made of
random = np.random.default_rng(1)
Spoil = Callable[[np.ndarray], np.ndarray]


def emptied(cells: np.ndarray, first: float, last: float) -> np.ndarray:
    """Zero between two shares of the line of sight; not where the envelope's parts end."""
    left = cells.copy()
    start, stop = (round(share * cells.shape[-1]) for share in (first, last))
    left[..., start:stop] = 0
    return left


CASES: dict[str, Spoil] = {
    "as they are": lambda cells: cells,
    "mean of each plane subtracted": lambda cells: cells - cells.mean(axis=(0, 1)),
    "Gaussian noise alone, 50 mK": lambda cells: random.normal(0, 50, cells.shape),
    "the near half zero": lambda cells: emptied(cells, 0, 0.48),
    "the far half zero": lambda cells: emptied(cells, 0.48, 1),
    "the middle quarter zero": lambda cells: emptied(cells, 0.36, 0.61),
    "-999 in a thousandth of the cells": lambda cells: np.where(
        random.random(cells.shape) < 1e-3, -999, cells
    ),
    "line of sight reversed": lambda cells: cells[..., ::-1],
    "times 0.8": lambda cells: 0.8 * cells,
    "1 mK added": lambda cells: cells + 1,
    "times 1.2": lambda cells: 1.2 * cells,
}


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="(light_cone, image, transverse, line of sight)")
    parser.add_argument("--training", type=int, nargs="+", default=[50, 104, 200, 350])
    options = parser.parse_args()
    images = zarr.open_array(options.images, mode="r")
    count = images.shape[0]
    measured: dict[str, list[np.ndarray]] = {name: [] for name in CASES}
    for index in range(count):
        cells = np.asarray(images[index], np.float64)
        for name, spoil in CASES.items():
            measured[name].append(measures(spoil(cells)))
    sizes = [size for size in options.training if size < count]
    print("| light-cones in training |", *(f"{size} |" for size in sizes))
    print("|---|" + "---|" * len(sizes))
    named = {size: rates(measured, count, size) for size in sizes}
    for name in CASES:
        print(f"| {name} |", *(f"{100 * named[size][name]:.1f} % |" for size in sizes))


def rates(measured: dict[str, list[np.ndarray]], count: int, size: int) -> dict[str, float]:
    """Share of the light-cones outside a training set of ``size`` that are named, by case."""
    named: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(DRAWS):
        training, others = np.split(random.permutation(count), [size])
        envelope = Envelope.of([measured["as they are"][index] for index in training])
        for name, known in measured.items():
            values = np.array([known[index] for index in others])
            outside = (values < envelope.low) | (values > envelope.high)
            named[name].append(outside.any(axis=(1, 2)).mean())
    return {name: float(np.mean(shares)) for name, shares in named.items()}


if __name__ == "__main__":
    main()
