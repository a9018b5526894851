"""What mirrored images do to R2: trainings with and without, on the same light-cones and seeds.

    python benchmarks/symmetries.py
    python benchmarks/symmetries.py results/images/demo-23f640a932/images.zarr --test 20

Without a store of images, the tests' toy images are used, which a machine learns in seconds.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from toy_images import toy_images, toy_training

from lcinfer import config, store
from lcinfer.dataset import LabelledImages, divide
from lcinfer.evaluate import predict, r2
from lcinfer.parameters import shown
from lcinfer.sections import Split, Training
from lcinfer.train import train


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, nargs="?", help="images.zarr of a database")
    parser.add_argument("--config", type=Path, default=Path("config/demo.yaml"))
    parser.add_argument("--training", help="a training of CONFIG; default: its first")
    parser.add_argument("--validation", type=int, default=4)
    parser.add_argument("--test", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    if options.images is None:
        labelled, training = toy_images(), toy_training(epochs=options.epochs)
    else:
        trainings = config.load(options.config).trainings
        labelled = stored(options.images)
        training = trainings[options.training or next(iter(trainings))]
    split = Split(validation=options.validation, test=options.test)
    report(labelled, training.model_copy(update={"epochs": options.epochs}), split, options.seeds)


def stored(path: Path) -> LabelledImages:
    """Images with the parameters that stand beside them in their store."""
    group = zarr.open_group(path, mode="r")
    columns = {
        name: array
        for name, array in sorted(group.arrays())
        if array.metadata.dimension_names == ("light_cone",) and name != "random_seed"
    }
    parameters = np.stack([np.asarray(array[:]) for array in columns.values()], axis=1)
    return LabelledImages(store.array(group, "images"), parameters, tuple(columns))


def report(labelled: LabelledImages, training: Training, split: Split, seeds: list[int]) -> None:
    """Print a table: R2 of each parameter with and without, mean and spread over the seeds."""
    sets = divide(split, labelled.light_cones)
    print(
        f"{len(sets.training)} training light-cones with {labelled.per_lightcone} images of "
        f"{'x'.join(map(str, labelled.image_shape))} cells, {len(sets.test)} test light-cones, "
        f"{training.epochs} epochs, seeds {', '.join(map(str, seeds))}; R2 on the test set, "
        "mean +- standard deviation over the seeds, last the difference seed by seed\n"
    )
    found = {
        augment: np.array(
            [scored(labelled, training, split, seed=seed, augment=augment) for seed in seeds]
        )
        for augment in (False, True)
    }  # (seed, prediction, parameter)
    print("| prediction | parameter | as they are | mirrored | gained |\n|---|---|---|---|---|")
    for row, prediction in enumerate(("one image", "average")):
        for column, name in enumerate(labelled.names):
            off, on = (found[augment][:, row, column] for augment in (False, True))
            cells = (f"{each.mean():.3f} +- {each.std(ddof=1):.3f}" for each in (off, on, on - off))
            print(f"| {prediction} | {shown(name).text} | {' | '.join(cells)} |")


def scored(
    labelled: LabelledImages, training: Training, split: Split, **changes: object
) -> np.ndarray:
    """(one image or average, parameter) R2 on the test set of a training with some changes."""
    began = time.monotonic()
    settings = training.model_copy(update=changes)
    with tempfile.TemporaryDirectory() as directory:
        trained = train(settings, split, labelled, Path(directory), {}, show=False)
    tested = predict(trained, labelled, divide(split, labelled.light_cones).test)
    last = trained.history[-1]
    print(
        f"{', '.join(f'{key} {value}' for key, value in changes.items())}: "
        f"training loss {last['training_loss']:.4f}, validation "
        f"{last['validation_loss']:.4f}, {time.monotonic() - began:.0f} s",
        file=sys.stderr,
    )
    predictions = (tested.predicted[:, 0], tested.predicted.mean(axis=1))
    return np.array([r2(tested.true, predicted) for predicted in predictions])


if __name__ == "__main__":
    main()
