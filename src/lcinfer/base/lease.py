"""Who is at work on a block, or a training: a file with a heartbeat.

Two writers of a block do no harm (equal bytes, whole files), but waste a cluster's time.
Snakemake does not know its old jobs after it was killed, so a second job for a block can
start beside the first. File locks are not to be trusted on every cluster's file system; the
time of a file that somebody keeps touching is.
"""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from . import durable
from .counting import counted
from .errors import UserError
from .progress import duration

HEARTBEAT_SECONDS = 2.0
STALE_SECONDS = 30.0
FORGOTTEN_SECONDS = 600.0  # a clock of a file server may be wrong by minutes


class Lease:
    """A block's lease, or a training's, held by rank 0 of its job."""

    def __init__(self, path: Path, ranks: int = 1, what: str = "block") -> None:
        """``path`` is the lease's file, ``ranks`` those of the job; nothing is done yet."""
        self._path, self._ranks, self._what = path, ranks, what
        self._touched = 0.0

    def acquire(self) -> None:
        """Take the lease: at once if it is free or its process is gone, else when it is silent.

        Raises:
            UserError: if its holder is alive, naming host and job.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        waited_since, seen = time.monotonic(), self._time()
        while not self._create():
            holder = _read(self._path)
            if _is_gone(holder) or time.monotonic() - waited_since > STALE_SECONDS:
                self._path.unlink(missing_ok=True)
            elif self._time() != seen:
                raise UserError(
                    f"{self._path}: host {holder.get('host')}, job {holder.get('job')}, process "
                    f"{holder.get('process')} is at work on this {self._what}"
                )
            time.sleep(0.2)

    def beat(self) -> None:
        """Show that the holder is alive; cheap to call often."""
        if time.monotonic() - self._touched > HEARTBEAT_SECONDS:
            self._touched = time.monotonic()
            self._path.touch()

    def release(self) -> None:
        """Give the lease back."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lease; a thread shows that this process lives, however long its steps are.

        Raises:
            UserError: as :meth:`acquire`.
        """
        self.acquire()
        ended = Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                with suppress(OSError):  # a file system that is away for a moment
                    self._path.touch()

        thread = Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.release()

    def _create(self) -> bool:
        holder = {
            "host": platform.node(),
            "process": os.getpid(),
            "job": os.environ.get("SLURM_JOB_ID", "none"),
            "ranks": self._ranks,
        }
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(holder, file)
        return True

    def _time(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None


@dataclass(frozen=True)
class Holder:
    """A job that holds a block's lease."""

    block: str  # START-STOP, as the lease's file is called
    host: str
    job: str
    ranks: int
    seconds: float  # since the last heartbeat
    gone: bool  # it was a process of this host that no longer exists

    @property
    def alive(self) -> bool:
        """As far as can be told: heard of lately, and not known to be gone."""
        return self.seconds < STALE_SECONDS and not self.gone

    @property
    def forgotten(self) -> bool:
        """No longer to be reckoned with, by whatever clock."""
        elsewhere = self.host != platform.node()
        return self.gone or (elsewhere and self.seconds > FORGOTTEN_SECONDS)

    @property
    def span(self) -> tuple[int, int]:
        """The block's light-cones [start, stop)."""
        start, stop = self.block.split("-")
        return int(start), int(stop)

    def __str__(self) -> str:
        start, stop = self.span
        return (
            f"light-cones {start} to {stop - 1}: {counted(self.ranks, 'rank')}, host {self.host}, "
            f"job {self.job}, last heartbeat {duration(self.seconds)} ago"
        )


def holders(directory: Path, now: float) -> list[Holder]:
    """Who holds leases at the time ``now``, by the blocks' order.

    A killed job leaves its lease: it is not alive, and the next job of the block takes over.
    """
    found = []
    for path in durable.own(directory.glob("*-*.json")):
        try:
            seconds = max(0.0, now - path.stat().st_mtime)
        except FileNotFoundError:  # given back just now
            continue
        who = _read(path)
        found.append(
            Holder(
                block=path.stem,
                host=str(who.get("host")),
                job=str(who.get("job")),
                ranks=int(who.get("ranks", 1)),
                seconds=seconds,
                gone=_is_gone(who),
            )
        )
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _is_gone(holder: dict[str, Any]) -> bool:
    """Whether the holder was a process of this host that no longer exists."""
    return holder.get("host") == platform.node() and not durable.runs(str(holder.get("process")))
