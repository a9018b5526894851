"""Light-cones -> images (Gillet et al. 2019, Fig. 2).

    images[light_cone, image, transverse, line_of_sight]   mK, float32 or float16
    redshift, distance [line_of_sight]                     coordinates
    <parameter>[light_cone], random_seed[light_cone]       the design, copied
    noise_power[line_of_sight, u, v], noise_rms[line_of_sight]   of an instrument, where one sees

Planes stand along the line of sight, ``spacing`` apart, on each of ``axes``; each is cut
across the line of sight into ``halves``. The order of a light-cone's images is axis, plane,
half. An instrument filters light-cones before they are cut; its noise is added where images are
read (:mod:`lcinfer.images.noise`).

Whatever else networks read of light-cones (:class:`Inputs`) is made block by block in the same way
(:mod:`lcinfer.stages.images`): its :class:`Form` says what of a light-cone, and the array has the
name of its kind.
"""

import json
from functools import cache, partial, singledispatch
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import zarr

from ..base import durable, groups
from ..base.errors import UserError
from ..config.sections import Box, Images
from ..engines import engine_of
from ..instrument.noise import Channels
from ..instrument.response import Response, described
from ..lightcones import failures, store
from ..products.databases import ImageSet, Inputs
from . import spectra
from .form import Form
from .geometry import Geometry
from .noise import Noise

if TYPE_CHECKING:
    from .dataset import LabelledImages

POWER, RMS = "noise_power", "noise_rms"
# In mK, of what went through Fourier transforms of another machine.
ROUNDING, HALF_ROUNDING = 1e-3, 0.25


class Digests(NamedTuple):
    """What markers say of a light-cone's images; empty texts where nobody knows."""

    light_cone: str
    images: str
    stored: str = ""
    """Of the images' file, see :func:`store.file_digest`; markers of before have none."""


def planes(box: Box, images: Images) -> list[int]:
    """Cells at which the planes of an axis stand: 0, spacing, 2 spacing, ..."""
    step = round(images.spacing / box.cell_size)
    return [number * step for number in range(images.slices)]


def cut(cube: Any, box: Box, images: Images) -> np.ndarray:
    """Images of one light-cone.

    Args:
        cube: (x, y, line_of_sight), or what reads from one: only planes are asked of it.
        box: gives the size of a cell.
        images: planes, axes, halves.

    Returns:
        (image, transverse, line_of_sight), rounded to float16 if ``images`` says so
    """
    along = slice(images.line_of_sight_cells)
    standing = planes(box, images)
    cells = slice(standing[0], standing[-1] + 1, standing[1] if len(standing) > 1 else 1)
    cuts: list[np.ndarray] = []
    for axis in images.axes:
        # All of an axis at once: a chunk that two planes share is then decoded once.
        across = (cells, slice(None)) if axis == "x" else (slice(None), cells)
        stack = cube[(*across, along)]
        for plane in stack if axis == "x" else stack.swapaxes(0, 1):
            cuts += np.split(plane, images.halves)
    stacked = np.stack(cuts)
    return stacked.astype(np.float16) if images.precision == "half" else stacked


@singledispatch
def form(inputs: Inputs) -> Form:
    """What is made of each light-cone."""
    raise NotImplementedError


form.register(spectra.form)


