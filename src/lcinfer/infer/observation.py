"""A light-cone to infer from."""

from dataclasses import dataclass
from typing import Any

import numpy as np


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
    instrument: str = ""
    """The name of the instrument that has seen it; empty: none has, it is the sky's own."""
    velocities: str = ""
    """How peculiar velocities are treated in it, as ``database.simulator.velocities``; empty: it
    does not say, or its file was read as the network was trained."""
    remarks: tuple[str, ...] = ()
    """What whoever reads its parameters should know of the file."""
