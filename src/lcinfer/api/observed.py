"""What people hand to a network: arrays, with names and labels where they have some, and files."""

from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np
import xarray as xr

from ..base.errors import UserError
from ..infer import redshifts
from ..infer.arrays import KELVIN, in_memory
from ..infer.files import observations
from ..infer.observation import Observation
from ..lightcones.store import CUBES

AXES = ("x", "y", "line_of_sight")


def observed(
    brightness: Any,
    redshift: Any = None,
    cell_size: float | None = None,
    dataset: str | None = None,
    velocities: str = "",
) -> Iterator[Observation]:
    """The light-cones that :meth:`lcinfer.Network.predict` was given.

    Args:
        brightness: and all others but the last: as that method takes them.
        velocities: how they are treated in what the network was trained on; empty: unknown.

    Raises:
        UserError: if it is no light-cone, or says too little of where it lies.
    """
    if isinstance(brightness, Observation):
        yield brightness
    elif isinstance(brightness, str | PathLike):
        given = None if redshift is None else str(redshift)
        yield from observations(str(brightness), given, cell_size, dataset, velocities)
    elif isinstance(brightness, xr.Dataset):
        if CUBES not in brightness:
            has = ", ".join(map(str, brightness.data_vars)) or "nothing"
            raise UserError(f"this Dataset has {has} and no {CUBES}: give the array that is meant")
        yield from observed(brightness[CUBES], redshift, cell_size, dataset, velocities)
    elif isinstance(brightness, xr.DataArray) and "light_cone" in brightness.dims:
        for one in brightness.transpose("light_cone", ...):
            yield from observed(one, redshift, cell_size, dataset, velocities)
    else:
        name, said = "array", dict[str, Any]()
        if isinstance(brightness, xr.DataArray):
            name, said = _name(brightness), brightness.attrs
            redshift, cell_size = _where(brightness, redshift, cell_size)
            brightness = _in_order(name, brightness).data
            if str(said.get("units", "")).lower() in KELVIN:
                brightness = 1000 * brightness
        if redshift is None or cell_size is None:
            raise UserError(
                "an array does not say where it lies: give the redshift of each cell, and "
                "cell_size in comoving Mpc"
            )
        along = redshifts.understood(redshift, "", "redshift")
        yield from in_memory(name, _Lazy(brightness), along, float(cell_size), said, velocities)


class _Lazy:
    """An array of NumPy or dask, whose cells are NumPy's when they are asked for."""

    def __init__(self, cubes: Any) -> None:
        self._cubes = cubes if hasattr(cubes, "shape") else np.asarray(cubes)
        self.shape: tuple[int, ...] = self._cubes.shape

    def __getitem__(self, cells: Any) -> np.ndarray:
        return np.asarray(self._cubes[cells])


def _name(brightness: xr.DataArray) -> str:
    known = brightness.coords
    return f"light-cone {known['light_cone'].item()}" if "light_cone" in known else "array"


def _where(
    brightness: xr.DataArray, redshift: Any, cell_size: float | None
) -> tuple[Any, float | None]:
    """Where a light-cone lies: as it says itself, unless it is given."""
    known = brightness.coords
    if redshift is None and "redshift" in known:
        redshift = known["redshift"].to_numpy()
    for axis in ("x", "y"):
        if cell_size is None and axis in known and known[axis].size > 1:
            cell_size = abs(float(known[axis][1] - known[axis][0]))
    return redshift, cell_size


def _in_order(name: str, brightness: xr.DataArray) -> xr.DataArray:
    """A light-cone with its dimensions in the order that networks read, where they have names.

    Raises:
        UserError: naming the dimension that is missing; if the light-cone is not there.
    """
    state = brightness.coords.get("state")
    if state is not None and state.item() != "finished":
        raise UserError(
            f"{name}: it is {state.item()}, and its voxels are NaN: choose others, as "
            '.isel(light_cone=cones.state == "finished") does'
        )
    dims = [str(each) for each in brightness.dims]
    lacking = [axis for axis in AXES if axis not in dims]
    if lacking and len(dims) < 3:
        raise UserError(
            f"{name}: its dimensions are {', '.join(dims) or 'none'}, without "
            f"{', '.join(lacking)}: a network reads a whole light-cone, ({', '.join(AXES)})"
        )
    # Of other names the order is to be right.
    return brightness if lacking else brightness.transpose(..., *AXES)
