"""A few light-cones in small boxes, timed here, and how cost grows with the box.

Cells keep their size, nodes and line of sight stay as they are: time is then taken to grow as
the number of the box's cells, on top of what every node costs. An engine that spends its time
on voxels, of which there are as many as the box has cells across, is overestimated.
"""

import json
import math
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..base import durable
from ..base.errors import UserError
from ..base.fingerprint import fingerprint, short
from ..base.progress import with_progress
from ..config.sections import Database, Mock, Simulation
from ..engines import engine_of
from ..lightcones import aside, store
from ..products.databases import LightCones
from ..products.design import MockDesign
from ..records.record import processor

STEP = 8  # cells: FFTs are slow on sides with large prime factors
SMALLEST = 16
SIZES = (1.0, 1.5, 2.0)  # sides, of the smallest one's
BUSY = 0.8  # CPU time over wall time and threads; below, the machine was not free
LIMIT_SECONDS = 3600.0
DIRECTORY = "calibrations"  # of the results, and `calibration` in fingerprints: older names


@dataclass(frozen=True)
class Timed:
    """One small light-cone."""

    cells: int
    """Along a side of the box."""
    seconds: float
    """Wall time on the configured threads."""
    cpu_seconds: float
    """Of all its threads."""
    peak_bytes: int
    """Of the process that simulated it."""


@dataclass(frozen=True)
class Timing:
    """Small light-cones of one kind, timed on one machine."""

    fingerprint: str
    """Of the kind: see :func:`kind`."""
    host: str
    cpu: str
    at_once: int
    """Light-cones that were made side by side."""
    date: str
    versions: dict[str, str]
    runs: tuple[Timed, ...]

    def seconds(self, simulation: Simulation) -> float:
        """Wall time of a light-cone of this kind on its threads.

        CPU time tells how it grows, wall time how much of it there is to a CPU second: what else
        runs on the machine then makes the whole too large, never the growth too small.
        """
        cpu_seconds = _at(simulation.box.cells, _fitted(self.runs))
        return cpu_seconds / self._cpus

    @property
    def _cpus(self) -> float:
        """CPU seconds in a second."""
        return sum(run.cpu_seconds for run in self.runs) / sum(run.seconds for run in self.runs)

    def doubt(self, simulation: Simulation) -> str:
        """How far that reaches beyond what was measured, and how the last step of it went."""
        largest = self.runs[-1]
        times = (simulation.box.cells / largest.cells) ** 3
        said = [
            f"extrapolated to {times:.0f} times the cells" if times > 1 else "timed at its size"
        ]
        if len(self.runs) == len(SIZES):
            off = _at(largest.cells, _fitted(self.runs[:-1])) / largest.cpu_seconds - 1
            said.append(f"the smaller boxes tell the CPU time of the largest to {off:+.0%}")
        threads = simulation.simulator.threads
        if self._cpus < BUSY * threads:
            said.append(f"it had {self._cpus:.1f} of {threads} CPUs: too much if others had them")
        return "; ".join(said)


def kind(simulation: Simulation) -> str:
    """Fingerprint of what may not differ between a timing and what it is used for: all that
    decides a light-cone's cost but the number of the box's cells."""
    box = simulation.box
    return fingerprint(
        "calibration",
        simulator=simulation.simulator,
        cell_size=round(box.cell_size, 6),
        hires_factor=box.hires_factor,
        lightcone=simulation.lightcone,
    )


