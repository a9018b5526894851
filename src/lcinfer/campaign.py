"""Many light-cones: MPI ranks take realisations as they become free.

Rank 0 hands out indices and simulates too. What is done stands in the journal alone: a
killed job loses at most the simulations that were under way.
"""

import os
import platform
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from mpi4py import MPI

from . import database, journal
from .errors import UserError
from .products import LightCones, Span
from .supervise import Simulating

ASK, GIVE = 1, 2
POLL_SECONDS = 0.02  # rank 0's longest silence towards another rank


def run_block(cones: LightCones, span: Span, ranks: int | None = None) -> None:
    """Make the realisations of a block that are not there yet; every rank calls this.

    ``ranks`` is how many the launcher was asked for: a launcher that does not know our MPI
    starts that many worlds of one rank, which would all do the same work.

    Raises:
        UserError: on rank 0, if the worlds are wrong, or if realisations failed; the block's
            marker is then not written.
    """
    world = MPI.COMM_WORLD
    if ranks is not None and world.size != ranks:
        raise UserError(
            f"the launcher was asked for {ranks} ranks, but MPI sees {world.size}: it belongs "
            "to another MPI than mpi4py (under SLURM, try srun --mpi=pmi2)"
        )
    if not cones.prepared.exists():
        raise UserError(f"{cones.directory} is not prepared: run `lcinfer design` first")
    if world.rank == 0:
        have = journal.finished(cones.journal)
        todo = [index for index in range(*span) if index not in have]
        progress = Progress(f"{cones.name} {span[0]}-{span[1] - 1}", len(todo))
        _Rank0(world, todo, progress).run(cones)
        database.finish_block(cones, span)
    else:
        _OtherRank(world).run(cones)


def _work(
    cones: LightCones, rank: int, indices: Iterator[int], meanwhile: Callable[[], None]
) -> Iterator[bool]:
    """Simulate one index after another; yield after each whether it succeeded.

    ``meanwhile`` is called again and again while a simulation runs.
    """
    writer = f"{int(time.time())}-{platform.node()}-{os.getpid()}-{rank}"
    child = Simulating(cones.simulation, cones.store)
    lines: journal.Journal | None = None
    try:
        for index in indices:
            child.start(index, **_realization(cones, index))
            while (record := child.result(POLL_SECONDS)) is None:
                meanwhile()
            lines = lines or journal.Journal(cones.journal, writer)
            lines.append({**record, "rank": rank})
            yield "digest" in record
    finally:
        child.close()
        if lines is not None:
            lines.close()


def _realization(cones: LightCones, index: int) -> dict[str, Any]:
    values = cones.design.parameters(index, index + 1)[0]
    return {
        "parameters": dict(zip(cones.design.names, map(float, values), strict=True)),
        "seed": int(cones.design.seeds(index, index + 1)[0]),
    }


class _Rank0:
    """Hands out indices: each message of another rank asks for one, and says how its last went."""

    def __init__(self, world: MPI.Comm, todo: list[int], progress: "Progress") -> None:
        self._world = world
        self._todo = deque(todo)
        self._progress = progress
        self._working = world.size - 1

    def run(self, cones: LightCones) -> None:
        """Simulate beside handing out, then wait until every rank knows that nothing is left."""
        for succeeded in _work(cones, 0, self._own(), self._serve):
            self._progress.count(succeeded)
            self._serve()
        while self._working:
            self._serve()
            time.sleep(POLL_SECONDS)

    def _own(self) -> Iterator[int]:
        while self._todo:
            yield self._todo.popleft()

    def _serve(self) -> None:
        status = MPI.Status()
        while self._world.iprobe(source=MPI.ANY_SOURCE, tag=ASK, status=status):
            asking = status.Get_source()
            last = self._world.recv(source=asking, tag=ASK)
            if last is not None:
                self._progress.count(last)
            index = self._todo.popleft() if self._todo else None
            self._working -= index is None
            self._world.send(index, dest=asking, tag=GIVE)


class _OtherRank:
    """Asks rank 0 for indices until there are none."""

    def __init__(self, world: MPI.Comm) -> None:
        self._world = world
        self._last: bool | None = None

    def run(self, cones: LightCones) -> None:
        """Simulate what rank 0 gives."""
        for succeeded in _work(cones, self._world.rank, self._given(), lambda: None):
            self._last = succeeded

    def _given(self) -> Iterator[int]:
        while True:
            self._world.send(self._last, dest=0, tag=ASK)
            index = self._world.recv(source=0, tag=GIVE)
            if index is None:
                return
            yield index


class Progress:
    """A line now and then: done, failed, rate, time left."""

    def __init__(self, name: str, total: int, seconds_between: float = 10.0) -> None:
        """``total`` is what this job has to do."""
        self._name, self._total, self._between = name, total, seconds_between
        self._done = self._failed = 0
        self._began = self._said = time.monotonic()

    def count(self, succeeded: bool) -> None:
        """One more is finished; say so if the last line is long enough ago, or at the end."""
        self._done += succeeded
        self._failed += not succeeded
        now = time.monotonic()
        if now - self._said >= self._between or self._done + self._failed == self._total:
            self._said = now
            print(self.line(now - self._began), file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """The line, ``seconds`` after the beginning."""
        finished = self._done + self._failed
        per_second = finished / seconds if seconds > 0 else 0.0
        left = (self._total - finished) / per_second if per_second else float("inf")
        return (
            f"{self._name}: {self._done} of {self._total} light-cones done, "
            f"{self._failed} failed, {60 * per_second:.1f} per minute, {_duration(left)} left"
        )


def _duration(seconds: float) -> str:
    if seconds == float("inf"):
        return "unknown time"
    return str(timedelta(seconds=round(seconds)))
