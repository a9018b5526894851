"""Databases that stand for what several sites made."""

from pathlib import Path

import numpy as np

from lcinfer import config
from lcinfer.lightcones import store
from lcinfer.products.databases import LightCones
from lcinfer.products.run import Run
from lcinfer.stages import lightcones
from support import damage
from support.filling import fill
from support.small import Settings


class Killed(BaseException):
    """In place of a signal: nothing can catch it."""


def run_in(settings: Settings, root: Path) -> Run:
    return Run(config.parse(settings), root)


def part(settings: Settings, root: Path, *indices: int) -> LightCones:
    """A database with some of its light-cones, as a campaign leaves it that was stopped."""
    cones = run_in(settings, root).database
    lightcones.prepare(cones)
    fill(cones, *indices)
    return cones


def voxels(cones: LightCones, *indices: int) -> list[bytes]:
    """What the store holds, decoded; all of it by default."""
    chosen = indices or range(cones.realizations)
    return [store.read(cones.store, index).tobytes() for index in chosen]


def markers(cones: LightCones) -> dict[str, bytes]:
    """What Snakemake sees."""
    return {
        path.relative_to(cones.directory).as_posix(): path.read_bytes()
        for path in (*cones.directory.glob("*-*.json"), *cones.directory.glob("blocks/*"))
    }


def made_by_another_build(cones: LightCones, index: int) -> None:
    """A light-cone with other last bits, whole and journalled."""
    cube = np.nextafter(store.read(cones.store, index), np.float32(1e3))
    written = store.write(cones.store, index, cube, cones.simulation)
    damage.set_in_line(cones, index, lambda record: record.update(written._asdict()))
