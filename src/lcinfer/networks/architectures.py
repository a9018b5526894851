"""Networks by the names of their architectures."""

from torch import nn

from ..sections import Network
from . import filter_bank, gillet2019

BUILD = {"gillet2019": gillet2019.build, "filter_bank": filter_bank.build}


def build(network: Network, image_shape: tuple[int, int], outputs: int) -> nn.Sequential:
    """The configured network for images of ``image_shape`` (transverse, line of sight) cells.

    It takes normalised images (image, 1, transverse, line of sight) and gives normalised
    parameters (image, ``outputs``). Its weights come from PyTorch's global generator.

    Raises:
        ValueError: if the image is too small for the network.
    """
    return BUILD[network.architecture](network, image_shape, outputs)
