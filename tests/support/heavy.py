"""Simulations that tests share; each runs once, in a process of its own, two at a time."""

import numpy as np

from lcinfer.config.sections import Simulation
from lcinfer.simulator import gm18 as simulate
from lcinfer.simulator.lightcone import LightCone

FAINT = {"HII_EFF_FACTOR": 30.0, "ION_Tvir_MIN": 4.69897, "L_X": 40.0, "NU_X_THRESH": 500.0}
ANOTHER = {"HII_EFF_FACTOR": 180.0, "ION_Tvir_MIN": 5.3, "L_X": 39.1, "NU_X_THRESH": 1100.0}
SEED = 12345


def simulation(cells: int, length: float, along: int, **changes: dict) -> Simulation:
    """A simulation with GM18's model in a small box."""
    return Simulation.model_validate(
        {
            "box": {"cells": cells, "length": length},
            "lightcone": {"cells": along},
            "simulator": {"engine_version": simulate.version(), **changes.get("simulator", {})},
            "cosmology": changes.get("cosmology", {}),
        }
    )


def ours(settings: Simulation, parameters: dict[str, float]) -> LightCone:
    """lcinfer's light-cone."""
    return simulate.simulate(settings, parameters, SEED)


def theirs(settings: Simulation, parameters: dict[str, float]) -> LightCone:
    """``py21cmfast.run_lightcone`` with the same inputs."""
    import py21cmfast
    from astropy.units import Mpc

    inputs = simulate.inputs_for(settings, parameters, SEED)
    _, distance = simulate.coordinates(settings)
    treatment = settings.simulator.treatment
    shifted = treatment in ("shift", "both")
    cone = py21cmfast.run_lightcone(
        lightconer=py21cmfast.RectilinearLightconer(
            lc_distances=distance * Mpc,
            cosmo=inputs.cosmo_params.cosmo,
            quantities=("brightness_temp",),
        ),
        inputs=inputs,
        include_dvdr_in_tau21=treatment in ("gradient", "both"),
        apply_rsds=shifted,
        cache=None,
        write=False,
        regenerate=True,
    )
    np.testing.assert_allclose(cone.lightcone_distances.value, distance, rtol=1e-9)
    return LightCone(
        brightness_temp=cone.lightcones["brightness_temp" + "_with_rsds" * shifted],
        node_redshift=np.array(inputs.node_redshifts),
        neutral_fraction=cone.global_quantities["neutral_fraction"],
        global_brightness_temp=cone.global_quantities["brightness_temp"],
    )
