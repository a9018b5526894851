"""What is checked of trained networks, their predictions and scores, and sweeps."""

from collections.abc import Iterable, Iterator, Sequence

from ..images.sets import Sets, divide
from ..lightcones import failures
from ..products.databases import LightCones
from ..products.networks import EvaluationRun, SweepRun, TrainingRun
from . import checks
from .links import Check
from .walk import Checks, Walk

Mock = tuple[str, LightCones, Sequence[int]]
"""Its name, its light-cones, and their indices."""


def split(cones: LightCones, sets: Sets) -> Check:
    """Whether the parts of a database have no light-cone and no seed in common."""
    parts = sets._asdict()
    return (
        "split",
        checks.shared({name: (cones, part) for name, part in parts.items()}),
        ", ".join(f"{len(part)} {name}" for name, part in parts.items())
        + ": no light-cone and no seed shared",
    )


def shared_with_mocks(cones: LightCones, mocks: Sequence[Mock]) -> Check:
    """Whether mocks have no seed of the database."""
    groups: dict[str, tuple[LightCones, Iterable[int]]] = {
        "the database": (cones, range(cones.realizations)),
        **{name: (of, indices) for name, of, indices in mocks},
    }
    return "mocks", checks.shared(groups), "they share no seed with the database"


def _training(run: TrainingRun, walk: Walk) -> Iterator[Check]:
    failed = failures.named(run.inputs.sealed)
    yield (
        "checkpoint",
        checks.checkpoint(run, failed),
        "of this training and complete, with its history",
    )
    if run.members:
        yield (
            "members",
            checks.mixed(run),
            f"its {len(run.members)} networks are those of its members",
        )
    sets = divide(run.split, run.light_cones, failed)
    yield split(run.inputs.lightcones, sets)
    if walk.depth.repredict:
        wrong = checks.normalised_again(run, sets.training)
        yield "normalisation", wrong, "it is that of the training set alone"


def _evaluation(run: EvaluationRun, walk: Walk) -> Iterator[Check]:
    training = run.training
    cones = training.inputs.lightcones
    failed = failures.named(training.inputs.sealed)
    test = divide(training.split, cones.realizations, failed).test
    mocks = [(name, it.lightcones, range(it.realizations)) for name, it in run.mock_inputs.items()]
    tables = [(run.predictions, cones, test)]
    tables += [(run.mock_predictions(name), of, indices) for name, of, indices in mocks]
    yield (
        "predictions",
        (
            problem
            for path, of, indices in tables
            for problem in checks.predictions(path, of.design, indices)
        ),
        f"of the {len(test)} test light-cones and {len(mocks)} mocks, at their parameters",
    )
    yield "scores", checks.scores(run), "they follow from predictions.csv"
    if run.has_posterior:
        stores = [(run.posterior, cones, test)]
        stores += [(run.mock_posterior(name), of, indices) for name, of, indices in mocks]
        yield (
            "posteriors",
            (
                problem
                for path, of, indices in stores
                for problem in checks.posteriors(path, of.design, indices, cones.design.prior)
            ),
            "of the same light-cones, inside the prior",
        )
    if walk.depth.repredict:
        yield "network", checks.predicted_again(run, test), "it predicts the same once more"
    yield shared_with_mocks(cones, mocks)


def _sweep(run: SweepRun, walk: Walk) -> Iterator[Check]:
    yield "trials", checks.trials(run), "they follow from histories and scores"


CHECKS: Checks = {
    TrainingRun.kind: _training,
    EvaluationRun.kind: _evaluation,
    SweepRun.kind: _sweep,
}
