"""How many nodes the evolution of a light-cone has, without 21cmFAST."""

from ..config.sections import Simulation
from .lightcone import coordinates
from .velocities import nodes_below, reach


def nodes(simulation: Simulation) -> int:
    """Nodes of the evolution, as :func:`lcinfer.simulator.gm18.node_redshifts` gives them."""
    near, far = reach(simulation, *coordinates(simulation))
    highest = max(simulation.simulator.z_heat_max, far)
    z, count = simulation.lightcone.z_min, 1
    while z < highest:
        z, count = (z + 1) * simulation.simulator.z_step_factor - 1, count + 1
    return count + len(nodes_below(simulation, near))
