"""Stand-in engines that make several light-cones at once, and say how many in a file.

The environment variable STANDIN_MARKER names it: a line a batch, with its seeds.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from lcinfer.config.sections import Simulation
from lcinfer.simulator.lightcone import LightCone, Simulate, SimulateBatch

from . import standin

Parameters = dict[str, float]


def batches() -> list[list[int]]:
    """The seeds of each batch that was begun."""
    lines = Path(os.environ[standin.MARKER]).read_text().splitlines()
    return [[int(seed) for seed in line.split()] for line in lines]


def _noting(make: Callable[[Simulation, Parameters, int], LightCone]) -> SimulateBatch:
    def together(
        simulation: Simulation, parameters: list[Parameters], seeds: list[int]
    ) -> list[LightCone]:
        with Path(os.environ[standin.MARKER]).open("a") as file:
            file.write(" ".join(map(str, seeds)) + "\n")
        each = zip(parameters, seeds, strict=True)
        return [make(simulation, given, seed) for given, seed in each]

    return together


def _in_company(fault: Simulate) -> Simulate:
    return getattr(standin, f"{fault.__name__}_for_odd_seeds")


def slow(simulation: Simulation, parameters: Parameters, seed: int) -> LightCone:
    """Half a second."""
    time.sleep(0.5)
    return standin.simulate(simulation, parameters, seed)


def signals(simulation: Simulation, parameters: Parameters, seed: int) -> LightCone:
    """What SLURM sends ahead of a job's limit comes while this simulates."""
    os.kill(os.getppid(), signal.SIGUSR1)
    return slow(simulation, parameters, seed)


# By their names a configuration finds both: `engine: support.together:raises`.
simulate = alone = standin.simulate
simulate_batch = _noting(standin.simulate)
slow_batch = _noting(slow)
raises = _in_company(standin.raises)  # alone too
raises_batch = _noting(raises)
returns_nan = _in_company(standin.returns_nan)
returns_nan_batch = _noting(returns_nan)
segfaults = _in_company(standin.segfaults)
segfaults_batch = _noting(segfaults)
# These do well alone.
bad_company = dies_in_company = hangs_in_company = short = standin.simulate
bad_company_batch = _noting(raises)
dies_in_company_batch = _noting(segfaults)
hangs_in_company_batch = _noting(_in_company(standin.sleeps))


def short_batch(
    simulation: Simulation, parameters: list[Parameters], seeds: list[int]
) -> list[LightCone]:
    """One light-cone too few."""
    return list(simulate_batch(simulation, parameters[1:], seeds[1:]))
