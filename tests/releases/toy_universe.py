"""The engine of the kept runs: light-cones in milliseconds, and a corner of the prior that fails.

Its name stands in their configurations, and so in their fingerprints: it stays what it is.
"""

import numpy as np

from lcinfer.config.sections import Simulation
from lcinfer.simulator.lightcone import LightCone

NODES = np.linspace(35.0, 6.0, 7)


def simulate(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """Noise from the seed, and for each parameter a trough in a place of its own, as deep as it."""
    if parameters["HII_EFF_FACTOR"] > 230:
        raise RuntimeError("too many ionising photons")
    side, along = simulation.box.cells, simulation.lightcone.cells
    low = {"HII_EFF_FACTOR": 10.0, "ION_Tvir_MIN": 4.0, "L_X": 38.0, "NU_X_THRESH": 100.0}
    high = {"HII_EFF_FACTOR": 250.0, "ION_Tvir_MIN": 6.0, "L_X": 42.0, "NU_X_THRESH": 1500.0}
    place, profile = np.linspace(0, 1, along), np.zeros(along)
    for number, name in enumerate(sorted(parameters)):
        depth = (parameters[name] - low[name]) / (high[name] - low[name])
        middle = (number + 0.5) / len(parameters)
        profile -= 60 * depth * np.exp(-0.5 * ((place - middle) * 2 * len(parameters)) ** 2)
    noise = np.random.default_rng(seed).normal(0, 3, (side, side, along))
    return LightCone(
        brightness_temp=(noise + profile).astype(np.float32),
        node_redshift=NODES,
        neutral_fraction=np.linspace(1, 0, len(NODES)),
        global_brightness_temp=np.linspace(0, float(profile.mean()), len(NODES)),
    )
