"""Full epochs of the paper's training on a GPU, beside their floors: a section of training.py."""

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from floors import floors
from random_images import IMAGE, OUTPUTS, targets

from lcinfer.base.device import choose_device
from lcinfer.config.sections import Split, Training
from lcinfer.images.dataset import LabelledImages
from lcinfer.training import checkpoint as checkpoints
from lcinfer.training import learner
from lcinfer.training.learner import Learner
from lcinfer.training.loop import train
from lcinfer.training.processes import World


def paper(options: argparse.Namespace) -> None:
    """Full epochs of the paper's training, validation and checkpoints included."""
    batch = options.batch or 200
    print(floors(Training().network, IMAGE, OUTPUTS, images=8_000_000, steps=40_000))
    device = choose_device(options.device)
    if device.type == "cpu" and options.device is None:
        print("no GPU here: nothing measured")
        return
    if options.compiled:
        together = World.together
        World.together = lambda world, network: torch.compile(together(world, network))
    if options.unfolded:
        learner.in_steps = lambda trunk, *_: trunk
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{card}, {options.light_cones} x 10 training images, batch {batch}\n")
    print(
        "| precision | first epoch / s | a later one / s | its steps | its validation "
        "| its checkpoint | 100 epochs / min | GPU memory / GB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for precision in options.precision or ("bfloat16", "tf32", "single"):
        first_epoch, parts, memory = paper_epochs(precision, batch, device, options)
        whole = (first_epoch + 99 * sum(parts)) / 60
        told = " | ".join(f"{seconds:.2f}" for seconds in (sum(parts), *parts))
        print(
            f"| {precision} | {first_epoch:.1f} | {told} | {whole:.1f} | {memory / 1e9:.1f} |",
            flush=True,
        )


def paper_epochs(
    precision: str, batch: int, device: torch.device, options: argparse.Namespace
) -> tuple[float, list[float], int]:
    """What the paper's training takes.

    The light-cones share ten random images, which take no time to read: what reading takes
    depends on the disk, and happens once.

    Returns:
        Seconds of the first epoch with all before it, of a later one's steps, validation and
        checkpoint, and bytes on the GPU.
    """
    aside = max(4, options.light_cones // 8)
    random = np.random.default_rng(3)
    ten = random.normal(-30, 40, (1, 10, *IMAGE)).astype(np.float16)
    count = options.light_cones + 2 * aside
    labelled = LabelledImages(
        np.broadcast_to(ten, (count, *ten.shape[1:])), targets(count), tuple("abcd")
    )
    training = Training(epochs=options.epochs, batch=batch, precision=precision)
    moments = [time.perf_counter()]

    def noting(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            result = function(*arguments)
            moments.append(time.perf_counter())
            return result

        return call

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as patches:
        patches.enter_context(mock.patch.object(Learner, "epoch", noting(Learner.epoch)))
        patches.enter_context(mock.patch.object(Learner, "validate", noting(Learner.validate)))
        patches.enter_context(mock.patch.object(checkpoints, "save", noting(checkpoints.save)))
        split = Split(validation=aside, test=aside)
        train(training, split, labelled, Path(directory), {}, False, world=World(device))
    parts = np.diff(moments).reshape(-1, 3)
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return float(parts[0].sum()), np.median(parts[1:], axis=0).tolist(), memory
