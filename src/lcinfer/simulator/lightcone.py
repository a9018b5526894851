"""One light-cone: its coordinates, its voxels, and what makes it acceptable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import UserError
from ..config.sections import Cosmology, Simulation

if TYPE_CHECKING:
    from astropy.cosmology import FlatLambdaCDM


class BadLightCone(Exception):
    """A simulation returned something that must not enter a database."""


@dataclass(frozen=True)
class LightCone:
    """What an engine returns.

    ``brightness_temp`` is in mK, float32, shape (x, y, line of sight), the nearest cell
    first. The histories are means over the coeval boxes at ``node_redshift``, highest
    redshift first.
    """

    brightness_temp: np.ndarray
    node_redshift: np.ndarray
    neutral_fraction: np.ndarray
    global_brightness_temp: np.ndarray


# An engine makes a light-cone from a simulation's settings, parameters and a seed.
Simulate = Callable[[Simulation, dict[str, float], int], LightCone]
# One that can make several at once takes parameters and seeds of each.
SimulateBatch = Callable[[Simulation, list[dict[str, float]], list[int]], Sequence[LightCone]]


@cache  # a fifth of a second each time
def cosmology(parameters: Cosmology) -> "FlatLambdaCDM":
    """The cosmology that py21cmfast uses for these parameters, radiation and neutrinos included."""
    from astropy.cosmology import Planck15  # half of what a rank would take to start

    return Planck15.clone(
        name="lcinfer",
        H0=100 * parameters.hlittle,
        Om0=parameters.OMm,
        Ob0=parameters.OMb,
        Neff=3.044,
    )


def coordinates(simulation: Simulation) -> tuple[np.ndarray, np.ndarray]:
    """Redshift and comoving distance in Mpc of each cell along the line of sight.

    Cells are one box cell apart, from the distance of ``lightcone.z_min`` on: with the
    paper's 2200 cells of 1.5 Mpc, from z = 6 to about 34.
    """
    distance_to = cosmology(simulation.cosmology).comoving_distance
    cone = simulation.lightcone
    distance = distance_to(cone.z_min).value + simulation.box.cell_size * np.arange(cone.cells)
    try:
        return redshift_at(simulation.cosmology, distance, cone.z_min), distance
    except ValueError:
        raise UserError(
            f"database.lightcone.cells {cone.cells} reaches beyond redshift 1000"
        ) from None


def redshift_at(parameters: Cosmology, distance: np.ndarray, z_near: float = 0.0) -> np.ndarray:
    """Redshift of comoving distances in Mpc, none nearer than ``z_near``.

    Raises:
        ValueError: if one lies beyond redshift 1000.
    """
    distance_to = cosmology(parameters).comoving_distance
    z_far = z_near + 1.0
    while distance_to(z_far).value < distance[-1]:
        if z_far > 1e3:
            raise ValueError(f"{distance[-1]:g} Mpc lie beyond redshift 1000")
        z_far *= 1.5
    grid, distances = _table(parameters, z_near, z_far)
    return np.asarray(np.interp(distance, distances, grid))


@lru_cache(16)  # astropy integrates for each: 0.1 s for the table
def _table(parameters: Cosmology, z_near: float, z_far: float) -> tuple[np.ndarray, np.ndarray]:
    """Redshifts between two, and their comoving distances in Mpc."""
    redshift = np.geomspace(1 + z_near, 1 + z_far, 4_000) - 1
    return redshift, cosmology(parameters).comoving_distance(redshift).value


def refuse_impossible(lightcone: LightCone, simulation: Simulation) -> None:
    """Refuse voxels that no simulation of these settings can have made.

    Raises:
        BadLightCone: if the cube has another shape, NaN or infinite voxels, or one value, or
            if a global history is incomplete.
    """
    cube = lightcone.brightness_temp
    cells = simulation.box.cells
    expected = (cells, cells, simulation.lightcone.cells)
    if cube.shape != expected:
        raise BadLightCone(f"light-cone of shape {cube.shape} instead of {expected}")
    bad = cube.size - int(np.count_nonzero(np.isfinite(cube)))
    if bad:
        raise BadLightCone(f"{bad} of {cube.size} voxels are NaN or infinite")
    if cube.min() == cube.max():
        raise BadLightCone(f"every voxel is {float(cube.flat[0]):g} mK")
    nodes = lightcone.node_redshift
    for history in (nodes, lightcone.neutral_fraction, lightcone.global_brightness_temp):
        if history.shape != nodes.shape or not np.isfinite(history).all():
            raise BadLightCone("a global history is incomplete or not finite")
