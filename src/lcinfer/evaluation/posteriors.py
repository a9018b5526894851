"""Posteriors of light-cones: samples, and the log density at the truth.

A file is a Zarr group in one ZIP archive; xarray opens it:
``xarray.open_zarr("zip::posterior.zarr.zip")``.
"""

import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from zarr.core.buffer import cpu
from zarr.errors import ZarrUserWarning
from zarr.storage import MemoryStore

from ..base.durable import written_aside
from ..base.errors import UserError

LEVELS = (0.68, 0.95)  # of the credible intervals that are stated, and tested
DIMENSIONS = {
    "truth": ("light_cone", "parameter"),
    "samples": ("light_cone", "sample", "parameter"),
    "log_density": ("light_cone",),
    "reference": ("light_cone", "parameter"),
}
WRITTEN = (1980, 1, 1, 0, 0, 0)  # the time of every member: equal posteriors are equal bytes
RIDGE = 1.0  # added to sums of squares over the light-cones, of profiles with unit variance


@dataclass(frozen=True)
class Posteriors:
    """What a network says of each light-cone from all of its images, in physical units."""

    names: tuple[str, ...]
    """The parameters' py21cmfast names."""
    light_cones: np.ndarray
    """(light_cone,) indices in the database, or in the mock."""
    truth: np.ndarray
    """(light_cone, parameter) float64."""
    samples: np.ndarray
    """(light_cone, sample, parameter) float32, never outside the prior."""
    log_density: np.ndarray
    """(light_cone,) float64: natural logarithm of the posterior's density at the truth, where the
    prior's box is the unit cube: that of the prior itself is 0."""
    reference: np.ndarray
    """(light_cone, parameter) float64: a guess by ridge regression on the mean profiles along the
    line of sight, fitted on the validation set; see :mod:`lcinfer.evaluation.calibration`."""


def ridge(
    profiles: np.ndarray, parameters: np.ndarray, asked: np.ndarray, strength: float = RIDGE
) -> np.ndarray:
    """Parameters by ridge regression, fitted on some light-cones and asked of others.

    Args:
        profiles: (light_cone, part) of those that it is fitted on.
        parameters: (light_cone, parameter) of the same.
        asked: (light_cone, part) of the others.
        strength: of the penalty on the weights, of profiles with unit variance.

    Returns:
        (light_cone, parameter) of the others.
    """
    centre, scale = profiles.mean(axis=0), profiles.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    known, middle = (profiles - centre) / scale, parameters.mean(axis=0)
    normal = known.T @ known + strength * np.eye(known.shape[1])
    weights = np.linalg.solve(normal, known.T @ (parameters - middle))
    return np.asarray((asked - centre) / scale @ weights + middle)


def write_posteriors(
    posteriors: Posteriors, path: Path, stamped: Mapping[str, str] | None = None
) -> None:
    """Write them as one file, with ``stamped`` as the group's attributes."""
    content = xr.Dataset(
        {name: (of, getattr(posteriors, name)) for name, of in DIMENSIONS.items()},
        {"light_cone": posteriors.light_cones, "parameter": np.array(posteriors.names, object)},
        dict(stamped or {}),
    )
    write_zipped(content, path)


def write_zipped(content: xr.Dataset, path: Path) -> None:
    """Write what ``xarray.open_zarr(f"zip::{path}")`` opens; equal contents are equal bytes."""
    whole: dict[Any, Any] = {
        name: {"chunks": array.shape, "compressors": ()} for name, array in content.items()
    }
    files: dict[str, Any] = {}
    with warnings.catch_warnings():  # consolidated metadata, which xarray wants, are no standard
        warnings.simplefilter("ignore", ZarrUserWarning)
        content.to_zarr(MemoryStore(files), zarr_format=3, consolidated=True, encoding=whole)
    with written_aside(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, value in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, WRITTEN), value.to_bytes())


def read_posteriors(path: Path) -> Posteriors:
    """Read what :func:`write_posteriors` wrote.

    Raises:
        UserError: if it is missing or not such a file.
    """
    content = _read(path)
    try:
        arrays = {name: content[name].transpose(*of).to_numpy() for name, of in DIMENSIONS.items()}
        names = tuple(map(str, content["parameter"].to_numpy()))
        return Posteriors(names=names, light_cones=content["light_cone"].to_numpy(), **arrays)
    except (KeyError, ValueError):
        raise UserError(f"{path}: not a file of posteriors") from None


def stamp_of_posteriors(path: Path) -> dict[str, Any]:
    """What a file of posteriors says of itself.

    Raises:
        UserError: if it is missing or not such a file.
    """
    return {str(key): value for key, value in _read(path).attrs.items()}


def _read(path: Path) -> xr.Dataset:
    try:
        with zipfile.ZipFile(path) as archive:  # which holds every member against its checksum
            files = {name: cpu.Buffer.from_bytes(archive.read(name)) for name in archive.namelist()}
        content: xr.Dataset = xr.open_zarr(MemoryStore(dict(files)), consolidated=False).load()
        return content
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, KeyError):
        raise UserError(f"{path}: not a file of posteriors, or a damaged one") from None
