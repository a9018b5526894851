"""Light-cones on disk: one Zarr 3 group, one shard per realisation.

    brightness_temp[light_cone, x, y, line_of_sight]   mK, float32, NaN where nothing is yet
    redshift, distance [line_of_sight]; x, y           coordinates
    <parameter>[light_cone], random_seed[light_cone]   the design
    node_redshift[node]; neutral_fraction, global_brightness_temp [light_cone, node]
                                                       histories, written at sealing

A realisation is one whole write of one shard, so ranks never share a file. Groups and sizes
are made by :func:`prepare` alone, in one process, and never shrink.
"""

import hashlib
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr
from numcodecs import BitRound
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.buffer import Buffer, cpu
from zarr.storage import MemoryStore

from ..base import durable, groups
from ..base.errors import UserError, reason
from ..base.fingerprint import canonical_json
from ..config.sections import Simulation
from ..products.databases import LightCones
from ..records.stamp import stamp
from ..simulator.lightcone import coordinates

CUBES = "brightness_temp"
UNITS = {
    "HII_EFF_FACTOR": "1",
    "ION_Tvir_MIN": "log10(K)",
    "L_X": "log10(erg s-1 Msun-1 yr)",
    "NU_X_THRESH": "eV",
}
HISTORIES = {"neutral_fraction": "1", "global_brightness_temp": "mK"}
# The index of every realisation goes into its digest, so that two swapped shards are found.
DIGEST = "sha256(int64 index + float32 voxels, little-endian, C order)"
# What of an array's metadata decides which values the bytes of its files stand for.
ENCODING = ("data_type", "shape", "chunk_grid", "codecs", "fill_value")


class DamagedStore(UserError):
    """A realisation cannot be read, or is not what was written."""


class Written(NamedTuple):
    """What there is to say of a realisation that was written; a journal's line has both keys."""

    digest: str
    """Of its voxels: see :func:`digest`."""
    stored: str
    """Of its file: see :func:`file_digest`."""


def digest(index: int, cube: np.ndarray) -> str:
    """SHA-256 over a realisation's index and its decoded voxels: it outlives a change of codec."""
    whole = hashlib.sha256(np.int64(index).astype("<i8").tobytes())
    whole.update(np.ascontiguousarray(cube, dtype="<f4").data)
    return whole.hexdigest()


def root_digest(digests: list[str]) -> str:
    """One digest for realisations 0, 1, ... in their order."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def prepare(cones: LightCones) -> None:
    """Create the store, or grow it to the configured number of realisations.

    One process at a time; never shrinks, never touches a finished realisation.
    """
    with suppress(UserError, FileNotFoundError):
        if open_cubes(cones.store).shape[0] >= cones.realizations and groups.described(cones.store):
            return
    with groups.changing(cones.store) as group:
        if CUBES not in group:
            _create(group, cones)
        cubes = array(group, CUBES)
        have = cubes.shape[0]
        if have >= cones.realizations:
            return
        # The cubes last: their size says that all the rest has grown.
        _write_design(group, cones, have)
        for name in set(HISTORIES) & set(group):  # NaN until they are sealed
            history = array(group, name)
            history.resize((cones.realizations, *history.shape[1:]))
        cubes.resize((cones.realizations, *cubes.shape[1:]))


def _write_design(group: zarr.Group, cones: LightCones, start: int) -> None:
    for name, column in design_columns(cones).items():
        array(group, name).resize((cones.realizations,))
        array(group, name)[start:] = column[start:]


def design_columns(cones: LightCones) -> dict[str, np.ndarray]:
    """Parameters and seed of every realisation, by the names of the store's arrays."""
    parameters = cones.design.parameters(0, cones.realizations)
    columns = dict(zip(cones.design.names, parameters.T, strict=True))
    columns["random_seed"] = cones.design.seeds(0, cones.realizations)
    return columns


def describe(group: zarr.Group, cones: LightCones) -> None:
    """Write all but light-cones and histories anew: attributes, coordinates, the design.

    The design as far as ``cones.realizations``, which must be as long as the cubes are.
    """
    _describe(group, cones)
    _write_design(group, cones, 0)


def _describe(group: zarr.Group, cones: LightCones) -> None:
    simulation = cones.simulation
    redshift, distance = coordinates(simulation)
    transverse = (np.arange(simulation.box.cells) + 0.5) * simulation.box.cell_size
    add_array(group, "redshift", redshift, ["line_of_sight"], units="1")
    add_array(group, "distance", distance, ["line_of_sight"], units="Mpc", long_name="comoving")
    for axis in ("x", "y"):
        add_array(group, axis, transverse, [axis], units="Mpc", long_name="comoving")
    for name in cones.design.names:
        add_array(group, name, np.empty(0), ["light_cone"], units=UNITS.get(name, ""))
    add_array(group, "random_seed", np.empty(0, np.int64), ["light_cone"])
    group.attrs.update(
        {
            "fingerprint": cones.fingerprint,
            "digest": DIGEST,
            "coordinates": "redshift distance",
        }
    )


