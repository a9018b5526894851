"""What is checked of light-cones, and of what networks read of them."""

from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path

from ..engines import engine_of
from ..images import cutting
from ..lightcones import failures, journal, store
from ..products.databases import Inputs, LightCones
from ..products.design import TABLE
from ..products.product import Product, Realizations
from ..records.record import Record
from .links import Check, made_by
from .recut import labels
from .walk import Walk, checked


@checked.register
def _lightcones(cones: LightCones, walk: Walk) -> Iterator[Check]:
    yield from walk.reading(cones).links()
    finished = journal.finished(cones.journal, histories=False)
    yield "engine", engine(cones, finished), engine_named(cones)
    recorded = walk.records[cones.directory]
    walk.steps[cones.directory].made |= made_by([*finished.values(), *recorded])


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


@checked.register
def _inputs(inputs: Inputs, walk: Walk) -> Iterator[Check]:
    yield "labels", labels(inputs), "parameters, seeds and coordinates"
    recut = walk.reading(inputs.lightcones).recuts[inputs.directory]
    yield "recut", recut.problems(), recut.compared


@singledispatch
def reads(product: Product, name: Path) -> bool:
    """Whether an audit reads a file, by its path in the product, that no stage recorded."""
    return False


@reads.register
def _of_lightcones(cones: LightCones, name: Path) -> bool:
    first, *rest = name.parts
    return (
        (first == cones.journal.name and len(rest) == 1 and name.suffix == ".jsonl")
        or (not cones.design.simulated and name == Path(TABLE))
        or name == Path(cones.store.name, "zarr.json")
        or _in_store(
            cones,
            name,
            store.CUBES,
            {*store.HISTORIES, "node_redshift", "redshift", "distance", "x", "y"}
            | store.design_columns(cones).keys(),
        )
    )


@reads.register
def _of_inputs(inputs: Inputs, name: Path) -> bool:
    columns = store.design_columns(inputs.lightcones)
    others = {"redshift", "distance", *cutting.form(inputs).coordinates, *columns}
    return _in_store(inputs, name, inputs.kind, others | {cutting.POWER, cutting.RMS})


def _in_store(made: Realizations, name: Path, cubes: str, others: set[str]) -> bool:
    """Whether a file is of one of these arrays, the first of which has a shard per light-cone."""
    first, *rest = name.parts
    if first != made.store.name or not rest or rest[0] not in {cubes, *others}:
        return False
    array, *rest = rest
    if rest == ["zarr.json"]:
        return True
    if array != cubes:
        return rest[:1] == ["c"] and all(part.isdigit() for part in rest[1:])
    there = set(range(made.realizations)) - set(failures.named(made.sealed))
    place = made.directory / name
    return any(place == store.shard_path(made.store, index, cubes) for index in there)