@form.register
def _images(image_set: ImageSet) -> Form:
    box, images, along = image_set.lightcones.simulation.box, image_set.images, image_set.cells
    half = images.precision == "half"
    # The instrument's is in the store, which is made by this form.
    seen_with = cache(partial(response, image_set))
    return Form(
        shape=(images.per_lightcone, box.cells // images.halves, along),
        dimensions=("image", "transverse", "line_of_sight"),
        attributes={
            "units": "mK",
            "long_name": "21-cm brightness temperature",
            "cell_size": box.cell_size,
        },
        make=lambda cube: cut_from(cube, image_set, seen_with()),
        line_of_sight="line_of_sight",
        along=lambda cells: cells[:along],
        tolerance=(HALF_ROUNDING if half else ROUNDING) if image_set.instrument else 0,
        dtype="float16" if half else "float32",
    )


def noise_columns(inputs: Inputs) -> dict[str, np.ndarray]:
    """What the store says of the instrument's noise, by the names of the arrays.

    Raises:
        UserError: if the instrument does not see the light-cones.
    """
    if inputs.instrument is None:
        return {}
    channels = Channels.of(inputs.lightcones.simulation, inputs.cells)
    made = Response.of(inputs.instrument, channels)
    return {POWER: made.power, RMS: made.rms}


def response(inputs: Inputs) -> Response | None:
    """Of the instrument that sees the images, from their store; None: there is none."""
    if inputs.instrument is None:
        return None
    channels = Channels.of(inputs.lightcones.simulation, inputs.cells)
    power = store.values(open_store(inputs), POWER)
    return Response(channels, power, inputs.instrument.wedge)


def cut_from(cube: Any, image_set: ImageSet, seen_with: Response | None) -> np.ndarray:
    """Images of one light-cone of a set, without noise.

    Args:
        cube: see :func:`cut`.
        image_set: how they are cut.
        seen_with: the set's :func:`response`.

    Returns:
        (image, transverse, line_of_sight)
    """
    if seen_with is not None:
        cube = seen_with.filtered(cube[:, :, : image_set.cells])
    return cut(cube, image_set.lightcones.simulation.box, image_set.images)


def digests(inputs: Inputs) -> dict[str, Digests]:
    """Index -> digests of what is there, from all blocks' markers.

    Empty ones where markers disagree: then nobody knows.
    """
    made: dict[str, Digests] = {}
    for marker in durable.own(inputs.directory.glob("blocks/*.json")):
        content = json.loads(marker.read_text(encoding="utf-8"))
        images, stored = content.get(inputs.kind, {}), content.get("stored", {})
        for index, source in content["light_cones"].items():
            said = Digests(source, images.get(index, ""), stored.get(index, ""))
            before = made.setdefault(index, said)
            if before[:2] != said[:2]:
                made[index] = Digests("", "")
            elif before != said:
                made[index] = said._replace(stored="")
    return made


class StoredCube:
    """One light-cone on disk: only the cells asked for are read, damage is told by index."""

    def __init__(self, cubes: zarr.Array, index: int) -> None:
        """Light-cone ``index`` of ``store.open_cubes``."""
        self._cubes, self._index = cubes, index
        self.shape = cubes.shape[1:]

    def __getitem__(self, cells: tuple[slice | int, ...]) -> np.ndarray:
        """Some cells (x, y, line of sight) in mK.

        Raises:
            store.DamagedStore: if one of them is missing or damaged.
        """
        return np.asarray(store.read_part(self._cubes, self._index, *cells))


def open_store(inputs: Inputs) -> zarr.Group:
    """The store for reading.

    Raises:
        UserError: if there are no images yet.
    """
    try:
        return groups.open_group(inputs.store)
    except (FileNotFoundError, zarr.errors.GroupNotFoundError):
        raise UserError(f"{inputs.store}: no {inputs.kind} here") from None


def open_labelled(inputs: Inputs) -> "LabelledImages":
    """What networks read, with the parameters of its light-cones.

    A store that has grown since counts as far as the set's realisations go.

    Raises:
        UserError: if there is nothing yet, or more light-cones were left out of it than
            the configuration allows.
    """
    from .dataset import LabelledImages  # and torch, which a job that cuts images need not wait for

    failed = failures.named(inputs.sealed)
    failures.refuse_too_many(inputs.lightcones, failed)
    group, names = open_store(inputs), inputs.lightcones.design.names
    count = inputs.realizations
    parameters = np.stack([store.values(group, name, count) for name in names], axis=1)
    simulation = inputs.lightcones.simulation
    geometry = Geometry(
        box=simulation.box,
        redshift=tuple(store.values(group, "redshift").tolist()),
        velocities=engine_of(simulation).treatment(simulation.simulator),
        **inputs.own_section,
    )
    images = store.array(group, inputs.kind)
    prior = inputs.lightcones.design.prior
    noise = _noise(inputs, store.values(group, "random_seed", count))
    return LabelledImages(images, parameters, names, tuple(failed), geometry, prior, noise)


def _noise(inputs: Inputs, seeds: np.ndarray) -> Noise | None:
    seen_with, box = response(inputs), inputs.lightcones.simulation.box
    if inputs.instrument is None or seen_with is None:
        return None
    face = np.arange(box.cells**2).reshape(box.cells, box.cells, 1)
    one_plane = inputs.own_section["images"].model_copy(
        update={"line_of_sight_cells": None, "precision": "single"}
    )
    told = {"name": inputs.seen_with, **described(inputs.instrument)}
    return Noise(seen_with, seeds, cut(face, box, one_plane)[..., 0], told)
