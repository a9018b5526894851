"""The layers of a network as Table 1 lists them, of its settings alone: without torch."""

from collections.abc import Iterator
from itertools import pairwise
from math import prod
from typing import NamedTuple

from ...config.networks import (
    AnyHead,
    Dense,
    FilterBank,
    GaussianDropout,
    Gillet2019,
    Network,
    Posterior,
    Shape,
)

Rows = Iterator[tuple[str, str, tuple[int, ...], int]]  # a layer without its place


class Layer(NamedTuple):
    """A row of Table 1."""

    order: int
    """Place in the network; the input is 1."""
    name: str
    """Of its submodule, as :func:`.architectures.build` names it; ``input`` of the image."""
    step: str
    """What the layer does, in the paper's words."""
    shape: tuple[int, ...]
    """Data dimensions behind it: (transverse, line of sight), (filters, transverse, line of
    sight) or (neurons,)."""
    weights: int
    """Trained numbers in it."""


def layers(network: Network, image_shape: Shape, outputs: int) -> list[Layer]:
    """The rows of Table 1 for a network; an activation counts to the layer before it.

    Raises:
        ValueError: if the image is too small for the convolutions.
    """
    match network:
        case Gillet2019():
            trunk = _gillet2019(network, image_shape)
        case FilterBank():
            trunk = _filter_bank(network, image_shape)
        case Dense():
            trunk = _dense(network, image_shape)
        case _:
            raise ValueError(f"there is no architecture {network.architecture}")
    rows = [("input", "Input", image_shape, 0), *trunk]
    width = prod(rows[-1][2])
    every = not isinstance(network, Gillet2019)  # layer is batch-normalised, and not the first
    for number, neurons in enumerate(network.dense, start=1):
        rows.append((f"dense_{number}", "Fully connected", (neurons,), (width + 1) * neurons))
        if every or number == 1:
            name = "batch_normalisation" + f"_{number}" * every
            rows.append((name, "Batch Normalization", (neurons,), 2 * neurons))
        width = neurons
    rows.append(("output", *_head(network.head, width, outputs)))
    return [Layer(order, *row) for order, row in enumerate(rows, start=1)]


def _gillet2019(network: Gillet2019, image_shape: Shape) -> Rows:
    channels, sizes = 1, network.sizes(image_shape)
    for number, (window, shapes) in enumerate(zip(network.windows, sizes, strict=True), start=1):
        convolved, pooled = shapes
        step = "2D Convolution ({}x{})".format(*window.kernel)
        weights = (channels * prod(window.kernel) + 1) * window.filters
        yield f"convolution_{number}", step, convolved, weights
        yield f"pooling_{number}", "Max Pooling ({}x{})".format(*window.pool), pooled, 0
        channels = window.filters
    features = (prod(sizes[-1][1]),)
    yield "flattening", "Flattening", features, 0
    yield _dropout(network, features)


def _filter_bank(network: FilterBank, image_shape: Shape) -> Rows:
    network.sizes(image_shape)
    windows, slices = network.windows, network.slices
    channels = 1 + len(network.moments) * sum(window.filters for window in windows)
    filters = ", ".join("{} of {}x{}".format(it.filters, *it.kernel) for it in windows)
    step = f"Power of filters ({filters}; {slices} slices)"
    if network.moments != (2,):
        moments = ", ".join(map(str, network.moments))
        step = f"Moments of filters ({filters}; {slices} slices; moments {moments})"
    features = (channels * slices,)
    weights = sum((prod(window.kernel) + 1) * window.filters for window in windows)
    yield "filter_bank", step, features, weights
    yield "batch_normalisation", "Batch Normalization", features, 2 * prod(features)
    yield _dropout(network, features)
    if network.line_of_sight:
        yield "slices", "Slices of the line of sight", (channels, slices), 0
    for number, along in enumerate(network.line_of_sight, start=1):
        name, shape = "line_of_sight", (along.filters, slices)
        weights = (channels * along.kernel + 1) * along.filters
        yield f"{name}_{number}", f"1D Convolution ({along.kernel})", shape, weights
        yield f"{name}_normalisation_{number}", "Batch Normalization", shape, 2 * along.filters
        channels, slices = along.filters, slices // along.pool
        yield f"{name}_pooling_{number}", f"Mean Pooling ({along.pool})", (channels, slices), 0
    if network.line_of_sight:
        yield "flattening", "Flattening", (channels * slices,), 0


def _dense(network: Dense, image_shape: Shape) -> Rows:
    numbers = (prod(image_shape),)
    yield "flattening", "Flattening", numbers, 0
    yield "input_normalisation", "Batch Normalization", numbers, 2 * prod(numbers)
    yield _dropout(network, numbers)


def _head(head: AnyHead, features: int, outputs: int) -> tuple[str, tuple[int, ...], int]:
    """Step, shape and weights; a posterior knows the number of images beside their features."""
    match head:
        case Posterior():
            step, neurons = f"Normalizing Flow ({head.transforms}) Out", [*head.hidden]
            given, told = features + 1 + outputs, outputs * (3 * head.bins - 1)
            several = head.transforms
        case GaussianDropout():
            step, neurons = f"Gaussian with Dropout ({head.dropout:.0%}) Out", [head.hidden]
            given, told = features + 1, outputs + outputs * (outputs + 1) // 2
            several = 1
        case _:
            step, neurons, given, told, several = "Fully connected Out", [], features, outputs, 1
    widths = pairwise([given, *neurons, told])
    return step, (outputs,), several * sum((before + 1) * behind for before, behind in widths)


def _dropout(network: Network, shape: tuple[int, ...]) -> tuple[str, str, tuple[int, ...], int]:
    return "dropout", f"Dropout ({network.dropout:.0%}, only when learning)", shape, 0
