"""What is done and what failed: the state of record of a database.

One append-only file per writer (no two processes ever append to the same one, since
appending is not atomic across NFS clients). A line is written after the data it speaks of
are on the disk, so a line means that the data are there; data without a line are made again.
"""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import durable

Record = dict[str, Any]


class Journal:
    """The file of one writer."""

    def __init__(self, directory: Path, writer: str) -> None:
        """``writer`` names job and rank; the file must not exist yet."""
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{writer}.jsonl"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        durable.sync(directory)

    def append(self, record: Record) -> None:
        """Add a line and have it on the disk when this returns."""
        line = f"{json.dumps(record, sort_keys=True, allow_nan=False)}\n".encode()
        if os.write(self._descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, "the journal's line was cut short")
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def records(directory: Path) -> Iterator[Record]:
    """All lines of all writers, each writer's in order; a torn last line is passed over."""
    for path in sorted(directory.glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:  # a whole line ends in a newline
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and "index" in record:
                yield record


def finished(directory: Path) -> dict[int, Record]:
    """Index -> the record of its finished simulation."""
    lines = [line for line in records(directory) if "digest" in line]
    # Of two writers' records of one index the later is of what is on the disk.
    return {line["index"]: line for line in sorted(lines, key=_ended)}


def _ended(record: Record) -> float:
    return float(record.get("began", 0.0)) + float(record.get("seconds", 0.0))


def failures(directory: Path) -> list[Record]:
    """Every failed attempt, also of realisations that were finished later."""
    return [line for line in records(directory) if "error" in line]
