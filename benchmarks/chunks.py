"""Inner chunks of a light-cone's shard: what reading planes and cubes costs.

    python benchmarks/chunks.py

A paper-size light-cone (200 x 200 x 2200) is written once per chunk size and read by the two
readers: five planes (images) and cubes of 100^3 cells (3D networks). It is a Gaussian random
field with FAINT's mean history, its densest cells ionised as that history says, so that zeros
and noisy mantissas lie as in a real one. Times are medians; the files are in the page cache, so
this is the codecs' share.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import zarr
from scipy import fft
from scipy.stats import norm

from lcinfer.config import load
from lcinfer.config.sections import Simulation
from lcinfer.lightcones import store
from lcinfer.products.databases import LightCones
from lcinfer.products.run import Run
from lcinfer.simulator.lightcone import coordinates
from lcinfer.stages import lightcones

PAPER = Path(__file__).parents[1] / "config" / "config.yaml"
# z, mean neutral fraction, mean brightness temperature in mK: see tests/physics.
FAINT = np.array(
    [
        (6, 0.05, 0.5),
        (7.53, 0.4456, 7.78),
        (8.61, 0.7066, 13.54),
        (9.82, 0.862, 14.28),
        (11.19, 0.9405, 1.65),
        (12.73, 0.9774, -42.39),
        (16.41, 0.9981, -124.33),
        (18.6, 0.9998, -57.47),
        (21.08, 0.9998, -11.62),
        (35, 0.9999, -1),
    ]
)
ALL = slice(None)
X_PLANES = [(cell, ALL, ALL) for cell in range(0, 200, 40)]
Y_PLANES = [(ALL, cell, ALL) for cell in range(0, 200, 40)]
CUBES = [(slice(100), slice(100), slice(at, at + 100)) for at in (0, 1000, 2100)]


def look_alike(simulation: Simulation) -> np.ndarray:
    """Brightness temperature in mK, float32, shape (x, y, line of sight)."""
    cells, along = simulation.box.cells, simulation.lightcone.cells
    redshift, _ = coordinates(simulation)
    neutral, brightness = (np.interp(redshift, FAINT[:, 0], FAINT[:, i]) for i in (1, 2))
    noise = np.random.default_rng(0).standard_normal((cells, cells, along), dtype=np.float32)
    modes = fft.rfftn(noise, workers=-1)
    frequencies = np.meshgrid(
        *(fft.fftfreq(cells),) * 2, fft.rfftfreq(along), indexing="ij", sparse=True
    )
    scale = np.sqrt(sum(np.square(k) for k in frequencies))
    scale[0, 0, 0] = np.inf
    density = fft.irfftn(modes / scale**1.25, s=noise.shape, workers=-1)
    density /= density.std()
    ionised = density > norm.ppf(np.clip(neutral, 1e-6, 1 - 1e-6))
    return np.where(ionised, 0, brightness * (1 + 0.3 * density)).astype(np.float32)


def median_seconds(work: Callable[[], object], times: int) -> float:
    """Median wall time of a call."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def read(cubes: zarr.Array, parts: list[tuple]) -> None:
    """Read some parts of the light-cone."""
    for part in parts:
        store.read_part(cubes, 0, *part)


def paper_cones(root: Path, chunk: int) -> LightCones:
    """A store for one paper-size light-cone with this chunk size."""
    config = load(PAPER)
    storage = config.database.storage.model_copy(update={"chunk_cells": chunk})
    single = config.database.model_copy(update={"storage": storage, "realizations": 1})
    return Run(config.model_copy(update={"database": single}), root / str(chunk)).database


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, nargs="+", default=[20, 25, 40, 50, 64, 100, 200])
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    simulation = load(PAPER).database
    cube = look_alike(simulation)
    with tempfile.TemporaryDirectory() as directory:
        for chunk in options.chunks:
            cones = paper_cones(Path(directory), chunk)
            lightcones.prepare(cones)
            write = partial(store.write, cones.store, 0, cube, cones.simulation)
            written = median_seconds(write, 1)
            cubes = store.open_cubes(cones.store)
            along_x = median_seconds(partial(read, cubes, X_PLANES), options.times)
            along_y = median_seconds(partial(read, cubes, Y_PLANES), options.times)
            boxes = median_seconds(partial(read, cubes, CUBES), options.times)
            size = store.shard_path(cones.store, 0).stat().st_size
            print(
                json.dumps(
                    {
                        "chunk": chunk,
                        "write_seconds": round(written, 2),
                        "five_x_planes_seconds": round(along_x, 3),
                        "five_y_planes_seconds": round(along_y, 3),
                        "cube_of_100_seconds": round(boxes / len(CUBES), 3),
                        "bytes_over_raw": round(size / cube.nbytes, 3),
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
