"""What the rules of light-cones do: room for them, a block of simulations, the seal."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ..base.errors import UserError
from ..base.lease import Lease
from ..engines import engine_of
from ..engines.engine import Engine
from ..lightcones import database, journal
from ..lightcones.stopping import Stopping
from ..planning import approval
from ..products.databases import LightCones
from ..products.product import Span
from ..products.run import Run


def prepare(run: Run, cones: LightCones, config: Path) -> None:
    """Create a database of a run, or grow it; refused where the run needs an approval."""
    approval.require(run, config)
    database.prepare(cones)


def simulate(
    cones: LightCones,
    span: Span,
    ranks: int | None = None,
    batch: int = 1,
    device: str = "cpu",
) -> None:
    """Make the realisations of a block that are not there yet; every MPI rank calls this.

    Args:
        cones: the database.
        span: the block.
        ranks: how many the launcher was asked for.
        batch: realisations that a rank takes at a time; an engine that can makes them at once.
        device: ``cpu`` or ``cuda``, for engines that can compute on either.

    Raises:
        UserError: on rank 0, if MPI has another number of them, another job is at work on the
            block, or realisations are left, because they failed or the job had to stop; the
            block's marker is then not written.
    """
    from ..lightcones import campaign  # begins MPI

    world = campaign.world_of(ranks)
    if not cones.prepared.exists():
        raise UserError(f"{cones.directory} is not prepared: run `lcinfer stage design` first")
    database.check_simulated(cones, span)
    stopping = Stopping()
    if nodes := campaign.ranks_by_node(world):
        print(nodes, file=sys.stderr, flush=True)
    working = campaign.Working.of(cones, world, stopping, device)
    if world.rank != 0:
        campaign.OtherRank(world, stopping).run(working)
        return
    lease = Lease(cones.lease(span), ranks=world.size)
    refusal = _refusal(lease)
    todo = [] if refusal is not None else database.to_do(cones, span)
    expected = database.slowest(cones) if todo else 0.0
    for line in _unused(engine_of(cones.simulation), batch, device) if todo else ():
        print(f"lcinfer: {line}", file=sys.stderr, flush=True)
    rank0 = campaign.Rank0(world, todo, batch, expected, stopping, lease)
    rank0.run(working, f"{cones.name} {span[0]}-{span[1] - 1}")
    if refusal is not None:
        raise refusal
    lease.release()
    left = set(range(*span)) - journal.finished(cones.journal, histories=False).keys()
    if stopping.reason is not None and left:
        raise UserError(
            f"{cones.directory}: stopped by {stopping.reason}; {len(left)} of light-cones "
            f"{span[0]} to {span[1] - 1} are left for the next job"
        )
    database.finish_block(cones, span)


def _unused(engine: Engine, batch: int, device: str) -> Iterator[str]:
    """What the engine has no use for of what a profile may ask for with any engine."""
    kind = device.partition(":")[0]
    if kind != "cpu" and not engine.on_gpus:
        kind = "cpu"
        yield f"--device {device} is not used: the engine {engine.name} computes on CPUs alone"
    if batch > 1 and kind not in engine.batches_on:
        alone = f"makes light-cones one by one{' on a CPU' * engine.on_gpus}"
        yield f"--batch {batch} is not used: the engine {engine.name} {alone}"


def _refusal(lease: Lease) -> UserError | None:
    """Why this job may not work on the block. The other ranks must first be sent home."""
    try:
        lease.acquire()
    except UserError as error:
        return error
    return None


def seal(cones: LightCones) -> None:
    """Write the histories, and that every light-cone of a database is there."""
    database.seal(cones)
