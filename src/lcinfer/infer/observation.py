"""A light-cone to infer from, read from the files that people have.

    FILE.h5                     a py21cmfast LightCone, as its ``save`` writes it
    lightcones.zarr[:INDEX]     a database of lcinfer, or one light-cone of it
    FILE.npy                    (x, y, line of sight) in mK; redshifts and cell size are given

Nothing of a cube is read before it is cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr

from .. import store
from ..errors import UserError
from ..images import StoredCube
from ..lightcone import redshift_at
from ..sections import Cosmology

CUBE = "brightness_temp"


@dataclass(frozen=True)
class Observation:
    """One light-cone, and what its file says of it."""

    name: str
    """What it is called in tables and messages."""
    cube: Any
    """(x, y, line_of_sight) brightness temperature, or what reads cells of one."""
    shape: tuple[int, ...]
    """Cells of ``cube``."""
    redshift: np.ndarray
    """(line_of_sight,) redshift of each cell."""
    cell_size: float
    """Side of a cell across the line of sight in comoving Mpc."""
    units: str
    """Units of the brightness temperature."""


def observations(
    file: str, redshifts: Path | None = None, cell_size: float | None = None
) -> Iterator[Observation]:
    """The light-cones that FILE means, one after the other.

    Args:
        file: a path; of a Zarr store with ``:INDEX`` behind it, one light-cone alone.
        redshifts: for a .npy: a .npy or a text file with the redshift of each cell.
        cell_size: for a .npy: side of a cell in comoving Mpc.

    Raises:
        UserError: if the file is missing, damaged, or of no kind known here.
    """
    path, index = _split_index(file)
    if not path.exists():
        raise UserError(f"{path}: no such file")
    given = redshifts is not None or cell_size is not None
    if path.suffix == ".npy":
        if redshifts is None or cell_size is None:
            raise UserError(f"{path}: a .npy needs --redshifts FILE and --cell-size MPC beside it")
        yield _from_npy(path, redshifts, cell_size)
    elif given:
        raise UserError(f"{path}: has its own redshifts and cell size; these options are for .npy")
    elif path.is_dir():
        yield from _from_zarr(path, index)
    elif h5py.is_hdf5(path):
        yield _from_hdf5(path)
    else:
        raise UserError(f"{path}: neither a py21cmfast light-cone, nor a Zarr store, nor a .npy")


def _split_index(file: str) -> tuple[Path, int | None]:
    path, colon, index = file.rpartition(":")
    if colon and index.isdigit() and not Path(file).exists():
        return Path(path), int(index)
    return Path(file), None


def _from_npy(path: Path, redshifts: Path, cell_size: float) -> Observation:
    try:
        cube = np.load(path, mmap_mode="r", allow_pickle=False)
        if cube.dtype.kind not in "fiu":
            raise ValueError(cube.dtype)
    except (OSError, ValueError):
        raise UserError(f"{path}: not an array of real numbers, or a damaged one") from None
    try:
        if redshifts.suffix == ".npy":
            redshift = np.load(redshifts, allow_pickle=False)
        else:
            redshift = np.loadtxt(redshifts, ndmin=1)
    except (OSError, ValueError):
        raise UserError(f"{redshifts}: not a list of redshifts, .npy or one per line") from None
    return Observation(path.name, cube, cube.shape, redshift, cell_size, "mK")


def _from_hdf5(path: Path) -> Observation:
    try:
        with h5py.File(path) as file:
            options = file["InputParameters/simulation_options"].attrs
            known = file["InputParameters/cosmo_params"].attrs
            first = int(file.attrs.get("lowz_buffer_pixels", 0))
            stop = len(file["lightcone_distances"]) - int(file.attrs.get("highz_buffer_pixels", 0))
            distance = file["lightcone_distances"][first:stop]
            cell_size = float(options["BOX_LEN"]) / int(options["HII_DIM"])
            shape = file["lightcones"][CUBE].shape
            cosmology = Cosmology(**{key: float(known[key]) for key in ("hlittle", "OMm", "OMb")})
    except (OSError, KeyError, ValueError, TypeError, AttributeError):
        raise UserError(
            f"{path}: not a light-cone with {CUBE} that py21cmfast 4 has saved, or a damaged one"
        ) from None
    return Observation(
        name=path.name,
        cube=_Hdf5Cube(path, first),
        shape=(*shape[:2], stop - first) if len(shape) == 3 else shape,
        redshift=_redshift(path, cosmology, distance),
        cell_size=cell_size,
        units="mK",
    )


def _redshift(path: Path, cosmology: Cosmology, distance: np.ndarray) -> np.ndarray:
    ascending = np.sort(distance)
    if not np.isfinite(ascending).all():
        raise UserError(f"{path}: its distances hold NaN or infinity")
    try:
        redshift = redshift_at(cosmology, ascending)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    return np.asarray(redshift[np.argsort(np.argsort(distance))])


class _Hdf5Cube:
    """Cells of a light-cone file, behind the buffer cells at its near end."""

    def __init__(self, path: Path, first: int) -> None:
        self._path, self._first = path, first

    def __getitem__(self, cells: tuple[Any, ...]) -> np.ndarray:
        along = slice(cells[2].start + self._first, cells[2].stop + self._first)
        try:
            with h5py.File(self._path) as file:
                return np.asarray(file["lightcones"][CUBE][cells[0], cells[1], along])
        except OSError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{self._path}: cannot be read ({reason})") from None


def _from_zarr(path: Path, index: int | None) -> Iterator[Observation]:
    cubes = store.open_cubes(path)
    if cubes.ndim != 4:
        raise UserError(f"{path}: its {CUBE} is not (light_cone, x, y, line_of_sight)")
    count = cubes.shape[0]
    if index is not None and index >= count:
        raise UserError(f"{path}: there is no light-cone {index}; it holds {count}")
    group = zarr.open_group(path, mode="r", use_consolidated=False)
    try:
        redshift, across = store.values(group, "redshift"), store.values(group, "x", 2)
        cell_size = float(across[1] - across[0])
    except (KeyError, IndexError):
        raise UserError(f"{path}: says neither redshifts nor the size of its cells") from None
    for each in range(count) if index is None else [index]:
        yield Observation(
            name=f"{path.name}:{each}",
            cube=StoredCube(cubes, each),
            shape=cubes.shape[1:],
            redshift=redshift,
            cell_size=cell_size,
            units=str(cubes.attrs.get("units", "mK")),
        )
