"""How fast an audit reads light-cones, beside a plain read of the same files.

    python benchmarks/audit.py

Light-cones of the paper's size, look-alikes of one Gaussian random field, are written with their
journal, sealed and cut into images. Then the same files are read in turns, each time put out of
the page cache, in random order: just their bytes, by one thread; their bytes, of which bare
threads take the SHA-256, which is the least that an audit has to do; and by an audit of the images
(which compares the digests of the files). With ``--decode`` also by one that decodes, digests and
cuts every light-cone, as before files had digests. Prints GB/s on the disk of every turn, the
ratio of an audit to the plain read and to the bare threads (of the medians), and what one CPU that
nobody else uses would audit in a second, which decides where the disk is faster.
"""

import argparse
import hashlib
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from chunks import PAPER, look_alike

from lcinfer.audit.audit import audit
from lcinfer.audit.walk import Depth
from lcinfer.config import load
from lcinfer.lightcones import journal, store
from lcinfer.products.databases import LightCones
from lcinfer.products.run import Run
from lcinfer.stages import images, lightcones

NODES = [35.0, 6.0]
READ_BYTES = 16 * 2**20


def write(cones: LightCones) -> None:
    """A sealed database, each light-cone the same field at another contrast."""
    lightcones.prepare(cones)
    cube = look_alike(cones.simulation)
    lines = journal.Journal(cones.journal, "bench-0")
    version = cones.simulation.simulator.engine_version
    for index in range(cones.realizations):
        values = cones.design.parameters(index, index + 1)[0].tolist()
        lines.append(
            {
                "index": index,
                "parameters": dict(zip(cones.design.names, values, strict=True)),
                "seed": int(cones.design.seeds(index, index + 1)[0]),
                **store.write(
                    cones.store, index, cube * np.float32(1 + 0.01 * index), cones.simulation
                )._asdict(),
                "node_redshift": NODES,
                "neutral_fraction": [1.0, 0.0],
                "global_brightness_temp": [0.0, 0.0],
                "versions": {"21cmfast": version},
            }
        )
    lines.close()
    for span in cones.spans:
        lightcones.finish_block(cones, span)
    lightcones.seal(cones)


def files_of(*directories: Path) -> list[Path]:
    """Every file of some directories."""
    return [path for each in directories for path in sorted(each.rglob("*")) if path.is_file()]


def uncached(paths: list[Path]) -> None:
    """Have the kernel forget what it read of some files."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def read(paths: list[Path]) -> None:
    """Read some files from end to end."""
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.read(READ_BYTES):
                pass


def digest(paths: list[Path], threads: int) -> None:
    """Take the SHA-256 of some files, of so many at a time, the largest first."""

    def one(path: Path) -> None:
        with path.open("rb", buffering=0) as file:
            hashlib.file_digest(file, "sha256")

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, sorted(paths, key=lambda path: -path.stat().st_size)))


def seconds(work: Callable[[], object], paths: list[Path]) -> tuple[float, float]:
    """Wall and CPU time of a call that finds nothing of the files in the page cache."""
    uncached(paths)
    begin, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - cpu


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--light-cones", type=int, default=12)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--decode", action="store_true")
    options = parser.parse_args()
    config = load(PAPER)
    few = config.database.model_copy(update={"realizations": options.light_cones})
    with tempfile.TemporaryDirectory() as directory:
        run = Run(config.model_copy(update={"database": few}), Path(directory))
        cones, image_set = run.database, run.database_images
        write(cones)
        images.make(image_set)
        paths = files_of(cones.directory, image_set.directory)
        size = sum(path.stat().st_size for path in paths)

        def audited(threads: int, decode: bool) -> None:
            depth = Depth(threads=threads, decode=decode)
            report = audit(image_set.directory, run.root, depth)
            assert report.holds, report

        for threads in options.threads:
            works: dict[str, Callable[[], object]] = {
                "plain": partial(read, paths),
                "sha256": partial(digest, paths, threads),
                "audit": partial(audited, threads, False),
            }
            if options.decode:
                works["audit_decode"] = partial(audited, threads, True)
            turns = [
                {name: seconds(works[name], paths) for name in random.sample([*works], len(works))}
                for _ in range(options.times)
            ]
            wall = {name: median(turn[name][0] for turn in turns) for name in works}
            cpu = median(turn["audit"][1] for turn in turns)
            speeds = {
                f"{name}_gb_per_s": [round(size / 1e9 / turn[name][0], 2) for turn in turns]
                for name in works
            }
            found = {
                "threads": threads,
                "gigabytes": round(size / 1e9, 2),
                **speeds,
                "audit_of_plain": round(wall["plain"] / wall["audit"], 2),
                "audit_of_sha256": round(wall["sha256"] / wall["audit"], 2),
                "audit_gb_per_cpu_second": round(size / 1e9 / cpu, 2),
            }
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
