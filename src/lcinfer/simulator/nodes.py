"""The nodes of a light-cone's evolution, without 21cmFAST."""

from ..config.sections import Simulation
from .lightcone import coordinates
from .velocities import nodes_below, reach


def node_redshifts(simulation: Simulation) -> tuple[float, ...]:
    """As :func:`lcinfer.simulator.gm18.node_redshifts` gives them, highest first."""
    near, far = reach(simulation, *coordinates(simulation))
    nodes = [simulation.lightcone.z_min]
    while nodes[-1] < max(simulation.simulator.z_heat_max, far):
        nodes.append((nodes[-1] + 1.0) * simulation.simulator.z_step_factor - 1.0)
    return (*reversed(nodes), *nodes_below(simulation, near))


def nodes(simulation: Simulation) -> int:
    """How many there are."""
    return len(node_redshifts(simulation))
