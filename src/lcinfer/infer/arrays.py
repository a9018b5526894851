"""Light-cones in arrays of people's own: ``.npy``, ``.npz``, HDF5 of any layout."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np

from ..base.errors import UserError
from ..lightcone_file import hdf5
from . import redshifts as lists
from .observation import Observation


def from_array(
    path: Path, dataset: str | None, redshifts: str | None, cell_size: float | None
) -> Iterator[Observation]:
    """The light-cones of an array (x, y, line of sight), or (light-cone, x, y, line of sight).

    Args:
        path: the file.
        dataset: which of its arrays; None: the only one that can be meant.
        redshifts: a file with the redshift of each cell, or the name of an array or an attribute
            of ``path`` with them.
        cell_size: side of a cell in comoving Mpc.

    Raises:
        UserError: if it is damaged, or what is needed is not given.
    """
    if path.suffix == ".npy":
        name, cubes = path.name, _load(path)
    elif path.suffix == ".npz":
        arrays = _load(path)
        name = _choose(path, {each: arrays[each].shape for each in _numeric(path, arrays)}, dataset)
        cubes = arrays[name]
    else:
        with hdf5.opened(path) as file:
            shapes = hdf5.datasets(file)
            name = _choose(path, shapes, dataset)
        cubes = _Hdf5Array(path, name, shapes[name])
    if redshifts is None or cell_size is None:
        raise UserError(
            f"{path}: it does not say where it lies: give --redshifts FILE and --cell-size MPC"
        )
    yield from in_memory(path.name, cubes, _redshifts(path, redshifts), cell_size)


def in_memory(
    name: str, cubes: Any, redshifts: lists.Redshifts, cell_size: float
) -> Iterator[Observation]:
    """The light-cones of an array, as :func:`from_array`; redshifts may be of each light-cone."""
    remarks = (redshifts.remark,) if redshifts.remark else ()
    shape, along = cubes.shape, redshifts.values
    if len(shape) != 4:
        yield Observation(name, cubes, shape, along, cell_size, "mK", remarks)
        return
    for index in range(shape[0]):
        yield Observation(
            name=f"{name}:{index}" if shape[0] > 1 else name,
            cube=_OneOf(cubes, index),
            shape=shape[1:],
            redshift=along[min(index, len(along) - 1)] if along.ndim == 2 else along,
            cell_size=cell_size,
            units="mK",
            remarks=remarks,
        )


def _load(path: Path) -> Any:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(found, np.ndarray) and found.dtype.kind not in "fiu":
            raise ValueError(found.dtype)
    except (OSError, ValueError, BadZipFile):
        raise UserError(f"{path}: not an array of real numbers, or a damaged one") from None
    return found


def _numeric(path: Path, arrays: Any) -> list[str]:
    try:
        return [name for name in arrays.files if arrays[name].dtype.kind in "fiu"]
    except (OSError, ValueError, BadZipFile):
        raise UserError(f"{path}: an array in it is no array of real numbers, or damaged") from None


def _choose(path: Path, shapes: Mapping[str, tuple[int, ...]], dataset: str | None) -> str:
    listed = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
    if dataset is not None:
        name = dataset.strip("/")
        if name not in shapes:
            raise UserError(f"{path}: no array {dataset} of numbers; it holds {listed or 'none'}")
        return name
    cubes = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
    if len(cubes) != 1:
        raise UserError(
            f"{path}: not a light-cone that py21cmfast saved, nor one array (x, y, line of sight): "
            f"name it with --dataset; it holds {listed or 'no numbers'}"
        )
    return cubes[0]


def _redshifts(path: Path, given: str) -> lists.Redshifts:
    if Path(given).exists() or path.suffix == ".npy":
        return lists.read(Path(given))
    name = given.strip("/")
    if path.suffix == ".npz":
        arrays = _load(path)
        if name in arrays.files:
            return lists.understood(arrays[name], name.lower())
    else:
        with hdf5.opened(path) as file:
            if isinstance(file.get(name), h5py.Dataset):
                return lists.understood(hdf5.values(file[name]), name.lower())
            owner, _, attribute = name.rpartition("/")
            if (owner or "/") in file and attribute in file[owner or "/"].attrs:
                values = np.asarray(file[owner or "/"].attrs[attribute])
                return lists.understood(values, attribute.lower())
    raise UserError(f"--redshifts {given}: no such file, and {path} holds nothing of that name")


class _Hdf5Array:
    """An array of an HDF5 file, opened when cells of it are read."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...]) -> None:
        self._path, self._name, self.shape = path, name, shape

    def __getitem__(self, cells: tuple[Any, ...]) -> np.ndarray:
        with hdf5.opened(self._path) as file:
            return hdf5.values(file[self._name], *cells)


class _OneOf:
    """One light-cone of several in an array."""

    def __init__(self, cubes: Any, index: int) -> None:
        self._cubes, self._index = cubes, index

    def __getitem__(self, cells: tuple[Any, ...]) -> Any:
        return self._cubes[(self._index, *cells)]
