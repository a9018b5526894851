"""Where a database lies: among the results, or elsewhere behind a symbolic link.

All that reads or writes a database goes through its directory among the results. If that is
a link, or ``results/lightcones`` itself is one, the database may be on any disk; nothing else
has to know.
"""

import json
import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ..base import durable
from ..base.counting import counted
from ..base.errors import UserError, no_such_file
from ..base.fingerprint import short
from ..base.lease import Lease
from ..base.progress import with_progress
from ..lightcones import journal, store
from ..products.databases import LightCones
from ..products.design import TABLE
from ..upkeep import markers
from ..upkeep.verify import verify


@dataclass(frozen=True)
class Placed(LightCones):
    """A database, or a part of one, in a directory of its own choice."""

    place: Path

    @property
    def directory(self) -> Path:
        """Where it is."""
        return self.place


def placed(cones: LightCones, place: Path) -> Placed:
    """The same database in another directory, whether anything is there or not."""
    same = {field.name: getattr(cones, field.name) for field in fields(LightCones)}
    return Placed(**same, place=place)


def at(cones: LightCones, place: Path) -> Placed:
    """The database that is in a directory, or in a root of databases, if it is this one.

    Raises:
        UserError: if there is none, it is damaged, or it has another fingerprint.
    """
    inside = place / cones.directory.name
    there = placed(cones, inside if inside.is_dir() else place)
    try:
        spec = json.loads(there.spec.read_bytes())
        found, block = str(spec["fingerprint"]), int(spec["block"])
    except (FileNotFoundError, NotADirectoryError):
        if not place.exists():
            raise no_such_file(place) from None
        raise UserError(f"{place}: no database here: it has no spec.json") from None
    except (ValueError, TypeError, KeyError):
        raise UserError(f"{there.spec} is damaged: it does not say what database it is") from None
    if found != cones.fingerprint:
        raise UserError(
            f"{there.place}: this is the database {spec.get('name')}-{short(found)}, another one "
            f"than this configuration's {cones.name}-{short(cones.fingerprint)}"
        )
    store.open_cubes(there.store)
    return replace(there, block=block)


def check_whole(cones: LightCones) -> int:
    """How many light-cones are finished; each has a shard, and so have those of the markers.

    Their voxels are not read: that is :func:`lcinfer.upkeep.verify.verify`.

    Raises:
        UserError: if a shard or a line of the journal is missing.
    """
    finished = journal.finished(cones.journal, histories=False)
    claimed = {index for marker in markers.read(cones)[0] for index in marker.claimed}
    gone = [index for index in finished if not store.shard_path(cones.store, index).exists()]
    gone += sorted(claimed - finished.keys())
    if gone:
        raise UserError(
            f"{cones.directory}: {counted(len(gone), 'light-cone')} said to be finished, but not "
            f"there, the first is {min(gone)}: was all of it copied, the journal too?"
        )
    return len(finished)


def attach(cones: LightCones, place: Path) -> Placed:
    """Have a database that lies elsewhere count among the results: by a symbolic link to it.

    Raises:
        UserError: if it is not this one or not whole, or if there is one among the results.
    """
    there = at(cones, place)
    check_whole(there)
    _link(cones, there.place)
    return there


def begin(cones: LightCones, root: Path) -> Placed:
    """Have a database that is yet to be made lie in a root of databases.

    Raises:
        UserError: if it has been begun, here or there.
    """
    there = placed(cones, root / cones.directory.name)
    if there.spec.exists():
        raise UserError(f"{there.place}: it has been begun: attach it without --new")
    there.place.mkdir(parents=True, exist_ok=True)
    _link(cones, there.place)
    return there


def _link(cones: LightCones, place: Path) -> None:
    link = cones.directory
    if link.exists() and not link.is_symlink():
        if link.samefile(place):
            return
        raise UserError(
            f"{link}: this database is here too: bring them together with `lcinfer merge`, or "
            "move one aside"
        )
    durable.write_link(link, place, relative=False)


def move(cones: LightCones, root: Path, threads: int = 1) -> tuple[Placed, Path]:
    """Copy a database into a root of databases, verify the copy, and attach it.

    The old one stays, beside the link if it was among the results. Killed at any time, it can
    be run again: files that are there are not copied again.

    Returns:
        The new one, and the old one's directory.

    Raises:
        UserError: if a job is at work on it, there is no room, or the copy does not hold; the
            old one is in its place then.
    """
    kept = cones.directory.with_name(f"{cones.directory.name}.old")
    interrupted = kept.exists() and not (cones.directory.exists() or cones.directory.is_symlink())
    old = at(cones, kept if interrupted else cones.directory).place.resolve()
    there = placed(cones, (root / cones.directory.name).resolve())
    if there.place == old or old in there.place.parents:
        raise UserError(f"{there.place}: this is where it is: give another root")
    if kept.exists() and not interrupted and not cones.directory.is_symlink():
        raise UserError(f"{kept}: an earlier move left this: move it elsewhere first")
    _check_idle(cones)
    _copy(old, there.place, cones.name)
    report = verify(there, threads)
    if report.findings:
        raise UserError(
            f"{there.place}: the copy does not hold, nothing was moved: {report.findings[0]} "
            f"({counted(len(report.findings), 'fault')}; are they in the old one? `lcinfer verify`)"
        )
    if not cones.directory.is_symlink() and cones.directory.exists():
        cones.directory.rename(kept)
        old = kept
    _link(cones, there.place)
    return there, old


def _check_idle(cones: LightCones) -> None:
    for path in durable.own(cones.lease((0, 1)).parent.glob("*.json")):
        lease = Lease(path)
        lease.acquire()  # says who is at work; waits until a silent one is known to be gone
        lease.release()


def _copy(old: Path, new: Path, name: str) -> None:
    """Every file but leases and what killed writers left; whole, or not at all."""
    files = [
        path
        for path in durable.own(old.rglob("*"))
        if path.is_file()
        and path.suffix != durable.SUFFIX
        and path.relative_to(old).parts[0] != "leases"
    ]
    new.mkdir(parents=True, exist_ok=True)
    left = [path for path in files if not _is_copied(path, new / path.relative_to(old))]
    check_room(new, sum(path.stat().st_size for path in left))
    for path in with_progress(left, len(left), name, "files"):
        target = new / path.relative_to(old)
        durable.sweep(target)
        with durable.written_aside(target) as file, path.open("rb") as source:
            shutil.copyfileobj(source, file, 2**20)
        shutil.copystat(path, target)
        durable.sync_up(target.parent, new.parent)


def _is_copied(path: Path, target: Path) -> bool:
    """By size and time, which a copy takes last; what it holds is verified afterwards."""
    if not target.exists():
        return False
    one, other = path.stat(), target.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def take_table(cones: LightCones, part: LightCones) -> None:
    """Take over the table of light-cones that were adopted, if they were; it has a digest."""
    here, there = cones.directory / TABLE, part.directory / TABLE
    if there.exists() and not here.exists():
        durable.write_text(here, there.read_text(encoding="utf-8"))


def check_room(directory: Path, needed: int) -> None:
    """Refuse to begin what does not fit on a disk.

    Raises:
        UserError: saying how many bytes are needed and free.
    """
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise UserError(f"{directory}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} are free")
