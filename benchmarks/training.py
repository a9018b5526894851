"""How fast networks are trained, against plain PyTorch and Keras; what the paper's training takes.

    python benchmarks/training.py loader    # against a DataLoader over the same Zarr store
    python benchmarks/training.py keras     # against Keras 3 on PyTorch: pip install keras
    python benchmarks/training.py data      # staged and streamed: time waiting, memory
    python benchmarks/training.py gpu       # the same on a GPU: 8,000 images, batch 200
    python benchmarks/training.py paper     # on a GPU: 80,000 images, 100 epochs; floors anywhere

Random images of 100 x 2200 cells, in half precision on disk and in the page cache (of `gpu` ten to
a light-cone, else one), and the paper's network. Each row is a process of its own; rows take turns,
and the best of the rounds is printed, of the wall time and of the processor time: on a machine that
is shared the latter tells more.
R2 by precision: benchmarks/precision.py.
"""

import argparse
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import torch
import zarr
from random_images import IMAGE, NORMALISATION, OUTPUTS, targets, write_images
from torch import nn
from torch.utils.data import DataLoader, Dataset
from whole_training import paper

from lcinfer.base.device import Precision, staged_dtype
from lcinfer.config.sections import Training
from lcinfer.images.dataset import LabelledImages
from lcinfer.training import batches as batches_module
from lcinfer.training.batches import Batch, Batches
from lcinfer.training.learner import Learner
from lcinfer.training.processes import World

WEIGHTS = 10_023_604
EVERYTHING = 2**62  # bytes: any training set fits


