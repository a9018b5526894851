"""Whether one product follows from those it is made from: each check names what is wrong."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import UserError
from ..base.fingerprint import canonical
from ..engines import engine_of
from ..images import cutting
from ..lightcones import journal
from ..products.databases import LightCones
from ..products.design import Design
from ..products.networks import EvaluationRun, SweepRun, TrainingRun
from ..products.product import Product
from ..products.run import Run
from ..records.record import Record, outputs
from ..records.stamp import rows, uncommented
from .stamped import of_older_columns, stamp_of

# Of a sum of many products: another processor adds in another order.
ROUNDING = 1e-9


def files(
    product: Product, made: Iterable[Path], records: list[Record], digest: Callable[[Path], str]
) -> Iterator[str]:
    """Files that are not those that a run of a stage recorded, last of all runs.

    Raises:
        UserError: if a file is missing that no run recorded: the product is not finished.
    """
    recorded = outputs(records)
    for path in made:
        name = path.relative_to(product.root).as_posix()
        if not path.exists():
            if name not in recorded:
                raise UserError(f"{product.directory} is not finished: it has no {path.name}")
            yield f"{path} is missing"
        elif name not in recorded:
            yield f"{path}: no run of a stage recorded it"
        elif recorded[name] != digest(path):
            yield f"{path}: its bytes are not those that were recorded"


def inputs(root: Path, records: list[Record], digest: Callable[[Path], str]) -> Iterator[str]:
    """What a product was made from, where that is no longer what it was."""
    last: dict[str, Record] = {path: record for record in records for path in record["outputs"]}
    read = {
        path: value
        for record in records
        if any(last[path] is record and (root / path).exists() for path in record["outputs"])
        for path, value in record["inputs"].items()
    }
    for name, value in read.items():
        path = root / name
        if not path.exists():
            yield f"{path}, which it was made from, is missing"
        elif digest(path) != value:
            yield f"{path} is not what it was made from"


def stamps(product: Product, paths: Iterable[Path]) -> Iterator[str]:
    """Files that say of themselves that they are another product's, or nothing."""
    for path in paths:
        try:
            said = stamp_of(path)
        except FileNotFoundError:
            continue  # `files` tells
        except UserError as error:
            yield str(error)
            continue
        if said["fingerprint"] != product.fingerprint:
            yield f"{path}: it says that it is of {said['product']}"


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
    for state, one, member in zip(ensemble.members, run.members, members, strict=True):
        same = state.keys() == member.model.keys()
        if not (same and all(state[name].equal(value) for name, value in member.model.items())):
            yield f"{run.checkpoint}: a network of it is not that of {one.checkpoint}"


def engine(cones: LightCones, finished: dict[int, Record]) -> Iterator[str]:
    """Light-cones that another version of the engine made than the configuration names.

    Of adopted ones the configuration does not say what made them.
    """
    if not cones.design.simulated:
        return
    engine, wanted = engine_of(cones.simulation), cones.simulation.simulator.engine_version
    for index, record in sorted(finished.items()):
        if (made := engine.made(record)) not in (None, wanted):
            yield f"light-cone {index} was made by {engine.name} {made}, not {wanted}"


def engine_named(cones: LightCones) -> str:
    """What made the light-cones, and what was chosen where they were adopted."""
    engine, simulator = engine_of(cones.simulation), cones.simulation.simulator
    return cones.design.origin or f"{engine.name} {simulator.engine_version}"


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


def configuration(run: Run, directory: Path) -> list[str]:
    """Products that a manifest or a link names and its configuration does not make; the reverse."""
    from ..stages.summarise import links

    listed: dict[str, Any] = json.loads((directory / "manifest.json").read_bytes())
    wrong = []
    if run.summary.directory != directory:
        wrong.append(
            f"{directory / 'manifest.json'}: its configuration makes "
            f"{run.summary.directory.name}, not this run: it was edited"
        )
    for kind, named in run.by_kind.items():
        made = {product.directory.name: product.fingerprint for product in named.values()}
        said = {name: entry.get("fingerprint") for name, entry in listed.get(kind, {}).items()}
        for name in sorted(made.keys() | said.keys()):
            if made.get(name) != said.get(name):
                wrong.append(
                    f"{directory / 'manifest.json'}: {kind}/{name} is "
                    + ("not listed" if name not in said else "not what its configuration makes")
                )
    for link, product in links(run).items():  # one that was lost on the way misleads nobody
        if link.is_symlink() and link.resolve() != product.directory.resolve():
            wrong.append(f"{link}: it leads elsewhere than to {product.directory}")
    return wrong


def table(run: Run) -> Iterator[str]:
    """Tables of scores that do not follow from these, where they have the columns of today."""
    from ..stages import scored

    yield from _of_today(run, scored.tables, "the scores give")


def paper_tables(run: Run) -> Iterator[str]:
    """The paper's tables where predictions, histories and networks give others, the same way."""
    from ..paper import tables

    yield from _of_today(run, tables.texts, "predictions, histories and networks give")


def _of_today(run: Run, texts: Callable[[Run], Mapping[Path, str]], give: str) -> Iterator[str]:
    try:
        for path, text in texts(run).items():
            if not path.exists():
                if path not in run.summary.optional:
                    yield f"{path} is missing"
            elif not of_older_columns(path) and _below_stamp(path) != text:
                yield f"{path}: {give} another table"
    except UserError as error:
        yield str(error)


def followed(paths: Iterable[Path], from_what: str) -> str:
    """What holds of tables that were written anew and compared, or are too old for that."""
    if not any(map(of_older_columns, paths)):
        return f"they follow from {from_what}"
    return (
        "an older lcinfer wrote them with other columns: their bytes alone were compared with what "
        "was recorded; `lcinfer stage summary CONFIG` writes them anew"
    )


def _below_stamp(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[2]
