"""Files that are either whole or not there, also after a crash."""

import json
import os
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

SUFFIX = ".partial"
ABANDONED_AFTER = 600  # seconds without a write; the largest light-cone takes a few


@contextmanager
def written_aside(path: Path, root: Path | None = None) -> Iterator[IO[bytes]]:
    """A file to write in; it takes ``path``'s name when the block ends without an error.

    Content and name are on the disk then (fsync of the file and of its directory, and of those
    above it up to ``root``, which is left out). The name aside carries host and process, so that
    two writers cannot mix their bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    if root is None:
        sync(path.parent)
    else:
        sync_up(path.parent, root)


def write_text(path: Path, text: str) -> None:
    """Write a text aside, then move it."""
    with written_aside(path) as file:
        file.write(text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write sorted, indented JSON aside, then move it."""
    write_text(path, f"{json.dumps(content, indent=2, sort_keys=True, allow_nan=False)}\n")


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}{SUFFIX}")


def write_link(path: Path, target: Path, relative: bool = True) -> None:
    """Have ``path`` lead to a directory, there or yet to come; where ``relative``, however both
    are moved together.

    A directory that is there instead of a link, as in a copy that followed links, is left.
    """
    if path.is_dir() and not path.is_symlink():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    aside.unlink(missing_ok=True)
    to = os.path.relpath(target, path.parent) if relative else target.resolve()
    aside.symlink_to(to, target_is_directory=True)
    aside.replace(path)
    sync(path.parent)


def unique(begin: str = "", end: str = "") -> str:
    """A file's name that no other process, here or on another host, gives, nor this one again."""
    return f"{begin}{time.time_ns()}-{socket.gethostname()}-{os.getpid()}{end}"


def own(paths: Iterable[Path]) -> list[Path]:
    """Paths in order, without what systems put beside files: ``._*`` and ``.DS_Store`` of macOS,
    ``.nfs*`` of NFS. Nothing that lcinfer reads has a name that begins with a dot."""
    return sorted(path for path in paths if not path.name.startswith("."))


def sync(path: Path) -> None:
    """Have the file system write a file, or a directory's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_up(path: Path, root: Path) -> None:
    """Sync a file and every directory from it up to ``root``, which is left out.

    All at the same time: a disk that is asked for several at once answers them together.
    """
    below = [path, *(parent for parent in path.parents if parent.is_relative_to(root))]
    with ThreadPoolExecutor() as pool:
        list(pool.map(sync, [one for one in below if one != root]))


def abandoned(aside: Path) -> bool:
    """Whether no writer is known to be at work on a file aside.

    Of another host's process nothing is known but when it last wrote.
    """
    name, _, process = aside.name.removesuffix(SUFFIX).rpartition(".")
    if name.endswith(f".{socket.gethostname()}") and process.isdigit():
        return not runs(process)
    return time.time() - aside.stat().st_mtime > ABANDONED_AFTER


def runs(process: str) -> bool:
    """Whether a process of this host runs; one that was killed and not waited for does not."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return told.rpartition(")")[2].split()[0] not in ("Z", "X")


def sweep(path: Path) -> None:
    """Remove what killed writers of ``path`` left aside, and nothing of those that live."""
    for aside in path.parent.glob(f"{path.name}.*{SUFFIX}"):
        with suppress(FileNotFoundError):  # its writer has just finished
            if abandoned(aside):
                aside.unlink()
