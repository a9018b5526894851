"""How the time of a light-cone grows with its box: the constants of lcinfer.engines.

    python benchmarks/scaling.py                # some minutes on one core that is free

Each light-cone of the paper's cells is simulated alone, on one thread, with few nodes. Printed are
core-seconds per node of the evolution, and their fit by a constant, the box's cells and its
high-resolution cells. The last line adds the larger light-cone of docs/simulator.md.
"""

from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from lcinfer.config import load
from lcinfer.config.sections import Simulation
from lcinfer.planning.timing import scaled, simulate
from lcinfer.simulator.nodes import nodes

PAPER = load(Path(__file__).parents[1] / "config" / "config.yaml").database
POINT = {name: (low + high) / 2 for name, (low, high) in PAPER.prior.items()}
BOXES = ((32, 3), (48, 3), (64, 3), (48, 2), (64, 2), (64, 4))  # cells, hires_factor
MEASURED = (((100, 3), 344 / 84),)  # CPU-seconds per node: docs/simulator.md


def small(cells: int, hires_factor: int) -> Simulation:
    """The paper's kind of light-cone, coarse in redshift."""
    simulation = scaled(PAPER, cells)
    box = simulation.box.model_copy(update={"hires_factor": hires_factor})
    simulator = simulation.simulator.model_copy(update={"threads": 1, "z_step_factor": 1.1})
    return simulation.model_copy(update={"box": box, "simulator": simulator})


def fitted(measured: dict[tuple[int, int], float]) -> list[float]:
    """Core-seconds per node: of every node, per cell, per high-resolution cell."""
    rows = [[1, cells**3, (cells * factor) ** 3] for cells, factor in measured]
    seconds = np.array(list(measured.values()))
    constants, _ = nnls(np.array(rows) / seconds[:, None], np.ones(len(rows)))
    return [float(constant) for constant in constants]


def main() -> None:
    """See the module's docstring."""
    measured = {}
    for cells, factor in BOXES:
        simulation = small(cells, factor)
        (record,) = simulate(simulation, POINT)
        measured[cells, factor] = record["cpu_seconds"] / nodes(simulation)
        print(
            f"{cells}^3 cells, hires_factor {factor}: {record['seconds']:.1f} s, "
            f"{record['cpu_seconds']:.1f} CPU-s, {measured[cells, factor]:.3f} CPU-s per node",
            flush=True,
        )
    for known in (measured, measured | dict(MEASURED)):
        print("fit: {:.3g} s + {:.3g} s per cell + {:.3g} s per hires cell".format(*fitted(known)))


if __name__ == "__main__":
    main()
