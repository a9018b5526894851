"""Light-cones in arrays of people's own: ``.npy``, ``.npz``, HDF5 of any layout."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..base.errors import UserError, no_such_file
from ..base.options import option
from ..lightcone_file import hdf5
from . import redshifts as lists
from .observation import Observation

KELVIN, MILLIKELVIN = ("k", "kelvin"), ("mk", "millikelvin")  # in small letters
REDSHIFT = "redshift"  # the option `redshifts` as an argument
SAID = ("units", "velocities", "instrument")  # attributes of an array that are heeded


def from_array(
    path: Path,
    dataset: str | None,
    redshifts: str | None,
    cell_size: float | None,
    velocities: str = "",
) -> Iterator[Observation]:
    """The light-cones of an array (x, y, line of sight), or (light-cone, x, y, line of sight).

    Args:
        path: the file.
        dataset: which of its arrays; None: the only one that can be meant.
        redshifts: a file with the redshift of each cell, or the name of an array or an attribute
            of ``path`` with them.
        cell_size: side of a cell in comoving Mpc.
        velocities: how they are treated in what the network was trained on; empty: unknown.

    Raises:
        UserError: if it is damaged, or what is needed is not given.
    """
    said = dict.fromkeys(SAID, "")
    if path.suffix == ".npy":
        if dataset is not None:
            what = f"{path}: a .npy holds one array, without a name"
            raise UserError(f"{what}: leave out {option('dataset')}")
        name, cubes = path.name, _load(path)
    elif path.suffix == ".npz":
        arrays = _load(path)
        name = _choose(path, {each: arrays[each].shape for each in _numeric(path, arrays)}, dataset)
        cubes = arrays[name]
    else:
        with hdf5.opened(path) as file:
            shapes = hdf5.datasets(file)
            name = _choose(path, shapes, dataset)
            said = {each: hdf5.attribute(file[name], each) for each in SAID}
            said["units"] = hdf5.units(file[name])
        scale = 1000 if said["units"].lower() in KELVIN else 1
        cubes = _Hdf5Array(path, name, shapes[name], scale)
    if redshifts is None or cell_size is None:
        needed = [option("redshifts", "FILE", REDSHIFT)] if redshifts is None else []
        needed += [option("cell-size", "MPC")] if cell_size is None else []
        raise UserError(f"{path}: it does not say where its cells lie: give {' and '.join(needed)}")
    known = _redshifts(path, redshifts)
    yield from in_memory(path.name, cubes, known, cell_size, said, velocities)


def in_memory(
    name: str,
    cubes: Any,
    redshifts: lists.Redshifts,
    cell_size: float,
    said: Mapping[str, Any],
    velocities: str = "",
) -> Iterator[Observation]:
    """The light-cones of an array in mK, as :func:`from_array`.

    Args:
        name: what it is called.
        cubes: (x, y, line of sight) or (light-cone, x, y, line of sight).
        redshifts: of each cell, or (light-cone, line of sight).
        cell_size: side of a cell in comoving Mpc.
        said: the array's attributes: ``units`` that it had, ``velocities`` as
            ``database.simulator.velocities``, and the ``instrument`` that has seen it.
        velocities: how they are treated in what the network was trained on; empty: unknown.
    """
    units, treatment, instrument = (str(said.get(each, "")) for each in SAID)
    trained = f"; the network was trained with velocities: {velocities}" if velocities else ""
    unknown = f"nothing tells how peculiar velocities were treated in it{trained}"
    remarks = [] if treatment else [unknown]
    remarks += [redshifts.remark] if redshifts.remark else []
    kelvin = units.lower() in KELVIN
    remarks += [f"its brightness is in {units}: taken times 1000"] if kelvin else []
    shape, along = cubes.shape, redshifts.values
    several = len(shape) == 4
    for index in range(shape[0] if several else 1):
        yield Observation(
            name=f"{name}:{index}" if several and shape[0] > 1 else name,
            cube=_OneOf(cubes, index) if several else cubes,
            shape=shape[several:],
            redshift=along[min(index, len(along) - 1)] if several and along.ndim == 2 else along,
            cell_size=cell_size,
            units="mK" if units.lower() in ("", *KELVIN, *MILLIKELVIN) else units,
            instrument=instrument,
            velocities=treatment,
            remarks=tuple(remarks),
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
        named = _meant(dataset, shapes)
        if len(named) != 1:
            what = "several arrays" if named else "no array"
            raise UserError(f"{path}: {what} {dataset} of numbers; it holds {listed or 'none'}")
        return named[0]
    cubes = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
    if len(cubes) != 1:
        raise UserError(
            f"{path}: not a light-cone that py21cmfast saved, nor one array (x, y, line of sight): "
            f"name it with {option('dataset')}; it holds {listed or 'no numbers'}"
        )
    return cubes[0]


def _meant(given: str, names: Collection[str]) -> list[str]:
    """The names in a file that a user means by a path, or by the last part of one."""
    name = given.strip("/")
    return [name] if name in names else [each for each in names if each.endswith(f"/{name}")]


def _redshifts(path: Path, given: str) -> lists.Redshifts:
    if Path(given).exists() or path.suffix == ".npy":
        return lists.read(Path(given))
    if path.suffix == ".npz":
        arrays = _load(path)
        found = {name: (arrays[name], "") for name in _meant(given, arrays.files)}
    else:
        found = _in_hdf5(path, given)
    if len(found) > 1:
        asked = option("redshifts", given, REDSHIFT)
        raise UserError(f"{asked}: {path} holds {', '.join(found)}: name one of them")
    if not found:
        asked = option("redshifts", str(no_such_file(Path(given))), REDSHIFT)
        raise UserError(f"{asked}, and {path} holds nothing of that name")
    ((name, (column, units)),) = found.items()
    called = f"{name.rpartition('/')[2]} {units}".lower()
    return lists.understood(column, called, f"{path}: {name}")


def _in_hdf5(path: Path, given: str) -> dict[str, tuple[np.ndarray, str]]:
    """Arrays and attributes of a name, by their paths, with their units."""
    with hdf5.opened(path) as file:
        items = hdf5.items(file)
        attributes = {
            f"{where}/{name}".lstrip("/"): (item, name)
            for where, item in items.items()
            for name in item.attrs
        }
        found = {}
        for name in _meant(given, [*hdf5.datasets(file), *attributes]):
            if name in attributes:
                owner, attribute = attributes[name]
                found[name] = np.asarray(owner.attrs[attribute]), ""
            else:
                found[name] = hdf5.values(items[name]), hdf5.units(items[name])
        return found


class _Hdf5Array:
    """An array of an HDF5 file, opened when cells of it are read."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], scale: int) -> None:
        self._path, self._name, self.shape, self._scale = path, name, shape, scale

    def __getitem__(self, cells: tuple[Any, ...]) -> np.ndarray:
        with hdf5.opened(self._path) as file:
            found = hdf5.values(file[self._name], *cells)
        return found * np.float32(self._scale) if self._scale != 1 else found


class _OneOf:
    """One light-cone of several in an array."""

    def __init__(self, cubes: Any, index: int) -> None:
        self._cubes, self._index = cubes, index

    def __getitem__(self, cells: tuple[Any, ...]) -> Any:
        return self._cubes[(self._index, *cells)]
