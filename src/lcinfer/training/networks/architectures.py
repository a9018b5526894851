"""Networks by the names of their architectures."""

import torch
from torch import nn

from ...config.networks import Network
from . import filter_bank, gillet2019
from .folding import Folded, foldable

BUILD = {"gillet2019": gillet2019.build, "filter_bank": filter_bank.build}


def build(network: Network, image_shape: tuple[int, int], outputs: int) -> nn.Sequential:
    """The configured network for images of ``image_shape`` (transverse, line of sight) cells.

    It takes normalised images (image, 1, transverse, line of sight) and gives normalised
    parameters (image, ``outputs``). Its weights come from PyTorch's global generator.

    Raises:
        ValueError: if the image is too small for the network.
    """
    return BUILD[network.architecture](network, image_shape, outputs)


def in_steps(
    model: nn.Sequential, network: Network, image_shape: tuple[int, int], device: torch.device
) -> nn.Module:
    """What training steps on ``device`` compute ``model`` with: the same within rounding.

    On a GPU the paper's convolutions are folded; elsewhere a network computes as it is.
    """
    if (
        device.type != "cuda"
        or network.architecture != "gillet2019"
        or not foldable(network.windows)
    ):
        return model
    return Folded(model, network.windows, network.sizes(image_shape)[-1][1][1:])
