"""Real ranks through the profile's launcher: one world, its nodes, and the files they see."""

import json
import math
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..engines import engine_of
from .bounded import NOT_FOUND, Answer, ask
from .site import Line, Site, failed, passed, warned
from .workflow import ELSEWHERE

MARK = "lcinfer-doctor-world: "  # begins the line that rank 0 of a world prints
SEEN_WITHIN = 60.0  # seconds that a shared file system may take: the profile's latency-wait
World = dict[str, Any]


def check_ranks(site: Site) -> Iterator[Line]:
    """Start the ranks, and say whether they are one world, where, and what they see.

    The results' directory must be there for all of them; each writes a small file.
    """
    profile = site.profile
    if profile.uses_slurm and not profile.launches_by_srun and not _in_allocation():
        yield warned(
            "launcher",
            f"{profile.launcher} starts ranks on this machine, not in a job",
            "run this in an allocation: salloc, then lcinfer doctor",
        )
    directory = site.scratch / "ranks"
    with suppress(OSError):  # each rank says that it cannot write
        directory.mkdir(parents=True, exist_ok=True)
    said = ask(command(site, directory), site.limit, SRUN_CPUS_PER_TASK=_threads(site))
    worlds = [
        json.loads(line.removeprefix(MARK))
        for line in said.out.splitlines()
        if line.startswith(MARK)
    ]
    if not worlds:
        yield _nothing_started(site, said)
        return
    yield _one_world(site, worlds, said)
    if len(worlds) == 1:
        yield from _same_cpus(worlds[0])
        yield from _cache(site, worlds[0])
        yield _shared_files(site, worlds[0])


def command(site: Site, directory: Path) -> str:
    """The shell's command, as the rule `simulate` has it.

    Outside an allocation `srun` makes one of its own, and is told what the site wants and
    what a rank needs.
    """
    options: list[str] = []
    if site.profile.launches_by_srun and not _in_allocation():
        simulation, nodes = site.config.database, min(site.nodes, site.ranks)
        memory = engine_of(simulation).memory_mb(simulation)
        options = [
            *site.profile.site_options(),
            f"--nodes={nodes}",
            # SLURM would be free to start all but one of them on the first.
            f"--ntasks-per-node={math.ceil(site.ranks / nodes)}",
            f"--cpus-per-task={_threads(site)}",
            f"--mem-per-cpu={memory // simulation.simulator.threads}",
            "--time=10",  # minutes; ended sooner by this side
            "--job-name=lcinfer-doctor",
        ]
    rank = [sys.executable, "-m", "mpi4py", "-m", "lcinfer.doctor.rollcall", str(directory)]
    return f"{site.profile.launcher} -n {site.ranks} {shlex.join([*options, *rank])}"


def _in_allocation() -> bool:
    return "SLURM_JOB_ID" in os.environ


def _threads(site: Site) -> str:
    return str(site.config.database.simulator.threads)


def _nothing_started(site: Site, said: Answer) -> Line:
    launcher = site.profile.launcher
    if said.status == NOT_FOUND:
        do = f"load the module that has it, activate .venv, or set mpi in {site.profile.path}"
        return failed("ranks", f"{launcher}: not found ({said.said})", do)
    if said.status is None:
        do = "if it waited in a queue, give it longer: --limit SECONDS; else see docs/clusters.md"
        if _in_allocation() and not site.profile.launches_by_srun:
            do = (
                "this is a shell in a SLURM job, where mpiexec calls srun, which waits for the "
                f"shell's own CPUs: mpi: mpiexec -launcher fork in {site.profile.path}"
            )
        what = f"{launcher}: {site.ranks} ranks did not meet within {site.limit:g} s ({said.said})"
        return failed("ranks", what, do)
    do = f"see what it refuses; {site.profile.path} says what is asked for"
    if "node" in said.said.lower() and site.nodes > 1:
        do += "; on a cluster of one node: --nodes 1"
    return failed("ranks", f"{launcher} failed, exit status {said.status}: {said.said}", do)


def _one_world(site: Site, worlds: list[World], said: Answer) -> Line:
    sizes = [world["size"] for world in worlds]
    library = worlds[0]["library"]
    if sizes != [site.ranks]:
        flavour = "pmix" if "Open MPI" in library else "pmi2"
        by_srun = f"try srun --mpi={flavour} (srun --mpi=list says what there is)"
        by_other = f"use the mpiexec that belongs to mpi4py's {library}"
        return failed(
            "ranks",
            f"{len(worlds)} worlds of {' and '.join(map(str, sorted(set(sizes))))} instead of "
            f"one of {site.ranks}: the launcher belongs to another MPI than mpi4py",
            f"{by_srun if site.profile.launches_by_srun else by_other}; set mpi in "
            f"{site.profile.path}",
        )
    world = worlds[0]
    if not world["went_round"]:
        return failed("ranks", "a message came back changed", f"the MPI ({library}) is broken")
    if said.status != 0:
        what = f"{site.profile.launcher} did not end well ({said.status}): {said.said}"
        return failed("ranks", what, "jobs would fail at their end: see docs/clusters.md")
    nodes = Counter(member["node"] for member in world["members"])
    where = ", ".join(f"{count} on {node}" for node, count in sorted(nodes.items()))
    round_trip = f"a message went round in {1e3 * world['seconds']:.1f} ms"
    return passed("ranks", f"one world of {site.ranks}: {where}; {round_trip}; {library}")


def _same_cpus(world: World) -> Iterator[Line]:
    cpus = sorted({member["cpu"] for member in world["members"]})
    if len(cpus) > 1:
        yield warned(
            "cpus",
            f"nodes differ ({', '.join(cpus)}): last bits of a light-cone may too",
            "a constraint in the profile keeps a database on one kind of CPU",
        )


def _cache(site: Site, world: World) -> Iterator[Line]:
    """Each job starts a Snakemake of its own, on its node."""
    refused = sorted({member["cache"] for member in world["members"] if member.get("cache")})
    if site.profile.uses_slurm and refused:
        what = f"on nodes, Snakemake's cache cannot be written: {refused[0]}"
        yield failed("cache", what, ELSEWHERE)


def _shared_files(site: Site, world: World) -> Line:
    refused = [member["error"] for member in world["members"] if "error" in member]
    if refused:
        do = "give --results a place that every node can write to"
        return failed("shared", f"{len(refused)} ranks cannot write: {refused[0]}", do)
    waited = world["files_seen_after"]
    here = seen_after([Path(member["file"]) for member in world["members"]])
    if waited is None or here is None:
        who = "rank 0" if waited is None else "this machine"
        what = f"{who} does not see every rank's file in {site.results}"
        return failed("shared", what, "results must lie on a file system that all nodes share")
    what = f"every rank's file was seen by rank 0 after {waited:.1f} s, here after {here:.1f} s"
    return passed("shared", what)


def seen_after(paths: list[Path]) -> float | None:
    """Seconds until all are there; None if that takes longer than :data:`SEEN_WITHIN`."""
    began = time.monotonic()
    while not all(path.exists() for path in paths):
        if time.monotonic() - began > SEEN_WITHIN:
            return None
        time.sleep(0.1)
    return time.monotonic() - began
