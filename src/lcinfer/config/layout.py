"""Data sizes through a chain of convolutions and poolings, without torch.

The configuration is checked with these before any job starts, so this module must import
in milliseconds.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

# Architectures that were changed after trainings might rest on them. A revision above 1 is part of
# a training's fingerprint, and a checkpoint says its own.
REVISIONS = {"filter_bank": 3}  # 2: batch normalisation as Keras had it; 3: settled

Sizes = list[tuple[tuple[int, int, int], tuple[int, int, int]]]


class Window(NamedTuple):
    """One convolution (no padding) and the pooling behind it, in cells."""

    filters: int
    kernel: tuple[int, int]
    pool: tuple[int, int]


def step(window: Window) -> tuple[int, int]:
    """How far apart the filters of a filter bank are put down: half of their width."""
    return max(1, window.kernel[0] // 2), max(1, window.kernel[1] // 2)


def bank_sizes(image: tuple[int, int], windows: Sequence[Window], slices: int) -> Sizes:
    """(channels, transverse, line of sight) of each scale's filters, and of the image behind it.

    Raises:
        ValueError: if the image is used up before the last scale, or has too few places for the
            slices of the line of sight.
    """
    sizes: Sizes = []
    rows, columns = image
    for number, window in enumerate(windows, start=1):
        places = tuple(
            (cells - width) // by + 1
            for cells, width, by in zip((rows, columns), window.kernel, step(window), strict=True)
        )
        if places[0] < 1 or places[1] < slices:
            raise ValueError(
                f"convolution {number} ({window.kernel[0]}x{window.kernel[1]}) in {slices} slices "
                f"needs more than the {rows}x{columns} cells that reach it of an image of "
                f"{image[0]}x{image[1]}"
            )
        rows, columns = rows // window.pool[0], columns // window.pool[1]
        sizes.append(((window.filters, places[0], places[1]), (1, rows, columns)))
    return sizes


def feature_sizes(image: tuple[int, int], windows: Sequence[Window]) -> Sizes:
    """(channels, transverse, line of sight) after each convolution and after each pooling.

    Raises:
        ValueError: if the image is used up before the last layer.
    """
    sizes: Sizes = []
    rows, columns = image
    for number, window in enumerate(windows, start=1):
        convolved = (rows - window.kernel[0] + 1, columns - window.kernel[1] + 1)
        pooled = (convolved[0] // window.pool[0], convolved[1] // window.pool[1])
        if min(*convolved, *pooled) < 1:
            raise ValueError(
                f"convolution {number} ({window.kernel[0]}x{window.kernel[1]}, pooled "
                f"{window.pool[0]}x{window.pool[1]}) needs more than the {rows}x{columns} "
                f"cells that reach it of an image of {image[0]}x{image[1]}"
            )
        sizes.append(((window.filters, *convolved), (window.filters, *pooled)))
        rows, columns = pooled
    return sizes


def bytes_of_step(sizes: Sizes) -> int:
    """Memory in bytes that an image surely takes in a training step, in float32.

    Kept for the way back: each rectified convolution, what is pooled from it, and from where
    (64-bit); the largest convolution's gradient comes on top. Libraries add to it: about as much
    again.
    """
    cells = [(prod(convolved), prod(pooled)) for convolved, pooled in sizes]
    kept = sum(4 * convolved + (4 + 8) * pooled for convolved, pooled in cells)
    return kept + 4 * max(convolved for convolved, _ in cells)
