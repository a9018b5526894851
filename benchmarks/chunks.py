"""Inner chunks of a light-cone's shard: what reading planes and cubes costs.

    python benchmarks/chunks.py results/lightcones/demo-<fp>

A paper-size light-cone (200 x 200 x 2200) is tiled from one of the database's, written once per
chunk size, and read by the two readers: five planes (images) and cubes of 100^3 cells (3D
networks). Times are medians; the files are in the page cache, so this is the codecs' share.
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

from lcinfer import database, store
from lcinfer.config import load
from lcinfer.products import LightCones, Run

PAPER = Path(__file__).parents[1] / "config" / "config.yaml"
ALL = slice(None)
X_PLANES = [(cell, ALL, ALL) for cell in range(0, 200, 40)]
Y_PLANES = [(ALL, cell, ALL) for cell in range(0, 200, 40)]
CUBES = [(slice(100), slice(100), slice(at, at + 100)) for at in (0, 1000, 2100)]


def tiled(source: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """The first light-cone of a store, repeated until it fills ``shape``."""
    cube = store.read(source / "lightcones.zarr", 0)
    repeats = [-(-wanted // cells) for wanted, cells in zip(shape, cube.shape, strict=True)]
    return np.tile(cube, repeats)[tuple(map(slice, shape))]


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
    parser.add_argument("database", type=Path, help="directory of a finished database")
    parser.add_argument("--chunks", type=int, nargs="+", default=[20, 25, 40, 50, 64, 100, 200])
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    simulation = load(PAPER).database
    shape = (simulation.box.cells, simulation.box.cells, simulation.lightcone.cells)
    cube = tiled(options.database, shape)
    with tempfile.TemporaryDirectory() as directory:
        for chunk in options.chunks:
            cones = paper_cones(Path(directory), chunk)
            database.prepare(cones)
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
