"""Predictions of a trained network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..base.device import choose_device
from ..base.errors import UserError
from ..images.dataset import LabelledImages
from ..training import checkpoint as checkpoints
from ..training.checkpoint import Checkpoint
from ..training.learner import apply
from .evaluate import Predictions


def load_trained(path: Path) -> Checkpoint:
    """The checkpoint of a training that is complete.

    Raises:
        UserError: if it is missing, damaged or unfinished.
    """
    checkpoint = checkpoints.load(path)
    if not checkpoint.complete:
        raise UserError(
            f"{path}: only {len(checkpoint.history)} of {checkpoint.epochs} epochs are done: "
            f"finish the training first"
        )
    return checkpoint


def predict(
    checkpoint: Checkpoint,
    labelled: LabelledImages,
    lightcones: Sequence[int],
    device: str | None = None,
) -> Predictions:
    """Predict the parameters of every image of some light-cones, on ``cpu`` or ``cuda``.

    Raises:
        UserError: if the network was made for other images or parameters, or an image holds
            NaN (the light-cone is named).
    """
    checkpoint.check_images(labelled)
    model = checkpoint.trained_network(choose_device(device))
    normalisation = checkpoint.fitted_normalisation()
    predicted = []
    for cones in labelled.blocks(lightcones, labelled.per_lightcone):
        images = normalisation.images(cones)
        outputs = normalisation.physical(apply(model, images.flatten(0, 1)))
        predicted.append(outputs.reshape(*images.shape[:2], -1))
    return Predictions(
        names=labelled.names,
        light_cones=np.array(lightcones),
        true=np.asarray(labelled.parameters[list(lightcones)], dtype=float),
        predicted=np.concatenate(predicted),
    )
