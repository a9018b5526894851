"""Moments of learned filters along the line of sight: a network for few light-cones.

A power spectrum is the mean square of an image behind fixed filters, its waves. Here the filters
are learned, on several scales, and their power in slices of the line of sight is what a few dense
layers see; a first and a fourth moment beside the second tell a few hot spots from many faint
ones, as higher-order statistics do. Such means do not depend on where in the sky a bubble lies,
and leave far fewer weights to learn than all the places of an image: hundreds of light-cones will
do. It is not from Gillet et al. 2019.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import adaptive_avg_pool1d, avg_pool2d

from ...config import networks as settings
from ...config.networks import Window
from .dense import ACTIVATIONS, add_layers
from .normalisation import batch_normalisation

# Of the images' variance: a slice with less power counts as empty, so that no logarithm runs away.
# Of the n-th moment it is the floor of the power to n/2, the same brightness.
POWER_FLOOR = 1e-3
SQUARED = (1, 2, 4)  # the moments that there are: each power is the square of the one before


class _MeanPowers(Function):
    """Responses (image, filter, row, column) -> their mean n-th powers over the rows, for each n.

    As plain operations, every power would be kept, and written anew on the way back; this keeps
    the responses alone.
    """

    @staticmethod
    def forward(context: Any, responses: Tensor, moments: Sequence[int]) -> tuple[Tensor, ...]:
        context.save_for_backward(responses)
        context.moments = moments
        means, power = [], responses
        for moment in SQUARED:
            if moment in moments:
                means.append(power.mean(2))
            if moment < max(moments):
                power = power.square()
        return tuple(means)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (responses,) = context.saved_tensors
        share = {
            moment: gradient.unsqueeze(2) * (moment / responses.shape[2])
            for moment, gradient in zip(context.moments, gradients, strict=True)
        }
        gradient = responses.square().mul_(share[4]) if 4 in share else torch.zeros_like(responses)
        if 2 in share:
            gradient += share[2]
        gradient *= responses
        if 1 in share:
            gradient += share[1]
        return gradient, None


class FilterBank(nn.Module):
    """Images (image, 1, transverse, line of sight) -> (image, features).

    The features are, for each of ``slices`` equal slices of the line of sight, the mean, and the
    logarithms of ``moments`` (mean n-th powers) of each rectified filter on each scale. A
    rectified filter tells peaks from holes, which a power spectrum does not. Filters are put down
    every half of their width; each scale sees the image averaged over the poolings of those before
    it.
    """

    def __init__(self, windows: list[Window], slices: int, moments: Sequence[int] = (2,)) -> None:
        """A scale for each window."""
        super().__init__()
        self.slices = slices
        self.moments = moments
        self.windows = windows
        for number, window in enumerate(windows, start=1):
            filters = nn.Conv2d(1, window.filters, window.kernel, stride=window.step)
            self.add_module(f"convolution_{number}", filters)
            self.add_module(f"convolution_relu_{number}", nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        features = [self._slices(images.mean(2))]
        for number, window in enumerate(self.windows, start=1):
            seen = self.get_submodule(f"convolution_{number}")(images)
            rectified = self.get_submodule(f"convolution_relu_{number}")(seen)
            means = _MeanPowers.apply(rectified, self.moments)  # type: ignore[no-untyped-call,unused-ignore]
            for moment, mean in zip(self.moments, means, strict=True):
                floor = POWER_FLOOR ** (moment / 2)
                features.append(torch.log(self._slices(mean) + floor))
            if number < len(self.windows):
                images = avg_pool2d(images, window.pool)
        return torch.cat(features, 1)

    def _slices(self, means: Tensor) -> Tensor:
        return adaptive_avg_pool1d(means, self.slices).flatten(1)


def trunk(network: settings.FilterBank, image_shape: settings.Shape) -> nn.Sequential:
    """The layers for images of ``image_shape`` (transverse, line of sight) cells.

    They take normalised images (image, 1, transverse, line of sight) and give features (image,
    feature). Moments and all layers behind them are batch-normalised; the dropout acts on the
    moments.

    Raises:
        ValueError: if the image is too small for the filters.
    """
    network.sizes(image_shape)
    activation = ACTIVATIONS[network.activation]
    model = nn.Sequential()
    model.add_module("filter_bank", FilterBank(network.windows, network.slices, network.moments))
    filters = sum(window.filters for window in network.windows)
    channels, slices = 1 + len(network.moments) * filters, network.slices
    model.add_module("batch_normalisation", batch_normalisation(channels * slices))
    model.add_module("dropout", nn.Dropout(network.dropout))
    if network.line_of_sight:
        model.add_module("slices", nn.Unflatten(1, (channels, slices)))
    for number, layer in enumerate(network.line_of_sight, start=1):
        convolution = nn.Conv1d(channels, layer.filters, layer.kernel, padding="same")
        model.add_module(f"line_of_sight_{number}", convolution)
        model.add_module(
            f"line_of_sight_normalisation_{number}", batch_normalisation(layer.filters)
        )
        model.add_module(f"line_of_sight_{network.activation}_{number}", activation())
        model.add_module(f"line_of_sight_pooling_{number}", nn.AvgPool1d(layer.pool))
        channels, slices = layer.filters, slices // layer.pool
    if network.line_of_sight:
        model.add_module("flattening", nn.Flatten())
    add_layers(model, network, channels * slices)
    return model
