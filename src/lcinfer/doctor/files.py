"""The results' file system: what the store and the journal rest on, its speed and its room."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..base import durable
from ..lightcones import journal
from ..planning.plan import plan
from ..products.run import Run
from .site import Line, Site, failed, passed, warned

APPENDS = 300
APPENDING_SECONDS = 10.0  # at most; a slow file system is told from fewer
SLOW_APPEND = 0.1  # seconds
RECORD = {"index": 0, "seconds": 1.0, "node_redshift": 4000 * "9"}  # about a light-cone's
WRITTEN = 64 * 2**20  # bytes
SLOW_WRITE = 20e6  # bytes per second
INODES = 5  # of a light-cone: its shard and the directories that lead to it
SPARE = 1.2  # room for images, logs and checkpoints
IN_MEMORY = ("tmpfs", "ramfs")


def check_files(site: Site) -> Iterator[Line]:
    """Writing, semantics, speed, room."""
    try:
        site.scratch.mkdir()
    except OSError as error:
        do = "give --results a directory that you can write to"
        yield failed("results", f"{error.filename}: {error.strerror}", do)
        return
    yield _kind(site.scratch)
    for part in (_semantics, _appends, _write):
        try:
            yield part(site.scratch)
        except OSError as error:
            what = f"{site.results.absolute()}: {error.strerror}"
            yield failed("results", what, "free some room, or give --results another place")
            break
    yield _room(site)


def kind_of(path: Path) -> tuple[str, str]:
    """(mount point, kind) of the file system that a path is on, as /proc/mounts has them."""
    path = path.resolve()
    found = "/", "unknown"
    for line in Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        _, mounted, kind, *_ = line.split()
        point = mounted.encode().decode("unicode_escape")  # a space is \040
        # Of several mounts on one point the last hides the others.
        if path.is_relative_to(point) and len(point) >= len(found[0]):
            found = point, kind
    return found


def _kind(directory: Path) -> Line:
    point, kind = kind_of(directory)
    what = f"{directory.parent} is on {kind} ({point})"
    if kind in IN_MEMORY:
        do = "give --results a place on a disk"
        return warned("results", f"{what}, in memory: gone with this machine", do)
    return passed("results", what)


def _semantics(directory: Path) -> Line:
    """The promises of a file system that no finished light-cone is lost by."""
    old, new = directory / "old", directory / "new"
    for path in (old, new):
        with path.open("wb") as file:
            file.write(path.name.encode())
            file.flush()
            os.fsync(file.fileno())
    new.replace(old)
    durable.sync(directory)
    if old.read_bytes() != b"new" or new.exists():
        do = "results need a POSIX file system"
        return failed("rename", "a file moved over another does not take its place", do)
    try:
        os.close(os.open(old, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return passed("rename", "files replace one another whole, fsync and exclusive files work")
    do = "results need a POSIX file system; never start two jobs on one block"
    return failed("rename", "a file that is there can be created once more", do)


def _appends(directory: Path) -> Line:
    count, began = 0, time.perf_counter()
    with journal.Journal(directory / "journal", "doctor") as lines:
        while count < APPENDS and time.perf_counter() - began < APPENDING_SECONDS:
            lines.append(RECORD)
            count += 1
    each = (time.perf_counter() - began) / count
    if [line.record for line in journal.lines(directory / "journal")] != count * [RECORD]:
        do = "results need a POSIX file system"
        return failed("journal", "a file does not hold what was appended to it", do)
    what = f"{count} fsynced lines, {1e3 * each:.1f} ms each"
    if each > SLOW_APPEND:
        do = "each light-cone waits for one: no matter if it takes minutes, else another --results"
        return warned("journal", what, do)
    return passed("journal", what)


def _write(directory: Path) -> Line:
    piece = os.urandom(2**22)  # no file system compresses it
    began = time.perf_counter()
    with durable.written_aside(directory / "large") as file:
        for _ in range(WRITTEN // len(piece)):
            file.write(piece)
    rate = WRITTEN / (time.perf_counter() - began)
    what = f"{WRITTEN / 2**20:.0f} MB written and fsynced at {rate / 1e9:.2f} GB/s"
    if rate < SLOW_WRITE:
        return warned("write", what, "give --results a faster place, as the site's scratch")
    return passed("write", what)


def need(run: Run) -> tuple[int, int]:
    """Bytes and inodes of the light-cones that are still to be made, before compression."""
    parts = plan(run).parts
    return sum(part.raw for part in parts), INODES * sum(part.left for part in parts)


def _room(site: Site) -> Line:
    size, inodes = need(site.run)
    there = os.statvfs(site.scratch)
    free = there.f_bavail * there.f_frsize
    what = f"{free / 1e9:,.1f} GB free; light-cones still to make need {size / 1e9:,.1f} GB at most"
    if free < size:
        return failed("room", what, "free some, fewer realizations, or another --results")
    counted = there.f_files > 0  # some file systems make inodes as they go
    if counted and there.f_favail < inodes:
        what = f"{there.f_favail:,} files can be made, and light-cones need {inodes:,}"
        return failed("room", what, "free some, or give --results another place")
    if free < SPARE * size:
        return warned("room", what, "images, logs and checkpoints come on top")
    if counted:
        what += f"; {there.f_favail:,} files can be made, {inodes:,} needed"
    return passed("room", what)
