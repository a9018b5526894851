"""Networks, a trunk and a head each, by their settings."""

from collections import OrderedDict
from typing import cast

import torch
from torch import nn

from ...config import networks as settings
from . import dense, filter_bank, gillet2019
from .folding import Folded, foldable
from .head import Head
from .heads import head


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
        case settings.Dense():
            trunk = dense.trunk(network, image_shape)
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
