"""An ensemble: networks that were trained with several seeds, in one checkpoint."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import UserError
from .checkpoint import NAME, Checkpoint, load, save
from .loop import write_history


def mix(
    members: Sequence[Path], directory: Path, identity: dict[str, Any], stamp: dict[str, str]
) -> Checkpoint:
    """Put the networks of complete trainings together, as the training of their ensemble.

    Writes what :func:`lcinfer.training.loop.train` does; the losses are means over the networks.

    Args:
        members: the networks' checkpoints; the trainings differ in the seed alone.
        directory: where checkpoint and history go; made if missing.
        identity: what decides the result.
        stamp: the product that it is.

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
    directory.mkdir(parents=True, exist_ok=True)
    save(mixed, directory / NAME)
    write_history(mixed, directory)
    return mixed