def _create(group: zarr.Group, cones: LightCones) -> None:
    _describe(group, cones)
    group.attrs["provenance"] = stamp(cones)
    simulation = cones.simulation
    shape = (simulation.box.cells, simulation.box.cells, simulation.lightcone.cells)
    chunks = tuple(min(simulation.storage.chunk_cells, cells) for cells in shape)
    shards = tuple(
        math.ceil(cells / chunk) * chunk for cells, chunk in zip(shape, chunks, strict=True)
    )
    # Last: its presence says that all the rest is there.
    group.create_array(
        CUBES,
        shape=(0, *shape),
        dtype="float32",
        chunks=(1, *chunks),
        shards=(1, *shards),
        # Without a checksum of their own, inner chunks are not checked when read.
        compressors=[ZstdCodec(level=simulation.storage.compression_level), Crc32cCodec()],
        fill_value=np.nan,
        dimension_names=["light_cone", "x", "y", "line_of_sight"],
        attributes={"units": "mK", "long_name": "21-cm brightness temperature"},
    )


def add_array(
    group: zarr.Group, name: str, values: np.ndarray, dimensions: list[str], **attributes: Any
) -> None:
    """Write a small array into a group, in chunks that let it grow along its first dimension."""
    chunks = (max(1024, len(values)), *values.shape[1:])
    small = group.create_array(
        name,
        shape=values.shape,
        dtype=values.dtype,
        chunks=chunks,
        fill_value=np.nan if values.dtype.kind == "f" else 0,
        dimension_names=dimensions,
        attributes=attributes,
        overwrite=True,
    )
    small[...] = values


def array(group: zarr.Group, name: str) -> zarr.Array:
    """An array of a group, typed as one."""
    member = group[name]
    assert isinstance(member, zarr.Array)
    return member


def values(group: zarr.Group, name: str, stop: int | None = None) -> np.ndarray:
    """The first ``stop`` values of an array, all if none is given."""
    return np.asarray(array(group, name)[:stop])


def write(store: Path, index: int, cube: np.ndarray, simulation: Simulation) -> Written:
    """Write one realisation, have it on the disk when this returns, and give its digests.

    ``cube`` is float32, shape (x, y, line of sight), in mK; it is rounded first if
    ``storage.keep_bits`` says so. A realisation that is there already is replaced whole.
    """
    cube = np.ascontiguousarray(cube, np.float32)
    if simulation.storage.keep_bits is not None:
        cube = BitRound(keepbits=simulation.storage.keep_bits).encode(cube.copy())
        cube = cube.view(np.float32).reshape(cube.shape)
    return write_whole(store, index, cube)


def write_whole(
    store: Path, index: int, values: np.ndarray, array: str = CUBES, *made_from: str
) -> Written:
    """Write all that an array has of one realisation, as it is; see :func:`write`."""
    content = _encoded(store, index, values, array)
    put(store, index, content, array)
    said = digest(index, values)
    metadata = groups.described(store, array)
    stored = file_digest(hashlib.sha256(content), metadata, index, *made_from, said)
    return Written(said, stored)


def file_digest(read: Any, metadata: Mapping[str, Any], index: int, *said: str) -> str:
    """SHA-256 of a realisation's file, and of what its bytes are said to be.

    Where it is as it was recorded, the file and the whole of that record are as they were.

    Args:
        read: SHA-256 of the bytes, as :mod:`hashlib` has it.
        metadata: of the array, which says how voxels are encoded.
        index: of the realisation.
        said: the digest of what it was made from, if anything, and that of its voxels.
    """
    encoded = {key: metadata[key] for key in ENCODING} | {"shape": metadata["shape"][1:]}
    whole = read.copy()
    whole.update(canonical_json([encoded, index, *said]).encode())
    return str(whole.hexdigest())


def put(store: Path, index: int, content: bytes | memoryview, array: str = CUBES) -> None:
    """Write the bytes of a realisation's shard and have them on the disk when this returns."""
    shard = shard_path(store, index, array)
    durable.sweep(shard)
    with durable.written_aside(shard, root=store) as file:
        file.write(content)


