"""What is checked of trained networks, their predictions and scores, and sweeps."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import UserError
from ..base.fingerprint import canonical
from ..images import cutting
from ..images.sets import Sets, divide
from ..lightcones import failures, journal
from ..products.databases import LightCones
from ..products.design import Design
from ..products.networks import EvaluationRun, SweepRun, TrainingRun
from ..records.record import Record
from ..records.stamp import rows, uncommented
from .links import Check
from .walk import Walk, checked

# Of a sum of many products: another processor adds in another order.
ROUNDING = 1e-9
Mock = tuple[str, LightCones, Sequence[int]]
"""Its name, its light-cones, and their indices."""


@checked.register
def _training(run: TrainingRun, walk: Walk) -> Iterator[Check]:
    failed = failures.named(run.inputs.sealed)
    yield (
        "checkpoint",
        checkpoint(run, failed),
        "of this training and complete, with its history",
    )
    if run.members:
        yield (
            "members",
            mixed(run),
            f"its {len(run.members)} networks are those of its members",
        )
    sets = divide(run.split, run.light_cones, failed)
    yield split(run.inputs.lightcones, sets)
    if walk.depth.repredict:
        wrong = normalised_again(run, sets.training)
        yield "normalisation", wrong, "it is that of the training set alone"


def checkpoint(run: TrainingRun, failed: Iterable[int]) -> Iterator[str]:
    """A checkpoint that is not this training's, or whose history was written otherwise.

    Made without the light-cones that failed.
    """
    from ..training import checkpoint as checkpoints

    try:
        found = checkpoints.load(run.checkpoint)
        checkpoints.check_identity(found, checkpoints.identity_of(run, failed), run.checkpoint)
    except UserError as error:
        yield str(error)
        return
    if not found.complete:
        yield f"{run.checkpoint}: only {len(found.history)} of {found.epochs} epochs are done"
    try:
        written = [{key: float(row[key]) for key in row} for row in rows(run.history)]
        same = written == found.history
    except (OSError, ValueError, TypeError):
        same = False
    if not same:
        yield f"{run.history}: it is not the checkpoint's history"


def mixed(run: TrainingRun) -> Iterator[str]:
    """Networks of an ensemble that are not those of its members."""
    from ..training import checkpoint as checkpoints

    try:
        ensemble = checkpoints.load(run.checkpoint)
        members = [checkpoints.load(one.checkpoint) for one in run.members]
    except UserError as error:
        yield str(error)
        return
    if len(ensemble.members) != len(members):
        yield f"{run.checkpoint}: it has {len(ensemble.members)} networks, not {len(members)}"
        return
    if len(ensemble.widths) not in (0, len(ensemble.names)):
        yield f"{run.checkpoint}: its widths are {len(ensemble.widths)}, not {len(ensemble.names)}"
    for state, one, member in zip(ensemble.members, run.members, members, strict=True):
        same = state.keys() == member.model.keys()
        if not (same and all(state[name].equal(value) for name, value in member.model.items())):
            yield f"{run.checkpoint}: a network of it is not that of {one.checkpoint}"


def normalised_again(run: TrainingRun, training: Sequence[int]) -> Iterator[str]:
    """What a checkpoint says of its training set and these light-cones do not give.

    Others had a part in it. One that an earlier lcinfer wrote says nothing of their range.
    """
    from ..images.dataset import fit
    from ..images.envelope import Envelope
    from ..training import checkpoint as checkpoints

    try:
        trained = checkpoints.load(run.checkpoint)
        labelled = cutting.open_labelled(run.inputs)
        images = run.training.images_of(labelled.per_lightcone)
        normalisation, envelope = fit(labelled, training, images)
    except UserError as error:
        yield str(error)
        return
    for name, value in normalisation.plain().items():
        if not np.allclose(trained.normalisation[name], value, rtol=ROUNDING, atol=0):
            yield f"{run.checkpoint}: its {name} is not that of the training set"
    if trained.envelope and not Envelope.read(trained.envelope).equals(envelope):
        yield f"{run.checkpoint}: its envelope is not that of the training set"


def split(cones: LightCones, sets: Sets) -> Check:
    """Whether the parts of a database have no light-cone and no seed in common."""
    parts = sets._asdict()
    return (
        "split",
        shared({name: (cones, part) for name, part in parts.items()}),
        ", ".join(f"{len(part)} {name}" for name, part in parts.items())
        + ": no light-cone and no seed shared",
    )


def shared(groups: dict[str, tuple[LightCones, Iterable[int]]]) -> Iterator[str]:
    """Seeds, and so initial conditions, that two sets have in common, by the journals.

    Args:
        groups: what each set is called, its light-cones, and which of them.
    """
    known: dict[Path, dict[int, Record]] = {}
    seeds: dict[str, dict[Any, int]] = {}
    for name, (cones, indices) in groups.items():
        if cones.journal not in known:
            known[cones.journal] = journal.finished(cones.journal, histories=False)
        seeds[name] = {}
        for index in indices:
            seed = known[cones.journal].get(index, {}).get("seed")
            if seed in seeds[name]:
                yield f"{name}: light-cones {seeds[name][seed]} and {index} have one seed, {seed}"
            if seed is not None:
                seeds[name][seed] = index
    for (one, first), (other, second) in combinations(seeds.items(), 2):
        for seed in sorted(first.keys() & second.keys()):
            yield (
                f"light-cone {first[seed]} of {one} and {second[seed]} of {other} have one "
                f"seed, {seed}"
            )


@checked.register
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
            for problem in predictions(path, of.design, indices)
        ),
        f"of the {len(test)} test light-cones and {len(mocks)} mocks, at their parameters",
    )
    yield "scores", scores(run), "they follow from predictions.csv"
    if run.has_posterior:
        stores = [(run.posterior, cones, test)]
        stores += [(run.mock_posterior(name), of, indices) for name, of, indices in mocks]
        yield (
            "posteriors",
            (
                problem
                for path, of, indices in stores
                for problem in posteriors(path, of.design, indices, cones.design.prior)
            ),
            "of the same light-cones, inside the prior",
        )
    if walk.depth.repredict:
        yield "network", predicted_again(run, test), "it predicts the same once more"
    yield shared_with_mocks(cones, mocks)


def predictions(path: Path, design: Design, indices: Sequence[int]) -> Iterator[str]:
    """A table of predictions that is not of these light-cones, or not of their parameters."""
    from ..evaluation.evaluate import read_predictions

    try:
        table = read_predictions(path)
    except UserError as error:
        yield str(error)
        return
    if table.light_cones.tolist() != list(indices):
        yield f"{path}: it is not of light-cones {indices[0]} to {indices[-1]}"
    elif table.names != design.names:
        yield f"{path}: it is of {', '.join(table.names)}, not {', '.join(design.names)}"
    elif not np.array_equal(table.true, design.parameters(0, indices[-1] + 1)[list(indices)]):
        yield f"{path}: its true values are not the design's"


def scores(run: EvaluationRun) -> Iterator[str]:
    """Scores that do not follow from the predictions and posteriors beside them."""
    from ..evaluation.calibration import scores_of
    from ..evaluation.evaluate import read_predictions, scores_from
    from ..evaluation.posteriors import read_posteriors

    try:
        expected = scores_from(read_predictions(run.predictions), run.evaluation)
        if run.has_posterior:
            expected |= scores_of(read_posteriors(run.posterior), run.evaluation)
        found = json.loads(run.scores.read_bytes())
    except UserError as error:
        yield str(error)
        return
    except ValueError:
        yield f"{run.scores} is damaged"
        return
    for name, value, said in compared(expected, found):
        yield f"{run.scores}: {name} is {said}, and the predictions give {value}"


def compared(expected: Any, found: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """What is expected and was not found: its keys, its value, what is there instead."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            said = found.get(key) if isinstance(found, dict) else None
            yield from compared(value, said, f"{name}.{key}" if name else key)
    elif isinstance(expected, str):
        if found != expected:
            yield name, expected, found
    elif not (type(found) in (int, float) and np.isclose(found, expected, rtol=ROUNDING, atol=0)):
        yield name, expected, found


