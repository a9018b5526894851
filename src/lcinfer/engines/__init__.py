"""What makes light-cones: 21cmFAST, PyTorch, or a user's function, one module each.

All of it is light: an engine loads what it computes with when it is to :meth:`~Engine.load` it.
"""

from ..config.sections import ENGINES, Simulation
from .engine import Engine
from .function import Function
from .pytorch import PyTorch
from .twentyonecmfast import TwentyOneCmFast

# By what is recorded of them, in fingerprints too, whatever the module that holds them.
REGISTERED: dict[str, Engine] = {
    ENGINES[engine.name]: engine for engine in (TwentyOneCmFast(), PyTorch())
}


def engine_of(simulation: Simulation) -> Engine:
    """The engine that a configuration names."""
    recorded = simulation.simulator.engine
    return REGISTERED.get(recorded) or Function(recorded)
