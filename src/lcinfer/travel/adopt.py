"""Light-cones that someone already has, in files that py21cmfast left.

They become a database of their own kind: its fingerprint covers what the files say of
themselves (parameters, seeds, inputs, version, SHA-256), not a prior from which nobody knows
that they were drawn. What the files do not say is left out: times, hosts, and the histories if
one file lacks them. Velocities are treated as ``database.simulator.velocities`` says: the voxels
tell whether the gradient is in them, and where it is not, it is put in from velocities and
optical depths, if the file has them.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..base import durable
from ..base.errors import UserError
from ..base.fingerprint import digest
from ..base.progress import Progress, with_progress
from ..config import Config
from ..lightcone_file.saved import HISTORIES, PLAIN
from ..lightcones import journal, store
from ..products.databases import LightCones
from ..products.design import INCLUDED, TABLE
from ..products.run import Run
from ..records.record import recorded
from ..simulator import lightcone
from ..stages import lightcones
from .candidates import Candidate, agreement, read_candidate
from .subset import mark


def adopt(
    config: Config,
    paths: Sequence[Path],
    results: Path,
    differing: Sequence[str] = (),
    skip_bad: bool = False,
) -> LightCones:
    """Make a database of the light-cones in files; these are only read.

    Which index a light-cone has follows from its parameters and seed, not from its file's
    name: files are often named in the order of a parameter, and the lowest indices validate.
    Killed at any time, it can be run again.

    Args:
        config: gives the box, the cosmology, the extent, the varied parameters.
        paths: the files.
        results: where the database will lie.
        differing: inputs in which the files may differ, as ``N_THREADS`` or ``version``.
        skip_bad: leave files out that cannot be adopted, and record which.

    Raises:
        UserError: if a file is no light-cone, is damaged, or is of another box, cosmology or
            extent than the configuration's, of other options or versions than most files,
            outside the prior, has another one's seed or voxels that no database takes. All such
            files are named, and nothing is written.
    """
    names = sorted(config.database.prior)
    paths = list(dict.fromkeys(paths))
    candidates, faults = _looked_at(config, paths)
    candidates.sort(key=lambda each: digest([each.file.seed, each.parameters(names)]))
    differing = _that_differ(candidates, differing)
    taken_before = [each.as_it_is() for each in candidates]
    as_before = config.database.adopted == digest(_table(taken_before, names, differing))
    if as_before and candidates != taken_before:
        print(
            f"database.adopted {config.database.adopted} was adopted without a look at velocities: "
            "the files are taken as they are",
            file=sys.stderr,
        )
        candidates = taken_before
    faults |= {each.file.path: each.unlike for each in candidates if each.unlike is not None}
    candidates = [each for each in candidates if each.file.path not in faults]
    faults |= agreement(candidates, names, differing).faults
    candidates = [each for each in candidates if each.file.path not in faults]
    reasons = [faults[path] for path in paths if path in faults]
    _tell(reasons, len(paths), skip_bad and bool(candidates))
    for each in candidates:
        for remark in each.cube.remarks:
            print(f"{each.file.path}: {remark}", file=sys.stderr)
    table = _table(candidates, names, differing)
    identity = digest(table)
    if config.database.adopted not in (None, identity):
        raise UserError(
            f"database.adopted is {config.database.adopted}, and these files give {identity}: "
            "they are others; leave the key out to adopt them"
        )
    found = {"adopted": identity, "realizations": len(candidates)}
    changed = config.database.model_copy(update=found)
    cones = Run(config.model_copy(update={"database": changed}), results).database
    if not (cones.directory / TABLE).exists():
        durable.write_json(cones.directory / TABLE, table)
    lightcones.prepare(cones)
    _bring(cones, candidates, faults)
    mark(cones)
    return cones


def _looked_at(config: Config, paths: Sequence[Path]) -> tuple[list[Candidate], dict[Path, str]]:
    """The files that can be adopted if they agree, and why the others cannot."""
    _, distance = lightcone.coordinates(config.database)
    progress = Progress("looked at", len(paths), "files")
    candidates: list[Candidate] = []
    faults: dict[Path, str] = {}
    for path in paths:
        try:
            candidates.append(read_candidate(path, config.database, distance))
        except UserError as error:
            faults[path] = str(error)
        except OSError as error:  # of the file system
            faults[path] = f"{path}: {error.strerror or error}"
        progress.count(path not in faults)
    return candidates, faults


def _tell(faults: list[str], count: int, go_on: bool) -> None:
    """Name every file that cannot be adopted.

    Raises:
        UserError: if they are not to be left out.
    """
    if not faults:
        return
    first, *others = faults
    if go_on or others:
        print(first, *others, sep="\n", file=sys.stderr)
    if not go_on and not others:
        raise UserError(first)
    if not go_on:
        raise UserError(
            f"{len(faults)} of {count} files cannot be adopted, each named above, and nothing was "
            "written; --skip-bad leaves them out"
        )


def _that_differ(candidates: Sequence[Candidate], names: Sequence[str]) -> list[str]:
    """Those of the named inputs that are not the same in all files.

    Raises:
        UserError: if no file has an input of a name.
    """
    known = [candidate.inputs for candidate in candidates]
    for name in names:
        if known and all(name not in inputs for inputs in known):
            raise UserError(f"--differing {name}: these files have no such input")
    return sorted(
        name for name in set(names) if any(one.get(name) != known[0].get(name) for one in known)
    )


def _table(
    candidates: Sequence[Candidate], names: Sequence[str], differing: Sequence[str]
) -> dict[str, Any]:
    """What identifies the database: each light-cone, and what all of them have in common.

    What came later stands in it only where it was made use of: other tables are as they were.
    """
    agreed = agreement(candidates, names, differing)
    rows = []
    for each in candidates:
        row = {"parameters": each.parameters(names), "seed": each.file.seed, "sha256": each.sha256}
        if each.cube.includes:
            row["gradient"] = INCLUDED
        if differing:
            row["inputs"] = {name: each.inputs.get(name) for name in differing}
        rows.append(row)
    table = {"light_cones": rows, "inputs": agreed.common, "follows": agreed.follows}
    moved = {each.cube.quantity for each in candidates} - {PLAIN}
    return {**table, **({"quantity": moved.pop()} if moved else {})}


def _bring(
    cones: LightCones,
    candidates: Sequence[Candidate],
    left_out: dict[Path, str],
) -> None:
    have = journal.finished(cones.journal)
    left = [(index, each) for index, each in enumerate(candidates) if index not in have]
    if not left:
        return
    with recorded(cones, "adopt", [cones.directory / TABLE]) as record:
        record["left_out"] = {str(path): why for path, why in left_out.items()}
        brought = _brought(cones, left, all(each.has_histories for each in candidates))
        with journal.Journal(cones.journal, durable.unique("adopted-")) as lines:
            for line in with_progress(brought, len(left), cones.name):
                lines.append(line)


def _brought(
    cones: LightCones, candidates: Sequence[tuple[int, Candidate]], with_histories: bool
) -> Iterator[journal.Record]:
    """Write light-cones; what the journal is to say of each, once it is on the disk."""
    for index, each in candidates:
        cone = each.light_cone(cones.simulation)
        about = {
            "path": str(each.file.path),
            "sha256": each.sha256,
            "at": time.time(),
            "version": each.file.version,
            "threads": each.file.written.get("N_THREADS"),
        }
        if each.cube.remarks:
            about["remarks"] = list(each.cube.remarks)
        record = {
            "index": index,
            "parameters": each.parameters(cones.design.names),
            "seed": each.file.seed,
            **store.write(cones.store, index, cone.brightness_temp, cones.simulation)._asdict(),
            "adopted": about,
        }
        if with_histories:
            for name in ("node_redshift", *HISTORIES):
                record[name] = getattr(cone, name).tolist()
        yield record
