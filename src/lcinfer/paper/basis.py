"""What a run's numbers rest on: its light-cones, and which trainings differ in the seed alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..base.errors import UserError
from ..base.fingerprint import canonical, canonical_json
from ..config.sections import Training
from ..engines import engine_of
from ..evaluation.evaluate import Predictions, read_predictions
from ..images.sets import Sets, divide
from ..lightcones import failures
from ..products.networks import EvaluationRun
from ..products.run import Run
from ..records.stamp import rows
from ..text.styles import Style
from . import published


@dataclass(frozen=True)
class Seeds:
    """Trainings that differ in their seed alone, evaluated."""

    name: str
    """The configured ones that they are, or the first."""
    evaluations: tuple[EvaluationRun, ...]
    images: int
    """Of each light-cone, in the training set."""
    sets: Sets

    @property
    def training(self) -> Training:
        """The settings of the first."""
        return self.evaluations[0].training.training

    @property
    def seeds(self) -> list[int]:
        """Of the trainings."""
        return [evaluation.training.training.seed for evaluation in self.evaluations]

    @cached_property
    def predictions(self) -> list[Predictions]:
        """Of the test light-cones, by each."""
        return [read_predictions(evaluation.predictions) for evaluation in self.evaluations]

    @cached_property
    def losses(self) -> tuple[np.ndarray, np.ndarray]:
        """(epochs,) of the training set and of the validation set, averaged over the seeds.

        Raises:
            UserError: if a history is damaged.
        """
        columns = ("training_loss", "validation_loss")
        found = []
        for evaluation in self.evaluations:
            path = evaluation.training.history
            try:
                found.append([[float(row[it]) for row in rows(path)] for it in columns])
            except (ValueError, KeyError, TypeError):
                raise UserError(f"{path} is damaged") from None
        training, validation = np.mean(found, axis=0)
        return training, validation


def trained(run: Run) -> list[Seeds]:
    """The evaluated trainings of a run, those together that differ in their seed alone."""
    together: dict[str, list[str]] = {}
    for label, evaluation in run.evaluations.items():
        together.setdefault(settings(evaluation.training.training), []).append(label)
    found = []
    for labels in together.values():
        evaluations = tuple(run.evaluations[label] for label in labels)
        training = evaluations[0].training.training
        configured = [label for label in labels if label in run.config.trainings]
        found.append(
            Seeds(
                name=", ".join(configured or labels[:1]),
                evaluations=evaluations,
                images=run.config.training_images(training),
                sets=sets(run, training),
            )
        )
    return found


def configured(run: Run) -> list[Seeds]:
    """Those that the configuration names under ``trainings``: no trials of sweeps alone."""
    named = {run.evaluations[label].directory for label in run.config.trainings}
    return [
        each
        for each in trained(run)
        if named & {evaluation.directory for evaluation in each.evaluations}
    ]


def sets(run: Run, training: Training) -> Sets:
    """The light-cones of a training's sets, without those that failed."""
    failed = failures.named(run.database.sealed)
    return divide(run.config.split, run.database.realizations, failed, training.light_cones)


def settings(training: Training, *without: str) -> str:
    """All that decides a training but its seed and the keys given, in one text."""
    content: Mapping[str, Any] = canonical(training)
    left_out = {"seed", *without}
    return canonical_json({key: value for key, value in content.items() if key not in left_out})


def rests_on(run: Run, style: Style) -> str:
    """Light-cones, cells, nodes and seeds that every number of a run rests on."""
    database, config = run.config.database, run.config
    failed = failures.named(run.database.sealed)
    whole = divide(config.split, database.realizations, failed)
    cells = (database.box.cells, database.box.cells, database.lightcone.cells)
    evaluated = [it.training for each in trained(run) for it in each.evaluations]
    seeds = sorted({seed for training in evaluated for seed in training.seeds})
    nodes = engine_of(database).nodes(database)
    evolved = f"{nodes} nodes" if nodes else "nodes of an engine of its own"
    light_cones = database.realizations - len(failed)
    left_out = f", {len(failed)} more failed" if failed else ""
    theirs = f" Of {published.ELSEWHERE}: paper*." if style.for_programs else ""
    return (
        f"It rests on {style.count(light_cones)} light-cones ({style.count(len(whole.training))} "
        f"training, {style.count(len(whole.validation))} validation, "
        f"{style.count(len(whole.test))} test{left_out}) of {style.cells(*cells)} cells of "
        f"{style.number(database.box.cell_size, 'Mpc')}, {evolved}; seed of the database "
        f"{database.seed}, of the trainings {', '.join(map(str, seeds))}.{theirs}"
    )
