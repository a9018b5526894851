"""What the precision of training steps costs in R2, on a machine with a GPU.

    python benchmarks/precision.py pack results/images/small-*/images.zarr packed.zarr
    python benchmarks/precision.py train packed.zarr

The first line takes an image or more of each of the first light-cones, in half precision, to carry
to a machine that has nothing else; the second trains both networks there, in every precision and
with several seeds, and prints a table. On a cluster that has the results, a sweep over `precision`
does the same with all images (config/small.yaml).
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import yaml
import zarr
from zarr.codecs import BloscCodec

from lcinfer.base.device import choose_device
from lcinfer.config.sections import Split, Training
from lcinfer.evaluation.evaluate import r2
from lcinfer.evaluation.predict import predict
from lcinfer.images.dataset import LabelledImages
from lcinfer.images.sets import divide
from lcinfer.training.loop import train
from lcinfer.training.processes import World

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config/small.yaml").read_text())
NAMES = tuple(CONFIG["database"]["prior"])
SPLIT = Split(**CONFIG["split"])
ONCE = {"repeats": 1, "augment": True}
TRAININGS = {  # those of the configuration, for as long as one image of each light-cone teaches
    "filter_bank": CONFIG["trainings"]["all_images"] | {"epochs": 100, "batch": 64},
    "gillet2019": CONFIG["trainings"]["gillet2019"] | {"epochs": 60, "batch": 40},
}
PRECISIONS = ("single", "tf32", "bfloat16")


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("images", type=Path)
    packing.add_argument("packed", type=Path)
    packing.add_argument("--light-cones", type=int, default=1000)
    packing.add_argument("--each", type=int, default=1, help="of each light-cone, its first")
    training = commands.add_parser("train")
    training.add_argument("packed", type=Path)
    training.add_argument("--seeds", type=int, default=3)
    training.add_argument("--network", choices=TRAININGS, action="append")
    training.add_argument("--epochs", type=int, help="default: as many as each network needs")
    training.add_argument("--device", choices=["cpu", "cuda"])
    options = parser.parse_args()
    if options.command == "pack":
        pack(options.images, options.packed, options.light_cones, options.each)
    else:
        compare(options)


def pack(images: Path, packed: Path, count: int, each: int) -> None:
    """The first ``each`` images of each of ``count`` light-cones, and their parameters."""
    source = zarr.open_group(images, mode="r")
    target = zarr.open_group(packed, mode="w-")
    values = np.asarray(source["images"][:count, :each], np.float16)
    target.create_array(
        "images",
        data=values,
        chunks=(100, *values.shape[1:]),
        compressors=[BloscCodec(cname="zstd", clevel=9, shuffle="bitshuffle")],
    )
    target.create_array("parameters", data=np.stack([source[name][:count] for name in NAMES], 1))


def compare(options: argparse.Namespace) -> None:
    """A table of R2 of the test set by network and precision: mean and spread over seeds."""
    group = zarr.open_group(options.packed, mode="r")
    labelled = LabelledImages(group["images"][:], group["parameters"][:], NAMES)
    device = choose_device(options.device)
    members = divide(SPLIT, labelled.light_cones)
    print(f"{device}: {len(members.training)} light-cones to train on, {len(members.test)} to test")
    print(f"\n| network | precision | {' | '.join(NAMES)} | validation loss | s |")
    print("|---|---|---|---|---|---|---|---|")
    for network in options.network or TRAININGS:
        for precision in PRECISIONS:
            began = time.perf_counter()
            rows = [
                one(labelled, members.test, network, precision, seed, options)
                for seed in range(1, options.seeds + 1)
            ]
            taken = (time.perf_counter() - began) / options.seeds
            told = " | ".join(
                f"{mean:.3f} ± {spread:.3f}"
                for mean, spread in zip(np.mean(rows, 0), np.std(rows, 0, ddof=1), strict=True)
            )
            print(f"| {network} | {precision} | {told} | {taken:.0f} |", flush=True)


def one(
    labelled: LabelledImages,
    test: Sequence[int],
    network: str,
    precision: str,
    seed: int,
    options: argparse.Namespace,
) -> list[float]:
    """Train once: R2 of each parameter, and the last validation loss."""
    settings = TRAININGS[network] | ONCE | {"precision": precision, "seed": seed}
    settings["images"] = labelled.per_lightcone
    if options.epochs:
        settings["epochs"] = options.epochs
    training = Training.model_validate(settings)
    world = World(choose_device(options.device))
    with tempfile.TemporaryDirectory() as directory:
        trained = train(training, SPLIT, labelled, Path(directory), {}, False, world=world)
    predictions = predict(trained, labelled, test, options.device)
    torch.compiler.reset()  # else the compiled functions of many trainings exceed PyTorch's limit
    scores = r2(predictions.true, predictions.predicted[:, 0])
    return [*scores.tolist(), float(trained.history[-1]["validation_loss"])]


if __name__ == "__main__":
    main()
