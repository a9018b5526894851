"""What under ``results/`` no given configuration points to.

Found by the names of directories; sizes are of the files as they lie on disk. Nothing is removed
that is in use, that may hold the only copy of simulations unless that was asked for, or that is
not lcinfer's.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..base import durable, lease
from ..base.errors import UserError
from ..base.fingerprint import SHOWN_DIGITS, short
from ..products.kinds import KINDS
from ..products.product import LOGS, QUARANTINE
from ..products.run import Run

NAME = re.compile(rf"[\w.]+-[0-9a-f]{{{SHOWN_DIGITS}}}")
REMOVING = ".removing-"  # begins the name of what is about to be removed
AT_WORK = 3600  # seconds since the last write, in which what is not finished may be being made

What = Literal["product", "light-cones", "partial file", "quarantine"]


@dataclass(frozen=True)
class Unused:
    """One thing that could go."""

    path: Path
    what: What
    size: int  # bytes on disk, its logs included
    logs: tuple[Path, ...] = ()
    in_use: str = ""  # why it must stay for now

    @property
    def simulated(self) -> bool:
        """Whether simulations would be lost with it."""
        return self.what in ("light-cones", "quarantine")

    def __str__(self) -> str:
        kept = f" IN USE: {self.in_use}" if self.in_use else ""
        return f"{megabytes(self.size):>12}  {self.what:<12}  {self.path}{kept}"

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {
            "path": str(self.path),
            "what": self.what,
            "bytes": self.size,
            "logs": [str(path) for path in self.logs],
            "in_use": self.in_use or None,
        }


@dataclass(frozen=True)
class Found:
    """What no configuration points to, and what lcinfer does not know."""

    root: Path
    unused: list[Unused]
    foreign: list[Path]  # not lcinfer's: never touched

    def __str__(self) -> str:
        """A line each, and the sum."""
        lines = [str(each) for each in self.unused]
        lines += [f"left alone, not lcinfer's: {path}" for path in self.foreign]
        size = sum(each.size for each in self.unused)
        return "\n".join([*lines, f"{len(self.unused)} unused, {megabytes(size)} in {self.root}"])

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {
            "results": str(self.root),
            "unused": [each.as_json() for each in self.unused],
            "left_alone": [str(path) for path in self.foreign],
        }


def megabytes(size: int) -> str:
    """A size in MB."""
    return f"{size / 1e6:,.1f} MB"


def find(runs: list[Run], root: Path) -> Found:
    """Everything that none of these runs, whose products are under ``root``, points to.

    Raises:
        UserError: if there are no results.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no results here")
    kept = {each.directory for run in runs for each in run.products}
    kept |= {each.directory for run in runs for it in run.products for each in it.also}
    unused: list[Unused] = []
    foreign: list[Path] = []
    for entry in durable.own(root.iterdir()):
        if entry.name not in KINDS or not entry.is_dir():
            foreign += [] if entry.name in (LOGS, "README.md") else [entry]
            continue
        for directory in sorted(entry.iterdir()):
            if directory in kept:
                unused += _leftovers(directory)
            elif _is_product(directory):
                unused.append(_product(directory, root))
            else:
                foreign += durable.own([directory])
    return Found(root, unused, foreign)


def remove(found: Found, lightcones: bool = False) -> Iterator[str]:
    """Remove what is unused and not in use, each with its logs; says what it did, line by line.

    A directory is renamed first, and looked at once more, so that nobody can begin to use what
    is half gone; killed meanwhile, the next call finds what is left.

    Args:
        found: what :func:`find` found.
        lightcones: whether also what was simulated.

    Raises:
        UserError: if the workflow is at work in these results.
    """
    locks = found.root.absolute().parent / ".snakemake" / "locks"
    if locks.is_dir() and durable.own(locks.iterdir()):
        raise UserError(
            f"{locks}: Snakemake is at work here, nothing is removed (if it was killed: "
            "snakemake --unlock)"
        )
    freed = 0
    for each in found.unused:
        if each.simulated and not lightcones:
            yield f"kept, with what was simulated: {each.path} (--lightcones removes it too)"
        elif why := each.in_use or _removed(each):
            yield f"kept, in use: {each.path}: {why}"
        else:
            freed += each.size
            yield f"removed: {each.path}"
    yield f"{megabytes(freed)} freed"


def _removed(unused: Unused) -> str:
    """Removes it; else why not."""
    path = unused.path
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return ""
    aside = path
    if not path.name.startswith(REMOVING):
        aside = path.with_name(f"{REMOVING}{path.name}")
        path.rename(aside)
        if unused.what != "quarantine" and (why := _in_use(aside)):
            aside.rename(path)
            return why
    shutil.rmtree(aside)
    durable.sync(aside.parent)
    for log in unused.logs:
        shutil.rmtree(log) if log.is_dir() else log.unlink(missing_ok=True)
    return ""


def _is_product(directory: Path) -> bool:
    name = directory.name.removeprefix(REMOVING)
    if directory.is_symlink() or not directory.is_dir() or not NAME.fullmatch(name):
        return False
    if not KINDS[directory.parent.name].simulated or directory.name != name:
        return True
    try:  # the costliest must say itself what it is
        spec = json.loads((directory / "spec.json").read_text(encoding="utf-8"))
        return bool(short(spec["fingerprint"]) == name.rpartition("-")[2])
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _product(directory: Path, root: Path) -> Unused:
    kind, name = directory.parent.name, directory.name.removeprefix(REMOVING)
    places = (root / LOGS / kind / name, root / LOGS / kind / f"{name}.log")
    logs = tuple(path for path in places if path.exists())
    return Unused(
        path=directory,
        what="light-cones" if KINDS[kind].simulated else "product",
        size=sum(map(_size, (directory, *logs))),
        logs=logs,
        in_use=_in_use(directory),
    )


def _leftovers(directory: Path) -> Iterator[Unused]:
    """In a directory that stays: what killed writers left, and what was moved aside."""
    quarantine = directory / QUARANTINE
    for path in durable.own(directory.rglob(f"*{durable.SUFFIX}")):
        if quarantine not in path.parents and path.is_file() and durable.abandoned(path):
            yield Unused(path, "partial file", _size(path))
    if quarantine.is_dir():
        yield Unused(quarantine, "quarantine", _size(quarantine))


def _in_use(directory: Path) -> str:
    for holder in lease.holders(directory / "leases", time.time()):
        if not holder.forgotten:
            return f"host {holder.host}, job {holder.job} is at work on {holder.block}"
    # What a finished one has; numbers of realisations may be any.
    final = [re.sub(r"({\w+})+", "*", it) for it in KINDS[directory.parent.name].makes[-1:]]
    if final and not any(directory.glob(*final)):
        age = time.time() - max(map(_time, (directory, *durable.own(directory.rglob("*")))))
        if age < AT_WORK:
            return f"not finished, and written to {age / 60:.0f} minutes ago"
    return ""


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(512 * each.lstat().st_blocks for each in files)


def _time(path: Path) -> float:
    return path.lstat().st_mtime
