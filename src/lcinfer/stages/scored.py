"""Scores of all of a run's trainings, from their evaluations: tables as CSV, as pages, in words."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..base.counting import counted
from ..base.errors import UserError
from ..config.parameters import shown
from ..likelihood.convergence import Chains, chains_of
from ..products.networks import EvaluationRun
from ..products.run import Run
from ..records.stamp import uncommented
from ..text.styles import Html
from ..text.tables import aligned, comma_separated
from . import posteriors

SETS = ("validation", "test", "training")
PREDICTIONS = {"one_image": "one image", "average": "average"}
# Of r2.csv. The first six have always been the first six, whatever they were called.
COLUMNS = ("training", "prediction", "parameter", "r2", "r2_low", "r2_high", "confidence")
COUNTS = ("test_light_cones", "images_predicted_from", "training_light_cones")


def tables(run: Run) -> dict[Path, str]:
    """The files of a run's scores, and what they hold below their first line."""
    found = {run.summary.table: table(run), run.summary.page: page(run)}
    if files := run.summary.posterior_tables:
        scores, chains, names = sampled(run), chains_of_likelihoods(run), run.database.design.names
        texts = (posteriors.table(scores, chains), posteriors.page(scores, chains, names))
        found |= dict(zip(files, texts, strict=True))
    if files := run.summary.mock_tables:
        from . import mock_posteriors  # and xarray, which nothing else here needs

        found |= dict(zip(files, mock_posteriors.tables(run), strict=True))
    return found


def table(run: Run) -> str:
    """A line per training, prediction and parameter as CSV, columns named as a data frame's."""
    confidence = run.config.evaluation.confidence
    without = [f"left_out_of_{name}" for name in SETS] if left_out(run) else []
    rows: list[list[Any]] = [[*COLUMNS, *COUNTS, *without]]
    for name, evaluation in run.evaluations.items():
        scores = _scores_of(evaluation)
        lacks = scores.get("left_out", dict.fromkeys(SETS, 0))
        training_cones = len(evaluation.training.training_set) - lacks["training"]
        sizes = [training_cones, *([lacks[name] for name in SETS] if without else [])]
        for prediction in PREDICTIONS:
            images = 1 if prediction == "one_image" else scores["images"]
            for parameter, score in scores[prediction].items():
                values = [f"{score[key]:.4f}" for key in ("r2", "low", "high")]
                what = (name, prediction, parameter, *values, confidence)
                rows.append([*what, scores["light_cones"], images, *sizes])
    return comma_separated(rows)


def page(run: Run) -> str:
    """A line per configured training, seed and prediction as HTML, a column per parameter."""
    style = Html()
    names = run.database.design.names
    seeds = {
        label: _scores_of(run.evaluations[label])
        for labels in run.repeats.values()
        for label in labels
    }
    rows = []
    for prediction in reversed(PREDICTIONS):
        for name, scores in seeds.items():
            images = f"{scores['images']} images" if prediction == "average" else "one image"
            cells = [_cell(style, scores[prediction][parameter]) for parameter in names]
            rows.append([style.code(name), images, *cells])
    (test,) = {scores["light_cones"] for scores in seeds.values()}
    caption = (
        f"R2 on {test} test light-cones, from the average over a "
        "light-cone's images and from one image of each; below it, where it lies in "
        f"{run.config.evaluation.confidence:.0%} of bootstraps over them. 1 is perfect, 0 is a "
        "guess of the mean."
    )
    head = ["Training", "Prediction from", *map(style.quantity, names)]
    return f"{style.table(head, rows, caption)}\n"


def for_terminal(run: Run) -> str:
    """A finished run's table of R2 for a terminal, and where its results are.

    Raises:
        UserError: if the run is not finished.
    """
    table = run.summary.table
    if not table.exists():
        raise UserError(run.unfinished(table))
    with table.open(encoding="utf-8", newline="") as file:
        _, *lines = csv.reader(uncommented(file))
    confidence = f"{run.config.evaluation.confidence:.0%}"
    head = ["training", "prediction", "parameter", "R2", f"{confidence} from", "to"]
    names = _with_what_they_vary(run)
    rows = [head, *(_told(line, names) for line in lines)]
    told = aligned(rows, left=None)
    scores, chains = sampled(run), chains_of_likelihoods(run)
    scores = {names.get(name, name): it for name, it in scores.items()}
    if scores or chains:
        told += ["", *posteriors.lines(scores, chains)]
    told += [
        f"{name} was made without {counted(len(lacks['light_cones']), 'light-cone')} whose "
        f"simulations failed: {lacks['validation']} validation, {lacks['test']} test, "
        f"{lacks['training']} training"
        for name, lacks in left_out(run).items()
    ]
    found = run.summary.directory
    where = {"tables and report": found, "figures": found / "figures"}
    where |= {"networks": found / "trainings", "light-cones": found / "lightcones"}
    wide = max(map(len, where))
    return "\n".join([*told, "", *(f"{what:<{wide}}  {path}" for what, path in where.items())])


def _with_what_they_vary(run: Run) -> dict[str, str]:
    """The names of trials, each with the values that it has: a number says nothing of them."""
    return {
        name: f"{name} ({', '.join(f'{key}: {_value(it)}' for key, it in trial.values.items())})"
        for sweep, of in run.sweeps.items()
        for number, (trial, _) in enumerate(of.trials, start=1)
        if (name := f"{sweep}.{number}") in run.trainings
    }


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _told(row: list[str], names: Mapping[str, str]) -> list[str]:
    """The first six cells of a line of r2.csv in words; of older ones they are words already."""
    training, prediction, parameter, *score = row[:6]
    words = (
        names.get(training, training),
        PREDICTIONS.get(prediction, prediction),
        shown(parameter).text_label,
    )
    return [*words, *score]


def _cell(style: Html, score: dict[str, float]) -> str:
    return style.estimate(*(style.decimals(score[key], 3) for key in ("r2", "low", "high")))


def left_out(run: Run) -> dict[str, Any]:
    """What each training was made without; empty if nothing failed."""
    scored = {name: it for name, it in run.evaluations.items() if it.scores.exists()}
    known = {name: _scores_of(evaluation).get("left_out") for name, evaluation in scored.items()}
    return {name: lacks for name, lacks in known.items() if lacks is not None}


def sampled(run: Run) -> dict[str, dict[str, Any]]:
    """The scores of those whose networks give posteriors, and beside them of likelihoods that were
    sampled for the test light-cones."""
    of_these = {name: it for name, it in run.evaluations.items() if it.has_posterior}
    found = {name: _scores_of(evaluation) for name, evaluation in of_these.items()}
    tested = {name: it for name, it in run.mcmc.items() if it.mcmc.test}
    if tested:
        from ..evaluation.calibration import scores_of
        from ..evaluation.posteriors import read_posteriors  # and xarray

        of_test = {name: read_posteriors(it.posterior) for name, it in tested.items()}
        found |= {name: scores_of(it, run.config.evaluation) for name, it in of_test.items()}
    return found


def chains_of_likelihoods(run: Run) -> dict[str, Chains]:
    """The chains of likelihoods: of the test light-cones, where these were sampled, or of mocks."""
    return {name: chains_of(it, it.mcmc.test) for name, it in run.mcmc.items()}


def _scores_of(evaluation: EvaluationRun) -> dict[str, Any]:
    scores: dict[str, Any] = json.loads(evaluation.scores.read_text(encoding="utf-8"))
    return scores