def posteriors(
    path: Path, design: Design, indices: Sequence[int], prior: Mapping[str, tuple[float, float]]
) -> Iterator[str]:
    """Posteriors that are not of these light-cones and their parameters, or leave the prior."""
    from ..evaluation.posteriors import read_posteriors

    try:
        found = read_posteriors(path)
    except UserError as error:
        yield str(error)
        return
    truth = design.parameters(0, indices[-1] + 1)[list(indices)]
    if found.light_cones.tolist() != list(indices) or found.names != design.names:
        yield f"{path}: it is of other light-cones or parameters"
        return
    if not np.array_equal(found.truth, truth):
        yield f"{path}: its true values are not the design's"
    low, high = np.array([prior[name] for name in found.names]).T
    if not ((low <= found.samples) & (found.samples <= high)).all():
        yield f"{path}: samples lie outside the prior"


def predicted_again(run: EvaluationRun, test: Sequence[int]) -> Iterator[str]:
    """Predictions that the checkpoint does not give for these images.

    A network's float32 outputs may differ in their last digits elsewhere: those within a
    thousandth of a parameter's spread count as equal.
    """
    from ..evaluation.evaluate import read_predictions
    from ..evaluation.predict import predict
    from ..training import checkpoint as checkpoints

    trained = checkpoints.load(run.training.checkpoint)
    spread = np.array(trained.fitted_normalisation().parameter_std)
    tables = [(run.predictions, run.training.inputs, test)]
    tables += [
        (run.mock_predictions(name), mock, range(mock.realizations))
        for name, mock in run.mock_inputs.items()
    ]
    for path, inputs, indices in tables:
        try:
            again = predict(trained, cutting.open_labelled(inputs), indices).predicted
            said = read_predictions(path).predicted
        except UserError as error:
            yield str(error)
            continue
        if said.shape != again.shape or not (np.abs(said - again) <= 1e-3 * spread).all():
            yield f"{path}: the network predicts something else"


def shared_with_mocks(cones: LightCones, mocks: Sequence[Mock]) -> Check:
    """Whether mocks have no seed of the database."""
    groups: dict[str, tuple[LightCones, Iterable[int]]] = {
        "the database": (cones, range(cones.realizations)),
        **{name: (of, indices) for name, of, indices in mocks},
    }
    return "mocks", shared(groups), "they share no seed with the database"


@checked.register
def _sweep(run: SweepRun, walk: Walk) -> Iterator[Check]:
    yield "trials", trials(run), "they follow from histories and scores"


def trials(run: SweepRun) -> Iterator[str]:
    """A table of trials that does not follow from their histories and scores."""
    from ..evaluation import trials as compared

    try:
        tried = compared.results(run)
        with run.table.open(encoding="utf-8", newline="") as file:
            if "".join(uncommented(file)) != compared.table(run, tried):
                yield f"{run.table}: histories and scores give another table"
        said = json.loads(run.outcome.read_bytes())
        if {**canonical(compared.outcome(run, tried)), "provenance": said["provenance"]} != said:
            yield f"{run.outcome}: histories and scores give another outcome"
    except UserError as error:
        yield str(error)
    except (ValueError, KeyError, TypeError):
        yield f"{run.outcome} is damaged"
