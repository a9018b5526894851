"""Training: one loop that reads from top to bottom.

Every epoch ends with a checkpoint written aside and moved. A training that is killed goes on
from the last one and gives the same numbers as one that was not: to the last bit on a CPU with
the same number of threads.
"""

import csv
import io
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import RMSprop
from torch.optim.lr_scheduler import ReduceLROnPlateau

from . import __version__
from . import checkpoint as checkpoints
from .checkpoint import Checkpoint
from .dataset import MEMORY_BYTES, Batches, LabelledImages, divide, fit_normalisation
from .durable import sweep, write_text
from .errors import UserError
from .memory import available, check_batch, within_memory
from .networks.architectures import build
from .networks.layout import bytes_of_step
from .provenance.stamp import comment
from .sections import Split, Training

# Keras' default: a training loss counts as improved when it is lower by more than this. It is
# absolute, in units of the variance of the parameters, which the targets are divided by.
MIN_DELTA = 1e-4
PREDICTED_TOGETHER = 64  # images; bounds the memory of a prediction
SHOWN_LINES = 20
HISTORY = "history.csv"
COLUMNS = ("epoch", "learning_rate", "training_loss", "validation_loss")


def choose_device(name: str | None = None) -> torch.device:
    """The device asked for, or the accelerator when there is one, else the CPU.

    Raises:
        UserError: if a GPU is asked for and PyTorch sees none.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        reason = "no GPU or driver" if torch.version.cuda else "its build is for the CPU alone"
        raise UserError(f"--device cuda: PyTorch {torch.__version__} sees no GPU here ({reason})")
    return torch.device(name or ("cuda" if there else "cpu"))


def train(
    training: Training,
    split: Split,
    labelled: LabelledImages,
    directory: Path,
    identity: dict[str, Any],
    show: bool = True,
    stamp: dict[str, str] | None = None,
    device: str | None = None,
) -> Checkpoint:
    """Train a network (Gillet et al. 2019, Section 3), or go on with a training.

    Minimises the mean squared error of the normalised parameters with RMSprop; the learning
    rate is lowered when the training loss has not improved for ``patience`` epochs. The
    training loss is the mean over an epoch's batches with dropout on, as Keras reports it; the
    validation loss is of one image per light-cone. Writes ``checkpoint.pt`` and
    ``history.csv`` (epoch, learning_rate, training_loss, validation_loss) to ``directory``.

    Args:
        training: the network, the optimiser, and how long.
        split: light-cones set aside for validation and test.
        labelled: images in mK and parameters of all light-cones.
        directory: where checkpoint and history go; made if missing.
        identity: what decides the result, as JSON types; kept in the checkpoint.
        show: print the progress.
        stamp: the product that checkpoint and history belong to, kept in both.
        device: ``cpu`` or ``cuda``; none: the accelerator when there is one.

    Returns:
        The checkpoint after the last epoch.

    Raises:
        UserError: if the checkpoint in ``directory`` is damaged or of another training, an
            image holds NaN, the training set is too small, the loss is not finite, memory
            does not suffice (a batch that fits is named), or there is no such device.
    """
    chosen = choose_device(device)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / checkpoints.NAME
    geometry = labelled.geometry.plain() if labelled.geometry else {}
    resumed = checkpoints.load(path) if path.exists() else None
    if resumed is not None:
        checkpoints.check_identity(resumed, identity, path)
        resumed.check_images(labelled)
        if resumed.complete:
            if geometry and not resumed.geometry:  # of version 0.1: nothing else is missing
                resumed = replace(resumed, geometry=geometry)
                checkpoints.save(resumed, path)
            _write_history(resumed, directory)
            return resumed

    sets = divide(split, labelled.light_cones, labelled.failed, training.light_cones)
    images = labelled.per_lightcone if training.images == "all" else training.images
    if images > labelled.per_lightcone:
        raise UserError(
            f"training on {images} images per light-cone needs more than the "
            f"{labelled.per_lightcone} there are"
        )
    if len(sets.training) * images < 2:
        raise UserError("a training set of one image is too small: add light-cones or images")
    batch = min(training.batch, len(sets.training) * images)
    if chosen.type == "cpu":
        step_bytes = bytes_of_step(training.network.sizes(labelled.image_shape))
        check_batch(batch, step_bytes, "trainings.*.batch")
    normalisation = (
        resumed.fitted_normalisation()
        if resumed is not None
        else fit_normalisation(labelled, sets.training, images)
    )
    batches = Batches(
        labelled,
        sets.training,
        images,
        training.batch,
        normalisation,
        memory=min(MEMORY_BYTES, available() // 2),  # the other half is the network's
        flip=training.augment,
    )
    validation_images = normalisation.images(labelled.read(sets.validation, 1)[:, 0])
    validation_targets = normalisation.parameters(labelled.parameters[list(sets.validation)])

    with torch.random.fork_rng(), _Progress(training.epochs, show) as progress:
        torch.manual_seed(training.seed)
        shuffling = torch.Generator().manual_seed(training.seed)
        model = build(training.network, labelled.image_shape, len(labelled.names))
        model.to(chosen)
        settings = training.optimiser
        # PyTorch adds epsilon to the root, as Keras did in 2018; TensorFlow's own RMSprop, and
        # Keras 3, add it under the root.
        optimiser = RMSprop(
            model.parameters(), lr=settings.learning_rate, alpha=settings.rho, eps=settings.epsilon
        )
        # Keras lowers the rate at the end of the patience-th epoch without improvement;
        # PyTorch waits for one more, and by default ignores steps below eps.
        schedule = ReduceLROnPlateau(
            optimiser,
            factor=settings.factor,
            patience=settings.patience - 1,
            threshold=MIN_DELTA,
            threshold_mode="abs",
            eps=0.0,
        )
        history: list[dict[str, float]] = []
        if resumed is not None:
            model.load_state_dict(resumed.model)
            optimiser.load_state_dict(resumed.optimiser)
            schedule.load_state_dict(resumed.schedule)
            history = list(resumed.history)
            _restore_generators(resumed.random, shuffling)
            progress.went_on(history)

        for epoch in range(len(history) + 1, training.epochs + 1):
            model.train()
            summed = torch.zeros((), dtype=torch.float64, device=chosen)
            for pixels, targets in batches.epoch(shuffling):
                step = partial(_step, model, optimiser, pixels, targets)
                loss = within_memory(step, len(pixels), "trainings.*.batch", least=2)
                summed += loss * len(pixels)
            training_loss = summed.item() / batches.images
            predicted = apply(model, validation_images)
            validation_loss = mse_loss(predicted, validation_targets).item()
            if not (math.isfinite(training_loss) and math.isfinite(validation_loss)):
                raise UserError(
                    f"the loss is not finite in epoch {epoch} (training {training_loss}, "
                    f"validation {validation_loss}): lower optimiser.learning_rate"
                )
            learning_rate = optimiser.param_groups[0]["lr"]
            schedule.step(training_loss)
            row = (epoch, learning_rate, training_loss, validation_loss)
            history.append(dict(zip(COLUMNS, row, strict=True)))
            reached = Checkpoint(
                identity=identity,
                network=training.network.model_dump(mode="json"),
                image_shape=list(labelled.image_shape),
                names=list(labelled.names),
                normalisation=normalisation.plain(),
                epochs=training.epochs,
                history=history,
                model=model.state_dict(),
                optimiser=optimiser.state_dict(),
                schedule=schedule.state_dict(),
                random=_generators(shuffling),
                provenance=stamp or {},
                geometry=geometry,
                version=__version__,
            )
            checkpoints.save(reached, path)
            _write_history(reached, directory)
            progress.epoch(history[-1])
    sweep(path)
    return checkpoints.load(path)


def _step(
    model: nn.Module, optimiser: RMSprop, pixels: Tensor, targets: Tensor, first: int
) -> Tensor:
    """Learn from the ``first`` images of a batch; their loss."""
    device = next(model.parameters()).device
    loss = mse_loss(model(pixels[:first].to(device)), targets[:first].to(device))
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
    optimiser.step()
    return loss.detach()


def apply(model: nn.Module, images: Tensor, together: int = PREDICTED_TOGETHER) -> Tensor:
    """The network's outputs, with dropout off, for normalised images on the CPU.

    Args:
        model: the network, wherever it is.
        images: (..., transverse, line of sight).
        together: images that are in the network at a time.

    Returns:
        (..., parameter), normalised, on the CPU.
    """
    model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode():
        flat = images.flatten(0, -3)[:, None]
        outputs = [model(some.to(device)).cpu() for some in torch.split(flat, together)]
    return torch.cat(outputs).reshape(*images.shape[:-2], -1)


def _generators(shuffling: torch.Generator) -> dict[str, Any]:
    return {
        "torch": torch.get_rng_state(),
        "shuffling": shuffling.get_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _restore_generators(states: dict[str, Any], shuffling: torch.Generator) -> None:
    torch.set_rng_state(states["torch"])
    shuffling.set_state(states["shuffling"])
    # A training may go on on another machine; its dropout then starts anew.
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])


def _write_history(checkpoint: Checkpoint, directory: Path) -> None:
    text = io.StringIO()
    if checkpoint.provenance:
        text.write(comment(checkpoint.provenance))
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(checkpoint.history)
    write_text(directory / HISTORY, text.getvalue())


class _Progress:
    """A bar with the losses on a terminal, a few lines in a log."""

    def __init__(self, epochs: int, show: bool) -> None:
        self._epochs = epochs
        self._console = Console(quiet=not show)
        self._every = math.ceil(epochs / SHOWN_LINES)
        self._drawn = show and self._console.is_terminal
        self._bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._drawn,
        )
        self._task = self._bar.add_task("", total=epochs)

    def __enter__(self) -> Self:
        if self._drawn:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._bar.stop()

    def went_on(self, history: list[dict[str, float]]) -> None:
        """Say where a resumed training stands."""
        self._bar.update(self._task, completed=len(history))
        self._console.print(f"goes on after epoch {len(history)} of {self._epochs}")

    def epoch(self, row: dict[str, float]) -> None:
        """Show an epoch."""
        losses = f"training {row['training_loss']:.4f}, validation {row['validation_loss']:.4f}"
        number = int(row["epoch"])
        self._bar.update(self._task, completed=number, description=losses)
        in_turn = number % self._every == 0 and not self._console.is_terminal
        if in_turn or number == self._epochs:
            rate = f"learning rate {row['learning_rate']:.2g}"
            self._console.print(f"epoch {number} of {self._epochs}: {losses}, {rate}")
