"""What every head of a network is: it makes a loss, a point prediction and, where it can, samples.

Features are (image, feature) of images alone, or (light-cone, image, feature) of images of
light-cones together; parameters are (image or light-cone, parameter) and normalised.
"""

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """What stands behind the last hidden layer of every architecture.

    Called with features, it gives the point prediction.
    """

    def errors(self, features: Tensor, targets: Tensor) -> Tensor:
        """What training makes small on average, (image, ...) in single precision or better."""
        raise NotImplementedError

    def samples(
        self, features: Tensor, count: int, generator: torch.Generator | None = None
    ) -> Tensor | None:
        """(image, sample, parameter) of each posterior; none: it has a best guess alone.

        Random numbers come from a ``generator`` on the CPU, or else from PyTorch's own there.
        """
        return None

    def settle(self, features: Tensor, targets: Tensor) -> None:
        """Set on the validation set, after every epoch, what is not learnt."""


class Density(Head):
    """A head of a posterior inside the prior's box, where the prior is uniform.

    Its errors are negative logarithms of the density at the targets, in nats, where the box is
    the unit cube: the prior's own are 0. Features of a light-cone's images are averaged, since the
    images are not independent and their posteriors cannot be multiplied; one over the number of
    images goes with the average.
    """

    box: Tensor

    def __init__(self, outputs: int) -> None:
        """For so many parameters; :meth:`bound` says where they can lie."""
        super().__init__()
        box = torch.zeros(2, outputs)
        box[1] = 1  # torch.stack loads PyTorch's compiler where weights are to be loaded: 1.2 s
        self.register_buffer("box", box)

    def bound(self, box: Tensor) -> None:
        """Lowest and highest normalised parameters, (2, parameter)."""
        self.box = box.to(self.box)

    def shares(self, targets: Tensor) -> Tensor:
        """Normalised parameters as shares of the box."""
        low, high = self.box
        shares: Tensor = (targets - low) / (high - low)
        return shares

    def placed(self, shares: Tensor) -> Tensor:
        """Shares of the box as normalised parameters."""
        low, high = self.box
        parameters: Tensor = low + shares * (high - low)
        return parameters

    @staticmethod
    def averaged(features: Tensor) -> Tensor:
        """(light-cone, feature + 1): what is known of each, in single precision."""
        together = features.float() if features.dim() == 3 else features.float()[:, None]
        mean = together.mean(1)
        return torch.cat([mean, mean.new_full((len(mean), 1), 1 / together.shape[1])], 1)


class Errors(nn.Module):
    """(images, targets) -> what the head makes of the trunk's features, for a training's loss."""

    def __init__(self, trunk: nn.Module, head: Head) -> None:
        """Their modules are shared, not copied."""
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, images: Tensor, targets: Tensor, together: int = 1) -> Tensor:
        """See :meth:`Head.errors`; ``together`` images of each light-cone follow each other."""
        features = self.trunk(images)
        if together > 1:
            features = features.view(len(targets), together, features.shape[-1])
        return self.head.errors(features, targets)
