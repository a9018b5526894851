"""Light-cones that someone already has, as py21cmfast's ``LightCone.save`` writes them.

They become a database of their own kind: its fingerprint covers what the files say of
themselves (parameters, seeds, inputs, version, SHA-256), not a prior from which nobody knows
that they were drawn. What the files do not say is left out: times, hosts, whether velocity
gradients were included, and the histories if one file lacks them. Where the configuration's
simulator moves cells to redshift space, the light-cones are those that run_lightcone moved.
"""

import hashlib
import os
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .. import database, durable, journal, lightcone, store
from ..config import Config
from ..design import TABLE
from ..errors import UserError
from ..fingerprint import digest
from ..lightcone import BadLightCone, LightCone
from ..products import LightCones
from ..progress import told
from ..run import Run
from ..sections import Database
from ..velocities import BEYOND_THE_ENDS
from .subset import mark

STRUCTS = ("simulation_options", "matter_options", "cosmo_params", "astro_params", "astro_options")
HISTORIES = {"neutral_fraction": "neutral_fraction", "global_brightness_temp": "brightness_temp"}
PLAIN, MOVED = "brightness_temp", "brightness_temp_with_rsds"
CELL_TOLERANCE = 0.01  # of a cell, between where a cell lies and where it should


@dataclass(frozen=True)
class File:
    """What a file says of its light-cone."""

    path: Path
    sha256: str
    seed: int
    inputs: dict[str, Any]
    has_histories: bool
    quantity: str
    """By py21cmfast's name: moved to redshift space or not."""

    def parameters(self, names: Sequence[str]) -> dict[str, float]:
        """The values of the varied parameters."""
        return {name: float(self.inputs[name]) for name in names}


def adopt(config: Config, paths: Sequence[Path], results: Path) -> LightCones:
    """Make a database of the light-cones in files; these are only read.

    Which index a light-cone has follows from its parameters and seed, not from its file's
    name: files are often named in the order of a parameter, and the lowest indices validate.
    Killed at any time, it can be run again.

    Raises:
        UserError: naming the file that is no light-cone, that is of another box, cosmology or
            extent than the configuration's, of other options or versions than the other
            files, outside the prior, or whose seed another one has; nothing is written then.
            Also naming one with voxels that no database takes; those before it are in.
    """
    names = sorted(config.database.prior)
    _, distance = lightcone.coordinates(config.database)
    looked_at = (_looked_at(path, config.database, distance) for path in paths)
    files = list(told(looked_at, len(paths), "looked at", "files"))
    files.sort(key=lambda file: digest([file.seed, file.parameters(names)]))
    table = _table(files, names)
    identity = digest(table)
    if config.database.adopted not in (None, identity):
        raise UserError(
            f"database.adopted is {config.database.adopted}, and these files give {identity}: "
            "they are others; leave the key out to adopt them"
        )
    found = {"adopted": identity, "realizations": len(files)}
    changed = config.database.model_copy(update=found)
    cones = Run(config.model_copy(update={"database": changed}), results).database
    if not (cones.directory / TABLE).exists():
        durable.write_json(cones.directory / TABLE, table)
    database.prepare(cones)
    _bring(cones, files, all(file.has_histories for file in files))
    mark(cones)
    return cones


def _looked_at(path: Path, wanted: Database, expected: np.ndarray) -> File:
    """A file, which must be of the configuration's box, cosmology and cells' distances."""
    quantity = MOVED if wanted.simulator.treatment in BEYOND_THE_ENDS else PLAIN
    try:
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        with h5py.File(path) as file:
            inputs = _inputs(file)
            seed = int(file["InputParameters"].attrs["random_seed"])
            distance, saved = _distance(file), file["lightcones"]
            shape = saved[PLAIN].shape
            if quantity not in saved:
                raise UserError(
                    f"{path}: no {quantity}, which database.simulator.velocities "
                    f"{wanted.simulator.treatment} asks for: was it made with apply_rsds=True?"
                )
            last, nodes = int(file.attrs["last_completed_node"]), len(inputs["node_redshifts"])
            has_histories = all(
                f"global_quantities/{name}" in file
                and file[f"global_quantities/{name}"].shape == (nodes,)
                and np.isfinite(file[f"global_quantities/{name}"][:]).all()
                for name in HISTORIES.values()
            )
    except PermissionError:
        raise
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: no light-cone that py21cmfast 4 saved: {reason}") from None
    if 0 <= last < nodes - 1:
        raise UserError(f"{path}: unfinished: it holds {last + 1} of {nodes} nodes")
    for name, value in _expected(wanted).items():
        if name not in inputs or not np.isclose(inputs[name], value, rtol=1e-9, atol=0):
            raise UserError(
                f"{path}: {name} is {inputs.get(name)}, the configuration's is {value:g}"
            )
    for name, (low, high) in wanted.prior.items():
        if name not in inputs:
            raise UserError(f"{path}: it has no parameter {name}, which database.prior names")
        if not low <= inputs[name] <= high:
            raise UserError(
                f"{path}: {name} is {inputs[name]:g}, outside database.prior, {low:g} to {high:g}"
            )
    _check_extent(path, shape, distance, expected, wanted)
    return File(path, sha256, seed, inputs, has_histories, quantity)


