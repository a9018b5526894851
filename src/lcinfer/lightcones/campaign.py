"""Many light-cones: MPI ranks take realisations as they become free.

Rank 0 hands out indices and simulates too. What is done stands in the journal alone: a
killed job loses at most the simulations that were under way.
"""

import os
import platform
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

from mpi4py import MPI

from ..base import durable
from ..base.counting import counted
from ..base.errors import UserError
from ..base.lease import Lease
from ..base.progress import Progress
from ..products.databases import LightCones
from . import database, journal
from .aside import realization
from .child import Simulating
from .stopping import Stopping

ASK, GIVE = 1, 2
Outcome = tuple[bool, float]  # whether a simulation succeeded, and its seconds
POLL_SECONDS = 0.02  # a rank's longest silence, also towards the batch system's signals
FIRST_SPEAKS_SECONDS = 10.0


def world_of(ranks: int | None = None) -> MPI.Comm:
    """All ranks of this job.

    A launcher that does not know our MPI starts as many worlds of one rank, which would all do
    the same work.

    Raises:
        UserError: if there are not as many ``ranks`` as the launcher was asked for.
    """
    world = MPI.COMM_WORLD
    if ranks is not None and world.size != ranks:
        _let_the_first_speak()
        raise UserError(
            f"the launcher was asked for {ranks} ranks, but MPI sees {world.size}: it belongs "
            "to another MPI than mpi4py (under SLURM, try srun --mpi=pmi2)"
        )
    return world


def ranks_by_node(world: MPI.Comm) -> str:
    """How many ranks there are, and on which nodes, for a log; on rank 0 alone."""
    names = world.gather(node()) or []
    where = ", ".join(f"{count} on {name}" for name, count in sorted(Counter(names).items()))
    return f"{counted(world.size, 'rank')}: {where}" if names else ""


def node() -> str:
    """The node that this rank runs on: SLURM's name of it, or the host's."""
    started_by_srun = "SLURM_PROCID" in os.environ  # else the name is that of the batch script's
    return os.environ.get("SLURMD_NODENAME", "") if started_by_srun else platform.node()


def _let_the_first_speak() -> None:
    """Of several worlds of one rank srun's first says what is wrong, and is the end of them."""
    if os.environ.get("SLURM_PROCID", "0") != "0":
        time.sleep(FIRST_SPEAKS_SECONDS)
        raise SystemExit(1)


def _work(
    cones: LightCones,
    rank: int,
    indices: Iterator[int],
    stopping: Stopping,
    meanwhile: Callable[[], None],
) -> Iterator[Outcome]:
    """Simulate one index after another and yield how each went.

    ``meanwhile`` is called again and again while a simulation runs.
    """
    lines = journal.Journal(cones.journal, durable.unique(end=f"-{rank}"))
    child = Simulating(cones.simulation, cones.store, 60 * cones.limit_minutes)
    patience = POLL_SECONDS
    try:
        for index in indices:
            child.start(index, **realization(cones, index))
            while (record := child.result(patience)) is None and not stopping.abandon:
                meanwhile()
            if record is None:
                return
            if why := _not_to_blame(record):  # no attempt
                stopping.reason = f"light-cone {index}, which {why}"
                if rank != 0:  # rank 0 says it last, with what is left
                    print(f"lcinfer: rank {rank} is stopped by {stopping.reason}", file=sys.stderr)
                return
            where = {"rank": rank, "node": node(), "job": os.environ.get("SLURM_JOB_ID")}
            lines.append({**record, **where})
            seconds = float(record.get("seconds", 0.0))
            # Other ranks wait for rank 0 that long: little beside what a simulation takes.
            patience = min(POLL_SECONDS, max(0.001, 0.02 * seconds))
            yield "digest" in record, seconds
    finally:
        child.close()
        lines.close()


def _not_to_blame(record: dict[str, Any]) -> str:
    """What stops a rank for no fault of its light-cone; empty: nothing does."""
    if "unwritable" in record:
        return f"cannot be written: {record['unwritable']}"
    return f"cannot be made: {record['unfit']}" if "unfit" in record else ""


class Rank0:
    """Hands out indices: each message of another rank says how its last went, and asks for one
    or takes leave."""

    def __init__(
        self,
        world: MPI.Comm,
        cones: LightCones,
        todo: list[int],
        stopping: Stopping,
        lease: Lease,
    ) -> None:
        """``todo`` are the indices to hand out; ``lease`` is kept alive meanwhile."""
        self._world, self._cones, self._stopping, self._lease = world, cones, stopping, lease
        self._todo = deque(todo)
        self._expected = database.slowest(cones) if todo else 0.0
        self._working = world.size - 1

    def run(self, name: str) -> None:
        """Simulate beside handing out, then wait until every rank has stopped."""
        self._progress = Progress(name, len(self._todo))
        for outcome in _work(self._cones, 0, iter(self._next, None), self._stopping, self._serve):
            self._count(outcome)
            self._serve()
        while self._working:
            self._serve()
            time.sleep(POLL_SECONDS)

    def _next(self) -> int | None:
        if not self._todo or self._stopping.before(self._expected):
            return None
        return self._todo.popleft()

    def _serve(self) -> None:
        self._lease.beat()
        status = MPI.Status()
        while self._world.iprobe(source=MPI.ANY_SOURCE, tag=ASK, status=status):
            asking = status.Get_source()
            last, leaves = self._world.recv(source=asking, tag=ASK)
            if last is not None:
                self._count(last)
            index = None if leaves else self._next()
            self._working -= index is None
            if not leaves:
                self._world.send(index, dest=asking, tag=GIVE)

    def _count(self, outcome: Outcome) -> None:
        succeeded, seconds = outcome
        self._expected = max(self._expected, seconds)
        self._progress.count(succeeded)


class OtherRank:
    """Asks rank 0 for indices until there are none."""

    def __init__(self, world: MPI.Comm, stopping: Stopping) -> None:
        """Nothing is asked yet."""
        self._world, self._stopping = world, stopping
        self._last: Outcome | None = None
        self._dismissed = False

    def run(self, cones: LightCones) -> None:
        """Simulate what rank 0 gives."""
        indices = iter(self._ask, None)
        for outcome in _work(cones, self._world.rank, indices, self._stopping, lambda: None):
            self._last = outcome
        if not self._dismissed:
            self._world.send((self._last, True), dest=0, tag=ASK)

    def _ask(self) -> int | None:
        if self._stopping.abandon:
            return None
        self._world.send((self._last, False), dest=0, tag=ASK)
        index: int | None = self._world.recv(source=0, tag=GIVE)
        self._dismissed = index is None
        return index
