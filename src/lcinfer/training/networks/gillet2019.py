"""The convolutional network of Gillet et al. 2019, Table 1, on PyTorch.

What the paper leaves to its framework (Keras of 2018) is set explicitly here: Glorot-uniform
weights, zero biases, and batch normalisation.
"""

import torch
from torch import nn

from ...config import networks as settings
from .normalisation import batch_normalisation


def trunk(network: settings.Gillet2019, image_shape: settings.Shape) -> nn.Sequential:
    """The layers for images of ``image_shape`` (transverse, line of sight) cells.

    They take normalised images (image, 1, transverse, line of sight) and give features (image,
    feature). The rectifiers follow every convolution and dense layer; the dropout acts on the
    flattened convolutions; the first dense layer alone is batch-normalised, behind its
    rectifier. Submodules are named: ``convolution_1``, ``dense_1``...

    A convolution's rectifier comes behind its pooling: the largest of rectified cells is the
    rectified largest cell, bit for bit and on the way back too, and there are fewer of them.
    Data lie in memory with the channels last, which pooling and convolutions are faster on.

    Raises:
        ValueError: if the image is too small for the convolutions.
    """
    model = nn.Sequential()
    channels = 1
    sizes = network.sizes(image_shape)
    for number, window in enumerate(network.windows, start=1):
        convolution = nn.Conv2d(channels, window.filters, window.kernel)
        model.add_module(f"convolution_{number}", convolution)
        model.add_module(f"pooling_{number}", nn.MaxPool2d(window.pool))
        model.add_module(f"convolution_relu_{number}", nn.ReLU(inplace=True))
        channels = window.filters
    model.add_module("flattening", nn.Flatten())
    model.add_module("dropout", nn.Dropout(network.dropout))
    filters, rows, columns = sizes[-1][1]
    width = filters * rows * columns
    for number, neurons in enumerate(network.dense, start=1):
        model.add_module(f"dense_{number}", nn.Linear(width, neurons))
        model.add_module(f"dense_relu_{number}", nn.ReLU())
        if number == 1:
            model.add_module("batch_normalisation", batch_normalisation(neurons))
        width = neurons
    return model


def draw_weights(model: nn.Sequential) -> None:
    """Glorot-uniform weights and no biases, from PyTorch's global generator, for a whole network.

    A head that is more than a linear layer keeps its own.
    """
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        if isinstance(layer, nn.Conv2d):  # what follows a convolution lies as its weights do
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
