"""Simulations small enough to be made by both engines in a test."""

from typing import Any

from lcinfer.config.sections import Simulation

FAINT = {"HII_EFF_FACTOR": 30.0, "ION_Tvir_MIN": 4.69897, "L_X": 40.0, "NU_X_THRESH": 500.0}


def simulation(cells: int, length: float, **simulator: Any) -> Simulation:
    """A light-cone to z = 30 in a box of ``length`` Mpc, with few nodes unless told otherwise."""
    settings = {
        "engine_version": "4.1.1+gm18.1",
        "velocities": "gradient",
        "z_step_factor": 1.25,
        **simulator,
    }
    return Simulation(
        box={"cells": cells, "length": length},
        lightcone={"z_min": 6, "cells": int(3129 * cells / length)},
        simulator=settings,
    )