def measure(database: Database, at_once: int = 1) -> Timing:
    """Simulate and time light-cones from the middle of the prior at each of :func:`sizes`.

    ``at_once`` of them run side by side: on a full node they share memory and its bandwidth.

    Raises:
        UserError: if one of them fails.
    """
    point = {name: (low + high) / 2 for name, (low, high) in database.prior.items()}
    sides = sizes(database)
    records = {
        cells: simulate(scaled(database, cells), point, at_once)
        for cells in with_progress(sides, len(sides), "timing")
    }
    return Timing(
        fingerprint=kind(database),
        host=platform.node(),
        cpu=processor() or platform.machine(),
        at_once=at_once,
        date=time.strftime("%Y-%m-%d"),
        versions=records[sides[0]][0]["versions"],
        runs=tuple(
            Timed(
                cells,
                seconds=sum(record["seconds"] for record in several) / at_once,
                cpu_seconds=sum(record["cpu_seconds"] for record in several) / at_once,
                peak_bytes=max(record["peak_bytes"] for record in several),
            )
            for cells, several in records.items()
        ),
    )


def sizes(simulation: Simulation) -> list[int]:
    """Cells along a side of the boxes to time: small, valid, not above the one asked for."""
    box = simulation.box
    first = max(SMALLEST, engine_of(simulation).smallest_box(simulation) / box.cell_size)
    sides = (STEP * math.ceil(first * times / STEP - 1e-9) for times in SIZES)
    return sorted({min(box.cells, side) for side in sides})


def scaled(simulation: Simulation, cells: int) -> Simulation:
    """The same kind of light-cone in a box of fewer cells."""
    box = simulation.box
    smaller = box.model_copy(update={"cells": cells, "length": cells * box.cell_size})
    same = {name: getattr(simulation, name) for name in Simulation.model_fields}
    return Simulation(**{**same, "box": smaller})


def simulate(
    simulation: Simulation, point: dict[str, float], at_once: int = 1
) -> list[dict[str, Any]]:
    """The records of so many light-cones, made side by side as in a campaign: each by a fresh
    child, into a store."""
    with TemporaryDirectory(prefix="lcinfer-timing-") as directory:
        cones = LightCones(
            name="timing",
            identity={"timing": kind(simulation)},
            root=Path(directory),
            realizations=at_once,
            block=at_once,
            simulation=simulation,
            design=MockDesign("timing", Mock(parameters=point)),
            max_attempts=1,
            limit_minutes=LIMIT_SECONDS / 60,
            allowed_failures=0,
        )
        store.prepare(cones)
        made = aside.simulate(cones, range(at_once), LIMIT_SECONDS)
    records = [record for record in made if record is not None]
    for record in records:
        if failed := aside.failure(record):
            cells = simulation.box.cells
            raise UserError(f"timing a light-cone of {cells}^3 cells: {failed}")
    return records


def _fitted(runs: tuple[Timed, ...]) -> tuple[float, float]:
    """CPU seconds of any light-cone, and per cell of its box, neither negative: the least
    squares of relative errors."""
    from scipy.optimize import nnls

    rows = [[1 / run.cpu_seconds, run.cells**3 / run.cpu_seconds] for run in runs]
    (fixed, per_cell), _ = nnls(rows, [1.0] * len(runs))
    return float(fixed), float(per_cell)


def _at(cells: int, fit: tuple[float, float]) -> float:
    return fit[0] + fit[1] * cells**3


def keep(root: Path, timing: Timing) -> Path:
    """Write a timing among the results; a newer one of this host and kind replaces it."""
    path = root / DIRECTORY / f"{timing.host}-{short(timing.fingerprint)}.json"
    durable.write_json(path, asdict(timing))
    return path


def find(root: Path, simulation: Simulation) -> Timing | None:
    """The timing of this kind of light-cone: this host's, else the newest of another."""
    wanted = kind(simulation)
    found = [
        _read(path) for path in durable.own((root / DIRECTORY).glob(f"*-{short(wanted)}.json"))
    ]
    fitting = [it for it in found if it.fingerprint == wanted]
    return max(fitting, key=lambda it: (it.host == platform.node(), it.date), default=None)


def _read(path: Path) -> Timing:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        runs = tuple(Timed(**run) for run in content.pop("runs"))
        if runs:
            return Timing(**content, runs=runs)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    raise UserError(f"{path} is damaged: move it aside, and time again (`lcinfer plan --time`)")
