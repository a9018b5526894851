"""The host's memory: what there is of it, and what a process may take."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GROUPS_OF_THIS_PROCESS = Path("/proc/self/cgroup")
CGROUPS = Path("/sys/fs/cgroup")


def meminfo(name: str) -> int:
    """Bytes of an entry of ``/proc/meminfo``, as ``MemTotal`` or ``MemAvailable``.

    Raises:
        OSError: if there is no such file.
    """
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def limits() -> Iterator[int]:
    """Bytes that a batch system or a container allows, by control groups of version 1 or 2."""
    lines = []
    with suppress(OSError):
        lines = GROUPS_OF_THIS_PROCESS.read_text(encoding="utf-8").splitlines()
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        file = "memory.limit_in_bytes" if controllers else "memory.max"
        group = CGROUPS / controllers / name.lstrip("/")
        for each in (group, *group.parents):
            with suppress(OSError, ValueError):  # absent, or "max"
                yield int((each / file).read_text())
