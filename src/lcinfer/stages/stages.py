"""What the rules of training, evaluation and sweeps do: products in, products out."""

from typing import Any

import torch

from ..base import durable
from ..base.device import choose_device
from ..base.fingerprint import canonical
from ..base.lease import Lease
from ..evaluation import trials
from ..evaluation.evaluate import scores_from, write_predictions
from ..evaluation.predict import load_trained, predict
from ..images import cutting as images
from ..images.sets import Sets, divide, left_out
from ..lightcones import failures
from ..products.networks import EvaluationRun, SweepRun, TrainingRun
from ..records.record import recorded
from ..records.stamp import comment, stamp
from ..training import checkpoint as checkpoints
from ..training.checkpoint import Checkpoint
from ..training.processes import World, joined
from ..training.train import train


def train_network(run: TrainingRun, threads: int | None = None, device: str | None = None) -> None:
    """Train, or go on after the last whole epoch; then write the marker.

    Every process that torchrun has started calls this; the first one writes.

    Raises:
        UserError: if another job, or another world of processes, is at work on the training.
    """
    with joined(device) as world:
        _use_threads(threads and max(1, threads // world.here))
        if not world.first:
            _train(run, world)
            return
        made = (run.checkpoint, run.history, run.trained)
        lease = Lease(run.directory / "lease.json", ranks=world.size, what="training")
        with lease.held(), recorded(run, "train", made, [run.images.sealed]) as more:
            checkpoint = _train(run, world)
            marker = {"fingerprint": run.fingerprint, "epochs": len(checkpoint.history)}
            durable.write_json(run.trained, marker)
            more |= {**_computed_on(device), "processes": world.size}


def _train(run: TrainingRun, world: World) -> Checkpoint:
    labelled = images.open_labelled(run.images)
    if world.first:
        _say_left_out(run, labelled.failed)
    return train(
        run.training,
        run.split,
        labelled,
        run.directory,
        identity_of(run, labelled.failed),
        stamp=stamp(run),
        world=world,
    )


def identity_of(run: TrainingRun, failed: tuple[int, ...]) -> dict[str, Any]:
    """What a checkpoint says that it is of, made without these light-cones."""
    missing = _missing(run, failed)
    return {
        "fingerprint": run.fingerprint,
        "training": canonical(run.training),
        "split": canonical(run.split),
        "images": run.images.fingerprint,
        "light_cones": run.light_cones,
        **({"failed_light_cones": missing} if missing else {}),
    }


def _missing(run: TrainingRun, failed: tuple[int, ...]) -> list[int]:
    """The failed light-cones that a training would have used."""
    return [index for index in failed if index < run.light_cones]


def _say_left_out(run: TrainingRun, failed: tuple[int, ...]) -> None:
    if missing := _missing(run, failed):
        counts = left_out(run.split, missing)
        sets = ", ".join(f"{counts[name]} {name}" for name in Sets._fields)
        print(f"{failures.told(missing)} ({sets})")


def evaluate_network(
    run: EvaluationRun, threads: int | None = None, device: str | None = None
) -> None:
    """Predict and score the test light-cones; predict every mock."""
    _use_threads(threads)
    made = (run.scores, run.predictions, *(run.mock_predictions(mock.name) for mock in run.mocks))
    seals = (image_set.sealed for image_set in (run.training.images, *run.mocks))
    stamped = stamp(run)
    with recorded(run, "evaluate", made, (run.training.checkpoint, *seals)) as more:
        trained = load_trained(run.training.checkpoint)
        labelled = images.open_labelled(run.training.images)
        split, failed = run.training.split, labelled.failed
        identity = identity_of(run.training, failed)
        checkpoints.check_identity(trained, identity, run.training.checkpoint)
        _say_left_out(run.training, failed)
        test = divide(split, labelled.light_cones, failed).test
        tested = predict(trained, labelled, test, device)
        for mock in run.mocks:
            light_cones = range(mock.realizations)
            recovered = predict(trained, images.open_labelled(mock), light_cones, device)
            write_predictions(recovered, run.mock_predictions(mock.name), stamped)
        write_predictions(tested, run.predictions, stamped)
        scores = {**scores_from(tested, run.evaluation), "provenance": stamped}
        if missing := _missing(run.training, failed):
            scores["left_out"] = left_out(split, missing)
        durable.write_json(run.scores, scores)
        more |= _computed_on(device)


def compare_trials(run: SweepRun, threads: int | None = None, device: str | None = None) -> None:
    """Rank the trials of a study and evaluate the best, or gather those of a learning curve.

    A study's test set is read here, once, for the best trial alone.
    """
    with recorded(run, "compare", (run.table, run.outcome), run.needed):
        tried = trials.results(run)
        if run.sweep.scored_on == "validation":
            best = run.evaluations[trials.best(tried).run.directory.name]
            if not best.scores.exists():
                evaluate_network(best, threads, device)
        stamped = stamp(run)
        durable.write_text(run.table, comment(stamped) + trials.table(run, tried))
        outcome = {**trials.outcome(run, tried), "provenance": stamped}
        durable.write_json(run.outcome, outcome)


def _computed_on(asked: str | None) -> dict[str, Any]:
    device = choose_device(asked)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"threads": torch.get_num_threads(), "gpu": gpu}


def _use_threads(threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)
