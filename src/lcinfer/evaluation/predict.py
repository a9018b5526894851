"""Predictions of a trained network, and posteriors where it gives them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ..base.device import choose_device
from ..base.errors import UserError
from ..config.sections import Evaluation
from ..images.dataset import LabelledImages
from ..images.envelope import MEAN, measures
from ..training import checkpoint as checkpoints
from ..training.checkpoint import Checkpoint
from ..training.learner import apply, apply_together
from ..training.networks.architectures import Network
from .evaluate import Predictions
from .posteriors import Posteriors, ridge


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


def sampled(
    checkpoint: Checkpoint, model: Network, features: Tensor, count: int, seed: int
) -> np.ndarray:
    """(light_cone, sample, parameter) float32 in physical units, never outside the prior.

    Args:
        checkpoint: the network's.
        model: the network, with a head of a posterior, wherever it is.
        features: (light_cone, image, feature) that its trunk made.
        count: samples of each.
        seed: decides them.

    Raises:
        UserError: if the network's outputs are not finite.
    """
    like, generator = next(model.parameters()), torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        drawn = model.head.samples(features.to(like), count, generator)
    assert drawn is not None
    prior = np.array([checkpoint.prior[name] for name in checkpoint.names]).T
    ends = prior.astype(np.float32)  # which may lie beyond it
    low, high = (
        np.where(beyond, np.nextafter(end, inwards, dtype=np.float32), end)
        for end, beyond, inwards in zip(
            ends, (ends[0] < prior[0], ends[1] > prior[1]), ends[::-1], strict=True
        )
    )
    physical = checkpoint.fitted_normalisation().physical(drawn)
    if not np.isfinite(physical).all():
        raise UserError("samples of the posterior are not finite: train with a lower learning rate")
    return np.clip(physical.astype(np.float32), low, high)


@dataclass(frozen=True)
class Guess:
    """Parameters by ridge regression on the mean profiles of a light-cone's images."""

    profiles: np.ndarray
    """(light_cone, part of the line of sight) of those that it is fitted on."""
    parameters: np.ndarray
    """(light_cone, parameter) of the same."""

    @classmethod
    def fitted(cls, labelled: LabelledImages, lightcones: Sequence[int]) -> Self:
        """On some light-cones."""
        profiles = labelled.each(lightcones, labelled.per_lightcone, _profile)
        return cls(np.array(profiles), labelled.parameters[list(lightcones)])


def posteriors(
    checkpoint: Checkpoint,
    labelled: LabelledImages,
    lightcones: Sequence[int],
    evaluation: Evaluation,
    guess: Guess,
    device: str | None = None,
) -> Posteriors:
    """The posterior of each of some light-cones, from all of its images.

    Raises:
        UserError: as :func:`predict` does.
    """
    checkpoint.check_images(labelled)
    model = checkpoint.trained_network(choose_device(device))
    normalisation = checkpoint.fitted_normalisation()
    features, profiles = [], []
    for cones in labelled.blocks(lightcones, labelled.per_lightcone):
        profiles += [_profile(0, images) for images in cones]
        features.append(apply_together(model.trunk, normalisation.images(cones)))
    every = torch.cat(features)
    truth = np.asarray(labelled.parameters[list(lightcones)], dtype=float)
    low, high = np.array([checkpoint.prior[name] for name in checkpoint.names]).T
    with torch.inference_mode():
        like = next(model.parameters())
        errors = model.head.errors(every.to(like), normalisation.parameters(truth).to(like))
    inside = ((low <= truth) & (truth <= high)).all(axis=1)
    return Posteriors(
        names=labelled.names,
        light_cones=np.array(lightcones),
        truth=truth,
        samples=sampled(checkpoint, model, every, evaluation.samples, evaluation.seed),
        log_density=np.where(inside, -errors.double().cpu().numpy(), -np.inf),
        reference=ridge(guess.profiles, guess.parameters, np.array(profiles)),
    )


def _profile(_: int, images: np.ndarray) -> np.ndarray:
    """(part of the line of sight,) mean brightness in mK."""
    return np.asarray(measures(images)[MEAN])
