"""What a configuration still costs: core-hours, time, memory, disk, files, jobs."""

import heapq
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from ..base.counting import counted
from ..config.sections import ApprovalAbove
from ..engines import engine_of
from ..products.databases import Inputs, LightCones
from ..products.run import Run
from ..text.tables import aligned
from .cost import Cost, cost, finished, predicted, raw_bytes

RANKS = 16  # of a job of profiles/slurm
COORDINATES = 4  # redshift, distance, x, y
HISTORIES = 3
DESIGNS_PER_CHUNK = 1024
BYTES = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
TIMES = {"s": 1, "min": 60, "h": 3600, "days": 86400}


@dataclass(frozen=True)
class Ranks:
    """What a campaign may use at a time."""

    total: int = RANKS
    per_job: int = RANKS
    nodes: int | None = None
    here: bool = False
    """Whether these are as many as this machine has CPUs for."""

    @property
    def jobs(self) -> int:
        """Jobs that run side by side."""
        return max(1, self.total // self.per_job)

    @property
    def of_a_job(self) -> int:
        """Ranks that a job has, where fewer may be used than one wants."""
        return min(self.total, self.per_job)


@dataclass(frozen=True)
class Part:
    """What is left of a database or of a mock. Sizes are in bytes."""

    name: str
    directory: str
    light_cones: int
    left: int
    blocks: tuple[int, ...]
    """Light-cones that are left in each block that has any."""
    core_hours: float
    raw: int
    """The light-cones that are left, before compression."""
    stored: int
    images: int
    """And spectra."""
    files: int
    directories: int


@dataclass(frozen=True)
class Plan:
    """What is left of a run, and what one light-cone costs."""

    name: str
    cost: Cost
    threads: int
    asked_bytes: int
    """Memory that a job asks for, per rank."""
    gpu_mb: tuple[int, int] | None
    """Of a GPU: for a light-cone, and for each more of a batch; None: it has no part, or the engine
    does not say."""
    parts: tuple[Part, ...]
    ranks: Ranks
    jobs: int
    """Of the whole workflow."""
    limit: ApprovalAbove

    @cached_property
    def core_hours(self) -> float:
        """Of all light-cones that are left."""
        return sum(part.core_hours for part in self.parts)

    @cached_property
    def bytes(self) -> int:
        """On disk, of all light-cones that are left, their images and their spectra."""
        return sum(part.stored + part.images for part in self.parts)

    @property
    def above_limit(self) -> bool:
        """Whether it needs an approval."""
        return self.core_hours > self.limit.core_hours or self.bytes / 1e9 > self.limit.gigabytes

    @cached_property
    def wall_seconds(self) -> float:
        """From the first job's start, if there are always ranks free: a job takes a block."""
        at_work = [0.0] * self.ranks.jobs
        for left in sorted((it for part in self.parts for it in part.blocks), reverse=True):
            rounds = math.ceil(left / self.ranks.of_a_job)
            heapq.heapreplace(at_work, at_work[0] + rounds * self.cost.seconds)
        return max(at_work)

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {
            **asdict(self),
            "limit": self.limit.model_dump(),
            "core_hours": self.core_hours,
            "wall_seconds": self.wall_seconds,
            "bytes": self.bytes,
            "needs_approval": self.above_limit,
        }

    def __str__(self) -> str:
        return "\n".join([*_table(self), "", *_lines(self)])


def plan(run: Run, ranks: Ranks | None = None) -> Plan:
    """What a run still costs. It reads the journals, and looks at some of the shards."""
    done = finished(run)
    left = {
        label: set(range(cones.realizations)) - done[label].keys()
        for label, cones in run.lightcones.items()
    }
    return _plan(run, ranks or Ranks(), cost(run, done), left)


def here(run: Run) -> Ranks:
    """As many ranks as this machine has CPUs for, as ``profiles/local`` means them."""
    cpus = len(os.sched_getaffinity(0))
    return Ranks(max(1, cpus // run.config.database.simulator.threads), here=True)


def forecast(run: Run, ranks: Ranks | None = None) -> Plan:
    """What would have been said of the light-cones that are there, before they were."""
    there = {label: set(records) for label, records in finished(run).items()}
    foreseen = predicted(run.database.simulation, run.root)
    return _plan(run, ranks or Ranks(), foreseen, there, anew=True)


def _plan(
    run: Run, ranks: Ranks, each: Cost, wanted: dict[str, set[int]], anew: bool = False
) -> Plan:
    database = run.config.database
    return Plan(
        name=run.config.name,
        cost=each,
        threads=database.simulator.threads,
        asked_bytes=10**6 * engine_of(database).memory_mb(database),
        gpu_mb=engine_of(database).gpu_mb(database),
        parts=tuple(
            _part(cones, run, each, ranks, wanted[label], anew)
            for label, cones in run.lightcones.items()
        ),
        ranks=ranks,
        jobs=sum(product.jobs_left for product in run.products),
        limit=database.approval_above,
    )


def _part(
    cones: LightCones, run: Run, each: Cost, ranks: Ranks, wanted: set[int], anew: bool
) -> Part:
    """What these light-cones and what is made of them cost; ``anew``: as if nothing was there."""
    per_block = [len(wanted.intersection(range(*span))) for span in cones.spans]
    blocks = tuple(count for count in per_block if count)
    left, raw, read = sum(blocks), raw_bytes(cones.simulation), 0
    files, directories = _files(cones, blocks, anew, ranks)
    for made in (it for it in run.inputs if it.lightcones is cones):
        to_make = blocks if anew else _not_made(made)
        more = _files_of(made, to_make, anew)
        files, directories = files + more[0], directories + more[1]
        read += sum(to_make) * made.bytes_of_lightcone
    return Part(
        name=cones.name,
        directory=str(cones.directory),
        light_cones=cones.realizations,
        left=left,
        blocks=blocks,
        core_hours=left * each.seconds * cones.simulation.simulator.threads / 3600,
        raw=left * raw,
        stored=round(left * raw * each.compression),
        images=round(read * each.compression),
        files=files,
        directories=directories,
    )


def _not_made(inputs: Inputs) -> tuple[int, ...]:
    """Light-cones of each block of images or spectra that is left."""
    return tuple(
        stop - start for start, stop in inputs.spans if not inputs.done((start, stop)).exists()
    )


def _files(cones: LightCones, blocks: tuple[int, ...], anew: bool, ranks: Ranks) -> tuple[int, int]:
    """Files and directories that light-cones add.

    A light-cone is a shard, three directories down. A block has two markers, each with its
    provenance, and a journal of each rank.
    """
    journals = sum(min(ranks.of_a_job, left) for left in blocks)
    files, directories = sum(blocks) + 2 * len(blocks) + journals, 3 * sum(blocks)
    if blocks and (anew or not cones.prepared.exists()):
        design = len(cones.design.names) + 1
        arrays = COORDINATES + HISTORIES + design + 1
        files += 3 + 1 + arrays + COORDINATES + HISTORIES + _chunks(cones) + 2
        directories += 4 + 2 * arrays
    return files, directories


def _files_of(inputs: Inputs, blocks: tuple[int, ...], anew: bool) -> tuple[int, int]:
    """Files and directories that images or spectra add: those of a light-cone are a chunk, three
    directories down, and a block has a marker with its provenance."""
    files, directories = sum(blocks) + 2 * len(blocks), 3 * sum(blocks)
    if blocks and (anew or not inputs.prepared.exists()):
        design = len(inputs.lightcones.design.names) + 1
        small = 2 + inputs.coordinates  # redshift, distance
        records = 1 + 2 * 2  # spec.json, provenance of preparing and sealing
        files += 2 + 2 * small + design + _chunks(inputs.lightcones) + records
        directories += 5 + 2 * (design + small + 1)
    return files, directories


def _chunks(cones: LightCones) -> int:
    """Of the design's arrays."""
    return (len(cones.design.names) + 1) * math.ceil(cones.realizations / DESIGNS_PER_CHUNK)


def _table(plan: Plan) -> list[str]:
    head = ("", "light-cones", "there", "left", "core-hours", "raw", "on disk", "images", "files")
    rows = [head, *(_row(part) for part in plan.parts)]
    if len(plan.parts) > 1:
        rows.append(_row(_all(plan.parts)))
    return aligned(rows)


def _all(parts: tuple[Part, ...]) -> Part:
    blocks = tuple(left for part in parts for left in part.blocks)
    named: dict[str, Any] = {"name": "all", "directory": "", "blocks": blocks}
    sums = (field.name for field in fields(Part) if field.name not in named)
    return Part(**named, **{key: sum(getattr(part, key) for part in parts) for key in sums})


def _row(part: Part) -> tuple[str, ...]:
    numbers = (part.light_cones, part.light_cones - part.left, part.left)
    sizes = (part.raw, part.stored, part.images)
    return (
        part.name,
        *(f"{number:,}" for number in numbers),
        number(part.core_hours),
        *map(size, sizes),
        f"{part.files:,}",
    )


def _lines(plan: Plan) -> list[str]:
    each, ranks, whole = plan.cost, plan.ranks, _all(plan.parts)
    threads = counted(plan.threads, "thread")
    core_hours = number(each.seconds * plan.threads / 3600)
    where = counted(ranks.total, "rank")
    memory = f"{size(each.peak_bytes)} of a rank at its peak; a job asks for "
    memory += f"{size(plan.asked_bytes)} of each"
    if ranks.here:
        where += ", as many as this machine has CPUs for"
    if ranks.nodes:
        where += f" on {counted(ranks.nodes, 'node')}"
        memory += f", {size(ranks.total // ranks.nodes * plan.asked_bytes)} of a node"
    at_a_time = counted(min(ranks.jobs, max(1, len(whole.blocks))), "job")
    rows = [
        ("a light-cone", f"{span(each.seconds)} on {threads}, {core_hours} core-hours"),
        ("known from", each.source),
        ("", each.doubt),
        ("wall time", f"{span(plan.wall_seconds)} with {where}: {at_a_time} at a time"),
        ("memory", memory),
        (
            "disk",
            f"{size(whole.stored + whole.images)} ({each.compression:.2f} of its size) in "
            f"{whole.files:,} files and {whole.directories:,} directories",
        ),
        ("jobs", f"{len(whole.blocks)} of simulation, {plan.jobs} in the whole workflow"),
    ]
    if plan.gpu_mb:
        one, more = (size(10**6 * it) for it in plan.gpu_mb)
        rows.insert(5, ("on a GPU", f"{one} for a light-cone, {more} for each more of a batch"))
    return [f"{name:14}{text}" for name, text in rows]


def number(value: float) -> str:
    """A number with the digits that an estimate has."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def size(count: float) -> str:
    """Bytes in a unit that suits them."""
    return _in_units(count, BYTES)


def span(seconds: float) -> str:
    """A time in a unit that suits it."""
    return _in_units(seconds / 2, TIMES, 2)  # 90 s rather than 1.5 min


def _in_units(value: float, units: Mapping[str, float], times: int = 1) -> str:
    smallest, *larger = units
    unit = next((it for it in reversed(larger) if units[it] <= value), smallest)
    return f"{number(times * value / units[unit])} {unit}"
