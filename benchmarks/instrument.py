"""An instrument: its noise beside the recipe's, what it costs a training, what it makes of the sky.

    python benchmarks/instrument.py table                        # rms at z = 8 against the recipe
    python benchmarks/instrument.py epoch                        # an epoch with noise and without
    python benchmarks/instrument.py bank LIGHTCONES.zarr COUNT   # losses by the bank's size
    python benchmarks/instrument.py picture LIGHTCONES.zarr      # docs/figures/instrument.png

The recipe is in docs/instrument.md; `docs/figures/instrument.png` is of light-cone 0 of the mock
FAINT, of cells of 3 Mpc. Epochs take turns, and the best of the rounds is printed, of the wall time
and of the processor time: on a machine that is shared the latter tells more.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import yaml

from lcinfer import figures
from lcinfer.base import groups
from lcinfer.config.instruments import Instrument
from lcinfer.config.sections import Box, Figures, Images, Simulation, Split, Training
from lcinfer.images.cutting import cut
from lcinfer.images.dataset import LabelledImages, fit
from lcinfer.images.noise import Noise
from lcinfer.instrument import array
from lcinfer.instrument import noise as instrument_noise
from lcinfer.instrument.noise import Channels
from lcinfer.instrument.response import Response
from lcinfer.lightcones import store
from lcinfer.training import loop
from lcinfer.training.batches import Batches
from lcinfer.training.learner import Learner
from lcinfer.training.noise import NoiseBank
from lcinfer.training.processes import World

HERE = Path(__file__).parents[1]
WORLD = World(torch.device("cpu"))
ALONG = 900  # cells of 3 Mpc from z = 6: to z = 23
EVERY_PLANE = Images(slices=16, spacing=6, halves=1, axes=("x", "y"), line_of_sight_cells=ALONG)
FOUR_PLANES = EVERY_PLANE.model_copy(update={"slices": 2, "spacing": 48})
FEW = {  # for banks, whose size is to matter if it can: it trains in a moment
    "architecture": "filter_bank",
    "convolutions": [{"filters": 8, "kernel": 4}, {"filters": 8, "kernel": 4}],
    "dense": [64],
    "dropout": 0,
}
BANKS, SEEDS = (1, 2, 8, 64), (1, 2)
EPOCHS, LAST = 12, 3  # losses are means of the last epochs
RECIPE = {  # rms in mK at z = 8: by layout, then (box in Mpc, cells, longest baseline in km)
    "AA4": {(300, 200, 1): 20, (300, 200, 2): 76, (300, 200, 3): 182}
    | {(96, 32, 1): 14, (96, 32, 2): 53, (96, 32, 3): 119},
    "AA*": {(300, 200, 1): 30, (300, 200, 2): 162, (300, 200, 3): 657}
    | {(96, 32, 1): 21, (96, 32, 2): 108, (96, 32, 3): 951},
}

RARELY = 0.02  # of a track: the recipe leaves modes out that are seen for less


def simulation(length: float = 96, cells: int = 32, along: int = ALONG, z_min: float = 6):
    """The small database's box, or another."""
    return Simulation.model_validate(
        {
            "box": {"cells": cells, "length": length},
            "lightcone": {"cells": along, "z_min": z_min},
            "simulator": {"engine_version": "4"},
        }
    )


def observed(
    instrument: Instrument, of: Simulation, seeds: np.ndarray, images: Images = EVERY_PLANE
) -> Noise:
    """Noise of images."""
    response = Response.of(instrument, Channels.of(of, ALONG))
    cells = of.box.cells
    face = np.arange(cells**2).reshape(cells, cells, 1)
    one_plane = images.model_copy(update={"line_of_sight_cells": None})
    return Noise(response, seeds, cut(face, of.box, one_plane)[..., 0], {"name": "ska"})


def table() -> None:
    """See the module's docstring."""
    head = ("layout", 8), ("box", 8), ("cell", 10), ("longest", 9), ("recipe", 9), ("here", 9)
    print("".join(f"{name:>{width}}" for name, width in (*head, ("often seen", 12), ("ratio", 7))))
    hours, track, flux = 1000, 6, np.array([1848.0])
    for layout, rows in RECIPE.items():
        counted = array.baselines(array.stations(layout), track, -30, 3000)
        for (box, cells, longest), expected in rows.items():
            channels = Channels.of(simulation(box, cells, 1, 8), 1)
            seconds = instrument_noise.seen(replace(counted, longest=1000 * longest), channels)
            often = np.where(seconds < RARELY * 3600 * track, 0, seconds)
            found, of_these = (
                instrument_noise.rms(instrument_noise.power(each, channels, flux, hours, track))[0]
                for each in (seconds, often)
            )
            print(
                f"{layout:>8}{box:>4} Mpc{box / cells:>6g} Mpc{longest:>6} km{expected:>6} mK"
                f"{found:>6.0f} mK{of_these:>9.0f} mK{of_these / expected:>7.2f}"
            )


def small_training(**settings) -> Training:
    """The network of config/small.yaml."""
    small = yaml.safe_load((HERE / "config" / "small.yaml").read_text(encoding="utf-8"))
    return Training.model_validate(
        {**small["trainings"]["all_images"], "repeats": 1, "augment": True, **settings}
    )


