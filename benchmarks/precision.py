"""What the precision of training steps does to R2: the same trainings in each, seed by seed.

    python benchmarks/precision.py results/images/demo-23f640a932/images.zarr --test 24

Evaluation is in single precision in all of them. On a GPU TF32 is tried too.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from symmetries import scored, stored

from lcinfer import config
from lcinfer.dataset import LabelledImages, divide
from lcinfer.parameters import shown
from lcinfer.sections import Split, Training


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="images.zarr of a database")
    parser.add_argument("--config", type=Path, default=Path("config/demo.yaml"))
    parser.add_argument("--training", help="a training of CONFIG; default: its first")
    parser.add_argument("--validation", type=int, default=8)
    parser.add_argument("--test", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    trainings = config.load(options.config).trainings
    training = trainings[options.training or next(iter(trainings))]
    split = Split(validation=options.validation, test=options.test)
    changed = training.model_copy(update={"epochs": options.epochs})
    report(stored(options.images), changed, split, options.seeds)


def report(labelled: LabelledImages, training: Training, split: Split, seeds: list[int]) -> None:
    """Print a table: R2 of each parameter in each precision, mean and spread over the seeds."""
    sets = divide(split, labelled.light_cones)
    print(
        f"{len(sets.training)} training light-cones with {labelled.per_lightcone} images of "
        f"{'x'.join(map(str, labelled.image_shape))} cells, {len(sets.test)} test light-cones, "
        f"{training.epochs} epochs, seeds {', '.join(map(str, seeds))}; R2 on the test set, "
        "mean +- standard deviation over the seeds, and of the differences from single\n"
    )
    precisions = ["single", "bfloat16", *(["tf32"] if torch.cuda.is_available() else [])]
    found = {
        precision: np.array(
            [scored(labelled, training, split, seed=seed, precision=precision) for seed in seeds]
        )
        for precision in precisions
    }  # (seed, prediction, parameter)
    differences = [f"{name} - single" for name in precisions[1:]]
    print(f"| prediction | parameter | {' | '.join([*precisions, *differences])} |")
    print("|---|---|" + "---|" * (2 * len(precisions) - 1))
    for row, prediction in enumerate(("one image", "average")):
        for column, name in enumerate(labelled.names):
            each = [found[precision][:, row, column] for precision in precisions]
            each += [other - each[0] for other in each[1:]]
            cells = (f"{one.mean():.3f} +- {one.std(ddof=1):.3f}" for one in each)
            print(f"| {prediction} | {shown(name).text} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
