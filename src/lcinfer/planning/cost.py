"""What one light-cone costs: from those that are there, a calibration, or measured scaling."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..base.counting import counted
from ..config.sections import DEFAULT_ENGINE, Simulation
from ..lightcones import journal, store
from ..lightcones.journal import Record
from ..products.run import Run
from ..simulator.nodes import nodes
from . import calibration

Finished = dict[int, Record]  # by index

# 21cmFAST 4.1.1+gm18.1, one thread, by `python benchmarks/scaling.py`: docs/planning.md.
# Core-seconds per node of the evolution: of every node, per cell, per high-resolution cell.
SECONDS_PER_NODE = 0.15
SECONDS_PER_CELL = 2.8e-6
SECONDS_PER_HIRES_CELL = 0.044e-6
# Bytes on disk over bytes in memory: a light-cone of the paper, Zstandard level 1, chunks of
# 50 cells (`python benchmarks/chunks.py`, docs/measurements.md).
COMPRESSION = 0.73
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
    """From the light-cones that are :func:`finished`, else a stored calibration, else as
    measured for the documentation."""
    return measured(run, done) or predicted(run.database.simulation, run.root)


def predicted(simulation: Simulation, root: Path) -> Cost:
    """Without a look at the journals: what is said before the first light-cone is there."""
    known = calibration.find(root, simulation)
    if known is None:
        return _from_scaling(simulation)
    return Cost(
        seconds=known.seconds(simulation),
        # Small boxes do not show how memory grows: 21cmFAST has a fixed 0.5 GB for a moment.
        peak_bytes=max(10**6 * simulation.memory_mb, *(it.peak_bytes for it in known.runs)),
        compression=_compression(simulation),
        source=f"a calibration on {known.host}, {known.date}: {known.cpu}, {known.at_once} at once",
        doubt=known.doubt(simulation),
    )


def measured(run: Run, done: dict[str, Finished]) -> Cost | None:
    """The mean of the light-cones that are :func:`finished`; None if there are none."""
    simulation = run.database.simulation
    memory, raw = 10**6 * simulation.memory_mb, raw_bytes(simulation)
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
        compression=sum(shards) / len(shards) / raw if shards else _compression(simulation),
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
    box, simulator = simulation.box, simulation.simulator
    cells = box.cells**3
    per_node = (
        SECONDS_PER_NODE
        + SECONDS_PER_CELL * cells
        + SECONDS_PER_HIRES_CELL * cells * box.hires_factor**3
    )
    known = simulator.engine == DEFAULT_ENGINE
    return Cost(
        seconds=nodes(simulation) * per_node / simulator.threads,
        peak_bytes=10**6 * simulation.memory_mb,
        compression=_compression(simulation),
        source="21cmFAST's scaling as measured for docs/planning.md",
        doubt="a factor of 2 on other machines; `--calibrate` measures on this one"
        if known
        else f"nothing is known of {simulator.engine}: `--calibrate` measures it",
        known=known,
    )


def _compression(simulation: Simulation) -> float:
    return COMPRESSION if simulation.simulator.engine == DEFAULT_ENGINE else 1.0


def raw_bytes(simulation: Simulation) -> int:
    """Bytes of a light-cone in memory."""
    return VOXEL_BYTES * simulation.box.cells**2 * simulation.lightcone.cells
