"""Posteriors of light-cones: samples, and the log density at the truth.

A file is a Zarr store in one ZIP archive; xarray opens it: ``xarray.open_zarr("posterior.zarr.zip")``.
"""

from dataclasses import dataclass

import numpy as np


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
