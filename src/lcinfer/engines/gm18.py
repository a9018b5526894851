"""What engines of the model of Greig & Mesinger 2018 share, whatever they compute with."""

from collections.abc import Collection, Iterator

from ..config.sections import Simulation, Simulator
from ..simulator.model import BUBBLES, GM18, refused_box
from ..simulator.nodes import nodes
from .engine import Engine

MODEL, CODE = "GreigMesinger2018", ("Mesinger2011", "Murray2020")


class GM18Engine(Engine):
    """An engine of this model, in py21cmfast's names and units."""

    papers = (MODEL, *CODE)
    model = GM18
    # A light-cone of the paper, Zstandard level 1, chunks of 50 cells (`python
    # benchmarks/chunks.py`, docs/measurements.md).
    compression = 0.73

    def refusals(self, simulation: Simulation, varied: Collection[str]) -> Iterator[str]:
        """See :class:`Engine`: a box that is too small."""
        yield from refused_box(simulation)

    def nodes(self, simulation: Simulation) -> int:
        return nodes(simulation)

    def treatment(self, simulator: Simulator) -> str:
        return simulator.treatment

    def smallest_box(self, simulation: Simulation) -> float:
        options = {**GM18, **simulation.simulator.options}
        return BUBBLES * float(options["R_BUBBLE_MAX"])
