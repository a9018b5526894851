"""Batch normalisation as Keras of 2018 had it, which the paper used."""

from torch import nn

EPSILON = 1e-3
# The share of a batch in the running statistics; 0.99 in Keras' sense. PyTorch's own 0.1 leaves a
# prediction to the last ten batches or so, and to whatever rare image one of them held.
MOMENTUM = 0.01


def batch_normalisation(features: int) -> nn.BatchNorm1d:
    """The layer for (image, ``features``) or (image, ``features``, slice)."""
    return nn.BatchNorm1d(features, eps=EPSILON, momentum=MOMENTUM)
