"""Whether a database still is what its digests, its journal and its configuration say.

Every finished light-cone is read once. One whose file has the digest that was recorded when it
was written holds the voxels of that record; any other is decoded. Nothing is changed: see
:mod:`lcinfer.upkeep.repair`.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import MemoryStore

from ..base import durable, groups
from ..base.errors import UserError, reason
from ..base.fingerprint import fingerprint, short
from ..base.progress import with_progress
from ..lightcones import journal, store
from ..products.databases import LightCones
from . import markers
from .findings import Finding, Report
from .judge import Judge, Look, place


def verify(
    cones: LightCones, threads: int = 1, look: Look | None = None, decode: bool = False
) -> Report:
    """Read a whole database; at most ``threads`` light-cones are in memory at a time.

    Light-cones that a larger configuration added are read too. Safe while a campaign runs.
    ``look(index, digest, stored)`` is called with each, from several threads. With ``decode``
    every light-cone is decoded.

    Raises:
        UserError: if there is no database of this configuration, or if its store or the
            description of it is too damaged to look into.
        PermissionError: if a directory, the journal or a marker cannot be read.
    """
    _check_identity(cones)
    judge = Judge(cones, look, decode)
    group = groups.open_group(cones.store)
    findings = [
        *judge.strange_markers,
        *judge.unsealed,
        *_strange_lines(cones, judge.room),
        *_description(replace(cones, realizations=judge.room), group),
        *_partial_files(cones),
    ]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        judged = pool.map(judge, judge.indices)
        read = with_progress(judged, len(judge.indices), cones.name)
        bad = [found for found in read if found is not None]
    known = {found.index for found in bad if found.index is not None}
    findings += bad + markers.unlike_journal(judge.markers, judge.digests, known, judge.room)
    return Report(
        name=cones.name,
        directory=cones.directory,
        checked=len(judge.claims),
        decoded=len(judge.decoded),
        findings=sorted(findings, key=lambda found: (found.index is None, found.index or 0)),
        unclaimed=sorted(_with_data(cones) - set(judge.indices)),
        remarks=cones.design.remarks,
    )


def _check_identity(cones: LightCones) -> None:
    """That the store can be opened and is this configuration's."""
    if not cones.spec.exists() and not cones.store.exists():
        raise UserError(f"{cones.directory}: no database here; `snakemake` makes it")
    said = {}
    with suppress(ValueError, FileNotFoundError):
        said[cones.spec] = json.loads(cones.spec.read_bytes()).get("fingerprint")
    for described in (cones.store / "zarr.json", cones.store / store.CUBES / "zarr.json"):
        try:
            attributes = json.loads(described.read_bytes()).get("attributes", {})
        except (ValueError, FileNotFoundError):
            raise UserError(
                f"{described} is missing or damaged: move it aside if it is there, then "
                "`lcinfer stage design` writes it again and touches no light-cone"
            ) from None
        if "fingerprint" in attributes:
            said[described] = attributes["fingerprint"]
    for path, value in said.items():
        if value != cones.fingerprint:
            raise UserError(
                f"{path}: this is the database {short(str(value))}, not "
                f"{short(cones.fingerprint)} as its directory says: it was copied or renamed; "
                "move it back"
            )


def _description(cones: LightCones, group: zarr.Group) -> Iterator[Finding]:
    """What is said of the light-cones beside them: settings, coordinates, the design."""
    if not _is_spec(cones):
        what = "it is missing, or its settings do not give its fingerprint"
        yield Finding("description", cones.spec, what)
    expected = zarr.open_group(MemoryStore(), mode="w")
    store.describe(expected, cones)
    if not expected.attrs.asdict().items() <= group.attrs.asdict().items():
        what = "its attributes are not the database's"
        yield Finding("description", cones.store / "zarr.json", what)
    if groups.is_stale(cones.store):
        what = "its consolidated metadata, by which xarray opens it, are of another size"
        yield Finding("description", cones.store / "zarr.json", what)
    for name in expected.array_keys():
        path, column = cones.store / name, store.values(expected, name)
        try:
            found = store.values(group, name)
            attributes = store.array(group, name).attrs.asdict()
        except PermissionError:
            raise
        except Exception as error:  # zarr lets through whatever its codecs raise
            yield Finding("description", path, f"it cannot be read: {reason(error)}")
            continue
        meant = store.array(expected, name).attrs.asdict()
        if found.shape != column.shape or not meant.items() <= attributes.items():
            yield Finding("description", path, "its length or its attributes are wrong")
        elif name not in (*cones.design.names, "random_seed"):
            # Their last digits are astropy's.
            if not np.allclose(found, column, rtol=1e-9, atol=0):
                yield Finding("description", path, "it is not the configuration's coordinate")
        else:
            for index in np.flatnonzero(found != column).tolist():
                what = f"it says {found[index]}, the design says {column[index]}"
                yield Finding("description", path, what, index)


def _is_spec(cones: LightCones) -> bool:
    try:
        spec: dict[str, Any] = json.loads(cones.spec.read_bytes())
        made_from = {"simulation": spec["simulation"], "design": spec["design"]}
        return (
            fingerprint("lightcones", **made_from) == spec["fingerprint"] == cones.fingerprint
            and tuple(spec["parameters"]) == cones.design.names
        )
    except (ValueError, TypeError, KeyError, FileNotFoundError):
        return False


def _strange_lines(cones: LightCones, room: int) -> Iterator[Finding]:
    """Whole lines that no writer makes. A torn last line is what a killed writer leaves."""
    gone = journal.withdrawn(cones.journal)
    for line in journal.lines(cones.journal, histories=False):
        beyond = line.record is not None and line.record.get("index", 0) >= room
        if (line.record is None or beyond) and line.identity not in gone:
            what = f"it is about a light-cone beyond {room}" if beyond else "it is no record"
            yield Finding("journal line", place(line), what, lines=(line.identity,))


def _partial_files(cones: LightCones) -> Iterator[Finding]:
    for path in durable.own(cones.directory.rglob(f"*{durable.SUFFIX}")):
        with suppress(FileNotFoundError):  # its writer has just finished
            if durable.abandoned(path):
                what = "it is what a killed writer left"
                yield Finding("partial file", path, what, _index_of(cones, path))


def _index_of(cones: LightCones, path: Path) -> int | None:
    shards = cones.store / store.CUBES / "c"
    inside = path.relative_to(shards).parts if path.is_relative_to(shards) else ("",)
    return int(inside[0]) if inside[0].isdigit() else None


def _with_data(cones: LightCones) -> set[int]:
    shards = cones.store / store.CUBES / "c"
    names = [path.name for path in shards.iterdir()] if shards.is_dir() else []
    indices = {int(name) for name in names if name.isdigit()}
    return {index for index in indices if store.shard_path(cones.store, index).exists()}