def _inputs(file: h5py.File) -> dict[str, Any]:
    """Every input by py21cmfast's name, as it was written, and the version."""
    group = file["InputParameters"]
    found = {
        name: value.item() if isinstance(value, np.generic) else value
        for struct in STRUCTS
        for name, value in group[struct].attrs.items()
    }
    nodes = [float(redshift) for redshift in group["node_redshifts"][:]]
    return {**found, "node_redshifts": nodes, "version": str(group.attrs["21cmFAST-version"])}


def _expected(wanted: Database) -> dict[str, float]:
    box = wanted.box
    sides = {"HII_DIM": box.cells, "BOX_LEN": box.length, "NON_CUBIC_FACTOR": 1.0}
    factor = {"HIRES_TO_LOWRES_FACTOR": box.hires_factor}
    return {**sides, **factor, **wanted.cosmology.model_dump()}


def _buffers(file: h5py.File) -> slice:
    """The cells that are no buffer."""
    high = int(file.attrs.get("highz_buffer_pixels", 0))
    stop = len(file["lightcone_distances"]) - high
    return slice(int(file.attrs.get("lowz_buffer_pixels", 0)), stop)


def _distance(file: h5py.File) -> np.ndarray:
    return np.asarray(file["lightcone_distances"][_buffers(file)])


def _check_extent(
    path: Path,
    shape: tuple[int, ...],
    distance: np.ndarray,
    expected: np.ndarray,
    wanted: Database,
) -> None:
    cells, along = wanted.box.cells, wanted.lightcone.cells
    if len(shape) != 3 or shape[:2] != (cells, cells) or len(distance) < along:
        raise UserError(
            f"{path}: {' x '.join(map(str, shape))} cells, not {cells} x {cells} x {along} or more"
        )
    off = np.abs(distance[:along] - expected).max()
    if off > CELL_TOLERANCE * wanted.box.cell_size:
        raise UserError(
            f"{path}: its cells lie from {distance[0]:.3f} Mpc on, the configuration's from "
            f"{expected[0]:.3f} Mpc, up to {off:.3g} Mpc apart: is it database.lightcone.z_min, or "
            "was it made with other steps?"
        )


def _table(files: Sequence[File], names: Sequence[str]) -> dict[str, Any]:
    """What identifies the database: each light-cone, and what all of them have in common."""
    first = files[0]
    common: dict[str, Any] = {}
    follows: dict[str, str] = {}  # inputs that py21cmfast sets to a varied parameter
    for name in sorted({name for file in files for name in file.inputs} - set(names)):
        value = first.inputs.get(name)
        other = next((file for file in files if file.inputs.get(name) != value), None)
        if other is None:
            common[name] = value
            continue
        tied = (
            parameter
            for parameter in names
            if all(file.inputs.get(name) == file.inputs[parameter] for file in files)
        )
        parameter = next(tied, None)
        if parameter is None:
            raise UserError(
                f"{other.path}: {name} is {other.inputs.get(name)}, and {value} in {first.path}"
            )
        follows[name] = parameter
    seeds: dict[int, Path] = {}
    for file in files:
        if file.seed in seeds:
            raise UserError(
                f"{file.path} and {seeds[file.seed]} have the same seed {file.seed}: with the same "
                "initial conditions they cannot be split into training and test"
            )
        seeds[file.seed] = file.path
    rows = [
        {"parameters": file.parameters(names), "seed": file.seed, "sha256": file.sha256}
        for file in files
    ]
    # A table of plain light-cones is as it was before there was a choice.
    which = {} if first.quantity == PLAIN else {"quantity": first.quantity}
    return {"light_cones": rows, "inputs": common, "follows": follows, **which}


def _bring(cones: LightCones, files: Sequence[File], with_histories: bool) -> None:
    have = journal.finished(cones.journal)
    left = [(index, file) for index, file in enumerate(files) if index not in have]
    if not left:
        return
    lines = journal.Journal(
        cones.journal, f"adopted-{time.time_ns()}-{platform.node()}-{os.getpid()}"
    )
    try:
        for record in told(_brought(cones, left, with_histories), len(left), cones.name):
            lines.append(record)
    finally:
        lines.close()


def _brought(
    cones: LightCones, files: Sequence[tuple[int, File]], with_histories: bool
) -> Iterator[journal.Record]:
    """Write light-cones; what the journal is to say of each, once it is on the disk."""
    for index, file in files:
        cone = _read(file, cones.simulation.lightcone.cells)
        try:
            lightcone.check(cone, cones.simulation)
        except BadLightCone as error:
            raise UserError(f"{file.path}: {error}") from None
        record = {
            "index": index,
            "parameters": file.parameters(cones.design.names),
            "seed": file.seed,
            **store.write(cones.store, index, cone.brightness_temp, cones.simulation)._asdict(),
            "adopted": {"path": str(file.path), "sha256": file.sha256, "at": time.time()},
        }
        if with_histories:
            for name in ("node_redshift", *HISTORIES):
                record[name] = getattr(cone, name).tolist()
        yield record


def _read(file: File, cells: int) -> LightCone:
    with h5py.File(file.path) as content:
        there = _buffers(content)
        cube = content[f"lightcones/{file.quantity}"][..., there.start : there.start + cells]
        nodes = np.array(file.inputs["node_redshifts"] if file.has_histories else [])
        histories = {
            ours: content[f"global_quantities/{theirs}"][:].astype(np.float64)
            if file.has_histories
            else nodes
            for ours, theirs in HISTORIES.items()
        }
    return LightCone(np.asarray(cube, np.float32), nodes, **histories)
