"""Whether an observation is what a network was trained on, and what differs."""

import math
from typing import Any

import numpy as np

from ..base.errors import UserError
from ..base.options import option
from ..images import cutting as images
from ..images.dataset import Normalisation
from ..images.geometry import Geometry
from ..training.checkpoint import Checkpoint
from .observation import Observation

SIZE_TOLERANCE = 1e-3  # of a cell's size: 0.2 cells over the paper's 200
OFFSET_TOLERANCE = 0.5  # cells along the line of sight
# Brightness may differ from the training set's root mean square by less than this factor; the
# wrong unit is a factor of 1000.
UNIT_FACTOR = math.sqrt(1000.0)


def cut_like(
    observation: Observation, geometry: Geometry, normalisation: Normalisation
) -> np.ndarray:
    """The observation's images, cut as the network's.

    Where it reaches beyond the network's redshifts, the part between them is taken.

    Returns:
        (image, transverse, line_of_sight) float32 in mK.

    Raises:
        UserError: one line with all that differs, if anything does.
    """
    wanted = np.array(geometry.redshift)
    first, differing = _line_of_sight(observation.shape, observation.redshift, wanted)
    differing = [*_face(observation, geometry), *differing]
    if differing:
        raise _unfit(observation, "; ".join(differing))
    along = slice(first, first + len(geometry.redshift))
    asked = geometry.images.model_copy(update={"line_of_sight_cells": None})
    cut = images.cut(_Part(observation.cube, along), geometry.box, asked)
    values: np.ndarray = np.asarray(cut, np.float32)
    _check_brightness(observation, values, normalisation)
    return values


def check_instrument(observation: Observation, checkpoint: Checkpoint) -> None:
    """Refuse what another instrument has seen than the network's images, or none.

    Raises:
        UserError: saying what to do.
    """
    seen, wanted = observation.instrument, checkpoint.instrument.get("name", "")
    if seen == wanted:
        return
    if not wanted:
        raise _unfit(
            observation,
            f"the instrument {seen} has seen it, and the network's images are without noise: use a "
            f"network that was trained with instrument: {seen}",
        )
    of = "layout {layout}, {hours:g} h, baselines up to {longest_baseline:g} km, wedge {wedge}"
    theirs = f"the network's images are of the instrument {wanted} ({of})"
    told = theirs.format(**checkpoint.instrument)
    if seen:
        raise _unfit(
            observation, f"{told}, and {seen} has seen it: use a network that was trained with it"
        )
    raise _unfit(
        observation,
        f"{told}, and nothing says that it has seen this light-cone: if it has, say "
        f"{option('instrument', wanted)}; for one without noise use a network that was trained "
        "without an instrument",
    )


def check_velocities(observation: Observation, geometry: Geometry) -> None:
    """Refuse light-cones whose peculiar velocities are treated otherwise than the network's, where
    both say how: what a network reads depends on them as on the density.

    Raises:
        UserError: naming both treatments.
    """
    found, wanted = observation.velocities, geometry.velocities
    if found and wanted and found != wanted:
        raise _unfit(
            observation,
            f"its peculiar velocities are treated as velocities: {found}, and the network was "
            f"trained with velocities: {wanted}; use one trained as this is",
        )


def _unfit(observation: Observation, why: str) -> UserError:
    return UserError(f"{observation.name}: not what the network was trained on: {why}")


class _Part:
    """A light-cone between two cells along the line of sight."""

    def __init__(self, cube: Any, along: slice) -> None:
        self._cube, self._along = cube, along

    def __getitem__(self, cells: tuple[Any, ...]) -> Any:
        return self._cube[(*cells[:2], self._along)]


