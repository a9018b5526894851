"""Many light-cones: MPI ranks take realisations as they become free, one or a batch at a time.

Rank 0 hands out indices and simulates too. What is done stands in the journal alone: a
killed job loses at most the simulations that were under way.
"""

import os
import platform
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mpi4py import MPI

from ..base import durable
from ..base.counting import counted
from ..base.errors import UserError
from ..base.lease import Lease
from ..base.progress import Progress
from ..products.databases import LightCones
from . import journal
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


@dataclass(frozen=True)
class Working:
    """What simulates on a rank."""

    cones: LightCones
    rank: int
    stopping: Stopping
    device: str
    place: int  # of this rank among those of its machine

    @classmethod
    def of(cls, cones: LightCones, world: MPI.Comm, stopping: Stopping, device: str) -> "Working":
        """That of this rank; every rank calls this."""
        local = world.Split_type(MPI.COMM_TYPE_SHARED)
        place = local.rank
        local.Free()
        return cls(cones, world.rank, stopping, device, place)

    def outcomes(
        self, batches: Iterator[list[int]], meanwhile: Callable[[], None]
    ) -> Iterator[Outcome]:
        """Simulate one batch of indices after another and yield how each light-cone went.

        ``meanwhile`` is called again and again while a simulation runs.
        """
        cones, stopping = self.cones, self.stopping
        limit = 60 * cones.limit_minutes
        lines = journal.Journal(cones.journal, durable.unique(end=f"-{self.rank}"))
        child = Simulating(cones.simulation, cones.store, limit, self.device, self.place)
        patience = POLL_SECONDS
        try:
            for batch in batches:
                child.start([realization(cones, index) for index in batch])
                while child.busy:
                    while (record := child.result(patience)) is None and not stopping.abandon:
                        meanwhile()
                    if record is None:
                        return
                    if why := _not_to_blame(record):  # no attempt
                        stopping.reason = f"light-cone {record['index']}, which {why}"
                        if self.rank != 0:  # rank 0 says it last, with what is left
                            told = f"lcinfer: rank {self.rank} is stopped by {stopping.reason}"
                            print(told, file=sys.stderr)
                        return
                    job = os.environ.get("SLURM_JOB_ID")
                    lines.append({**record, "rank": self.rank, "node": node(), "job": job})
                    seconds = float(record.get("seconds", 0.0))
                    # Other ranks wait for rank 0 that long: little beside a simulation.
                    patience = min(POLL_SECONDS, max(0.001, 0.02 * seconds))
                    yield "digest" in record, seconds
                    if stopping.reason is not None and not child.together:
                        return  # the rest of the batch is the next job's
        finally:
            child.close()
            lines.close()


def _not_to_blame(record: dict[str, Any]) -> str:
    """What stops a rank for no fault of its light-cone; empty: nothing does."""
    if "unwritable" in record:
        return f"cannot be written: {record['unwritable']}"
    return f"cannot be made: {record['unfit']}" if "unfit" in record else ""


class Rank0:
    """Hands out indices: each message of another rank says how its last went, and asks for more
    or takes leave."""

    def __init__(
        self,
        world: MPI.Comm,
        todo: list[int],
        batch: int,
        expected: float,
        stopping: Stopping,
        lease: Lease,
    ) -> None:
        """``todo`` are the indices to hand out, so many at a time; a light-cone is ``expected`` to
        take so many seconds; ``lease`` is kept alive meanwhile."""
        self._world, self._stopping, self._lease = world, stopping, lease
        self._todo, self._batch, self._expected = deque(todo), batch, expected
        self._working = world.size - 1

    def run(self, working: Working, name: str) -> None:
        """Simulate beside handing out, then wait until every rank has stopped."""
        self._progress = Progress(name, len(self._todo))
        for outcome in working.outcomes(iter(self._next, []), self._serve):
            self._count(outcome)
            self._serve()
        while self._working:
            self._serve()
            time.sleep(POLL_SECONDS)

    def _next(self) -> list[int]:
        count = min(self._batch, len(self._todo))
        if not count or self._stopping.before(self._expected, count):
            return []
        return [self._todo.popleft() for _ in range(count)]

    def _serve(self) -> None:
        self._lease.beat()
        status = MPI.Status()
        while self._world.iprobe(source=MPI.ANY_SOURCE, tag=ASK, status=status):
            asking = status.Get_source()
            outcomes, leaves = self._world.recv(source=asking, tag=ASK)
            for outcome in outcomes:
                self._count(outcome)
            indices = [] if leaves else self._next()
            self._working -= not indices
            if not leaves:
                self._world.send(indices, dest=asking, tag=GIVE)

    def _count(self, outcome: Outcome) -> None:
        succeeded, seconds = outcome
        self._expected = max(self._expected, seconds)
        self._progress.count(succeeded)


class OtherRank:
    """Asks rank 0 for indices until there are none."""

    def __init__(self, world: MPI.Comm, stopping: Stopping) -> None:
        """Nothing is asked yet."""
        self._world, self._stopping = world, stopping
        self._last: list[Outcome] = []
        self._dismissed = False

    def run(self, working: Working) -> None:
        """Simulate what rank 0 gives."""
        for outcome in working.outcomes(iter(self._ask, []), lambda: None):
            self._last.append(outcome)
        if not self._dismissed:
            self._world.send((self._last, True), dest=0, tag=ASK)

    def _ask(self) -> list[int]:
        if self._stopping.abandon:
            return []
        self._world.send((self._last, False), dest=0, tag=ASK)
        self._last = []
        indices: list[int] = self._world.recv(source=0, tag=GIVE)
        self._dismissed = not indices
        return indices
