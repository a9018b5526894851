"""p(r | prediction): the recovery uncertainty of Gillet et al. 2019, Fig. 5, on the test set.

A residual is r = predicted - true. Those of the test light-cones whose predictions lie nearest
to a prediction say where the true value lies: between ``predicted - high`` and
``predicted - low`` quantile of r. A bin of the figure has fixed edges; the bin here is
centred on the prediction and holds a fixed number of light-cones, so that none is empty.

It never leaves the prior. What lies beyond is cut off; where that is all of it, the bin's true
values take its place.

There is none from too few test light-cones: between the smallest and the largest of n residuals
another one lies with probability (n - 1)/(n + 1), so a confidence c takes (1 + c)/(1 - c) of
them, 6 for 68 % and 39 for 95 %.
"""

import json
import math
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..base.errors import UserError
from ..evaluation.evaluate import Predictions, r2, read_predictions
from ..training.checkpoint import Checkpoint

LEAST = 20  # light-cones of a bin: their 16 % and 84 % quantiles rest on three at either end
SHARE = 0.1  # of the test light-cones in a bin, where that is more
ROUNDING = 1e-5  # of predictions' range, by which those of one image differ between processors
SPEC, PREDICTIONS = "spec.json", "predictions.csv"  # of an evaluation's directory


def needed(confidence: float) -> int:
    """Test light-cones that a central interval of this confidence takes at least."""
    return math.ceil((1 + confidence) / (1 - confidence) - 1e-9)  # 38.99... and 39.00... are 39


@dataclass(frozen=True)
class Interval:
    """Where the true value of one parameter lies, given a prediction."""

    low: float | None
    """Its lower end, in py21cmfast's units; None: there are too few test light-cones."""
    high: float | None
    """Its upper end, or None."""
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
    r2: float
    """R2 of the parameter over the whole test set; up to 0, a guess of the mean does as well."""


@dataclass(frozen=True)
class Residuals:
    """Predictions and residuals of the test set."""

    predicted: np.ndarray
    """(light_cone, image, parameter)."""
    residual: np.ndarray
    """(light_cone, image, parameter) predicted - true."""
    prior: np.ndarray
    """(end, parameter) lowest and highest value of each parameter."""

    @classmethod
    def of_images(cls, tested: Predictions, prior: np.ndarray | None = None) -> Self:
        """Of every image alone; without a ``prior``, the ends of the true values stand for it."""
        ends = [tested.true.min(axis=0), tested.true.max(axis=0)] if prior is None else prior
        return cls(tested.predicted, tested.predicted - tested.true[:, None], np.asarray(ends))

    @classmethod
    def of_averages(cls, tested: Predictions, prior: np.ndarray | None = None) -> Self:
        """Of the average over each light-cone's images."""
        mean = tested.predicted.mean(axis=1, keepdims=True)
        return cls.of_images(replace(tested, predicted=mean), prior)

    def interval(self, parameter: int, prediction: float, confidence: float) -> Interval:
        """The central interval of p(true | prediction) that holds ``confidence``."""
        light_cones, images, _ = self.predicted.shape
        predicted = self.predicted[:, :, parameter].ravel()
        least = max(LEAST, needed(confidence), round(SHARE * light_cones))
        some = images * min(light_cones, least)
        nearest = np.argsort(np.abs(predicted - prediction), kind="stable")[:some]
        all_residuals = self.residual[:, :, parameter].ravel()
        residual = all_residuals[nearest]
        low, high = None, None
        if light_cones >= needed(confidence):
            tails = (1 - confidence) / 2, (1 + confidence) / 2
            # Weibull's: of n residuals another one is below the k-th with probability k/(n + 1).
            quantiles = partial(np.quantile, q=tails, method="weibull")
            ends = np.clip(prediction - quantiles(residual)[::-1], *self.prior[:, parameter])
            if not ends[0] < ends[1]:  # all of it lay beyond the prior
                ends = quantiles(predicted[nearest] - residual)
            low, high = ends.tolist()
        rounding = ROUNDING * np.ptp(predicted)
        return Interval(
            low=low,
            high=high,
            bias=float(residual.mean()),
            spread=float(residual.std(ddof=1)),
            near=(float(predicted[nearest].min()), float(predicted[nearest].max())),
            light_cones=len(np.unique(nearest // images)),
            beyond=not predicted.min() - rounding <= prediction <= predicted.max() + rounding,
            r2=float(r2(predicted - all_residuals, predicted)),
        )


def prior_of(checkpoint: Checkpoint) -> np.ndarray | None:
    """(end, parameter) the ends of each parameter's prior; None: it was not kept then."""
    if not checkpoint.prior:
        return None
    return np.array([checkpoint.prior[name] for name in checkpoint.names]).T


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