class Measured(NamedTuple):
    """One epoch."""

    images: int
    seconds: float
    processor: float  # seconds of the process and its threads, without a loader's workers
    waiting: float = 0.0  # for data, of the seconds
    staging: float = 0.0  # before them, once in a training
    memory: float = 0.0  # GB at the peak of the process


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", choices=["loader", "keras", "data", "gpu", "paper"])
    parser.add_argument("--images", type=int, help="default: 256; of `gpu` 8000")
    parser.add_argument("--batch", type=int, help="default: 64; of `data` 32, of the last two 200")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--light-cones", type=int, default=8000, help="of `paper`, ten images each")
    parser.add_argument("--epochs", type=int, default=4, help="that `paper` measures")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="of `paper`; default: the GPU")
    parser.add_argument(
        "--precision", action="append", choices=get_args(Precision), help="on a GPU"
    )
    parser.add_argument("--compiled", action="store_true", help="of `paper`: by torch.compile")
    parser.add_argument("--unfolded", action="store_true", help="of `paper`: as on a CPU")
    options = parser.parse_args()
    if options.section == "paper":
        paper(options)
        return
    if options.section == "keras" and importlib.util.find_spec("keras") is None:
        print("not compared with Keras, which is not installed: pip install lcinfer[bench]")
        return
    if options.section == "gpu" and not torch.cuda.is_available():
        print("no GPU here: nothing measured")
        return
    usual = {"data": (256, 1, 32), "gpu": (8000, 10, 200)}
    images, each, batch = usual.get(options.section, (256, 1, 64))
    batch = options.batch or batch
    with tempfile.TemporaryDirectory() as directory:
        store = Path(directory) / "images.zarr"
        write_images(store, (options.images or images) // each, each)
        if options.section == "gpu":
            precisions = options.precision or ["bfloat16", "tf32"]
            names = gpu_rows(precisions, store, batch, options.threads)
        else:
            names = rows(options.section, store, batch, options.threads)
        compare(names, options.rounds)


def rows(section: str, store: Path, batch: int, threads: int) -> dict[str, Callable[[], Measured]]:
    """What a section measures, by name; the first is what others are compared with."""
    own = partial(lcinfer_epoch, store, batch, threads)
    names = {
        "lcinfer, single, staged": partial(own, "single", EVERYTHING),
        "lcinfer, bfloat16, staged": partial(own, "bfloat16", EVERYTHING),
        "lcinfer, single, streamed": partial(own, "single", 0),
    }
    if section == "data":
        names["lcinfer, bfloat16, streamed"] = partial(own, "bfloat16", 0)
    elif section == "loader":
        for workers in (0, 2):
            name = f"DataLoader, num_workers = {workers}"
            names[name] = partial(plain_epoch, store, batch, threads, workers)
    else:
        del names["lcinfer, single, streamed"]
        for data_format in ("channels_last", "channels_first"):
            name = f"Keras 3 on PyTorch, {data_format}"
            names[name] = partial(keras_epoch, store, batch, threads, data_format)
    return names


def gpu_rows(
    precisions: Sequence[str], store: Path, batch: int, threads: int
) -> dict[str, Callable[[], Measured]]:
    """The same for a GPU, by where the images are."""
    places = {"the GPU": (0, EVERYTHING), "the host": (EVERYTHING, 0), "disk, streamed": (0, 0)}
    return {
        f"{precision}, images on {place}": partial(
            lcinfer_epoch, store, batch, threads, precision, *room
        )
        for precision in precisions
        for place, room in places.items()
    }


def compare(names: dict[str, Callable[[], Measured]], rounds: int) -> None:
    """Measure in turns, and print a table."""
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, measure in names.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                found[name].append(process.submit(measure).result())
    reference = None
    print("| | images / s | ratio | CPU ms / image | ratio | waiting | staging / s | memory / GB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, each in found.items():
        one = min(each, key=lambda one: one.seconds)
        rate = one.images / one.seconds
        processor = 1e3 * min(it.processor for it in each) / one.images
        reference = reference or (rate, processor)
        ratios = rate / reference[0], reference[1] / processor
        waiting = f"{one.waiting / one.seconds:.2%}" if one.waiting else "not told"
        staging = f"{one.staging:.1f}" if one.staging else ""
        print(
            f"| {name} | {rate:.1f} | {ratios[0]:.2f} | {processor:.3g} | {ratios[1]:.2f} "
            f"| {waiting} | {staging} | {one.memory:.2f} |"
        )


def clock() -> Callable[[], tuple[float, float]]:
    """Seconds of wall and of processor time since now."""
    began = time.perf_counter(), time.process_time()
    return lambda: (time.perf_counter() - began[0], time.process_time() - began[1])


def peak_memory() -> float:
    """Of this process so far, in GB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e9


def timed(items: Iterable[Batch], waiting: list[float]) -> Iterator[Batch]:
    """The same items; ``waiting`` gets the seconds until each was there."""
    iterator = iter(items)
    while True:
        began = time.perf_counter()
        item = next(iterator, None)
        waiting.append(time.perf_counter() - began)
        if item is None:
            return
        yield item


def lcinfer_epoch(
    store: Path,
    batch: int,
    threads: int,
    precision: str,
    host_bytes: int,
    device_bytes: int | None = None,
) -> Measured:
    """The second epoch of lcinfer's own loop; streamed in eight blocks, two of them kept.

    With ``device_bytes``, on a GPU: it runs beside the loop, so that what it waits for is what an
    epoch takes longer than the same steps on one batch that is there already.
    """
    torch.set_num_threads(threads)
    array = zarr.open_array(store, mode="r")
    lightcones, each = array.shape[:2]
    count = lightcones * each
    labelled = LabelledImages(array, targets(lightcones), tuple("abcd"))
    world = World(torch.device("cpu" if device_bytes is None else "cuda"))
    training = Training(batch=batch, precision=precision)
    began = time.perf_counter()
    # The size of a block in product: a constant, made smaller here as the training set is.
    batches_module.SHUFFLED_BYTES = labelled.image_bytes * count // 8
    blocks = 2 * batches_module.SHUFFLED_BYTES
    batches = Batches(
        labelled,
        range(lightcones),
        each,
        batch,
        NORMALISATION,
        world,
        host_bytes or blocks,
        device_bytes or 0,
        dtype=staged_dtype(training.precision),
    )
    staging = time.perf_counter() - began if batches.staged_on else 0.0
    learner = Learner(training, IMAGE, OUTPUTS, world)
    shuffling = torch.Generator().manual_seed(1)
    learner.epoch(first(batches.epoch(shuffling), 2))
    waiting: list[float] = []
    took = clock()
    learner.epoch(timed(batches.epoch(shuffling, last=True), waiting))
    seconds, processor = took()
    if device_bytes is not None:
        there = next(iter(batches.epoch(shuffling, last=True)))
        took = clock()
        learner.epoch([there] * (count // batch))
        waiting = [seconds - took()[0]]
    return Measured(count, seconds, processor, sum(waiting), staging, peak_memory())


def first(items: Iterator[Batch], count: int) -> Iterator[Batch]:
    """The first few, to warm up; the others are drawn and left."""
    for number, item in enumerate(items):
        if number < count:
            yield item


class Images(Dataset):
    """Images of a store one by one, as PyTorch's tutorials do it."""

    def __init__(self, store: Path) -> None:
        """Nothing is read yet."""
        self._store, self._array = store, None
        self._targets = targets(zarr.open_array(store, mode="r").shape[0]).astype(np.float32)

    def __len__(self) -> int:
        """Images."""
        return len(self._targets)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """(1, transverse, line of sight) normalised, and (parameter,)."""
        if self._array is None:  # in the worker: Zarr must not be forked
            self._array = zarr.open_array(self._store, mode="r")
        pixels = (self._array[index].astype(np.float32) + 30) / 40
        return pixels, self._targets[index]


def plain_network() -> nn.Sequential:
    """Table 1, written down as it stands there."""
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 10), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 10), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Dropout(0.2), nn.Linear(156_384, 64), nn.ReLU(), nn.BatchNorm1d(64)),
        *(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, OUTPUTS)),
    )


