"""A database of light-cones as an xarray Dataset that reads voxels when they are asked for."""

import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from ..base.counting import counted
from ..base.errors import UserError
from ..config.parameters import REGISTRY
from ..config.sections import Split
from ..lightcones import failures, journal, store
from ..lightcones.velocities import velocities_in
from ..products.databases import LightCones
from ..products.product import RESULTS
from ..products.run import Run
from .sources import AnyPath, is_configuration, not_here, one_of, run_of

# dask reads no more of a light-cone than is asked for, and of ten thousand the graph stays small.
CHUNKS = {"light_cone": 1, "x": -1, "y": -1, "line_of_sight": -1}
LONG_NAMES = {
    "light_cone": "index of the light-cone",
    "redshift": "redshift",
    "distance": "comoving distance along the line of sight",
    "x": "comoving x",
    "y": "comoving y",
    "random_seed": "seed of the initial conditions",
    "node_redshift": "redshift of the simulated box",
    "neutral_fraction": "mean neutral fraction of the box",
    "global_brightness_temp": "mean 21-cm brightness temperature of the box",
    "state": "whether its voxels are there",
    "split": "what networks use it for",
} | {name: shown.text for name, shown in REGISTRY.items()}


def open_database(
    source: AnyPath, name: str | None = None, *, results: AnyPath = RESULTS
) -> xr.Dataset:
    """Open a database of light-cones. No voxel is read before it is computed with.

    Dimensions are ``light_cone``, ``x``, ``y``, ``line_of_sight`` (the nearest cell first) and
    ``node`` (the redshifts of the simulated boxes). The Dataset has

    - ``brightness_temp`` (light_cone, x, y, line_of_sight): 21-cm brightness temperature in mK, a
      dask array with a chunk for each light-cone; its attribute ``velocities`` says how peculiar
      velocities were treated, where the database does;
    - ``neutral_fraction`` and ``global_brightness_temp`` (light_cone, node): means over the box,
      at ``node_redshift``, once the database is complete;
    - the parameters and ``random_seed`` (light_cone), in py21cmfast's names and units;
    - ``state`` (light_cone): "finished", "failed" or "missing", as the journal says;
    - ``split`` (light_cone): "validation", "test" or "training", if a configuration is given;
    - ``redshift`` and ``distance`` (line_of_sight), ``x`` and ``y``: lengths in comoving Mpc.

    ``.sel(redshift=8, method="nearest")`` finds a cell of the line of sight.

    Args:
        source: a configuration file, the directory of a database, or its ``lightcones.zarr``.
        name: of a configuration: a mock; None: the database.
        results: of a configuration: where its products are.

    Raises:
        UserError: if there are no light-cones there, or no mock of that name.

    Warns:
        UserWarning: if light-cones are failed or missing. Their voxels are NaN.
    """
    if is_configuration(source):
        return of_run(run_of(source, results), name)
    path = Path(source)
    if name is not None:
        raise UserError(f"{path}: a mock's name goes with a configuration file, not a database")
    cones = path if path.suffix == ".zarr" else path / "lightcones.zarr"
    if not (cones / store.CUBES).exists():
        raise not_here(path, "light-cones", LightCones.kind, "a configuration file")
    return _opened(cones)


def of_run(run: Run, name: str | None = None) -> xr.Dataset:
    """The database of a configuration, or one of its mocks: see :func:`open_database`."""
    cones = run.database if name is None else one_of(run.mocks, name, "mock")
    if not cones.store.exists():
        raise UserError(run.unfinished(cones.store))
    split = run.config.split if name is None else None
    return _opened(cones.store, cones.realizations, split)


def _opened(path: Path, count: int | None = None, split: Split | None = None) -> xr.Dataset:
    store.open_cubes(path)  # says so if there are none
    # Consolidated metadata may be older than the arrays.
    cones: xr.Dataset = xr.open_zarr(path, chunks=None, consolidated=False)
    cones = cones.isel(light_cone=slice(count))  # another configuration may have grown it
    cones[store.CUBES] = cones[store.CUBES].chunk(CHUNKS)
    if velocities := velocities_in(path):
        cones[store.CUBES].attrs["velocities"] = velocities
    small = [name for name, it in cones.variables.items() if it.ndim == 1]
    cones = cones.set_coords(small).assign_coords({name: cones[name].load() for name in small})
    indices = np.arange(cones.sizes["light_cone"])
    cones = cones.assign_coords(light_cone=indices).set_xindex("redshift")
    if split is not None:
        ends = np.cumsum([split.validation, split.test])
        uses = np.array(["validation", "test", "training"])[np.searchsorted(ends, indices, "right")]
        cones = cones.assign_coords(split=("light_cone", uses))
    if (lines := path.parent / "journal").is_dir():
        states = _states(lines, len(indices))
        cones = cones.assign_coords(state=("light_cone", states))
        _say_what_lacks(path.parent, states)
    for name in LONG_NAMES.keys() & cones.variables.keys():
        cones[name].attrs["long_name"] = LONG_NAMES[name]
    for it in cones.variables.values():
        if it.attrs.get("units") == "1":  # which would stand beside the name in a plot
            del it.attrs["units"]
    return cones


def _states(directory: Path, count: int) -> np.ndarray:
    """(light_cone,) what a journal says of each."""
    failed = {record["index"] for record in journal.failures(directory)}
    finished = journal.finished(directory, histories=False).keys()
    of = dict.fromkeys(failed, "failed") | dict.fromkeys(finished, "finished")
    return np.array([of.get(index, "missing") for index in range(count)])


def _say_what_lacks(directory: Path, states: np.ndarray) -> None:
    lacking = [
        f"{len(which)} {state} ({failures.first_of(which)})"
        for state in ("failed", "missing")
        if (which := np.flatnonzero(states == state).tolist())
    ]
    if lacking:
        total = counted(len(states), "light-cone")
        said = f"{directory}: {total}, of these {', '.join(lacking)}: their voxels are NaN"
        warnings.warn(said, stacklevel=4)
