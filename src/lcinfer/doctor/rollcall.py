"""What one MPI rank does for ``lcinfer doctor``: say where it is, and pass a message on.

Rank 0 of each world prints a line of JSON; a launcher that starts N worlds of one rank is
seen by N lines. Run as ``python -m mpi4py -m lcinfer.doctor.rollcall DIRECTORY``.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile

from mpi4py import MPI
from platformdirs import user_cache_path

from ..lightcones.campaign import node
from ..records.record import processor
from .ranks import MARK, seen_after


def main(directory: Path) -> None:
    """Every rank calls this."""
    world = MPI.COMM_WORLD
    wrote = _write(directory / f"{node()}-{os.getpid()}")
    world.barrier()
    began = time.perf_counter()
    token = _around(world)
    seconds = time.perf_counter() - began
    members = world.gather(
        {"node": node(), "cpu": processor() or platform.machine(), "cache": _cache(), **wrote}
    )
    if members is None:
        return
    waited = seen_after([Path(member["file"]) for member in members if "file" in member])
    report = {
        "size": world.size,
        "went_round": token == list(range(world.size)),
        "seconds": seconds,
        "library": " ".join(MPI.Get_library_version().split("\n")[0].strip("\0").split()),
        "members": members,
        "files_seen_after": waited,
    }
    sys.stdout.write(f"{MARK}{json.dumps(report)}\n")  # one write: worlds do not mix their lines


def _around(world: MPI.Comm) -> list[int]:
    """A list that every rank in turn has put its number into, on rank 0."""
    token: list[int] = []
    if world.rank > 0:
        token = world.recv(source=world.rank - 1)
    token.append(world.rank)
    if world.size > 1:
        world.send(token, dest=(world.rank + 1) % world.size)
        if world.rank == 0:
            token = world.recv(source=world.size - 1)
    return token


def _write(path: Path) -> dict[str, str]:
    try:
        path.write_text("here\n", encoding="utf-8")
    except OSError as error:
        return {"error": f"{path}: {error.strerror}"}
    return {"file": str(path)}


def _cache() -> str:
    """Why Snakemake could not write its cache here; empty if it could."""
    place = user_cache_path("snakemake")
    try:
        place.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=place).close()
    except OSError as error:
        return f"{place}: {error.strerror}"
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
