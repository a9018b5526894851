"""What is made of a light-cone for networks to read, and how it lies in its store."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Form(NamedTuple):
    """Images, spectra: an array (image, ...) of each light-cone."""

    shape: tuple[int, ...]
    """(image, ...) of a light-cone's."""
    dimensions: tuple[str, ...]
    """Their names."""
    attributes: Mapping[str, Any]
    """Of the array: its units, among others."""
    make: Callable[[Any], np.ndarray]
    """A cube (x, y, line_of_sight) in mK, or what reads from one, -> the array."""
    line_of_sight: str
    """The dimension that has a redshift and a distance."""
    along: Callable[[np.ndarray], np.ndarray]
    """Values of a light-cone's cells along the line of sight -> of that dimension."""
    tolerance: float = 0
    """By how much another machine's may differ."""
    dtype: str = "float32"
    """Of the array."""
    coordinates: Mapping[str, tuple[np.ndarray, str, str]] = {}
    """By name: values, dimension, units of the others."""
