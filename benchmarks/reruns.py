"""How long it takes to decide what an edit makes anew, with 10,000 light-cones in the results.

    python benchmarks/reruns.py

The results are markers alone, and a journal: nothing that decides reads more than these. Times
are wall times of whole commands, the best of three.
"""

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from lcinfer import config
from lcinfer.base import durable
from lcinfer.lightcones import journal
from lcinfer.products.databases import LightCones
from lcinfer.products.product import Realizations
from lcinfer.products.run import Run
from lcinfer.stages import summarise

PROJECT = Path(__file__).parents[1]
PAPER = PROJECT / "config" / "config.yaml"
NODES = 85  # of the light-cones' histories


def pretend(run: Run) -> None:
    """Leave what a finished run leaves, as far as decisions read it."""
    for cones in run.lightcones.values():
        pretend_simulated(cones)
        durable.write_json(cones.spec, {"block": cones.block, "fingerprint": cones.fingerprint})
    for product in (*run.lightcones.values(), *run.images.values()):
        pretend_sealed(product)
    for training in run.trainings.values():
        durable.write_json(training.trained, {})
    for evaluation in run.evaluations.values():
        durable.write_json(evaluation.scores, {})
        durable.write_text(evaluation.predictions, "")
    for file in run.figure_files:
        durable.write_text(file, "a figure")
    summarise.write_manifest(run)


def pretend_sealed(product: Realizations) -> None:
    """All markers of a product with blocks."""
    for path in (product.prepared, product.sealed, *map(product.done, product.spans)):
        durable.write_json(path, {})


def pretend_simulated(cones: LightCones) -> None:
    """A journal of two files for each block, with a line for every light-cone."""
    history = [round(0.1234567890123456 * node, 16) for node in range(NODES)]
    histories = ("node_redshift", "neutral_fraction", "global_brightness_temp")
    for start, stop in cones.spans:
        for rank in range(2):
            lines = [
                json.dumps(
                    {
                        **{"index": index, "digest": f"{index:064d}", "began": 1.7e9},
                        **{"seconds": 3600.0, **dict.fromkeys(histories, history)},
                    },
                    sort_keys=True,
                )
                for index in range(start + rank, stop, 2)
            ]
            durable.write_text(cones.journal / f"{start}-{rank}.jsonl", "\n".join([*lines, ""]))
    assert len(journal.finished(cones.journal, histories=False)) == cones.realizations


def edits(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What -> the edited settings."""

    def edited(section: str, **values: Any) -> dict[str, Any]:
        changed = copy.deepcopy(settings)
        changed.setdefault(section, {}).update(values)
        return changed

    return {
        "nothing": settings,
        "figures.dpi": edited("figures", dpi=60),
        "images.spacing": edited("images", spacing=30),
        "10,000 -> 12,000": edited("database", realizations=12_000),
        "database.seed": edited("database", seed=1),
    }


def took(command: list[str]) -> float:
    """Seconds of a command, the best of three."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(command, cwd=PROJECT, env=os.environ, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--block", type=int, default=100, help="light-cones per job")
    options = parser.parse_args()
    settings = yaml.safe_load(PAPER.read_text(encoding="utf-8"))
    settings["database"]["block"] = options.block
    # What is installed here decides nothing here.
    settings["database"]["simulator"]["engine"] = "lcinfer.simulator.gm18:none"
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        old = directory / "old.yaml"
        old.write_text(yaml.safe_dump(settings), encoding="utf-8")
        run = Run(config.load(old), directory / "results")
        pretend(run)
        print(f"| edit, {len(run.database.spans)} blocks | snakemake -n / s | lcinfer diff / s |")
        print("|---|---|---|")
        for what, edited in edits(settings).items():
            new = directory / "new.yaml"
            new.write_text(yaml.safe_dump(edited), encoding="utf-8")
            python = [sys.executable, "-m"]
            dry = [*python, "snakemake", "--profile", "profiles/local", "--dry-run"]
            dry += ["--directory", folder, "--configfile", str(new)]
            diff = [*python, "lcinfer", "diff", str(old), str(new), "--results", str(run.root)]
            print(f"| {what} | {took(dry):.1f} | {took(diff):.1f} |", flush=True)


if __name__ == "__main__":
    main()
