"""A prediction against a campaign: time, simulate, compare.

    python benchmarks/planning.py               # some ten minutes on two cores that are free

The demo's light-cones in larger boxes, few of them, on 2 ranks with 21cmFAST itself. The
timed boxes are smaller than the campaign's, as they are in use.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

DEMO = Path(__file__).parents[1] / "config" / "demo.yaml"
CELLS = 48
RANKS = 2


def write_config(directory: Path) -> Path:
    """The demo with 8 light-cones and one mock, in boxes of 48^3 cells."""
    settings = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    database = settings["database"]
    database |= {"name": "larger", "realizations": 8, "block": 8}
    database["box"] = {"cells": CELLS, "length": 3 * CELLS}
    settings |= {"split": {"validation": 2, "test": 2}}
    settings["mocks"] = {"FAINT": settings["mocks"]["FAINT"]}
    settings["figures"] = {"examples": ["FAINT"]}
    path = directory / "larger.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def main() -> None:
    """See the module's docstring."""
    lcinfer = [sys.executable, "-m", "lcinfer"]
    ranks = [str(Path(sys.executable).with_name("mpiexec")), "-n", str(RANKS), sys.executable]
    with TemporaryDirectory() as directory:
        node = ("--nodes", "1", "--ranks-per-node", str(RANKS))
        config = str(write_config(Path(directory)))

        def run(command: list[str], verb: str, *more: str) -> None:
            print(f"$ lcinfer {verb} larger.yaml {' '.join(more)}", flush=True)
            subprocess.run([*command, verb, config, *more], cwd=directory, check=True)

        run(lcinfer, "plan", "--time", *node)
        for name in ("larger", "FAINT"):
            run(lcinfer, "design", name)
            run([*ranks, "-m", "mpi4py", "-m", "lcinfer"], "simulate", name)
            run(lcinfer, "seal", name)
            run(lcinfer, "images", name)
        run(lcinfer, "plan", "--check", *node)


if __name__ == "__main__":
    main()
