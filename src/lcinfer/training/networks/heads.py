"""Heads of networks by their settings."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ...config.networks import Network
from .flow import Flow
from .gaussian import GaussianDropout
from .head import Errors, Head

__all__ = ["HEADS", "Errors", "Head", "Regression", "head"]


class Regression(nn.Linear, Head):
    """The parameters themselves, by least squares."""

    def errors(self, features: Tensor, targets: Tensor) -> Tensor:
        """(image, parameter) squares; when not in training, of many images, in double precision."""
        differences: Tensor = self(features).float() - targets
        return (differences if self.training else differences.double()).square()


HEADS: dict[str, Callable[[int, int, Any], Head]] = {
    "regression": lambda features, outputs, _: Regression(features, outputs),
    "posterior": Flow,
    "gaussian_dropout": GaussianDropout,
}


def head(network: Network, outputs: int) -> Head:
    """The head of a network for so many parameters."""
    return HEADS[network.head.kind](network.dense[-1], outputs, network.head)
