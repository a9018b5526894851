"""A light-cone to infer from, read from the files that people have.

    FILE.h5                     a py21cmfast LightCone, of version 4 or 3.4
    lightcones.zarr[:INDEX]     a database of lcinfer, or one light-cone of it; so its directory
    FILE.npy, FILE.npz, FILE.h5 (x, y, line of sight) in mK; redshifts and cell size are given

Nothing of a cube is read before it is cut.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import zarr

from ..base.errors import UserError, no_such_file
from ..base.options import option
from ..images.cutting import StoredCube
from ..lightcone_file import hdf5, saved
from ..lightcone_file.treatment import treated
from ..lightcones import store
from ..lightcones.velocities import velocities_in
from .arrays import from_array
from .observation import Observation


def observations(
    file: str,
    redshifts: str | None = None,
    cell_size: float | None = None,
    dataset: str | None = None,
    velocities: str = "",
) -> Iterator[Observation]:
    """The light-cones that FILE means, one after the other.

    Args:
        file: a path; of a Zarr store with ``:INDEX`` behind it, one light-cone alone.
        redshifts: for an array without py21cmfast's layout: a file with the redshift of each
            cell, or the name of an array in ``file``.
        cell_size: for the same: side of a cell in comoving Mpc.
        dataset: for the same: which array of the file.
        velocities: how they are treated in what the network was trained on, as in
            ``database.simulator.velocities``; empty: it is not known.

    Raises:
        UserError: if the file is missing, damaged, locked, unfinished or of no kind known here,
            or if its velocities are treated otherwise and cannot be treated so.
    """
    path, index = _split_index(file)
    if not path.exists():
        raise no_such_file(path)
    given = (redshifts, cell_size, dataset) != (None, None, None)
    if path.is_dir():
        if given:
            raise UserError(
                f"{path}: a database has its own redshifts and cell size; these options are for "
                ".npy, .npz and HDF5 of other layouts"
            )
        yield from _from_zarr(path, index)
        return
    is_hdf5 = hdf5.is_hdf5(path)
    if not is_hdf5 and path.suffix not in (".npy", ".npz"):
        raise UserError(
            f"{path}: neither a py21cmfast light-cone, nor a Zarr store, nor .npy, .npz or HDF5"
        )
    found = None
    if is_hdf5 and dataset is None:
        with suppress(saved.NoLightCone):
            found = saved.read(path)
    if found is None:
        yield from from_array(path, dataset, redshifts, cell_size, velocities)
    elif given:
        raise UserError(
            f"{path}: has its own redshifts and cell size; these go with "
            f"{option('dataset')}, for an array of another layout"
        )
    else:
        yield _from_saved(found, velocities)


def _split_index(file: str) -> tuple[Path, int | None]:
    path, colon, index = file.rpartition(":")
    if colon and index.isdigit() and not Path(file).exists():
        return Path(path), int(index)
    return Path(file), None


def _from_saved(file: saved.LightConeFile, velocities: str) -> Observation:
    file.check_finished()
    trained = f"the network was trained with velocities: {velocities}; use one trained as this is"
    cube = treated(file, velocities, trained)
    return Observation(
        name=file.path.name,
        cube=cube,
        shape=file.shape,
        redshift=file.redshift,
        cell_size=file.cell_size,
        units="mK",
        remarks=cube.remarks,
    )


def _from_zarr(path: Path, index: int | None) -> Iterator[Observation]:
    if (inside := path / "lightcones.zarr").is_dir():
        path = inside
    cubes = store.open_cubes(path)
    if cubes.ndim != 4:
        raise UserError(f"{path}: its {store.CUBES} is not (light_cone, x, y, line_of_sight)")
    count = cubes.shape[0]
    if index is not None and index >= count:
        raise UserError(f"{path}: there is no light-cone {index}; it holds {count}")
    group = zarr.open_group(path, mode="r", use_consolidated=False)
    try:
        redshift, across = store.values(group, "redshift"), store.values(group, "x", 2)
        cell_size = float(across[1] - across[0])
    except (KeyError, IndexError):
        raise UserError(f"{path}: says neither redshifts nor the size of its cells") from None
    treated_as = velocities_in(path)
    for each in range(count) if index is None else [index]:
        yield Observation(
            name=f"{path.name}:{each}",
            cube=StoredCube(cubes, each),
            shape=cubes.shape[1:],
            redshift=redshift,
            cell_size=cell_size,
            units=str(cubes.attrs.get("units", "mK")),
            velocities=treated_as,
        )
