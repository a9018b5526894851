"""Trials of a sweep side by side: a study's ranking, or a learning curve with its trend."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import UserError
from ..config.sweeps import Trial
from ..products.networks import SweepRun, TrainingRun
from ..records.stamp import rows as rows_of
from ..text.tables import comma_separated

PREDICTIONS = ("one_image", "average")
POSTERIOR = ("log_density", "posterior_width", "calibration")
FEWEST_FOR_TREND = 3  # numbers of light-cones


@dataclass(frozen=True)
class Result:
    """What became of a trial."""

    number: int
    """Its place in the sweep, from 1."""
    trial: Trial
    run: TrainingRun
    training_loss: float
    """After the last epoch, as in ``history.csv``."""
    validation_loss: float
    """The same of the validation set."""
    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    """Prediction -> parameter -> ``r2``, ``low``, ``high`` on the test set; empty in a study."""
    posterior: Mapping[str, Mapping[str, Any]]
    """``log_density``, ``posterior_width`` and ``calibration`` on the test set, as ``scores.json``
    has them; empty in a study, or if the network gives a best guess alone."""

    @property
    def light_cones(self) -> int:
        """Light-cones that it was trained on, failed ones too."""
        return len(self.run.training_set)

    @property
    def images(self) -> int:
        """Images of each."""
        return self.run.training.images_of(self.run.inputs.per_lightcone)

    @property
    def others(self) -> dict[str, Any]:
        """What was varied beside the size of the training set and the seed."""
        sizes = ("light_cones", "images", "seed")
        return {key: value for key, value in self.trial.values.items() if key not in sizes}


def results(sweep: SweepRun) -> list[Result]:
    """Every trial of a sweep, in its order.

    Raises:
        UserError: if a trial is not finished, or a file of it is damaged.
    """
    found = []
    for number, (trial, run) in enumerate(sweep.trials, start=1):
        training_loss, validation_loss = _last_losses(run)
        r2, posterior = _scores(sweep, run) if sweep.sweep.scored_on == "test" else ({}, {})
        found.append(Result(number, trial, run, training_loss, validation_loss, r2, posterior))
    return found


def best(tried: Iterable[Result]) -> Result:
    """The trial with the lowest loss on the validation set; of equals the first."""
    return min(tried, key=lambda result: result.validation_loss)


def table(sweep: SweepRun, tried: list[Result]) -> str:
    """A line per trial as CSV: varied keys, losses, and where the test set was read R2; of networks
    with a posterior its mean log density at the truth in nats, widths and verdict.

    Values that are no number or text are written as JSON.
    """
    keys = list(sweep.sweep.vary)
    scores = tried[0].scores
    scored = [(prediction, name) for prediction in scores for name in scores[prediction]]
    sizes = ("light_cones_trained", "images_of_each", "training_loss", "validation_loss")
    r2 = (f"r2_{prediction}_{name}" for prediction, name in scored)
    worth = dict.fromkeys(key for result in tried for key in _worth(result))
    rows: list[list[Any]] = [["trial", "training", *keys, *sizes, *r2, *worth]]
    for result in tried:
        values = [_cell(result.trial.values[key]) for key in keys]
        numbers = [result.light_cones, result.images, result.training_loss, result.validation_loss]
        reached = [result.scores[prediction][name]["r2"] for prediction, name in scored]
        found = _worth(result)
        reached += [found.get(key, "") for key in worth]
        rows.append([result.number, result.run.directory.name, *values, *numbers, *reached])
    return comma_separated(rows)


def outcome(sweep: SweepRun, tried: list[Result]) -> dict[str, Any]:
    """What a sweep says: its best trial with the score on the test set, or the trends."""
    said: dict[str, Any] = {"scored_on": sweep.sweep.scored_on, "trials": len(tried)}
    if sweep.sweep.scored_on == "test":
        return {**said, "trends": [trend.plain() for trend in trends(tried)]}
    chosen = best(tried)
    return {
        **said,
        "best": {
            "trial": chosen.number,
            "training": chosen.run.directory.name,
            "values": dict(chosen.trial.values),
            "validation_loss": chosen.validation_loss,
            "evaluation": sweep.evaluations[chosen.run.directory.name].directory.name,
            "scores": _scores(sweep, chosen.run)[0],
        },
    }


@dataclass(frozen=True)
class Trend:
    """How R2 of one parameter grows with the training set, all else equal."""

    prediction: str
    parameter: str
    images: int
    others: dict[str, Any]
    light_cones: np.ndarray
    """(point,) ascending."""
    mean: np.ndarray
    """(point,) R2 averaged over the seeds."""
    spread: np.ndarray
    """(point,) its standard deviation over the seeds; NaN where there is one seed."""

    @property
    def power_law(self) -> tuple[float, float] | None:
        """(a, b) of 1 - R2 = a N^-b, least squares in the logarithms.

        None with fewer than three numbers of light-cones.
        """
        left = 1 - self.mean
        if len(left) < FEWEST_FOR_TREND or not (left > 0).all():
            return None
        slope, offset = np.polyfit(np.log(self.light_cones), np.log(left), 1)
        return float(np.exp(offset)), float(-slope)

    def at(self, light_cones: np.ndarray | float) -> np.ndarray | None:
        """R2 that the power law has for these numbers of light-cones."""
        if (law := self.power_law) is None:
            return None
        return np.asarray(1 - law[0] * np.asarray(light_cones, dtype=float) ** -law[1])

    def plain(self) -> dict[str, Any]:
        """As JSON types, with what a thousand light-cones more would give if the trend held."""
        said = {
            "prediction": self.prediction,
            "parameter": self.parameter,
            "images": self.images,
            "others": self.others,
            "light_cones": self.light_cones.tolist(),
            "r2": self.mean.tolist(),
            "spread": [None if np.isnan(each) else each for each in self.spread.tolist()],
        }
        if (law := self.power_law) is not None:
            more = float(self.light_cones[-1] + 1000)
            said |= {"power_law": list(law), "with_1000_more": 1 - law[0] * more ** -law[1]}
        return said


def trends(tried: list[Result]) -> list[Trend]:
    """R2 against light-cones, for each prediction, parameter, number of images and the rest."""
    groups: dict[str, list[Result]] = {}
    for result in tried:
        groups.setdefault(json.dumps([result.images, result.others]), []).append(result)
    found = []
    for group in groups.values():
        sizes = sorted({result.light_cones for result in group})
        for prediction in PREDICTIONS:
            for parameter in group[0].scores[prediction]:
                reached: dict[int, list[float]] = {size: [] for size in sizes}
                for result in group:
                    reached[result.light_cones].append(result.scores[prediction][parameter]["r2"])
                mean = np.array([np.mean(each) for each in reached.values()])
                spread = [np.std(r2, ddof=1) if len(r2) > 1 else np.nan for r2 in reached.values()]
                kind = prediction, parameter, group[0].images, group[0].others
                found.append(Trend(*kind, np.array(sizes), mean, np.array(spread)))
    return found


def _last_losses(run: TrainingRun) -> tuple[float, float]:
    try:
        *_, last = rows_of(run.history)
        return float(last["training_loss"]), float(last["validation_loss"])
    except FileNotFoundError:
        raise UserError(f"{run.directory}: this trial is not trained yet") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{run.history} is damaged") from None


def _scores(sweep: SweepRun, run: TrainingRun) -> tuple[dict[str, Any], dict[str, Any]]:
    """R2 of both predictions, and what a posterior is worth, if there is one."""
    evaluation = sweep.evaluations[run.directory.name]
    try:
        content = json.loads(evaluation.scores.read_text(encoding="utf-8"))
        r2 = {prediction: content[prediction] for prediction in PREDICTIONS}
        return r2, {key: content[key] for key in POSTERIOR if key in content}
    except FileNotFoundError:
        raise UserError(f"{evaluation.directory}: this trial is not evaluated yet") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{evaluation.scores} is damaged") from None


def _worth(result: Result) -> dict[str, Any]:
    """What a posterior is worth, by the names that ``posteriors.csv`` has for it too."""
    if not (found := result.posterior):
        return {}
    widths = {f"width_68_{name}": width for name, width in found["posterior_width"].items()}
    density = found["log_density"]
    return {
        "log_density": density["mean"],
        "log_density_standard_error": density["standard_error"],
        **widths,
        "verdict": found["calibration"]["verdict"],
    }


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else json.dumps(value)