def plain_epoch(store: Path, batch: int, threads: int, workers: int) -> Measured:
    """An epoch of the loop that everybody writes."""
    torch.set_num_threads(threads)
    context = "spawn" if workers else None
    data = Images(store)
    loader = DataLoader(
        data,
        batch_size=batch,
        shuffle=True,
        num_workers=workers,
        multiprocessing_context=context,
        persistent_workers=workers > 0,
    )
    model = plain_network()
    assert sum(weights.numel() for weights in model.parameters()) == WEIGHTS
    optimiser = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9)

    def step(pixels: torch.Tensor, true: torch.Tensor) -> None:
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(model(pixels), true)
        loss.backward()
        optimiser.step()

    for number, (pixels, true) in enumerate(loader):  # starts the workers, and warms up
        if number < 2:
            step(pixels, true)
    waiting: list[float] = []
    took = clock()
    for pixels, true in timed(loader, waiting):
        step(pixels, true)
    return Measured(len(data), *took(), sum(waiting), memory=peak_memory())


def keras_epoch(store: Path, batch: int, threads: int, data_format: str) -> Measured:
    """The second epoch of ``fit`` on images in memory."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    torch.set_num_threads(threads)
    keras.config.set_image_data_format(data_format)
    channel = -1 if data_format == "channels_last" else 1
    pixels = (zarr.open_array(store, mode="r")[:, 0].astype(np.float32) + 30) / 40
    pixels = np.expand_dims(pixels, channel)
    model = keras.Sequential(
        [
            keras.Input(pixels.shape[1:]),
            *(layers.Conv2D(8, 10, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(16, 10, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Flatten(), layers.Dropout(0.2)),
            *(layers.Dense(64, activation="relu"), layers.BatchNormalization()),
            *(layers.Dense(16, activation="relu"), layers.Dense(8, activation="relu")),
            layers.Dense(OUTPUTS),
        ]
    )
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == WEIGHTS
    model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss="mse")
    true = targets(len(pixels)).astype(np.float32)
    model.fit(pixels[: 2 * batch], true[: 2 * batch], batch_size=batch, epochs=1, verbose=0)
    took = clock()
    model.fit(pixels, true, batch_size=batch, epochs=1, verbose=0)
    return Measured(len(pixels), *took(), memory=peak_memory())


if __name__ == "__main__":
    main()
