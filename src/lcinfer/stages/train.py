"""What the rule `train` does: images in, a trained network out."""

from ..base import durable
from ..base.device import computed_on, use_threads
from ..base.lease import Lease
from ..images import cutting as images
from ..images.sets import Sets, left_out
from ..lightcones import failures
from ..products.networks import TrainingRun
from ..records.record import recorded
from ..records.stamp import stamp
from ..training.checkpoint import Checkpoint, identity_of
from ..training.ensemble import mix
from ..training.loop import train
from ..training.processes import World, joined


def train_network(run: TrainingRun, threads: int | None = None, device: str | None = None) -> None:
    """Train, or go on after the last whole epoch, or mix an ensemble's networks; then write the
    marker.

    Every process that torchrun has started calls this; the first one writes.

    Raises:
        UserError: if another job, or another world of processes, is at work on the training.
    """
    with joined(device) as world:
        use_threads(threads and max(1, threads // world.here))
        if not world.first:
            if not run.members:
                _train(run, world)
            return
        lease = Lease(run.directory / "lease.json", ranks=world.size, what="training")
        read = [*run.needed, *(one.checkpoint for one in run.members)]
        with lease.held(), recorded(run, "train", run.outputs, read) as more:
            checkpoint = _train(run, world)
            marker = {"fingerprint": run.fingerprint, "epochs": len(checkpoint.history)}
            durable.write_json(run.trained, marker)
            more |= {**computed_on(device), "processes": world.size}


def _train(run: TrainingRun, world: World) -> Checkpoint:
    labelled = images.open_labelled(run.inputs)
    if world.first:
        say_left_out(run, labelled.failed)
    of, identity = (run.training, run.split, labelled), identity_of(run, labelled.failed)
    if run.members:
        networks = [one.checkpoint for one in run.members]
        return mix(networks, *of, run.directory, identity, stamp(run), world.device)
    return train(*of, run.directory, identity, stamp=stamp(run), world=world)


def say_left_out(run: TrainingRun, failed: tuple[int, ...]) -> None:
    """Print which of its light-cones a training does without."""
    if missing := run.lacks(failed):
        counts = left_out(run.split, missing)
        sets = ", ".join(f"{counts[name]} {name}" for name in Sets._fields)
        print(f"{failures.notice(missing)} ({sets})")
