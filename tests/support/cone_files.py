"""Light-cone files in py21cmfast's layouts, written in a moment, with physics that tells."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lcinfer.config.sections import Cosmology
from lcinfer.simulator.lightcone import cosmology
from lcinfer.simulator.velocities import KM_IN_MPC, include_gradient

CELL = 3.0  # Mpc
NODES = np.array([12.0, 10.0, 8.0, 6.0])
COSMOLOGY = {"hlittle": 0.68, "OMm": 0.31, "OMb": 0.048, "POWER_INDEX": 0.97}
GRID = {"HII_DIM": 16, "BOX_LEN": 48.0, "HIRES_TO_LOWRES_FACTOR": 3.0}
FIRST = 8400.0  # Mpc, of the nearest cell


def physics(side: int = 16, along: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    """T_b without and ``with`` the velocity gradient, velocities along the line of sight, tau.

    Gas of one density field, cold against the microwave background, that falls into itself.
    """
    noise = np.random.default_rng(seed)
    density = 0.3 * noise.normal(size=(side, side, along))
    density = (density + np.roll(density, 1, axis=2) + np.roll(density, 1, axis=0)) / 2
    hubble = 1000.0  # km/s/Mpc
    falls = density + 0.3 * noise.normal(size=density.shape)
    velocity = -np.cumsum(falls - falls.mean(axis=2, keepdims=True), axis=2) * CELL
    velocity *= 0.5 * hubble / KM_IN_MPC
    tau = 0.05 * np.exp(density)
    spin = 10 + np.cumsum(noise.normal(size=along)) * 0.1 + 2 * density
    plain = 1000 * (spin - 25) / 9 * -np.expm1(-tau)
    fields = {"los_velocity": velocity, "tau_21": tau, "brightness_temp": plain}
    return {name: field.astype(np.float32) for name, field in fields.items()}


def with_gradient(fields: dict[str, np.ndarray]) -> np.ndarray:
    """The brightness temperature, with the velocity gradient put in."""
    known = {name: COSMOLOGY[name] for name in ("hlittle", "OMm", "OMb")}
    universe = cosmology(Cosmology(**known))
    from lcinfer.simulator.lightcone import redshift_at

    distance = FIRST + CELL * np.arange(fields["tau_21"].shape[-1])
    hubble = universe.H(redshift_at(Cosmology(**known), distance)).value
    cube = fields["brightness_temp"].copy()
    include_gradient(cube, fields["los_velocity"], fields["tau_21"], hubble, CELL, largest=0.2)
    return cube


def write(
    path: Path,
    fields: dict[str, np.ndarray],
    last: int = -1,
    reached: int = len(NODES),
    **inputs: Any,
) -> Path:
    """A file in version 4's layout; inputs that are None are not written, as by py21cmfast."""
    structs = {
        "simulation_options": {**GRID, "N_THREADS": 1},
        "matter_options": {"HMF": "ST"},
        "cosmo_params": {**COSMOLOGY, "SIGMA_8": 0.81},
        "astro_params": {"HII_EFF_FACTOR": 30.0, "MAX_DVDR": 0.2},
        "astro_options": {"USE_TS_FLUCT": True},
    }
    along = fields["brightness_temp"].shape[-1]
    with h5py.File(path, "w") as file:
        file.attrs.update({"lightcone": True, "last_completed_node": last})
        for name, field in fields.items():
            file[f"lightcones/{name}"] = field
        file["lightcone_distances"] = FIRST + CELL * np.arange(along)
        for name in ("brightness_temp", "neutral_fraction", "density"):
            file[f"global_quantities/{name}"] = np.where(np.arange(len(NODES)) < reached, 0.5, 0)
        group = file.create_group("InputParameters")
        group.attrs.update({"21cmFAST-version": "4.1.1", "random_seed": 7})
        group["node_redshifts"] = NODES
        for struct, known in structs.items():
            known |= {name: inputs.pop(name) for name in list(inputs) if name in known}
            if struct == "simulation_options":
                known |= {n: inputs.pop(n) for n in ("LOWRES_CELL_SIZE_MPC", "DIM") if n in inputs}
            if struct == "cosmo_params" and "A_s" in inputs:
                known["A_s"] = inputs.pop("A_s")
            given = {name: value for name, value in known.items() if value is not None}
            group.create_group(struct).attrs.update(given)
    assert not inputs, "of no struct"
    return path


def write_version_3(path: Path, fields: dict[str, np.ndarray], **flags: Any) -> Path:
    """A file in version 3.4's layout."""
    along = fields["brightness_temp"].shape[-1]
    with h5py.File(path, "w") as file:
        file.attrs.update({"redshift": 6.0, "random_seed": 7, "version": "3.4.0"})
        grid = {"BOX_LEN": 48.0, "HII_DIM": 16, "DIM": 48, "N_THREADS": 1}
        file.create_group("user_params").attrs.update(grid)
        file.create_group("cosmo_params").attrs.update({**COSMOLOGY, "SIGMA_8": 0.81})
        file.create_group("astro_params").attrs["HII_EFF_FACTOR"] = 30.0
        file.create_group("flag_options").attrs.update(flags)
        file["lightcones/brightness_temp"] = fields["brightness_temp"]
        file["global_quantities/brightness_temp"] = np.ones(len(NODES))
        file["global_quantities/xH_box"] = np.ones(len(NODES))
        file["node_redshifts"] = NODES
        file["distances"] = FIRST + CELL * np.arange(along)
    return path
