"""Who is at work on a block: a file with a heartbeat.

Two writers of a block do no harm (equal bytes, whole files), but waste a cluster's time.
Snakemake does not know its old jobs after it was killed, so a second job for a block can
start beside the first. File locks are not to be trusted on every cluster's file system; the
time of a file that somebody keeps touching is.
"""

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from .errors import UserError

HEARTBEAT_SECONDS = 2.0
STALE_SECONDS = 30.0
FORGOTTEN_SECONDS = 600.0  # a clock of a file server may be wrong by minutes


class Lease:
    """A block's lease, held by rank 0 of its job."""

    def __init__(self, path: Path, stale: float = STALE_SECONDS) -> None:
        """``path`` is the lease's file; nothing is done yet."""
        self._path, self._stale = path, stale
        self._touched = 0.0

    def acquire(self) -> None:
        """Take the lease: at once if it is free or its process is gone, else when it is silent.

        Raises:
            UserError: if its holder is alive, naming host and job.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        waited_since, seen = time.monotonic(), self._time()
        while not self._create():
            holder = self._holder()
            if _is_gone(holder) or time.monotonic() - waited_since > self._stale:
                self._path.unlink(missing_ok=True)
            elif self._time() != seen:
                raise UserError(
                    f"{self._path}: host {holder.get('host')}, job {holder.get('job')}, process "
                    f"{holder.get('process')} is at work on this block"
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

    def _create(self) -> bool:
        holder = {
            "host": platform.node(),
            "process": os.getpid(),
            "job": os.environ.get("SLURM_JOB_ID", "none"),
        }
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(holder, file)
        return True

    def _holder(self) -> dict[str, Any]:
        return _read(self._path)

    def _time(self) -> int | None:
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return None


def holder(path: Path) -> str:
    """Who may be at work with a lease; empty if nobody is.

    For one look from outside: a holder elsewhere counts for as long as its last heartbeat is
    young, by whatever clock.
    """
    try:
        silent = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return ""
    who = _read(path)
    if _is_gone(who) or (silent > FORGOTTEN_SECONDS and who.get("host") != platform.node()):
        return ""
    return f"host {who.get('host')}, job {who.get('job')}, process {who.get('process')}"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_gone(holder: dict[str, Any]) -> bool:
    """Whether the holder was a process of this host that no longer exists."""
    if holder.get("host") != platform.node():
        return False
    try:
        os.kill(int(holder["process"]), 0)
    except (ProcessLookupError, KeyError, ValueError):
        return True
    except PermissionError:
        return False
    return False
