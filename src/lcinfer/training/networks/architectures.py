"""Networks, a trunk and a head each, by their settings; their layers as Table 1 lists them."""

from collections import OrderedDict
from typing import NamedTuple, cast

import torch
from torch import nn

from ...config import networks as settings
from . import filter_bank, gillet2019
from .folding import Folded, foldable
from .heads import Head, head


class Network(nn.Sequential):
    """A trunk's layers and behind them, as ``output``, a head: images -> point predictions."""

    @property
    def trunk(self) -> nn.Sequential:
        """The layers that make features of images; shared, not copied."""
        return nn.Sequential(OrderedDict(list(self.named_children())[:-1]))

    @property
    def head(self) -> Head:
        """What makes parameters of the features."""
        return cast(Head, self[-1])


class Layer(NamedTuple):
    """A row of Table 1."""

    order: int
    """Place in the network; the input is 1."""
    name: str
    """Of its submodule, as :func:`build` names it; ``input`` of the image."""
    step: str
    """What the layer does, in the paper's words."""
    shape: tuple[int, ...]
    """Data dimensions behind it: (transverse, line of sight), (filters, transverse, line of
    sight) or (neurons,)."""
    weights: int
    """Trained numbers in it."""


def build(network: settings.Network, image_shape: settings.Shape, outputs: int) -> Network:
    """The configured network for images of ``image_shape``, as (transverse, line of sight) cells.

    It takes normalised images (image, 1, *image_shape) and gives normalised parameters (image,
    ``outputs``). Its weights come from PyTorch's global generator.

    Raises:
        ValueError: if the image is too small for the network.
    """
    match network:
        case settings.Gillet2019():
            trunk = gillet2019.trunk(network, image_shape)
        case settings.FilterBank():
            trunk = filter_bank.trunk(network, image_shape)
        case _:
            raise ValueError(f"there is no architecture {network.architecture}")
    model = Network(OrderedDict([*trunk.named_children(), ("output", head(network, outputs))]))
    if isinstance(network, settings.Gillet2019):
        gillet2019.draw_weights(model)
    return model


def in_steps(
    trunk: nn.Sequential,
    network: settings.Network,
    image_shape: settings.Shape,
    device: torch.device,
) -> nn.Module:
    """What training steps on ``device`` compute a trunk with: the same within rounding.

    On a GPU the paper's convolutions are folded; elsewhere a trunk computes as it is.
    """
    if (
        device.type != "cuda"
        or not isinstance(network, settings.Gillet2019)
        or not foldable(network.windows)
    ):
        return trunk
    return Folded(trunk, network.windows, network.sizes(image_shape)[-1][1][1:])


def layers(network: settings.Network, image_shape: settings.Shape, outputs: int) -> list[Layer]:
    """The rows of Table 1 for a network, read off the network itself.

    Nothing is computed: data and weights live on PyTorch's meta device.

    Raises:
        ValueError: if the image is too small for the convolutions.
    """
    rows = [Layer(1, "input", "Input", image_shape, 0)]
    with torch.device("meta"), torch.no_grad():
        model = build(network, image_shape, outputs).eval()
        data = torch.empty(1, 1, *image_shape)
        for name, layer in model.named_children():
            data = layer(data)
            if not isinstance(layer, nn.ReLU | nn.SiLU):  # Table 1 counts it to the layer before
                weights = sum(parameter.numel() for parameter in layer.parameters())
                step = _step(name, layer)
                rows.append(Layer(len(rows) + 1, name, step, tuple(data.shape[1:]), weights))
    return rows


def _step(name: str, layer: nn.Module) -> str:
    match layer:
        case filter_bank.FilterBank():
            filters = ", ".join(f"{window.filters} of {window}" for window in layer.windows)
            sizes = f"({filters}; {layer.slices} slices"
            if tuple(layer.moments) == (2,):
                return f"Power of filters {sizes})"
            return f"Moments of filters {sizes}; moments {', '.join(map(str, layer.moments))})"
        case nn.Conv2d():
            return "2D Convolution ({}x{})".format(*layer.kernel_size)
        case nn.MaxPool2d(kernel_size=(transverse, along)):
            return f"Max Pooling ({transverse}x{along})"
        case nn.Unflatten():
            return "Slices of the line of sight"
        case nn.Conv1d(kernel_size=(slices,)):
            return f"1D Convolution ({slices})"
        case nn.AvgPool1d(kernel_size=(slices,)):
            return f"Mean Pooling ({slices})"
        case nn.Flatten():
            return "Flattening"
        case nn.Dropout():
            return f"Dropout ({layer.p:.0%}, only when learning)"
        case nn.BatchNorm1d():
            return "Batch Normalization"
        case _:
            return "Fully connected Out" if name == "output" else "Fully connected"
