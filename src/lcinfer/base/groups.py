"""Zarr groups, read by what their arrays say of themselves; xarray is left the same to read."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import zarr
from zarr.core.metadata.v3 import ArrayV3Metadata
from zarr.errors import ZarrUserWarning

from . import durable


def open_group(path: Path, mode: Literal["r", "a"] = "r") -> zarr.Group:
    """A store's group as its arrays are: its consolidated metadata may be older than these."""
    return zarr.open_group(path, mode=mode, zarr_format=3, use_consolidated=False)


@contextmanager
def changing(path: Path) -> Iterator[zarr.Group]:
    """A store's group to be made or changed; then its consolidated metadata are made anew.

    By these xarray opens a store in one read. Meanwhile there are none: whoever is killed
    leaves no wrong ones, and xarray then asks every array.
    """
    with suppress(FileNotFoundError):
        metadata = described(path)
        if metadata.pop("consolidated_metadata", None) is not None:
            durable.write_json(path / "zarr.json", metadata)
    yield open_group(path, "a")
    with warnings.catch_warnings():
        # Not every library knows them: one that does not passes them over.
        warnings.simplefilter("ignore", ZarrUserWarning)
        zarr.consolidate_metadata(path)


def is_stale(path: Path) -> bool:
    """Whether a store's consolidated metadata give an array another size than it has."""
    consolidated = zarr.open_group(path, mode="r").metadata.consolidated_metadata
    listed = {} if consolidated is None else consolidated.metadata
    return any(
        described(path, name)["shape"] != list(array.shape)
        for name, array in listed.items()
        if isinstance(array, ArrayV3Metadata) and (path / name / "zarr.json").exists()
    )


def described(path: Path, name: str = "") -> dict[str, Any]:
    """The metadata of a group, or of an array of it.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if they are damaged.
    """
    metadata: dict[str, Any] = json.loads((path / name / "zarr.json").read_bytes())
    return metadata
