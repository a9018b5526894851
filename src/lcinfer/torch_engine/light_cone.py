"""Coeval boxes into light-cones: planes between two nodes, linear in comoving distance."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ..config.sections import Simulation
from ..simulator.lightcone import coordinates, cosmology
from ..simulator.nodes import node_redshifts
from ..simulator.velocities import BEYOND_THE_ENDS


def geometry_of(simulation: Simulation) -> "Geometry":
    """The geometry of a simulation's light-cones; made once."""
    return _geometry(simulation.model_dump_json(include=set(Simulation.model_fields)))


@lru_cache(maxsize=4)
def _geometry(settings: str) -> "Geometry":
    return Geometry(Simulation.model_validate_json(settings))


class Geometry:
    """Where a light-cone lies, and where its planes lie in the boxes: those of 21cmFAST's.

    Attributes:
        nodes: redshifts of the boxes, highest first.
        hubble: H at them in km/s/Mpc.
        cells: of the light-cone along the line of sight, those included which lie beyond its
            ends, if its cells are to be moved.
        hubble_along: H at the cells.
        kept: the cells without those.
    """

    def __init__(self, simulation: Simulation) -> None:
        """That of a simulation's light-cones."""
        self.nodes = node_redshifts(simulation)
        universe, cell = cosmology(simulation.cosmology), simulation.box.cell_size
        redshift, distance = coordinates(simulation)
        first, kept = 0, len(distance)
        if simulation.simulator.treatment in BEYOND_THE_ENDS:
            from ..simulator.gm18 import line_beyond_the_ends  # 21cmFAST says how far

            redshift, beyond = line_beyond_the_ends(simulation)
            first, distance = int(np.abs(beyond - distance[0]).argmin()), beyond
        self.cells = len(distance)
        self.kept = slice(first, first + kept)
        self.hubble = np.asarray(universe.H(np.array(self.nodes)).value)
        self.hubble_along = np.asarray(universe.H(redshift).value)
        self._distance = distance / cell
        behind = (self._distance.max() - self._distance + 1).astype(int)
        self._plane = (kept - behind) % simulation.box.cells
        self._node = universe.comoving_distance(np.array(self.nodes)).value / cell

    def between(self, node: int, near: Tensor, far: Tensor) -> tuple[np.ndarray, Tensor]:
        """Cells between a node and the one before, and their values.

        Args:
            node: index of the nearer.
            near: field there, shape (realisations, N, N, N).
            far: at the one before.
        """
        ends = self._node[node], self._node[node - 1]
        # A tolerance of py21cmfast: the nearest cell may be the nearest node itself.
        inside = (self._distance >= ends[0] * (1 - 1e-6)) & (self._distance < ends[1])
        cells = np.nonzero(inside)[0]
        share = (self._distance[cells] - ends[0]) / (ends[1] - ends[0])
        plane = torch.from_numpy(self._plane[cells]).to(near.device)
        weight = torch.from_numpy(share).float().to(near.device)
        return cells, torch.lerp(near[..., plane], far[..., plane], weight)
