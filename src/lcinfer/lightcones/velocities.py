"""How peculiar velocities are treated in the light-cones of a database, by what it says itself."""

from contextlib import suppress
from pathlib import Path

from ..base.errors import UserError
from ..config.sections import Simulation
from ..engines import engine_of
from ..products import found


def velocities_in(store: Path) -> str:
    """Their treatment in a store, as ``database.simulator.velocities``.

    Returns:
        Empty, if no ``spec.json`` beside the store says it, or the engine is a user's.
    """
    with suppress(UserError, KeyError, ValueError):
        simulation = Simulation.model_validate(found.read(store.parent).content["simulation"])
        return engine_of(simulation).treatment(simulation.simulator)
    return ""