def encoding(store: Path) -> dict[str, Any]:
    """How light-cones lie in their shards: chunks, codecs, and all else but how many there are.

    Shards can be taken from a store to another one of the same encoding as they are.

    Raises:
        UserError: if there is no such store.
    """
    open_cubes(store)
    metadata = groups.described(store, CUBES)
    return {**metadata, "shape": metadata["shape"][1:]}


def take_encoding(store: Path, other: Path) -> None:
    """Have a store that has no light-cones yet keep them as another one does."""
    room = open_cubes(store).shape[0]
    taken = encoding(other)
    with groups.changing(store):
        durable.write_json(store / CUBES / "zarr.json", {**taken, "shape": [room, *taken["shape"]]})


def _encoded(store: Path, index: int, values: np.ndarray, array: str) -> memoryview:
    """The bytes of a realisation's shard.

    Zarr makes them in memory: it reads a shard before it replaces it, so that a damaged one
    could not be mended, and it moves a file to its name before its bytes are on the disk.
    """
    metadata = cpu.Buffer.from_bytes((store / array / "zarr.json").read_bytes())
    files: dict[str, Buffer] = {"zarr.json": metadata}
    zarr.open_array(MemoryStore(files), mode="r+")[index] = values
    shard = files[shard_path(store, index, array).relative_to(store / array).as_posix()]
    return shard.as_numpy_array().data


def shard_path(store: Path, index: int, array: str = CUBES) -> Path:
    """The one file that holds a realisation, or what another array has of it.

    Arrays have four dimensions, of which the realisation is the first: networks' inputs too.
    """
    return store / array / "c" / str(index) / "0" / "0" / "0"


def decoded(store: Path, index: int, shard: bytes, array: str = CUBES) -> np.ndarray:
    """The voxels in a shard's bytes, decoded in memory: what goes wrong is the bytes' fault.

    Raises:
        DamagedStore: saying why, if they are not whole.
    """
    files = {"zarr.json": (store / array / "zarr.json").read_bytes()}
    files[shard_path(store, index, array).relative_to(store / array).as_posix()] = shard
    buffers: dict[str, Buffer] = {name: cpu.Buffer.from_bytes(it) for name, it in files.items()}
    cubes = zarr.open_array(MemoryStore(buffers), mode="r")
    try:
        cube = np.asarray(cubes[index])
    except MemoryError:
        raise
    except Exception as error:  # zarr lets through whatever its codecs raise
        raise DamagedStore(f"damaged: {reason(error)}") from None
    if np.isnan(cube).any():
        raise DamagedStore("missing in part")
    return cube


def read(store: Path, index: int) -> np.ndarray:
    """Voxels of one realisation in mK, float32, shape (x, y, line of sight).

    Raises:
        DamagedStore: if its shard is missing, truncated or fails a checksum.
    """
    cube: np.ndarray = read_part(open_cubes(store), index)
    return cube


def read_part(cubes: zarr.Array, index: int, *cells: slice | int) -> Any:
    """Part of a realisation, as ``cubes[index, *cells]``.

    Raises:
        DamagedStore: naming the realisation, if the part is missing or fails a checksum.
    """
    try:
        part = np.asarray(cubes[(index, *cells)])
    except Exception as error:  # zarr lets through whatever its codecs raise
        what = f"light-cone {index} of {cubes.store} is damaged: {reason(error)}"
        raise DamagedStore(what) from None
    if np.isnan(part).any():  # what is not there reads as NaN
        raise DamagedStore(f"light-cone {index} of {cubes.store} is missing, whole or in part")
    return part


def open_cubes(store: Path, array: str = CUBES) -> zarr.Array:
    """The array of light-cones, shape (light_cone, x, y, line_of_sight), for reading.

    Raises:
        UserError: if there is no such store.
    """
    try:
        return zarr.open_array(store, path=array, mode="r")
    except (FileNotFoundError, zarr.errors.NodeNotFoundError):
        raise UserError(f"{store}: no light-cones here") from None


def write_histories(store: Path, records: list[dict[str, Any]]) -> None:
    """Put the journal's global histories, one record per realisation, into the store.

    Realisations without a record have NaN: like every array, these are as long as the cubes.
    Of light-cones that were adopted without histories there are none.
    """
    if not all("node_redshift" in record for record in records):
        return
    nodes = np.array(records[0]["node_redshift"])
    indices = [record["index"] for record in records]
    with groups.changing(store) as group:
        add_array(group, "node_redshift", nodes, ["node"])
        for name, unit in HISTORIES.items():
            values = np.full((array(group, CUBES).shape[0], len(nodes)), np.nan)
            values[indices] = [record[name] for record in records]
            add_array(group, name, values, ["light_cone", "node"], units=unit, long_name="box mean")
