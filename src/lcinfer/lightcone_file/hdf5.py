"""HDF5 files of others: opened, looked through, and what goes wrong in a user's words."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..base.errors import UserError, no_such_file, reason

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FIRST_USER_BLOCK = 512  # bytes; the signature may stand behind twice as many, and so on


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5; ``h5py.is_hdf5`` says no of one that another process has locked."""
    with path.open("rb") as file:
        size, offset = path.stat().st_size, 0
        while offset < size:
            file.seek(offset)
            if file.read(len(SIGNATURE)) == SIGNATURE:
                return True
            offset = 2 * offset or FIRST_USER_BLOCK
    return False


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file, for reading.

    Raises:
        UserError: if it is missing, no HDF5, damaged or locked. Also where the body meets
            damage, in the words of whatever broke on it.
        PermissionError: if it cannot be read.
    """
    with suppress(ImportError):
        import_module("hdf5plugin")  # gives HDF5 more filters, where it is installed
    try:
        with h5py.File(path, "r") as file:
            yield file
    except PermissionError:
        raise
    except FileNotFoundError:
        raise no_such_file(path) from None
    except (OSError, KeyError, RuntimeError) as error:
        raise UserError(f"{path}: {_in_words(path, error)}") from None


def _in_words(path: Path, error: Exception) -> str:
    said = reason(error)
    if "unable to lock file" in said:
        return (
            "it is locked: another program has it open for writing; wait until that has closed "
            "it, or take a copy made before"
        )
    if "h5clear" in said:
        return "the program that wrote it did not close it: take a whole copy, or try `h5clear -s`"
    if path.is_file() and not is_hdf5(path):
        return "no HDF5 file"
    return f"damaged, or not what it seems: {said}"


def values(dataset: h5py.Dataset, *cells: Any) -> np.ndarray:
    """Part of a dataset.

    Raises:
        UserError: if HDF5 has not the filter that the dataset was compressed with, or a chunk
            is damaged.
    """
    where = f"{dataset.file.filename}: {dataset.name.lstrip('/')}"
    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code, _, _, name = properties.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            raise UserError(
                f"{where} is compressed with the HDF5 filter {code} "
                f"({name.decode(errors='replace') or 'no name'}), which is not here: `pip install "
                "hdf5plugin` brings most filters; or save the file with gzip"
            )
    try:
        return np.asarray(dataset[cells or ()])
    except (OSError, RuntimeError) as error:
        raise UserError(f"{where} is damaged: {reason(error)}") from None


def units(item: h5py.Dataset) -> str:
    """What its attribute says, without brackets; empty: it has none."""
    return attribute(item, "units", "unit").strip(" []()")


def attribute(item: h5py.Dataset, *names: str) -> str:
    """The first of these attributes that it has, as text; empty: it has none."""
    found = next((item.attrs[name] for name in names if name in item.attrs), "")
    return found.decode() if isinstance(found, bytes) else str(found)


def items(file: h5py.File) -> dict[str, Any]:
    """All groups and datasets of a file by their paths; its root has an empty one."""
    found: dict[str, Any] = {"": file}
    file.visititems(found.__setitem__)
    return found


def datasets(file: h5py.File) -> dict[str, tuple[int, ...]]:
    """The shapes of all arrays of numbers in a file, by their paths."""
    return {
        name: item.shape
        for name, item in items(file).items()
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu" and item.shape
    }
