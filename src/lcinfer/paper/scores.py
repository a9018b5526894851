"""Table 2: R2 of every training, with its spread over training seeds, beside the paper's."""

import numpy as np

from ..evaluate import interval, r2, resampled_r2
from ..publish.styles import Style
from ..run import Run
from . import basis, published

DIGITS = 3


def table(run: Run, style: Style) -> str:
    """A row per training, prediction and parameter.

    R2 is the mean over the trainings that differ in their seed alone, and its interval the
    bootstrap over the test light-cones of that mean; the standard deviation over the seeds
    stands beside it.
    """
    evaluation, per_lightcone = run.config.evaluation, run.config.images.per_lightcone
    rows = []
    for each in basis.trained(run):
        for prediction in ("one image", f"average of {per_lightcone}"):
            guesses = [
                them.predicted[:, 0] if prediction == "one image" else them.predicted.mean(axis=1)
                for them in each.predictions
            ]
            true = each.predictions[0].true
            scores = np.array([r2(true, guess) for guess in guesses])
            resampled = [resampled_r2(true, guess, evaluation) for guess in guesses]
            low, high = interval(np.mean(resampled, axis=0), evaluation)
            for number, parameter in enumerate(run.database.design.names):
                reached = scores[:, number]
                means = (reached.mean(), low[number], high[number])
                theirs = [
                    style.decimals(of[parameter], DIGITS)
                    if prediction == "one image" and parameter in of
                    else "-"
                    for of in published.R2.values()
                ]
                rows.append(
                    [
                        style.code(each.name),
                        style.count(len(each.sets.training)),
                        style.count(each.images),
                        prediction,
                        style.symbol(parameter),
                        *(style.decimals(float(value), DIGITS) for value in means),
                        style.decimals(reached.std(ddof=1), DIGITS) if len(reached) > 1 else "-",
                        ", ".join(map(str, each.seeds)),
                        *theirs,
                    ]
                )
    confidence = style.text(f"{evaluation.confidence:.0%}")
    score = style.symbol("R2")
    head = [
        "Training",
        "light-cones trained on",
        "images of each",
        "Prediction",
        "Parameter",
        f"{score}, mean over seeds",
        f"{confidence} from",
        "to",
        "s.d. over seeds",
        "seeds",
        *(
            f"{published.ELSEWHERE}: {score}, {images} image{'s' * (images > 1)} of each"
            for images in published.R2
        ),
    ]
    caption = (
        f"{score} on the test light-cones, as Table 2 of {style.cite_in_text('Gillet2019')}: "
        "their predictions are from one image of a light-cone. Intervals are bootstraps over "
        f"the test light-cones. {basis.told(run, style)}"
    )
    return style.table(head, rows, caption)
