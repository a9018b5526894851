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
from pathlib import Path

import numpy as np

from lcinfer import database, store
from lcinfer.config import load
from lcinfer.products import LightCones, Run

PAPER = Path(__file__).parents[1] / "config" / "config.yaml"


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
            written = median_seconds(
                lambda cones=cones: store.write(cones.store, 0, cube, cones.simulation), 1
            )
            cubes = store.open_cubes(cones.store)
            everything = slice(None)
            planes = [(cell, everything, everything) for cell in range(0, 200, 40)]
            corners = [(slice(100), slice(100), slice(at, at + 100)) for at in (0, 1000, 2100)]
            along_x = median_seconds(
                lambda cubes=cubes: [store.read_part(cubes, 0, *part) for part in planes],
                options.times,
            )
            along_y = median_seconds(
                lambda cubes=cubes: [
                    store.read_part(cubes, 0, everything, *part[:2]) for part in planes
                ],
                options.times,
            )
            boxes = median_seconds(
                lambda cubes=cubes: [store.read_part(cubes, 0, *part) for part in corners],
                options.times,
            )
            size = store.shard_path(cones.store, 0).stat().st_size
            print(
                json.dumps(
                    {
                        "chunk": chunk,
                        "write_seconds": round(written, 2),
                        "five_x_planes_seconds": round(along_x, 3),
                        "five_y_planes_seconds": round(along_y, 3),
                        "cube_of_100_seconds": round(boxes / len(corners), 3),
                        "bytes_over_raw": round(size / cube.nbytes, 3),
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
