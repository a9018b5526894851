"""An ensemble: networks that were trained with several seeds, in one checkpoint."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from ..base.errors import UserError
from ..config.networks import Posterior
from ..config.sections import Split, Training
from ..images.dataset import LabelledImages
from ..images.sets import divide
from .checkpoint import NAME, Checkpoint, load, save
from .learner import apply_together
from .loop import validation_set, write_history
from .networks.mixture import Mixture


def mix(
    members: Sequence[Path],
    training: Training,
    split: Split,
    labelled: LabelledImages,
    directory: Path,
    identity: dict[str, Any],
    stamp: dict[str, str],
    device: torch.device,
) -> Checkpoint:
    """Put the networks of complete trainings together, as the training of their ensemble.

    Writes what :func:`lcinfer.training.loop.train` does; the losses are means over the networks.

    Args:
        members: the networks' checkpoints; the trainings differ in the seed alone.
        training: the ensemble's.
        split: light-cones set aside for validation and test.
        labelled: images in mK and parameters of all light-cones; their validation set says how
            wide the mixture is, where it says how wide its members are.
        directory: where checkpoint and history go; made if missing.
        identity: what decides the result.
        stamp: the product that it is.
        device: where the networks see the validation set.

    Raises:
        UserError: if a checkpoint is missing, damaged or unfinished, or its images are normalised
            otherwise than the others'.
    """
    each = [load(path) for path in members]
    for path, one in zip(members, each, strict=True):
        if not one.complete:
            raise UserError(f"{path}: this network of the ensemble is not trained to its end")
        if one.normalisation != each[0].normalisation:
            raise UserError(
                f"{path}: its images are normalised otherwise than those of {members[0]}: move "
                f"the older one aside, and it is trained again"
            )
    epochs = zip(*(one.history for one in each), strict=True)
    mixed = replace(
        each[0],
        identity=identity,
        provenance=stamp,
        model={},
        optimiser={},
        schedule={},
        random={},
        members=[one.model for one in each],
        history=[
            {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} for rows in epochs
        ],
    )
    mixed = replace(mixed, widths=_widths(mixed, training, split, labelled, device))
    directory.mkdir(parents=True, exist_ok=True)
    save(mixed, directory / NAME)
    write_history(mixed, directory)
    return mixed


def _widths(
    mixed: Checkpoint,
    training: Training,
    split: Split,
    labelled: LabelledImages,
    device: torch.device,
) -> list[float]:
    """By what the members' widths are multiplied, so that the validation set is most likely."""
    head = training.network.head
    if not (isinstance(head, Posterior) and head.base == "validation"):
        return []
    sets = divide(split, labelled.light_cones, labelled.failed, training.light_cones)
    images, targets = validation_set(
        training, sets.validation, labelled, mixed.fitted_normalisation()
    )
    network = mixed.trained_network(device)
    features = apply_together(network.trunk, images).to(device)
    with torch.inference_mode():
        return cast(Mixture, network.head).shared_widths(features, targets.to(device)).tolist()
