"""What is done and what failed: the state of record of a database.

One append-only file per writer (no two processes ever append to the same one, since
appending is not atomic across NFS clients). A line is written after the data it speaks of
are on the disk, so a line means that the data are there; data without a line are made again.
A line that turned out not to hold is not removed: a file of repairs says that it is withdrawn.
"""

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from ..base import durable

Record = dict[str, Any]
REPAIRS = "repair-"  # begins the names of files of withdrawals
# Nine tenths of a line. Inside a text of JSON the quotes would have backslashes.
HISTORY = re.compile(
    rb'("(?:node_redshift|neutral_fraction|global_brightness_temp)": \[)[^]"]*(?=\])'
)


class Journal:
    """The file of one writer, made with its first line."""

    def __init__(self, directory: Path, writer: str) -> None:
        """``writer`` names job and rank; the file must not exist yet."""
        self._path = directory / f"{writer}.jsonl"
        self._descriptor: int | None = None

    def append(self, record: Record) -> None:
        """Add a line and have it on the disk when this returns."""
        line = f"{json.dumps(record, sort_keys=True, allow_nan=False)}\n".encode()
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._descriptor = os.open(self._path, new, 0o644)
            durable.sync(self._path.parent)
        if os.write(self._descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, "the journal's line was cut short")
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


class Line(NamedTuple):
    """A whole line of a journal: where it stands, and what it says."""

    path: Path
    number: int
    text: bytes
    record: Record | None  # None: it is no record, of which no writer is known to make any

    @property
    def said(self) -> Record:
        """The record, of a line that stands in a journal."""
        assert self.record is not None, "a line that stands has one"
        return self.record

    @property
    def identity(self) -> str:
        """By which it is withdrawn: no two attempts begin at the same time."""
        return hashlib.sha256(self.text).hexdigest()


def lines(directory: Path, histories: bool = True, writers: str = "") -> Iterator[Line]:
    """All whole lines of all writers, each writer's in order; a torn last line is passed over.

    Without ``histories`` these are empty, and reading takes half the time; ``writers`` is how
    the files' names begin.

    Raises:
        PermissionError: if the journal cannot be read: what is there is not lost.
    """
    try:  # a glob would be empty where it may not look
        files = [path for path in durable.own(directory.iterdir()) if path.suffix == ".jsonl"]
    except FileNotFoundError:
        return
    for path in files:
        if not path.name.startswith(writers):
            continue
        for number, text in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
            yield Line(
                path, number, text, _record(text if histories else HISTORY.sub(rb"\1", text))
            )


def _record(text: bytes) -> Record | None:
    try:
        record = json.loads(text)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    if isinstance(record.get("withdrawn"), str):
        return record
    times = [record.get(name, 0.0) for name in ("began", "seconds")]
    known = type(record.get("index")) is int and record["index"] >= 0
    known &= all(isinstance(record.get(name, ""), str) for name in ("digest", "stored"))
    return record if known and all(type(value) in (int, float) for value in times) else None


def records(directory: Path, histories: bool = True) -> Iterator[Record]:
    """All attempts, done and failed, also those whose lines were withdrawn."""
    for line in lines(directory, histories):
        if line.record is not None and "index" in line.record:
            yield line.record


def finished(directory: Path, histories: bool = True) -> dict[int, Record]:
    """Index -> the record of its finished simulation."""
    claims = standing(directory, histories).items()
    return {index: several[-1].record or {} for index, several in claims}


def standing(directory: Path, histories: bool = True) -> dict[int, list[Line]]:
    """Index -> the lines that say that it is finished; the last of them counts.

    Of two writers' records of one index the later is of what is on the disk.
    """
    gone = withdrawn(directory)
    claims: dict[int, list[Line]] = {}
    for line in lines(directory, histories):
        if line.record is not None and "digest" in line.record:
            if gone and line.identity in gone:
                continue
            claims.setdefault(line.record["index"], []).append(line)
    for several in claims.values():
        several.sort(key=lambda line: ended(line.record or {}))
    return claims


def withdrawn(directory: Path) -> set[str]:
    """Identities of the lines that no longer count."""
    repairs = (line.record or {} for line in lines(directory, writers=REPAIRS))
    return {record["withdrawn"] for record in repairs if "withdrawn" in record}


def withdraw(directory: Path, reasons: Iterable[tuple[str, str]]) -> None:
    """Say for good that lines no longer count: pairs of a line's identity and why.

    What they speak of is made again by the next campaign, whose lines are others.
    """
    with Journal(directory, durable.unique(REPAIRS)) as repairs:
        for identity, why in reasons:
            repairs.append({"withdrawn": identity, "why": why, "at": time.time()})


def ended(record: Record) -> float:
    """When an attempt ended, in seconds since 1970."""
    return float(record.get("began", 0.0)) + float(record.get("seconds", 0.0))


def failures(directory: Path) -> list[Record]:
    """Every failed attempt, also of realisations that were finished later."""
    return [line for line in records(directory, histories=False) if "error" in line]
