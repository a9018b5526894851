"""The verb ``doctor``: every check in turn, and a summary."""

import os
import platform
import shlex
import shutil
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from .. import config
from ..doctor.bounded import Check, lines_of
from ..doctor.site import Line, Site, scratch_for
from .arguments import JSON, RESULTS, amount, as_json, count
from .verbs import Verbs

QUICK_SECONDS = 120.0  # of a check that starts nothing
SLOW_SECONDS = 600.0  # of all imports, on a busy file system
STARTING_SECONDS = 180.0  # of a check beside what it waits for


def examine(site: Site) -> Iterator[Line]:
    """What each check says, as it says it; none stops the others."""
    # Here, so that `lcinfer --help` is not kept waiting.
    from ..doctor import files, libraries, machine, ranks, slurm, trial, workflow

    patient = site.limit + STARTING_SECONDS
    checks: list[tuple[str, Check, float]] = [
        ("libraries", libraries.check_libraries, SLOW_SECONDS),
        ("memory", machine.check_machine, QUICK_SECONDS),
        ("gpu", machine.check_gpu, QUICK_SECONDS),
        ("results", files.check_files, QUICK_SECONDS),
        ("workflow", workflow.check_workflow, workflow.SECONDS + QUICK_SECONDS),
        ("slurm", slurm.check_slurm, 2 * QUICK_SECONDS),
        ("ranks", ranks.check_ranks, patient),
        ("simulation", trial.check_simulation, patient),
    ]
    try:
        for name, check, seconds in checks:
            yield from lines_of(name, check, site, seconds)
    finally:
        for _ in lines_of("results", _tidy, site, QUICK_SECONDS):
            pass


def _tidy(site: Site) -> Iterator[Line]:
    shutil.rmtree(site.scratch, ignore_errors=True)
    yield from ()


def _doctor(options: Namespace) -> None:
    """Try what a campaign needs on this machine or cluster, and say what to mend."""
    from ..doctor import profile

    site = Site(
        config=config.load(options.config),
        file=options.config.absolute(),
        profile=profile.load(options.profile),
        results=options.results,
        ranks=options.ranks,
        nodes=options.nodes,
        limit=options.limit,
        scratch=scratch_for(options.results, f"{platform.node()}-{os.getpid()}"),
    )
    said = []
    for line in examine(site):
        said.append(line)
        if not options.json:
            print(line, flush=True)
    levels = Counter(line.level for line in said)
    if options.json:
        print(as_json({**levels, "lines": [asdict(line) for line in said]}))
    else:
        print(summary(levels, options))
    if levels["FAIL"]:
        raise SystemExit(1)


def summary(levels: Counter, options: Namespace) -> str:
    """The last line."""
    counted = f"{levels['PASS']} PASS, {levels['WARN']} WARN, {levels['FAIL']} FAIL"
    if levels["FAIL"]:
        return f"{counted}: mend what FAILs, then run this again"
    given = ["--profile", options.profile, "--configfile", str(options.config)]
    return f"{counted}: ready for {shlex.join(['snakemake', *given])}"


def add_verbs(verbs: Verbs) -> None:
    """Add it to the command line."""
    added = verbs.add(_doctor, "config/demo.yaml --profile profiles/slurm", RESULTS, JSON)
    added.add_argument(
        "config",
        nargs="?",
        type=Path,
        default=Path("config/config.yaml"),
        metavar="CONFIG",
        help="the configuration file (default: %(default)s)",
    )
    added.add_argument(
        "--profile", default="profiles/local", help="Snakemake's profile (default: %(default)s)"
    )
    added.add_argument(
        "--ranks", type=count, default=4, help="ranks to start (default: %(default)s)"
    )
    added.add_argument(
        "--nodes", type=count, default=2, help="nodes to ask SLURM for (default: %(default)s)"
    )
    added.add_argument(
        "--limit",
        type=amount,
        default=180.0,
        metavar="SECONDS",
        help="how long ranks may take to start, and the simulation (default: %(default)g)",
    )
