"""What lcinfer itself costs, beside the simulations.

    python benchmarks/scale.py standin > scale.jsonl  # as root; 1,000, 3,000, 10,000 light-cones
    python benchmarks/scale.py draw < scale.jsonl     # docs/figures/scale.png
    python benchmarks/scale.py real                   # 64 light-cones of the demo on two ranks

``standin`` starts the tests' SLURM cluster of two nodes and runs `snakemake --profile slurm`, from
the dry run to the scores, with an engine of milliseconds in 21cmFAST's place. ``real`` plans a
campaign of 21cmFAST from small light-cones that are timed, runs it, says which share of its ranks'
time was spent in simulations, and holds the plan against it. Figures are printed as JSON.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from support import cluster  # noqa: E402
from support.projects import Project, on_both_nodes  # noqa: E402
from support.small import small_settings  # noqa: E402

from lcinfer import config  # noqa: E402
from lcinfer.lightcones import journal  # noqa: E402
from lcinfer.products.databases import LightCones  # noqa: E402
from lcinfer.products.run import Run  # noqa: E402

FIGURE = ROOT / "docs" / "figures" / "scale.png"
RANKS = 4


def standin(sizes: list[int]) -> None:
    """A whole run of each size on the tests' cluster."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    )
    with cluster.alone():
        cluster.up()
        try:
            for size in sizes:
                print(json.dumps(_whole_run(size)), flush=True)
        finally:
            cluster.down()


def _whole_run(size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        project = Project(Path(directory) / "project", _settings(size))
        ranks = ["--set-resources", *on_both_nodes(RANKS)]
        dry, planned = _snakemake(project, *ranks, "--dry-run")
        wall, said = _snakemake(project, *ranks)
        no_op, again = _snakemake(project, *ranks)
        assert "Nothing to be done" in again
        cones = project.cones
        records = list(journal.records(cones.journal, histories=False))
        assert Counter(record["index"] for record in records) == Counter(range(size))
        return {
            "light_cones": size,
            "jobs": int(re.findall(r"^total +(\d+)$", planned, flags=re.MULTILINE)[0]),
            "slurm_jobs": len(re.findall(r"has been submitted with SLURM jobid", said)),
            "dry_run_seconds": round(dry, 1),
            "no_op_seconds": round(no_op, 1),
            "whole_run_seconds": round(wall, 1),
            "milliseconds_per_light_cone": _bookkeeping(cones),
            "files": _files(project.path / "results"),
        }


def _settings(size: int) -> dict[str, Any]:
    settings = small_settings()
    del settings["mocks"]
    settings["database"] |= {"realizations": size, "block": 100}
    settings["split"] = {"validation": size // 10, "test": size // 10}
    return settings


def _snakemake(project: Project, *more: str) -> tuple[float, str]:
    """Seconds, and what it said."""
    began = time.monotonic()
    done = subprocess.run(
        ["snakemake", "--profile", "slurm", "--configfile", "run.yaml", *more],
        cwd=project.path,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=7200,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return time.monotonic() - began, done.stdout + done.stderr


def _bookkeeping(cones: LightCones) -> dict[str, float]:
    """Between two simulations of a rank, and in one: of these milliseconds the stand-in itself
    takes less than one, the rest is the write with its syncs."""
    between: list[float] = []
    for file in cones.journal.glob("*.jsonl"):
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        between += [
            after["began"] - before["began"] - before["seconds"]
            for before, after in pairwise(lines)
        ]
    within = [record["seconds"] for record in journal.records(cones.journal, histories=False)]
    return {
        "between": round(1000 * sum(between) / len(between), 1),
        "within": round(1000 * sum(within) / len(within), 1),
    }


def _files(results: Path) -> dict[str, int]:
    """How many files there are below each directory of results."""
    counted = Counter(
        path.relative_to(results).parts[0] for path in results.rglob("*") if path.is_file()
    )
    return dict(sorted(counted.items()))


def draw(runs: list[dict[str, Any]]) -> None:
    """Against the number of light-cones: wall time, each light-cone's cost, time to decide."""
    sizes = [run["light_cones"] for run in runs]
    figure, (whole, each, decide) = plt.subplots(1, 3, figsize=(7.2, 2.6), layout="constrained")
    minutes = [run["whole_run_seconds"] / 60 for run in runs]
    line = np.polynomial.Polynomial.fit(sizes, minutes, 1)
    whole.plot(sizes, minutes, "o")
    whole.plot(*line.linspace(2, [0, max(sizes)]), "--", color="0.6", label="straight line")
    whole.set_ylabel("whole run / min")
    for key, label in (("within", "with its write"), ("between", "until the next")):
        cost = [run["milliseconds_per_light_cone"][key] for run in runs]
        each.plot(sizes, cost, "o-", label=label)
    each.set_ylabel("rank time per light-cone / ms")
    for key, label in (("dry_run_seconds", "dry run"), ("no_op_seconds", "nothing to do")):
        decide.plot(sizes, [run[key] for run in runs], "o-", label=label)
    decide.set_ylabel("deciding / s")
    for panel in (whole, each, decide):
        panel.set(xlabel="light-cones", xlim=(0, 1.05 * max(sizes)), ylim=(0, None))
        panel.locator_params(axis="x", nbins=3)
        panel.legend(frameon=False, fontsize="small")
    figure.savefig(FIGURE, dpi=150)


def real(ranks: int = 2) -> dict[str, Any]:
    """The share of its ranks' time that a campaign of 21cmFAST spends in simulations.

    All counts as a rank's time: the start of Python and MPI, the children's starts, the journal,
    and the last light-cone's end, which other ranks wait for. The plan is made before, from
    small light-cones timed, and printed beside what was measured.
    """
    settings = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text(encoding="utf-8"))
    settings["database"] |= {"realizations": 64, "block": 64}
    del settings["mocks"], settings["figures"]
    mpiexec = [str(Path(sys.executable).with_name("mpiexec")), "-n", str(ranks)]
    node = ["--nodes", "1", "--ranks-per-node", str(ranks)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "run.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        cones = Run(config.load(path), Path(directory) / "results").database

        def lcinfer(verb: str, *more: str, under: list[str] | None = None) -> float:
            command = [sys.executable, "-m", "mpi4py", "-m", "lcinfer"]
            began = time.monotonic()
            subprocess.run(
                [*(under or []), *command, verb, str(path), *more], cwd=directory, check=True
            )
            return time.monotonic() - began

        lcinfer("plan", "--time", *node)
        lcinfer("design", cones.name)
        wall = lcinfer("simulate", cones.name, "--ranks", str(ranks), under=mpiexec)
        lcinfer("seal", cones.name)
        lcinfer("images", cones.name)
        lcinfer("plan", "--check", *node)
        records = list(journal.records(cones.journal, histories=False))
        within = sum(record["seconds"] for record in records)
        return {
            "light_cones": len(records),
            "ranks": ranks,
            "wall_seconds": round(wall, 1),
            "seconds_per_light_cone": round(within / len(records), 2),
            "share_in_simulations": round(within / (ranks * wall), 4),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["standin", "draw", "real"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 3000, 10000])
    options = parser.parse_args()
    if options.what == "real":
        print(json.dumps(real()))
    elif options.what == "draw":
        draw([json.loads(line) for line in sys.stdin])
    else:
        standin(options.sizes)
