"""A network that learns, batch by batch, and one that predicts."""

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from ..base.device import arithmetic
from ..config.sections import Training
from .batches import Batch
from .memory import within_memory
from .networks.architectures import build, in_steps
from .processes import WholeBatchNorm, World

# Keras' default: a training loss counts as improved when it is lower by more than this. It is
# absolute, in units of the variance of the parameters, which the targets are divided by.
MIN_DELTA = 1e-4
PREDICTED_TOGETHER = 64  # images; bounds the memory of a prediction
SETTLED_TOGETHER = 128  # images that batch normalisation takes its statistics from at a time


class Learner:
    """A network with its optimiser and its learning rate's schedule, in all processes alike."""

    def __init__(
        self, training: Training, image_shape: tuple[int, int], outputs: int, world: World
    ) -> None:
        """Draw the initial weights; PyTorch's global generators are seeded for the dropout."""
        torch.manual_seed(training.seed)
        network = build(training.network, image_shape, outputs)
        if world.rank > 0:
            torch.manual_seed(training.seed + (world.rank << 32))
        self.network = world.normalising(network.to(world.device))
        self._world = world
        self._precision = training.precision
        self._alone = in_steps(self.network, training.network, image_shape, world.device)
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

    def epoch(self, batches: Iterable[Batch]) -> float:
        """Learn from an epoch's batches; their mean loss, with dropout on.

        Nothing here waits for an accelerator before the last step.

        Raises:
            UserError: if memory does not suffice, naming a batch that fits.
        """
        self._joint.train()
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
        own, network = len(batch.pixels), self._joint
        if images < batch.whole:
            own, network = math.ceil(images / self._world.size), self._alone
            for layer in self.network:
                if isinstance(layer, WholeBatchNorm):
                    layer.eval()
        low = self._precision == "bfloat16"
        with torch.autocast(self._world.device.type, torch.bfloat16, enabled=low):
            outputs = network(batch.pixels[:own])
        squares = mse_loss(outputs.float(), batch.targets[:own], reduction="sum")
        loss = squares / (batch.whole * outputs.shape[1])
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
            images: normalised training images (image, transverse, line of sight), on the CPU.
        """
        layers = [layer for layer in self.network if isinstance(layer, nn.BatchNorm1d)]
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

    def validate(self, images: Tensor, targets: Tensor) -> float:
        """Mean squared error of normalised images (image, transverse, line of sight), on the
        CPU; the processes share the work. In single precision, without dropout."""
        rows = self._world.part(torch.arange(len(images)))
        squares = (apply(self.network, images[rows]) - targets[rows]).double().square().sum()
        return self._world.total(squares.to(self._world.device)).item() / targets.numel()

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


def apply(model: nn.Module, images: Tensor, together: int = PREDICTED_TOGETHER) -> Tensor:
    """The network's outputs, with dropout off, for normalised images on the CPU.

    In single precision, whatever the network was trained in.

    Args:
        model: the network, wherever it is.
        images: (..., transverse, line of sight).
        together: images that are in the network at a time.

    Returns:
        (..., parameter), normalised, on the CPU.
    """
    model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode(), arithmetic("single", device):
        flat = images.flatten(0, -3)[:, None]
        outputs = [model(some.to(device)).cpu() for some in torch.split(flat, together)]
    return torch.cat(outputs).reshape(*images.shape[:-2], -1)
