"""py21cmfast's inputs as its files have them, and those that it derives from others.

Version 4 does not write an input that is None: a box may be given by the size of its cells, the
fine grid by its cells, the fluctuations by A_s or by nothing at all.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from ..config.sections import Cosmology
from .hdf5 import values

STRUCTS = ("simulation_options", "matter_options", "cosmo_params", "astro_params", "astro_options")
STRUCTS_OF_3 = ("user_params", "cosmo_params", "flag_options", "astro_params")
GRID = ("HII_DIM", "BOX_LEN", "LOWRES_CELL_SIZE_MPC", "DIM", "HIRES_TO_LOWRES_FACTOR")
FLUCTUATIONS = ("SIGMA_8", "A_s", "hlittle", "OMm", "OMb", "POWER_INDEX")
# What stands for another input, and is said by that one from here on.
STAND_INS = ("LOWRES_CELL_SIZE_MPC", "DIM", "A_s")


def read(group: h5py.Group, structs: tuple[str, ...]) -> dict[str, Any]:
    """Every input by py21cmfast's name, as it was written."""
    return {
        name: _plain(value) for struct in structs for name, value in group[struct].attrs.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def nodes(group: h5py.Group) -> np.ndarray:
    """Redshifts of the evolution, in the file's order: highest first."""
    return values(group["node_redshifts"]).astype(np.float64)


def with_grid(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with BOX_LEN and HIRES_TO_LOWRES_FACTOR, whichever way the grid was given."""
    found = dict(inputs)
    if not {"BOX_LEN", "HIRES_TO_LOWRES_FACTOR"} <= inputs.keys():
        from py21cmfast import SimulationOptions  # seconds, which most files need not cost

        grid = SimulationOptions(**{name: inputs[name] for name in GRID if name in inputs})
        found["BOX_LEN"] = float(grid.BOX_LEN)
        found["HIRES_TO_LOWRES_FACTOR"] = float(grid.HIRES_TO_LOWRES_FACTOR)
    return {name: value for name, value in found.items() if name not in STAND_INS[:2]}


def with_fluctuations(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with SIGMA_8; from A_s it follows through CLASS, which takes seconds."""
    found = dict(inputs)
    if "SIGMA_8" not in inputs:
        from py21cmfast import CosmoParams

        given = {name: inputs[name] for name in FLUCTUATIONS if name in inputs}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found["SIGMA_8"] = float(CosmoParams(**given).SIGMA_8)
    found.pop("A_s", None)
    return found


def cosmology(inputs: Mapping[str, Any]) -> Cosmology:
    """What distances need of it."""
    return Cosmology(**{name: float(inputs[name]) for name in ("hlittle", "OMm", "OMb")})
