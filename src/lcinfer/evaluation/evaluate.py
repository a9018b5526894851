"""Scores: R2 of each parameter on the test light-cones, with bootstrap intervals.

The paper's Eq. 3 is misprinted; R2 = 1 - SS_res / SS_tot here, which is negative for
predictions worse than the mean of the true values.
"""

import csv
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..base.durable import write_text
from ..base.errors import UserError
from ..config.sections import Evaluation
from ..records.stamp import comment, uncommented
from ..text.tables import comma_separated


@dataclass(frozen=True)
class Predictions:
    """True and predicted parameters of test light-cones, in physical units."""

    names: tuple[str, ...]
    """The parameters' py21cmfast names."""
    light_cones: np.ndarray
    """(light_cone,) indices in the database."""
    true: np.ndarray
    """(light_cone, parameter) float64."""
    predicted: np.ndarray
    """(light_cone, image, parameter) float64."""


def r2(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Coefficient of determination 1 - SS_res / SS_tot over the first axis."""
    residual = np.square(true - predicted).sum(axis=0)
    return np.asarray(1 - residual / np.square(true - true.mean(axis=0)).sum(axis=0))


def resamples(light_cones: int, evaluation: Evaluation) -> np.ndarray:
    """(resample, light_cone) how often each is drawn: sums over it are then matrix products."""
    generator = np.random.default_rng(evaluation.seed)
    share = np.full(light_cones, 1 / light_cones)
    return generator.multinomial(light_cones, share, size=evaluation.bootstrap)


def resampled_r2(true: np.ndarray, predicted: np.ndarray, evaluation: Evaluation) -> np.ndarray:
    """(light_cone, parameter) twice to R2 of each resample, (resample, parameter).

    Predictions of the same light-cones are resampled alike, so that differences are paired.
    """
    count = len(true)
    drawn = resamples(count, evaluation)
    centred = true - true.mean(axis=0)  # keeps digits in SS_tot
    residual = drawn @ np.square(true - predicted)
    total = drawn @ np.square(centred) - np.square(drawn @ centred) / count
    # A resample of one light-cone alone has no R2; likely only with a handful of light-cones.
    total[(drawn.max(axis=1) == count)] = np.nan
    return np.asarray(1 - residual / total)


def interval(resampled: np.ndarray, evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """The two ends of the percentile interval over the first axis, NaN left out."""
    tail = (1 - evaluation.confidence) / 2
    low, high = np.nanquantile(resampled, [tail, 1 - tail], axis=0)
    return low, high


def scores_from(predictions: Predictions, evaluation: Evaluation) -> dict[str, Any]:
    """R2 with percentile bootstrap intervals over light-cones.

    Returns:
        ``light_cones`` and ``images`` (per light-cone), ``one_image`` (the first image of
        every light-cone, the paper's test) and ``average`` (the mean prediction over a
        light-cone's images); in both, per parameter, ``r2``, ``low`` and ``high``.

    Raises:
        UserError: if the true values of a parameter do not vary.
    """
    true = predictions.true
    for name, spread in zip(predictions.names, np.ptp(true, axis=0), strict=True):
        if not spread > 0:
            raise UserError(
                f"R2 of {name} is not defined: it does not vary over the {len(true)} test "
                f"light-cones"
            )
    scores = partial(parameter_scores, predictions.names, true, evaluation=evaluation)
    return {
        "light_cones": len(true),
        "images": predictions.predicted.shape[1],
        "one_image": scores(predictions.predicted[:, 0]),
        "average": scores(predictions.predicted.mean(axis=1)),
    }


def parameter_scores(
    names: tuple[str, ...], true: np.ndarray, predicted: np.ndarray, evaluation: Evaluation
) -> dict[str, dict[str, float]]:
    """(light_cone, parameter) twice to r2, low, high per name."""
    low, high = interval(resampled_r2(true, predicted, evaluation), evaluation)
    score = r2(true, predicted)
    return {
        name: {"r2": float(score[i]), "low": float(low[i]), "high": float(high[i])}
        for i, name in enumerate(names)
    }


def write_predictions(
    predictions: Predictions, path: Path, stamped: dict[str, str] | None = None
) -> None:
    """Write light_cone, image, true_<name>..., predicted_<name>...: a line per image.

    Before them stands a comment that says where they come from, if ``stamped`` does. Numbers
    are written with all their digits.
    """
    columns = [f"{kind}_{name}" for kind in ("true", "predicted") for name in predictions.names]
    rows: list[list[Any]] = [["light_cone", "image", *columns]]
    arrays = (predictions.light_cones, predictions.true, predictions.predicted)
    for index, true, several in zip(*(each.tolist() for each in arrays), strict=True):
        rows += ([index, image, *true, *predicted] for image, predicted in enumerate(several))
    write_text(path, (comment(stamped) if stamped else "") + comma_separated(rows))


def read_predictions(path: Path) -> Predictions:
    """Read what ``write_predictions`` wrote.

    Raises:
        UserError: if it is missing or not such a file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = csv.reader(uncommented(file))
        table = np.array(lines, dtype=float)
        light_cones = np.unique(table[:, 0]).astype(int)
        width = (len(header) - 2) // 2
        values = table.reshape(len(light_cones), -1, 2 + 2 * width)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (ValueError, IndexError):
        raise UserError(f"{path}: not a table of predictions, or a damaged one") from None
    return Predictions(
        names=tuple(name.removeprefix("true_") for name in header[2 : 2 + width]),
        light_cones=light_cones,
        true=values[:, 0, 2 : 2 + width],
        predicted=values[:, :, 2 + width :],
    )
