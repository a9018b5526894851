"""What the rules `prepare_images`, `cut_images` and `seal_images` do, and those of spectra.

Light-cones in, images out, a block at a time: growing a database cuts only the new ones.
"""

from collections.abc import Collection

import dask
import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from ..base import durable, groups
from ..base.errors import UserError
from ..images.cutting import POWER, Digests, StoredCube, digests, form, noise_columns, open_store
from ..lightcones import failures, journal, store
from ..products.databases import Inputs
from ..products.product import Span
from ..records.record import recorded
from ..records.stamp import stamp

STEPS = ("prepare", "cut", "seal")


def make(
    images: Inputs, steps: Collection[str] = STEPS, block: Span | None = None, threads: int = 1
) -> None:
    """Make room for images, cut those of a block of light-cones or of all, and seal them."""
    if "prepare" in steps:
        prepare(images)
    if "cut" in steps:
        for span in [block] if block else images.spans:
            cut_block(images, span, threads)
    if "seal" in steps:
        seal(images)


def prepare(inputs: Inputs) -> None:
    """Create the store, or grow it to as many light-cones as the database has.

    One process at a time; never shrinks, never touches what is there.
    """
    cones = inputs.lightcones
    store.open_cubes(cones.store)  # says so if there are none
    with recorded(inputs, "prepare", [inputs.prepared]):
        _grow(inputs)
        durable.write_json(
            inputs.prepared,
            {"fingerprint": inputs.fingerprint, "light_cones": inputs.realizations},
        )


def _grow(inputs: Inputs) -> None:
    cones = inputs.lightcones
    source = groups.open_group(cones.store)
    with groups.changing(inputs.store) as target:
        if inputs.kind not in target:
            _create(target, inputs, source)
        cut, count = store.array(target, inputs.kind), inputs.realizations
        have = cut.shape[0]
        if have < count:
            for name in (*cones.design.names, "random_seed"):
                column = store.array(target, name)
                column.resize((count,))
                column[have:] = store.values(source, name, count)[have:]
            cut.resize((count, *cut.shape[1:]))


def _create(target: zarr.Group, inputs: Inputs, source: zarr.Group) -> None:
    cones, made = inputs.lightcones, form(inputs)
    for name, noise in noise_columns(inputs).items():
        dimensions = ["line_of_sight", "u", "v"][: noise.ndim]
        store.add_array(target, name, noise, dimensions, units="mK2" if name == POWER else "mK")
    for name in ("redshift", "distance"):
        values, units = made.along(store.values(source, name)), dict(source[name].attrs)
        store.add_array(target, name, values, [made.line_of_sight], **units)
    for name, (values, dimension, unit) in made.coordinates.items():
        store.add_array(target, name, values, [dimension], units=unit)
    for name in (*cones.design.names, "random_seed"):
        empty = store.values(source, name, 0)
        store.add_array(target, name, empty, ["light_cone"], **dict(source[name].attrs))
    target.attrs.update(
        {
            "fingerprint": inputs.fingerprint,
            "coordinates": " ".join(["redshift", "distance", *made.coordinates]),
            "provenance": dict(stamp(inputs)),
        }
    )
    # Last: its presence says that all the rest is there.
    target.create_array(
        inputs.kind,
        shape=(0, *made.shape),
        chunks=(1, *made.shape),
        dtype=made.dtype,
        compressors=[
            ZstdCodec(level=cones.simulation.storage.compression_level),
            Crc32cCodec(),
        ],
        fill_value=np.nan,
        dimension_names=["light_cone", *made.dimensions],
        attributes=dict(made.attributes),
    )


def cut_block(inputs: Inputs, span: Span, workers: int = 1) -> None:
    """Cut those of a block's light-cones that have no images yet; write the block's marker.

    At most ``workers`` light-cones' planes are in memory at a time.

    Light-cones that the database's own marker leaves out have none.

    Raises:
        UserError: if another light-cone is not finished.
        store.DamagedStore: naming the light-cone that cannot be read.
    """
    source = inputs.lightcones.done(span)
    failed = failures.named(source)
    markers = inputs.done_with(span, failed)
    with recorded(inputs, "cut", markers, [source]):
        made = _cut(inputs, sorted(set(range(*span)) - set(failed)), workers)
        content = {
            "fingerprint": inputs.fingerprint,
            "light_cones": {index: it.light_cone for index, it in made.items()},
            inputs.kind: {index: it.images for index, it in made.items()},
            **failures.naming(failed),
        }
        if stored := {index: it.stored for index, it in made.items() if it.stored}:
            content["stored"] = stored
        for marker in markers:
            durable.write_json(marker, content)


def _cut(inputs: Inputs, indices: list[int], workers: int) -> dict[str, Digests]:
    cones = inputs.lightcones
    source = store.open_cubes(cones.store)
    open_store(inputs)  # says so if there is none
    finished = journal.finished(cones.journal, histories=False)
    have, make = digests(inputs), form(inputs).make

    def cut_one(index: int) -> Digests:
        if index not in finished:
            raise UserError(f"{cones.directory}: light-cone {index} is not finished")
        digest: str = finished[index]["digest"]
        known = have.get(str(index), Digests("", ""))
        if known.light_cone == digest and known.images:
            return known
        images = make(StoredCube(source, index))
        written = store.write_whole(inputs.store, index, images, inputs.kind, digest)
        return Digests(digest, *written)

    tasks = [dask.delayed(cut_one)(index) for index in indices]
    made = dask.compute(*tasks, scheduler="threads", num_workers=workers)
    return dict(zip(map(str, indices), made, strict=True))


def seal(inputs: Inputs) -> None:
    """Write the marker that the images of every light-cone are there that was not left out."""
    cones = inputs.lightcones
    blocks = [inputs.done(span) for span in inputs.spans]
    failed = {index for marker in [*blocks, cones.sealed] for index in failures.named(marker)}
    made = digests(inputs)
    there = (index for index in range(inputs.realizations) if index not in failed)
    with recorded(inputs, "seal", [inputs.sealed], blocks):
        durable.write_json(
            inputs.sealed,
            {
                "fingerprint": inputs.fingerprint,
                "light_cones": inputs.realizations,
                "root_digest": store.root_digest([made[str(index)].images for index in there]),
                **failures.naming(sorted(failed)),
            },
        )
