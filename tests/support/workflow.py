"""The workflow as a user starts it: Snakemake on a configuration, and what it left."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from lcinfer import config
from lcinfer.products.run import Run

PROJECT = Path(__file__).parents[2]


def snakemake(directory: Path, settings: Path, *more: str) -> subprocess.CompletedProcess:
    """``snakemake --profile profiles/local`` on a configuration, results in ``directory``."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--profile", "profiles/local"),
            *("--directory", str(directory), "--configfile", str(settings), *more),
        ],
        cwd=PROJECT,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def planned(directory: Path, settings: Path) -> Counter:
    """Jobs per rule that a dry run announces."""
    done = snakemake(directory, settings, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    table = re.findall(r"^(\w+) +(\d+)$", said, flags=re.MULTILINE)
    jobs = Counter({rule: int(count) for rule, count in table})
    return Counter({rule: jobs[rule] for rule in jobs if rule not in ("total", "all")})


def run_of(directory: Path, path: Path) -> Run:
    return Run(config.load(path), directory / "results")


def products(directory: Path) -> dict[Path, bytes]:
    """All that a run made, but logs, journal and provenance, in which times stand."""
    results = directory / "results"
    return {
        file.relative_to(directory): file.read_bytes()
        for file in results.rglob("*")
        if file.is_file()
        and not {"logs", "journal", "provenance"} & set(file.relative_to(results).parts)
    }
