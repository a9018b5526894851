"""Heads of networks: what makes a loss, a point prediction and, where it can, samples of features.

Features are (image, feature), parameters (image, parameter) and normalised.
"""

from torch import Tensor, nn

from ...config.networks import Network


class Head(nn.Module):
    """What stands behind the last hidden layer of every architecture.

    Called with features, it gives the point prediction (image, parameter).
    """

    def errors(self, features: Tensor, targets: Tensor) -> Tensor:
        """What training makes small on average, (image, ...) in single precision or better."""
        raise NotImplementedError

    def samples(self, features: Tensor, count: int) -> Tensor | None:
        """(image, sample, parameter) of each image's posterior; none: it has a best guess alone."""
        return None


class Regression(nn.Linear, Head):
    """The parameters themselves, by least squares."""

    def errors(self, features: Tensor, targets: Tensor) -> Tensor:
        """(image, parameter) squares; when not in training, of many images, in double precision."""
        differences: Tensor = self(features).float() - targets
        return (differences if self.training else differences.double()).square()


class Errors(nn.Module):
    """(images, targets) -> what the head makes of the trunk's features, for a training's loss."""

    def __init__(self, trunk: nn.Module, head: Head) -> None:
        """Their modules are shared, not copied."""
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """See :meth:`Head.errors`."""
        return self.head.errors(self.trunk(images), targets)


HEADS = {"regression": Regression}


def head(network: Network, outputs: int) -> Head:
    """The head of a network for so many parameters."""
    return HEADS[network.head.kind](network.dense[-1], outputs)
