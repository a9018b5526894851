"""Engines that take milliseconds in place of 21cmFAST's minutes, and engines that fail.

A configuration names them as ``engine: support.standin:simulate``. Each fault exists in three
forms: always (``support.standin:raises``), for odd seeds
(``support.standin:raises_for_odd_seeds``; a database's seeds alternate), and at most once
(``support.standin:raises_once``: of the first odd seed; it leaves the file that the environment
variable STANDIN_MARKER names).
"""

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from lcinfer.config.sections import Simulation
from lcinfer.lightcones import store
from lcinfer.simulator.lightcone import LightCone, Simulate

MARKER = "STANDIN_MARKER"
RANGES = {
    "HII_EFF_FACTOR": (10.0, 250.0),
    "ION_Tvir_MIN": (4.0, 6.0),
    "L_X": (38.0, 42.0),
    "NU_X_THRESH": (100.0, 1500.0),
}
NODES = np.linspace(35.0, 6.0, 7)


def simulate(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """Noise from the seed, and for each parameter a trough whose depth follows it.

    The troughs stand side by side along the line of sight, so a network can learn them all.
    """
    side, along = simulation.box.cells, simulation.lightcone.cells
    place = np.linspace(0, 1, along)
    profile = np.zeros(along)
    for number, name in enumerate(sorted(parameters)):
        low, high = RANGES.get(name, (0.0, 1.0))
        depth = (parameters[name] - low) / (high - low)
        middle = (number + 0.5) / len(parameters)
        profile -= 60 * depth * np.exp(-0.5 * ((place - middle) * 2 * len(parameters)) ** 2)
    noise = np.random.default_rng(seed).normal(0, 3, (side, side, along))
    depth = float(profile.mean())
    return LightCone(
        brightness_temp=(noise + profile).astype(np.float32),
        node_redshift=NODES,
        neutral_fraction=np.linspace(1, 0, len(NODES)),
        global_brightness_temp=np.linspace(0, depth, len(NODES)),
    )


def raises(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """An exception, as from py21cmfast's checks."""
    raise RuntimeError(f"no such universe:\nseed {seed}")


def returns_nan(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """One voxel that is not a number."""
    lightcone = simulate(simulation, parameters, seed)
    lightcone.brightness_temp[1, 2, 3] = np.nan
    return lightcone


def returns_constant(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """The same brightness everywhere."""
    lightcone = simulate(simulation, parameters, seed)
    return replace(lightcone, brightness_temp=np.zeros_like(lightcone.brightness_temp))


def exits(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """C code that calls exit(), as 21cmFAST does on some errors."""
    os._exit(3)


def segfaults(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """C code that crashes."""
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("the signal comes first")


def sleeps(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """A simulation that hangs for a minute."""
    time.sleep(60)
    return simulate(simulation, parameters, seed)


def eats_memory_of_the_child(
    simulation: Simulation, parameters: dict[str, float], seed: int
) -> LightCone:
    """A simulation that takes memory until the kernel kills it for that; 8 GB at most."""
    eaten = [np.ones(2**23) for _ in range(128)]  # 64 MB each
    raise AssertionError(f"{len(eaten)} pieces were there to be had")


def eats_memory_of_the_rank(
    simulation: Simulation, parameters: dict[str, float], seed: int
) -> LightCone:
    """The same, and the kernel prefers to kill the rank."""
    Path(f"/proc/{os.getppid()}/oom_score_adj").write_text("1000")
    return eats_memory_of_the_child(simulation, parameters, seed)


def raises_above_200(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """A corner of the prior that fails until the file that STANDIN_MARKER names is there."""
    if parameters["HII_EFF_FACTOR"] > 200 and not Path(os.environ[MARKER]).exists():
        raise RuntimeError("too many ionising photons")
    return simulate(simulation, parameters, seed)


def looks_around(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """Says in the file that STANDIN_MARKER names where it runs."""
    around = {
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "mpi": [name for name in sys.modules if name.startswith("mpi4py")],
    }
    Path(os.environ[MARKER]).write_text(json.dumps(around))
    return simulate(simulation, parameters, seed)


def waits_for_fourth_seeds(
    simulation: Simulation, parameters: dict[str, float], seed: int
) -> LightCone:
    """Every fourth seed waits, ten minutes at most, for the file that STANDIN_MARKER names.

    A file beside it, with the seed at its end, tells that one waits.
    """
    limit, gate = time.monotonic() + 600, Path(os.environ[MARKER])
    if seed % 4 == 0 and not gate.exists():
        waiting(gate, seed).touch()
        while not gate.exists() and time.monotonic() < limit:
            time.sleep(0.02)
    return simulate(simulation, parameters, seed)


def waiting(gate: Path, seed: int | str = "*") -> Path:
    """What a held-up simulation leaves."""
    return gate.with_name(f"{gate.name}-{seed}")


def rank_dies_before_the_rename(
    simulation: Simulation, parameters: dict[str, float], seed: int
) -> LightCone:
    """SIGKILL when the light-cone's file is written aside and not yet moved to its place."""
    Path.replace = lambda *_: _kill_the_rank()  # in this child alone
    return simulate(simulation, parameters, seed)


def rank_dies_before_the_journals_line(
    simulation: Simulation, parameters: dict[str, float], seed: int
) -> LightCone:
    """SIGKILL when the light-cone is in its place and the journal does not say so."""
    write = store.write

    def write_and_die(*arguments):
        write(*arguments)
        _kill_the_rank()

    store.write = write_and_die  # in this child alone
    return simulate(simulation, parameters, seed)


def _kill_the_rank() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)  # this child dies with its rank


def _for_odd_seeds(fault: Simulate) -> Simulate:
    def engine(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
        return (fault if seed % 2 else simulate)(simulation, parameters, seed)

    return engine


def _once(fault: Simulate) -> Simulate:
    def engine(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
        try:
            Path(os.environ[MARKER]).touch(exist_ok=False)
        except FileExistsError:
            return simulate(simulation, parameters, seed)
        return fault(simulation, parameters, seed)

    return engine


for _fault in (
    raises,
    returns_nan,
    returns_constant,
    exits,
    segfaults,
    sleeps,
    eats_memory_of_the_child,
    eats_memory_of_the_rank,
    rank_dies_before_the_rename,
    rank_dies_before_the_journals_line,
):
    globals()[f"{_fault.__name__}_for_odd_seeds"] = _for_odd_seeds(_fault)
    globals()[f"{_fault.__name__}_once"] = _for_odd_seeds(_once(_fault))
