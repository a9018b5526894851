"""The workflow: whether Snakemake itself can plan the run from here, with the profile."""

import re
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_cache_path

from ..base.counting import counted
from .bounded import LONGEST, Answer, ask
from .site import Line, Site, failed, passed, warned

SECONDS = 300.0  # of a dry run, on a busy file system
ELSEWHERE = "export XDG_CACHE_HOME=FOLDER, one that can be written to on every node"


def check_workflow(site: Site) -> Iterator[Line]:
    """A dry run. It starts no job; Snakemake writes its ``.snakemake``, and a cache in the home."""
    if not Path("Snakefile").exists():
        do = "run this in the project's folder, as snakemake"
        yield warned("workflow", "no Snakefile here: not tried", do)
        return
    command = [sys.executable, "-m", "snakemake", "--dry-run"]
    command += ["--profile", str(site.profile.path), "--configfile", str(site.file)]
    place = site.results.absolute()
    if place.name == "results" and place.parent.is_dir():
        command += ["--directory", str(place.parent)]
    began = time.monotonic()
    said = ask(command, SECONDS)
    seconds = time.monotonic() - began
    if said.status is None:
        yield failed("workflow", f"snakemake -n: no answer within {SECONDS:g} s", "see what hangs")
    elif said.status != 0:
        why = _reason(said)
        # Snakemake makes a cache in the home whatever it does.
        unwritable = str(user_cache_path()) in why
        do = ELSEWHERE if unwritable else f"see {shlex.join(command[2:])}"
        yield failed("workflow", f"snakemake -n: {why}", do)
    else:
        total = re.search(r"^total +(\d+)$", f"{said.out}\n{said.err}", re.MULTILINE)
        jobs = f"{counted(int(total[1]), 'job')} to run" if total else "nothing to be done"
        yield passed("workflow", f"snakemake -n, in {seconds:.1f} s: {jobs}")


def _reason(said: Answer) -> str:
    """The last line but that on profiles, of the Snakefile on stderr or of Snakemake on stdout."""
    lines = [line.strip() for text in (said.out, said.err) for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("Using profile")]
    return told[-1][:LONGEST].removeprefix("lcinfer: ") if told else said.said
