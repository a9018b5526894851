"""p(r | prediction): the recovery uncertainty of Gillet et al. 2019, Fig. 5, on the test set.

A residual is r = predicted - true. Those of the test light-cones whose predictions lie nearest
to a prediction say where the true value lies: between ``predicted - high`` and
``predicted - low`` quantile of r. A bin of the figure has fixed edges; the bin here is
centred on the prediction and holds a fixed number of light-cones, so that none is empty.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..checkpoint import Checkpoint
from ..errors import UserError
from ..evaluate import Predictions, read_predictions

LEAST = 20  # light-cones of a bin: their 16 % and 84 % quantiles rest on three at either end
SHARE = 0.1  # of the test light-cones in a bin, where that is more
SPEC, PREDICTIONS = "spec.json", "predictions.csv"  # of an evaluation's directory


@dataclass(frozen=True)
class Interval:
    """Where the true value of one parameter lies, given a prediction."""

    low: float
    """Its lower end, in py21cmfast's units."""
    high: float
    """Its upper end."""
    bias: float
    """Mean residual (predicted - true) in the bin; the interval is already free of it."""
    spread: float
    """Standard deviation of the residuals in the bin."""
    near: tuple[float, float]
    """Smallest and largest prediction in the bin."""
    light_cones: int
    """Test light-cones in the bin."""
    beyond: bool
    """Whether the prediction lies outside all the test set's: then the bin is the nearest."""


@dataclass(frozen=True)
class Residuals:
    """Predictions and residuals of the test set."""

    predicted: np.ndarray
    """(light_cone, image, parameter)."""
    residual: np.ndarray
    """(light_cone, image, parameter) predicted - true."""

    @classmethod
    def of_images(cls, tested: Predictions) -> Self:
        """Of every image alone."""
        return cls(tested.predicted, tested.predicted - tested.true[:, None])

    @classmethod
    def of_averages(cls, tested: Predictions) -> Self:
        """Of the average over each light-cone's images."""
        mean = tested.predicted.mean(axis=1, keepdims=True)
        return cls(mean, mean - tested.true[:, None])

    def interval(self, parameter: int, prediction: float, confidence: float) -> Interval:
        """The central interval of p(true | prediction) that holds ``confidence``."""
        light_cones, images, _ = self.predicted.shape
        predicted = self.predicted[:, :, parameter].ravel()
        some = images * min(light_cones, max(LEAST, round(SHARE * light_cones)))
        nearest = np.argsort(np.abs(predicted - prediction), kind="stable")[:some]
        residual = self.residual[:, :, parameter].ravel()[nearest]
        tail = (1 - confidence) / 2
        low, high = np.quantile(residual, [tail, 1 - tail])
        return Interval(
            low=prediction - float(high),
            high=prediction - float(low),
            bias=float(residual.mean()),
            spread=float(residual.std(ddof=1)),
            near=(float(predicted[nearest].min()), float(predicted[nearest].max())),
            light_cones=len(np.unique(nearest // images)),
            beyond=not predicted.min() <= prediction <= predicted.max(),
        )


def find_tested(
    checkpoint: Checkpoint, path: Path, evaluation: Path | None = None
) -> Predictions | None:
    """Predictions of the test light-cones by the network of a checkpoint.

    Args:
        checkpoint: the network.
        path: its file; evaluations are looked for in ``evaluations/`` beside ``trainings/``.
        evaluation: the directory of one, if it lies elsewhere.

    Returns:
        None if no evaluation is found there.

    Raises:
        UserError: if the one given is of another network, or a file is damaged.
    """
    if evaluation is not None:
        if _network_of(evaluation) != checkpoint.identity.get("fingerprint"):
            raise UserError(f"{evaluation}: not the evaluation of this checkpoint's network")
        return _read(evaluation, checkpoint)
    around = path.resolve().parents[2] if len(path.resolve().parents) > 2 else path.parent
    for spec in sorted((around / "evaluations").glob(f"*/{SPEC}")):
        if _network_of(spec.parent) == checkpoint.identity.get("fingerprint"):
            return _read(spec.parent, checkpoint)
    return None


def _network_of(evaluation: Path) -> Any:
    """Fingerprint of the training that an evaluation is of; None if it does not say."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        spec = json.loads((evaluation / SPEC).read_text(encoding="utf-8"))
        return spec["made_of"]["training"]
    return None


def _read(evaluation: Path, checkpoint: Checkpoint) -> Predictions:
    tested = read_predictions(evaluation / PREDICTIONS)
    if list(tested.names) != checkpoint.names or len(tested.light_cones) < 2:
        raise UserError(
            f"{evaluation / PREDICTIONS}: predictions of other parameters, or too few of them"
        )
    return tested
