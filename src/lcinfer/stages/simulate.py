"""What the rule `simulate` does: parameters and seeds in, a block of light-cones out."""

import sys
from collections.abc import Iterator

from ..base.errors import UserError
from ..base.lease import Lease
from ..engines import engine_of
from ..engines.engine import Engine
from ..lightcones import failures, journal
from ..lightcones.stopping import Stopping
from ..products.databases import LightCones
from ..products.product import Span
from . import lightcones


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
    _check_simulated(cones, span)
    stopping = Stopping()
    if nodes := campaign.ranks_by_node(world):
        print(nodes, file=sys.stderr, flush=True)
    working = campaign.Working.of(cones, world, stopping, device)
    if world.rank != 0:
        campaign.OtherRank(world, stopping).run(working)
        return
    lease = Lease(cones.lease(span), ranks=world.size)
    refusal = _refusal(lease)
    todo = [] if refusal is not None else to_do(cones, span)
    expected = _slowest(cones) if todo else 0.0
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
    lightcones.finish_block(cones, span)


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


def to_do(cones: LightCones, span: Span) -> list[int]:
    """Realisations of a block that are to be made: neither finished nor set aside.

    One is set aside when ``max_attempts`` simulations of it have failed, in whatever jobs.
    """
    done = journal.finished(cones.journal, histories=False)
    aside = failures.set_aside(cones, failures.unfinished(cones, done))
    return [index for index in range(*span) if index not in done and index not in aside]


def _check_simulated(cones: LightCones, span: Span) -> None:
    """Refuse to simulate what was adopted: the configuration is not what it was made from.

    Raises:
        UserError: naming a light-cone of the block that is not there.
    """
    if not cones.design.simulated and (missing := to_do(cones, span)):
        raise UserError(
            f"{cones.directory}: light-cone {missing[0]} was adopted and is not there: bring it "
            "in again with `lcinfer adopt`"
        )


def _slowest(cones: LightCones) -> float:
    """Seconds of the slowest finished simulation; 0 if there is none."""
    done = journal.finished(cones.journal, histories=False).values()
    return max((line.get("seconds", 0.0) for line in done), default=0.0)
