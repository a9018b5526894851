"""A network that learns, batch by batch, and one that predicts."""

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from ..base.device import arithmetic
from ..config.networks import Shape
from ..config.sections import Training
from .batches import Batch
from .memory import within_memory
from .networks.architectures import build, in_steps
from .networks.head import Density, Errors, Head
from .processes import WholeBatchNorm, World

# Keras' default: a training loss counts as improved when it is lower by more than this. It is
# absolute, in units of the variance of the parameters, which the targets are divided by.
MIN_DELTA = 1e-4
PREDICTED_TOGETHER = 64  # images; bounds the memory of a prediction
SETTLED_TOGETHER = 128  # images that batch normalisation takes its statistics from at a time


class Learner:
    """A network with its optimiser and its learning rate's schedule, in all processes alike."""

    def __init__(
        self,
        training: Training,
        image_shape: Shape,
        outputs: int,
        world: World,
        box: Tensor | None = None,
    ) -> None:
        """Draw the initial weights; PyTorch's global generators are seeded for the dropout.

        A posterior needs the prior's ``box`` of normalised parameters, (2, parameter).
        """
        torch.manual_seed(training.seed)
        network = build(training.network, image_shape, outputs)
        if isinstance(network.head, Density):
            assert box is not None
            network.head.bound(box)
        if world.rank > 0:
            torch.manual_seed(training.seed + (world.rank << 32))
        self.network = world.normalising(network.to(world.device))
        self._world = world
        self._precision = training.precision
        trunk, head = self.network.trunk, self.network.head
        self._errors = Errors(trunk, head)
        self._alone = Errors(in_steps(trunk, training.network, image_shape, world.device), head)
        self._joint = world.together(self._alone)
        settings = training.optimiser
        # PyTorch adds epsilon to the root, as Keras did in 2018; TensorFlow's own RMSprop, and
        # Keras 3, add it under the root.
        self._optimiser = RMSprop(
            network.parameters(),
            lr=settings.learning_rate,
            alpha=settings.rho,
            eps=settings.epsilon,
        )
        self._schedule = _schedule(self._optimiser, training)

    @property
    def learning_rate(self) -> float:
        """The optimiser's, now."""
        return float(self._optimiser.param_groups[0]["lr"])

    def epoch(self, batches: Iterable[Batch], frozen: bool = False) -> float:
        """Learn from an epoch's batches; their mean loss, with dropout on.

        Nothing here waits for an accelerator before the last step.

        Args:
            batches: of one epoch.
            frozen: batch normalisation keeps its statistics, and uses them as predictions do.

        Raises:
            UserError: if memory does not suffice, naming a batch that fits.
        """
        self._joint.train()
        if frozen:
            for layer in self._normalising:
                layer.eval()
        device = self._world.device
        images, summed = 0, torch.zeros((), dtype=torch.float64, device=device)
        with arithmetic(self._precision, device, tuned=True):
            for batch in batches:
                step = partial(self._step, batch)
                loss = within_memory(step, batch.whole, "trainings.*.batch", least=2)
                summed += loss * batch.whole
                images += batch.whole
        return self._world.total(summed).item() / images

    def _step(self, batch: Batch, images: int) -> Tensor:
        """Learn from a batch; this process's share of its loss.

        With fewer ``images`` than it has, see in this process alone whether they fit.
        """
        own, network, together = len(batch.targets), self._joint, batch.together
        if images < batch.whole:
            own, network = math.ceil(images / together / self._world.size), self._alone
            for layer in self._normalising:
                if isinstance(layer, WholeBatchNorm):
                    layer.eval()
        low = self._precision == "bfloat16"
        with torch.autocast(self._world.device.type, torch.bfloat16, enabled=low):
            errors = network(batch.pixels[: own * together], batch.targets[:own], together)
        loss = errors.sum() / (batch.whole // together * errors.shape[1:].numel())
        self._optimiser.zero_grad()
        (self._world.size * loss).backward()  # type: ignore[no-untyped-call,unused-ignore]
        self._optimiser.step()
        share: Tensor = loss.detach()
        return share

    def settle(self, images: Tensor) -> None:
        """Take the statistics of batch normalisation anew, with the weights as they are now.

        Those gathered on the way are of weights that are no more, and of what a few batches held.
        Dropout is off, as in predictions.

        Args:
            images: normalised training images (image, *image_shape), on the CPU.
        """
        layers = self._normalising
        usual = [layer.momentum for layer in layers]
        self.network.eval()
        chunks = torch.split(images[:, None], SETTLED_TOGETHER)
        like = next(self.network.parameters())
        with torch.no_grad(), arithmetic("single", self._world.device):
            for number, chunk in enumerate(chunks, start=1):
                for layer in layers:
                    layer.train().momentum = 1 / number  # their mean, in the end
                own = self._world.part(torch.arange(len(chunk)))
                self.network(chunk[own].to(like))
        for layer, momentum in zip(layers, usual, strict=True):
            layer.momentum = momentum

    @property
    def _normalising(self) -> list[nn.BatchNorm1d]:
        return [layer for layer in self.network if isinstance(layer, nn.BatchNorm1d)]

    def validate(self, images: Tensor, targets: Tensor) -> float:
        """Mean error of normalised images (image, *image_shape), on the CPU; the processes share
        the work. In single precision, without dropout.

        Of a posterior (light_cone, image, *image_shape): that from all images of a light-cone.
        """
        rows = self._world.part(torch.arange(len(images)))
        if isinstance(self.network.head, Density):
            return self._validate_together(images[rows], targets)
        errors = apply(self._errors, images[rows], targets[rows])
        summed = self._world.total(errors.sum().to(self._world.device))
        return summed.item() / (len(images) * errors.shape[1:].numel())

    def _validate_together(self, images: Tensor, targets: Tensor) -> float:
        """The same of light-cones, of which these are this process's own."""
        own = apply_together(self.network.trunk, images)
        head = self.network.head.eval()
        features = torch.cat(self._world.gathered(own)).to(self._world.device)
        targets = targets.to(self._world.device)
        with torch.inference_mode(), arithmetic("single", self._world.device):
            head.settle(features, targets)
            return head.errors(features, targets).mean().item()

    def end_epoch(self, training_loss: float) -> None:
        """Lower the learning rate, if it is time."""
        if isinstance(self._schedule, ReduceLROnPlateau):
            self._schedule.step(training_loss)
        else:
            self._schedule.step()

    def state(self) -> dict[str, Any]:
        """For a checkpoint: its fields ``model``, ``optimiser`` and ``schedule``."""
        return {
            "model": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def restore(
        self, model: dict[str, Any], optimiser: dict[str, Any], schedule: dict[str, Any]
    ) -> None:
        """Go on from a checkpoint's."""
        self.network.load_state_dict(model)
        self._optimiser.load_state_dict(optimiser)
        self._schedule.load_state_dict(schedule)


def _schedule(optimiser: RMSprop, training: Training) -> ReduceLROnPlateau | CosineAnnealingLR:
    settings = training.optimiser
    if settings.schedule == "cosine":
        return CosineAnnealingLR(optimiser, training.epochs)
    # Keras lowers the rate at the end of the patience-th epoch without improvement;
    # PyTorch waits for one more, and by default ignores steps below eps.
    return ReduceLROnPlateau(
        optimiser,
        factor=settings.factor,
        patience=settings.patience - 1,
        threshold=MIN_DELTA,
        threshold_mode="abs",
        eps=0.0,
    )


def apply(
    model: nn.Module, images: Tensor, *beside: Tensor, together: int = PREDICTED_TOGETHER
) -> Tensor:
    """What a network makes of normalised images on the CPU, with dropout off.

    In single precision, whatever the network was trained in.

    Args:
        model: the network, wherever it is.
        images: (image, *image_shape).
        beside: what it takes beside each image.
        together: images that are in the network at a time.

    Returns:
        (image, ...) on the CPU: of a network itself, normalised parameters.
    """
    model.eval()
    device = next(model.parameters()).device
    parts = zip(*(torch.split(each, together) for each in (images[:, None], *beside)), strict=True)
    with torch.inference_mode(), arithmetic("single", device):
        return torch.cat([model(*(each.to(device) for each in part)).cpu() for part in parts])


def apply_together(trunk: nn.Module, images: Tensor) -> Tensor:
    """The features of light-cones' images, as :func:`apply` computes them.

    Args:
        trunk: makes features of images, wherever it is.
        images: (light_cone, image, *image_shape).

    Returns:
        (light_cone, image, feature) on the CPU.
    """
    features = apply(trunk, images.flatten(0, 1))
    return features.view(*images.shape[:2], features.shape[-1])


def apply_head(head: Head, features: Tensor) -> Tensor:
    """The point predictions that a head makes of features on the CPU; they are there too."""
    like = next(head.parameters())
    with torch.inference_mode(), arithmetic("single", like.device):
        predicted: Tensor = head(features.to(like))
    return predicted.cpu()
