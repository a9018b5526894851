"""Fully connected layers on a vector, as Shimabukuro & Semelin 2017 read power spectra with."""

from math import prod

from torch import nn

from ...config import networks as settings
from .normalisation import MOMENTUM, batch_normalisation

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}
# Of the inputs' variance: a bin that varies less counts as constant.
LEAST = 1e-4


def trunk(network: settings.Dense, image_shape: settings.Shape) -> nn.Sequential:
    """The layers for what has ``image_shape``: (image, 1, *image_shape) -> (image, feature).

    What goes in is batch-normalised number by number: spectra have another mean and scatter in each
    bin and chunk.
    """
    width = prod(image_shape)
    model = nn.Sequential()
    model.add_module("flattening", nn.Flatten())
    model.add_module("input_normalisation", nn.BatchNorm1d(width, LEAST, MOMENTUM))
    model.add_module("dropout", nn.Dropout(network.dropout))
    add_layers(model, network, width)
    return model


def add_layers(
    model: nn.Sequential, network: settings.Dense | settings.FilterBank, width: int
) -> None:
    """Add the fully connected layers, batch-normalised, behind (image, ``width``)."""
    for number, neurons in enumerate(network.dense, start=1):
        model.add_module(f"dense_{number}", nn.Linear(width, neurons))
        model.add_module(f"batch_normalisation_{number}", batch_normalisation(neurons))
        model.add_module(f"dense_{network.activation}_{number}", ACTIVATIONS[network.activation]())
        width = neurons
