"""Training: one loop that reads from top to bottom.

Every epoch ends with a checkpoint written aside and moved. A training that is killed goes on
from the last one and gives the same numbers as one that was not: to the last bit on a CPU with
the same number of threads.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from ..base.device import choose_device, staged_dtype
from ..base.durable import sweep, write_text
from ..base.errors import UserError
from ..base.version import __version__
from ..config.sections import Split, Training
from ..images.dataset import LabelledImages, Normalisation, fit
from ..images.sets import divide
from ..records.stamp import comment
from ..text.tables import comma_separated
from . import checkpoint as checkpoints
from .batches import Batches
from .checkpoint import Checkpoint
from .learner import Learner
from .memory import check_batch, room, room_on
from .noise import NoiseBank
from .processes import World

SHOWN_LINES = 20
HISTORY = "history.csv"
SETTLING_BYTES = 256 * 2**20  # of images, one of a light-cone, for Learner.settle; decides results
COLUMNS = ("epoch", "learning_rate", "training_loss", "validation_loss")


def train(
    training: Training,
    split: Split,
    labelled: LabelledImages,
    directory: Path,
    identity: dict[str, Any],
    show: bool = True,
    stamp: dict[str, str] | None = None,
    world: World | None = None,
) -> Checkpoint:
    """Train a network (Gillet et al. 2019, Section 3), or go on with a training.

    Minimises the loss of the network's head, for the paper's the mean squared error of the
    normalised parameters, with RMSprop; the learning rate is lowered when the training loss has
    not improved for ``patience`` epochs. The training loss is the mean over an epoch's batches
    with dropout on, as Keras reports it; the validation loss is of one image per light-cone, or of
    as many as a posterior learns from.
    Writes ``checkpoint.pt`` and ``history.csv`` (epoch, learning_rate, training_loss,
    validation_loss) to ``directory``.

    Args:
        training: the network, the optimiser, and how long.
        split: light-cones set aside for validation and test.
        labelled: images in mK and parameters of all light-cones.
        directory: where checkpoint and history go; made if missing.
        identity: what decides the result, as JSON types; kept in the checkpoint.
        show: print the progress.
        stamp: the product that checkpoint and history belong to, kept in both.
        world: the processes that train together, each of which calls this, and their devices;
            none: this one alone, on the accelerator when there is one.

    Returns:
        The checkpoint after the last epoch.

    Raises:
        UserError: if the checkpoint in ``directory`` is damaged or of another training, an
            image holds NaN, the training set is too small, the loss is not finite, or memory
            does not suffice (a batch that fits is named).
    """
    world = world or World(choose_device())
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / checkpoints.NAME
    geometry = labelled.geometry.plain() if labelled.geometry else {}
    resumed = world.shared(_reached(path) if world.first and path.exists() else None)
    if resumed is not None:
        checkpoints.check_identity(resumed, identity, path)
        resumed.check_images(labelled)
        if resumed.complete:
            if world.first:
                if geometry and not resumed.geometry:  # of version 0.1: nothing else is missing
                    resumed = replace(resumed, geometry=geometry)
                    checkpoints.save(resumed, path)
                write_history(resumed, directory)
            return resumed

    data = _Data(training, split, labelled, resumed, world)
    same: dict[str, Any] = {  # in the checkpoints of all epochs
        "identity": identity,
        "network": training.network.model_dump(mode="json"),
        "revision": training.network.revision,
        "image_shape": list(labelled.image_shape),
        "names": list(labelled.names),
        "normalisation": data.normalisation.plain(),
        "epochs": training.epochs,
        "provenance": stamp or {},
        "geometry": geometry,
        "prior": {name: list(ends) for name, ends in labelled.prior.items()},
        "envelope": data.envelope,
        "version": __version__,
        "instrument": labelled.noise.instrument if labelled.noise else {},
    }
    on_gpu = [world.device] if world.device.type == "cuda" else []
    progress = _Progress(training.epochs, show and world.first)
    with torch.random.fork_rng(devices=on_gpu), progress:
        shuffling = torch.Generator().manual_seed(training.seed)
        learner = Learner(training, labelled.image_shape, len(labelled.names), world, data.box)
        history: list[dict[str, float]] = []
        if resumed is not None:
            learner.restore(resumed.model, resumed.optimiser, resumed.schedule)
            history = list(resumed.history)
            _restore_generators(resumed.random, shuffling, world)
            progress.went_on(history)

        for epoch in range(len(history) + 1, training.epochs + 1):
            last = epoch == training.epochs
            frozen = epoch > training.epochs * (1 - training.frozen_batch_norm)
            training_loss = learner.epoch(data.batches.epoch(shuffling, last, epoch), frozen)
            if data.settling_images is not None and not frozen:
                learner.settle(data.settling_images)
            validation_loss = learner.validate(data.validation_images, data.validation_targets)
            if not (math.isfinite(training_loss) and math.isfinite(validation_loss)):
                raise UserError(
                    f"the loss is not finite in epoch {epoch} (training {training_loss}, "
                    f"validation {validation_loss}): lower optimiser.learning_rate"
                )
            row = (epoch, learner.learning_rate, training_loss, validation_loss)
            history.append(dict(zip(COLUMNS, row, strict=True)))
            learner.end_epoch(training_loss)
            generators = _generators(shuffling, world)
            if world.first:
                reached = Checkpoint(**same, **learner.state(), history=history, random=generators)
                checkpoints.save(reached, path)
                write_history(reached, directory)
            progress.epoch(history[-1])
    if world.first:
        sweep(path)
    return cast(Checkpoint, world.shared(checkpoints.load(path) if world.first else None))


def _reached(path: Path) -> Checkpoint:
    """The checkpoint to go on from."""
    try:
        return checkpoints.load(path)
    except checkpoints.DamagedCheckpoint as error:
        raise UserError(f"{error}: move it aside, and the training begins anew") from None


class _Data:
    """What a training reads: its batches, the validation set, and the normalisation of both."""

    def __init__(
        self,
        training: Training,
        split: Split,
        labelled: LabelledImages,
        resumed: Checkpoint | None,
        world: World,
    ) -> None:
        sets = divide(split, labelled.light_cones, labelled.failed, training.light_cones)
        images = training.images_of(labelled.per_lightcone)
        if images > labelled.per_lightcone:
            raise UserError(
                f"training on {images} images per light-cone needs more than the "
                f"{labelled.per_lightcone} there are"
            )
        if len(sets.training) * images < 2:
            raise UserError("a training set of one image is too small: add light-cones or images")
        batch = min(training.batch, len(sets.training) * images)
        on_cpu = world.device.type == "cpu"
        image_bytes = training.network.bytes_of_step(labelled.image_shape)
        if on_cpu:
            check_batch(batch, image_bytes, "trainings.*.batch")
        self.normalisation, self.envelope = _fitted(labelled, sets.training, images, resumed, world)
        dtype = staged_dtype(training.precision)
        noise = None
        if labelled.noise is not None:
            scale = self.normalisation.image_std
            noise = NoiseBank(labelled.noise, training.seed, scale, world.device, dtype)
        self.batches = Batches(
            labelled,
            sets.training,
            images,
            training.batch,
            self.normalisation,
            world,
            host_bytes=room(batch * image_bytes if on_cpu else 0) // world.here,
            device_bytes=room_on(world.device, math.ceil(batch / world.size) * image_bytes),
            dtype=dtype,
            flip=training.augment,
            together=training.network.head.together,
            noise=noise,
        )
        self.settling_images: Tensor | None = None
        if training.network.settled:
            most = max(2, SETTLING_BYTES // labelled.image_bytes)
            some = sets.training[:: math.ceil(len(sets.training) / most)]
            self.settling_images = self.normalisation.images(labelled.read(some, 1)[:, 0])
        self.box: Tensor | None = None
        if training.network.head.together:
            self.box = _box(labelled, self.normalisation)
        self.validation_images, self.validation_targets = validation_set(
            training, sets.validation, labelled, self.normalisation
        )


def validation_set(
    training: Training,
    light_cones: Sequence[int],
    labelled: LabelledImages,
    normalisation: Normalisation,
) -> tuple[Tensor, Tensor]:
    """Normalised images, (light-cone, image, ...) where a head answers for several together and
    else (light-cone, ...) of one of each, and normalised parameters (light-cone, parameter)."""
    together = training.network.head.together
    read = labelled.read(light_cones, training.images_of(labelled.per_lightcone) if together else 1)
    return (
        normalisation.images(read if together else read[:, 0]),
        normalisation.parameters(labelled.parameters[list(light_cones)]),
    )


def _box(labelled: LabelledImages, normalisation: Normalisation) -> Tensor:
    """(2, parameter) the ends of the prior, normalised."""
    if not labelled.prior:
        raise UserError("a posterior needs the prior, and these images do not say theirs")
    ends = [labelled.prior[name] for name in labelled.names]
    return normalisation.parameters(np.array(ends).T)


def _fitted(
    labelled: LabelledImages,
    training: Sequence[int],
    images: int,
    resumed: Checkpoint | None,
    world: World,
) -> tuple[Normalisation, dict[str, Any]]:
    """Normalisation and envelope of the checkpoint, or of the training set.

    The first process reads it for all.
    """
    if resumed is not None and resumed.envelope:
        return resumed.fitted_normalisation(), resumed.envelope
    fitted = None
    if world.first:
        normalisation, envelope = fit(labelled, training, images)
        fitted = normalisation, envelope.plain()
    normalisation, plain = cast(tuple[Normalisation, dict[str, Any]], world.shared(fitted))
    # A checkpoint of before there were envelopes has its own normalisation: it stays.
    return resumed.fitted_normalisation() if resumed else normalisation, plain


def _generators(shuffling: torch.Generator, world: World) -> dict[str, Any]:
    """States to go on from: this one in every process, others in each."""
    on_gpu = world.device.type == "cuda"
    own = {
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state(world.device)] if on_gpu else [],
    }
    first, *others = world.gathered(own)
    return {**first, "shuffling": shuffling.get_state(), "others": others}


def _restore_generators(states: dict[str, Any], shuffling: torch.Generator, world: World) -> None:
    shuffling.set_state(states["shuffling"])
    each = [states, *states.get("others", [])]
    # A training may go on in more processes, or on another machine; the dropout of those that
    # were not there before starts anew.
    if world.rank < len(each):
        own = each[world.rank]
        torch.set_rng_state(own["torch"])
        if own["cuda"] and world.device.type == "cuda":
            torch.cuda.set_rng_state(own["cuda"][0], world.device)


def write_history(checkpoint: Checkpoint, directory: Path) -> None:
    """Write ``history.csv``."""
    stamped = comment(checkpoint.provenance) if checkpoint.provenance else ""
    rows = ([row[column] for column in COLUMNS] for row in checkpoint.history)
    write_text(directory / HISTORY, stamped + comma_separated([COLUMNS, *rows]))


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
