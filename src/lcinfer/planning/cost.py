"""What one light-cone costs: from those that are there, small ones timed, or measured scaling."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..base.counting import counted
from ..config.sections import Simulation
from ..engines import engine_of
from ..engines.twentyonecmfast import TwentyOneCmFast
from ..lightcones import journal, store
from ..lightcones.journal import Record
from ..products.run import Run
from ..simulator.nodes import nodes
from . import timing

Finished = dict[int, Record]  # by index

VOXEL_BYTES = 4
SHARDS_LOOKED_AT = 200


@dataclass(frozen=True)
class Cost:
    """What one light-cone costs."""

    seconds: float
    """Wall time on the configured threads."""
    peak_bytes: int
    """Memory of the process that simulates, at its peak."""
    compression: float
    """Bytes on disk over bytes in memory."""
    source: str
    """How this is known."""
    doubt: str
    """How far it may be off."""
    known: bool = True
    """Whether anything is known of the engine."""


def finished(run: Run) -> dict[str, Finished]:
    """What the journals say is there, by the names of the directories."""
    return {
        label: journal.finished(cones.journal, histories=False)
        for label, cones in run.lightcones.items()
    }


def cost(run: Run, done: dict[str, Finished]) -> Cost:
    """From the light-cones that are :func:`finished`, else small ones timed, else as
    measured for the documentation."""
    return measured(run, done) or predicted(run.database.simulation, run.root)


def predicted(simulation: Simulation, root: Path) -> Cost:
    """Without a look at the journals: what is said before the first light-cone is there."""
    known, engine = timing.find(root, simulation), engine_of(simulation)
    if known is None:
        return _from_scaling(simulation)
    asked = 10**6 * engine.memory_mb(simulation)
    return Cost(
        seconds=known.seconds(simulation),
        # Small boxes do not show how memory grows: 21cmFAST has a fixed 0.5 GB for a moment.
        peak_bytes=max(asked, *(it.peak_bytes for it in known.runs)),
        compression=engine.compression,
        source=f"small ones timed on {known.host}, {known.date}: {known.cpu}, "
        f"{known.at_once} at once",
        doubt=known.doubt(simulation),
    )


def measured(run: Run, done: dict[str, Finished]) -> Cost | None:
    """The mean of the light-cones that are :func:`finished`; None if there are none."""
    simulation = run.database.simulation
    engine, raw = engine_of(simulation), raw_bytes(simulation)
    memory = 10**6 * engine.memory_mb(simulation)
    seconds, peaks, shards = list[float](), list[int](), list[int]()
    for label, records in done.items():
        timed = [record for record in records.values() if "seconds" in record]
        seconds += [float(record["seconds"]) for record in timed]
        peaks += [int(record.get("peak_bytes", memory)) for record in timed]
        path = run.lightcones[label].store
        looked_at = sorted(records)[:: max(1, len(records) // SHARDS_LOOKED_AT)]
        shards += _sizes(store.shard_path(path, index) for index in looked_at)
    if not seconds:
        return None
    mean = sum(seconds) / len(seconds)
    return Cost(
        seconds=mean,
        peak_bytes=max(peaks),
        compression=sum(shards) / len(shards) / raw if shards else engine.compression,
        source=f"the journal: {counted(len(seconds), 'light-cone')} already there",
        doubt=f"they took {min(seconds) / mean:.2f} to {max(seconds) / mean:.2f} of their mean",
    )


def _sizes(paths: Iterable[Path]) -> Iterable[int]:
    for path in paths:
        try:
            yield path.stat().st_size
        except FileNotFoundError:  # `lcinfer verify` tells
            continue


def _from_scaling(simulation: Simulation) -> Cost:
    engine, box = engine_of(simulation), simulation.box
    scaling = engine.scaling or TwentyOneCmFast.scaling
    known = engine.scaling is not None
    per_node = scaling.core_seconds(box.cells, box.hires_factor)
    return Cost(
        seconds=nodes(simulation) * per_node / simulation.simulator.threads,
        peak_bytes=10**6 * engine.memory_mb(simulation),
        compression=engine.compression,
        source=scaling.measured,
        doubt="a factor of 2 on other machines; `--time` measures on this one"
        if known
        else f"nothing is known of {engine.name}: `--time` measures it",
        known=known,
    )


def raw_bytes(simulation: Simulation) -> int:
    """Bytes of a light-cone in memory."""
    return VOXEL_BYTES * simulation.box.cells**2 * simulation.lightcone.cells