def epoch(light_cones: int = 24, rounds: int = 4) -> None:
    """See the module's docstring."""
    random = np.random.default_rng(1)
    shape = (light_cones, EVERY_PLANE.per_lightcone, 32, ALONG)
    images = random.normal(-30, 40, shape).astype(np.float32)
    noise = observed(Instrument(), simulation(), np.arange(light_cones))
    labelled = LabelledImages(images, random.normal(size=(light_cones, 4)), tuple("abcd"))
    normalisation, _ = fit(labelled, range(light_cones), shape[1])
    began = time.perf_counter()
    bank = NoiseBank(noise, 1, normalisation.image_std, WORLD.device)
    megabytes = bank.rows.numel() * 4 / 1e6
    print(f"a bank of {len(bank.rows) // 32**2} noise light-cones, {megabytes:.0f} MB: ", end="")
    print(f"{time.perf_counter() - began:.1f} s, once in a training")
    settings = {"batch": 128, "normalisation": normalisation, "world": WORLD, "flip": True}
    networks = {"filter bank": small_training(), "the paper's": Training()}
    for name, training in networks.items():
        best = {}
        learner = Learner(training, shape[2:], 4, WORLD)
        kinds = {
            what: Batches(
                labelled, range(light_cones), shape[1], host_bytes=2**62, noise=given, **settings
            )
            for what, given in (("without", None), ("with", bank))
        }
        for number in range(rounds):
            for what, batches in kinds.items():
                began = time.perf_counter(), time.process_time()
                learner.epoch(batches.epoch(torch.Generator().manual_seed(number), True, number))
                took = time.perf_counter() - began[0], time.process_time() - began[1]
                best[what] = np.minimum(best.get(what, took), took)
        (wall, processor) = best["with"] / best["without"]
        print(
            f"{name}: {best['without'][0]:.2f} s without noise, {best['with'][0]:.2f} s with it: "
            f"ratio {wall:.2f} of the wall time, {processor:.2f} of the processor time"
        )


def bank(path: Path, count: int) -> None:
    """See the module's docstring."""
    group, box = groups.open_group(path), Box(cells=32, length=96)
    instrument = Instrument(longest_baseline=1)
    seeds = store.values(group, "random_seed", count)
    noise = observed(instrument, simulation(), seeds, FOUR_PLANES)
    names = ("HII_EFF_FACTOR", "ION_Tvir_MIN", "L_X", "NU_X_THRESH")
    parameters = np.stack([store.values(group, name, count) for name in names], axis=1)
    cubes = (store.read(path, index)[..., :ALONG] for index in range(count))
    images = np.stack([cut(noise.response.filtered(cube), box, FOUR_PLANES) for cube in cubes])
    labelled = LabelledImages(images, parameters, names, noise=noise)
    split = Split(validation=count // 4, test=2)
    banks = {f"a bank of {size:>2}": partial(NoiseBank, size=size) for size in BANKS}
    for seed in SEEDS:
        for name, made in banks.items():
            loop.NoiseBank = made
            began = time.process_time()
            with tempfile.TemporaryDirectory() as directory:
                training = small_training(epochs=EPOCHS, seed=seed, network=FEW)
                done = loop.train(training, split, labelled, Path(directory), {}, show=False)
            last = {
                kind: np.mean([row[f"{kind}_loss"] for row in done.history[-LAST:]])
                for kind in ("training", "validation")
            }
            print(
                f"seed {seed}, {name}: loss {last['training']:.4f} in training, "
                f"{last['validation']:.4f} in validation; "
                f"{time.process_time() - began:.0f} s of processor time",
                flush=True,
            )


def picture(path: Path) -> None:
    """See the module's docstring."""
    channels, cube = Channels.of(simulation(), ALONG), store.read(path, 0)[..., :ALONG]
    panels = {"the sky": cube}
    wide = Response.of(Instrument(longest_baseline=1), channels)
    avoiding = Response(channels, wide.power, "moderate")
    panels["AA4 up to 1 km, without noise"] = wide.filtered(cube)
    for hours in (10000, 1000):
        seen = Response.of(Instrument(longest_baseline=1, hours=hours), channels)
        noise = seen.noise(np.random.default_rng(1))
        panels[f"with the noise of {hours:,} hours"] = seen.filtered(cube) + noise
    seen = avoiding.filtered(cube) + avoiding.noise(np.random.default_rng(1))
    panels["1,000 hours, moderate wedge left out"] = seen
    figure = figures.draw_examples(
        {name: each[0] for name, each in panels.items()},
        redshift=channels.redshift,
        distance=channels.distance,
        cell_size=channels.cell,
        brightness_range=(-100, 60),
    )
    stem = HERE / "docs" / "figures" / "instrument"
    print(*figures.save(figure, stem, Figures(formats=("png",), dpi=100), {"Software": "lcinfer"}))


def main() -> None:
    """See the module's docstring."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["table", "epoch", "bank", "picture"])
    parser.add_argument("store", type=Path, nargs="?")
    parser.add_argument("count", type=int, nargs="?")
    options = parser.parse_args()
    if options.what == "bank":
        bank(options.store, options.count)
    elif options.what == "picture":
        picture(options.store)
    else:
        {"table": table, "epoch": epoch}[options.what]()


if __name__ == "__main__":
    main()