def _face(observation: Observation, geometry: Geometry) -> list[str]:
    """What differs in shape, cell size and units."""
    differing = []
    box, shape = geometry.box, observation.shape
    if len(shape) != 3:
        differing.append(f"its shape {shape} is not (x, y, line of sight)")
    elif shape[:2] != (box.cells, box.cells):
        differing.append(
            f"its face has {shape[0]}x{shape[1]} cells, the network's {box.cells}x{box.cells}"
        )
    if not abs(observation.cell_size / box.cell_size - 1) < SIZE_TOLERANCE:
        differing.append(
            f"its cells are {observation.cell_size:.6g} Mpc, the network's {box.cell_size:.6g} Mpc"
        )
    if observation.units != "mK":
        differing.append(f"its brightness is in {observation.units!r}, the network's in 'mK'")
    return differing


def _line_of_sight(
    shape: tuple[int, ...], redshift: np.ndarray, wanted: np.ndarray
) -> tuple[int, list[str]]:
    """Cell at which the network's line of sight begins, and what differs along it."""
    if redshift.ndim != 1 or (len(shape), len(redshift)) != (3, shape[-1]):
        cells = shape[-1] if shape else 0
        return 0, [f"{redshift.size} redshifts do not go with {cells} cells along its last axis"]
    if len(redshift) < 2 or not np.isfinite(redshift).all():
        return 0, ["its redshifts are too few, or not finite"]
    step = np.diff(redshift)
    if (step < 0).all():
        _, beside = _line_of_sight(shape, redshift[::-1], wanted)
        how = "the first cell must be the nearest; turn it round together with its redshifts"
        # Where turning it round does not suffice, that is no advice.
        return 0, [*beside, "its line of sight is reversed" + ("" if beside else f": {how}")]
    if (step < 0).any():
        return 0, ["its redshifts do not ascend from cell to cell"]
    if not step.all():
        return 0, ["its redshifts have too few digits: neighbouring cells have the same"]
    cell = np.gradient(wanted)
    covers = (
        f"its line of sight is z = {redshift[0]:.3f} to {redshift[-1]:.3f} ({len(redshift)} "
        f"cells), the network's z = {wanted[0]:.3f} to {wanted[-1]:.3f} ({len(wanted)} cells)"
    )
    first = int(np.argmin(np.abs(redshift - wanted[0])))
    near = redshift[first] - wanted[0] <= OFFSET_TOLERANCE * cell[0]
    far = wanted[-1] - redshift[-1] <= OFFSET_TOLERANCE * cell[-1]
    if not (near and far):
        return first, [f"it is too short: {covers}"]
    part = redshift[first : first + len(wanted)]
    if len(part) < len(wanted):
        return first, [f"its cells are longer: {covers}"]
    offset = np.abs(part - wanted) / cell
    worst = int(np.argmax(offset))
    if offset[worst] > OFFSET_TOLERANCE:
        return first, [
            f"its redshifts are others: {covers}; they come to differ by {offset[worst]:.1f} cells"
        ]
    return first, []


def _check_brightness(
    observation: Observation, cut: np.ndarray, normalisation: Normalisation
) -> None:
    """Refuse values that cannot be brightness in mK."""
    broken = np.flatnonzero(~np.isfinite(cut.sum(axis=(1, 2), dtype=np.float64)))
    if broken.size:
        raise UserError(
            f"{observation.name}: image {broken[0]} of {len(cut)} holds NaN or infinity: "
            f"fill or repair the light-cone"
        )
    if cut.min() == cut.max():
        raise UserError(f"{observation.name}: every cell of its images is {cut.flat[0]:g} mK")
    found = float(np.sqrt(np.square(cut).mean(dtype=np.float64)))
    known = math.hypot(normalisation.image_mean, normalisation.image_std)
    scale = f"its brightness is {found:.3g} (root mean square), the training images' {known:.3g} mK"
    if found < known / UNIT_FACTOR:
        raise _unfit(
            observation, f"{scale}: it looks like kelvin; multiply by 1000 to give millikelvin"
        )
    if found > known * UNIT_FACTOR:
        raise _unfit(observation, f"{scale}: it does not look like millikelvin")
