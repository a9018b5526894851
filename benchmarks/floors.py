"""The least time that a training can take on a GPU: by its operations, and by its bytes.

Operations are multiplications and additions of convolutions and dense layers: forward, for the
weights' gradients, and, but for the first convolution, for the data's. Bytes are what kernels
hand on through the GPU's memory, each written once and read once by every kernel that needs it;
convolutions, poolings and their ways back are kernels, and all else would cost nothing.
"""

from itertools import pairwise
from math import prod

from lcinfer.config.networks import Gillet2019

CARDS = {  # NVIDIA's data sheets, SXM, dense: bytes/s, and operations/s by precision
    "H100": (3.35e12, {"bfloat16": 989e12, "tf32": 494e12, "single": 67e12}),
    "H200": (4.8e12, {"bfloat16": 989e12, "tf32": 494e12, "single": 67e12}),
}
SIZES = {"bfloat16": 2, "tf32": 4, "single": 4}
OPTIMISER_PASSES = 5  # weight, gradient and mean square are read, weight and mean square written


def operations(network: Gillet2019, image: tuple[int, int], outputs: int) -> int:
    """Of one image in a training step."""
    total, channels, pooled = 0, 1, (1, *image)
    for number, (window, sizes) in enumerate(
        zip(network.windows, network.sizes(image), strict=True)
    ):
        convolved, pooled = sizes
        once = 2 * channels * prod(window.kernel) * prod(convolved)
        total += once * (2 if number == 0 else 3)
        channels = window.filters
    widths = (prod(pooled), *network.dense, outputs)
    return total + sum(6 * a * b for a, b in pairwise(widths))


def values(network: Gillet2019, image: tuple[int, int]) -> int:
    """Numbers read and written for one image in a training step."""
    total, before = 0, prod(image)
    for number, (convolved, pooled) in enumerate(network.sizes(image)):
        cells, kept = prod(convolved), prod(pooled)
        total += before + cells  # convolution: its data read, its result written
        total += cells + kept  # pooling: read, written; where from is not counted
        total += kept + cells  # back through the pooling: gradient read, spread and written
        total += before + cells  # the weights' gradient: data and gradient read
        total += 0 if number == 0 else cells + before  # the data's: read, written
        before = kept
    return total + 4 * before  # the first dense layer: forth and back, dropout aside


def weights(network: Gillet2019, image: tuple[int, int]) -> int:
    """Of the first dense layer, which has nearly all."""
    return prod(network.sizes(image)[-1][1]) * network.dense[0]


def floors(
    network: Gillet2019, image: tuple[int, int], outputs: int, images: int, steps: int
) -> str:
    """A table: the least seconds by card and precision for so many images and steps."""
    each, moved = operations(network, image, outputs), values(network, image)
    updated = steps * OPTIMISER_PASSES * 4 * weights(network, image)
    lines = [
        f"{each / 1e9:.2f} GFLOP and {moved / 1e6:.1f} million numbers moved per image and step; "
        f"{images:,} images in {steps:,} steps",
        "",
        "| card | precision | floor by operations / s | floor by bytes / s |",
        "|---|---|---|---|",
    ]
    for card, (bandwidth, rates) in CARDS.items():
        for precision, rate in rates.items():
            moving = (images * moved * SIZES[precision] + updated) / bandwidth
            lines.append(f"| {card} | {precision} | {images * each / rate:.0f} | {moving:.0f} |")
    return "\n".join(lines) + "\n"
