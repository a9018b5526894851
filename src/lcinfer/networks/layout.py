"""Data sizes through a chain of convolutions and poolings, without torch.

The configuration is checked with these before any job starts, so this module must import
in milliseconds.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple


class Window(NamedTuple):
    """One convolution (no padding, stride 1) and the max pooling behind it, in cells."""

    filters: int
    kernel: tuple[int, int]
    pool: tuple[int, int]


def feature_sizes(
    image: tuple[int, int], windows: Sequence[Window]
) -> list[tuple[tuple[int, int, int], tuple[int, int, int]]]:
    """(channels, transverse, line of sight) after each convolution and after each pooling.

    Raises:
        ValueError: if the image is used up before the last layer.
    """
    sizes = []
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


def bytes_of_step(image: tuple[int, int], windows: Sequence[Window]) -> int:
    """Memory in bytes that an image surely takes in a training step, in float32.

    Kept for the way back: each rectified convolution, what is pooled from it, and from where
    (64-bit); the largest convolution's gradient comes on top. Libraries add to it: about as much
    again.
    """
    cells = [tuple(map(prod, sizes)) for sizes in feature_sizes(image, windows)]
    kept = sum(4 * convolved + (4 + 8) * pooled for convolved, pooled in cells)
    return kept + 4 * max(convolved for convolved, _ in cells)
