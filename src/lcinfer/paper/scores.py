"""Table 2: R2 of every training, with its spread over training seeds, beside the paper's."""

from typing import NamedTuple

import numpy as np

from ..config.parameters import shown
from ..evaluation.evaluate import interval, r2, resampled_r2
from ..products.run import Run
from ..text.styles import Style
from . import basis, published
from .basis import Seeds

DIGITS = 3


class Score(NamedTuple):
    """R2 of one parameter, of trainings that differ in their seed alone."""

    mean: float
    """Over the seeds."""
    low: float
    """Lower end of the interval of the mean, by a bootstrap over the test light-cones."""
    high: float
    """Its upper end."""
    spread: float | None
    """Standard deviation over the seeds; None: there is one."""


def table(run: Run, style: Style) -> str:
    """R2 as the mean over trainings that differ in their seed alone.

    With the standard deviation over the seeds, and where the bootstrap over the test light-cones
    has the mean. For readers a row per configured training and prediction, and a column per
    parameter; for programs a row per number, of the trials of sweeps too.
    """
    return (_long if style.for_programs else _wide)(run, style)


def _scores(run: Run, seeds: Seeds, prediction: str) -> dict[str, Score]:
    """By the parameters' names."""
    guesses = [
        them.predicted[:, 0] if prediction == "one_image" else them.predicted.mean(axis=1)
        for them in seeds.predictions
    ]
    true, evaluation = seeds.predictions[0].true, run.config.evaluation
    each = np.array([r2(true, guess) for guess in guesses])
    resampled = [resampled_r2(true, guess, evaluation) for guess in guesses]
    low, high = interval(np.mean(resampled, axis=0), evaluation)
    spread = each.std(axis=0, ddof=1).tolist() if len(each) > 1 else [None] * each.shape[1]
    columns = zip(each.mean(axis=0).tolist(), low.tolist(), high.tolist(), spread, strict=True)
    return dict(zip(run.database.design.names, map(Score._make, columns), strict=True))


def _predictions(run: Run, seeds: basis.Seeds) -> dict[str, int]:
    """From how many images of a light-cone each kind of prediction is; of spectra there is one."""
    if seeds.training.input != "images":
        return {"one_image": 1}
    return {"one_image": 1, "average": run.config.images.per_lightcone}


def _long(run: Run, style: Style) -> str:
    columns = [
        *("training", "light_cones", "images", "prediction", "images_predicted_from", "parameter"),
        "unit",
        *("r2", "r2_low", "r2_high", "r2_sd_over_seeds", "seeds"),
        *(f"paper_r2_{images}_image{'s' * (images > 1)}" for images in published.R2),
    ]
    rows = []
    for each in basis.trained(run):
        size = (style.count(len(each.sets.training)), style.count(each.images))
        for prediction, images in _predictions(run, each).items():
            for parameter, score in _scores(run, each, prediction).items():
                theirs = [
                    of.get(parameter) if prediction == "one_image" else None
                    for of in published.R2.values()
                ]
                rows.append(
                    [
                        *(each.name, *size, prediction, style.count(images)),
                        *(style.quantity(parameter), shown(parameter).unit),
                        *(_number(style, value) for value in score),
                        " ".join(map(str, each.seeds)),
                        *(_number(style, value) for value in theirs),
                    ]
                )
    caption = (
        f"R2 on the test light-cones; the intervals hold {run.config.evaluation.confidence:.0%} of "
        f"bootstraps over them. {basis.rests_on(run, style)}"
    )
    return style.table(columns, rows, caption)


def _wide(run: Run, style: Style) -> str:
    names = run.database.design.names
    rows = []
    for each in basis.configured(run):
        size = style.cells(len(each.sets.training), each.images)
        for prediction, images in _predictions(run, each).items():
            told = "one image" if prediction == "one_image" else f"average of {images}"
            told = told if each.training.input == "images" else "spectra"
            scores = _scores(run, each, prediction).values()
            cells = [_cell(style, score) for score in scores]
            rows.append([style.code(each.name), size, told, style.count(len(each.seeds)), *cells])
    for images, theirs in published.R2.items():
        size = style.cells(published.TRAINING, images)
        cells = [_number(style, theirs.get(name)) for name in names]
        rows.append([published.ELSEWHERE, size, "one image", style.nothing, *cells])
    head = [
        *("Training", "Trained on", "Prediction from", "Seeds"),
        *map(style.quantity, names),
    ]
    confidence = style.text(f"{run.config.evaluation.confidence:.0%}")
    caption = (
        f"{style.symbol('R2')} on the test light-cones, as Table 2 of "
        f"{style.cite_in_text('Gillet2019')}: mean and standard deviation over training seeds, and "
        f"where {confidence} of bootstraps over the test light-cones have the mean. Trained on: "
        f"light-cones, images of each. "
        f"{basis.rests_on(run, style)}"
    )
    return style.table(head, rows, caption, sentences=(0,))


def _number(style: Style, value: float | None) -> str:
    return style.nothing if value is None else style.decimals(value, DIGITS)


def _cell(style: Style, score: Score) -> str:
    mean, low, high = (style.decimals(value, DIGITS) for value in score[:3])
    if score.spread is not None:
        mean = style.spread(mean, style.decimals(score.spread, DIGITS))
    return style.estimate(mean, low, high)
