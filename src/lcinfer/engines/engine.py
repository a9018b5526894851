"""What an engine is: a light-cone from parameters and a seed, and what is asked of it besides."""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from ..base.errors import UserError
from ..config.sections import Simulation, Simulator
from ..simulator.lightcone import Simulate, SimulateBatch
from ..text.styles import Style


class Scaling(NamedTuple):
    """How the core-seconds of a node of the evolution grow with the box."""

    node: float
    """Of any."""
    cell: float
    """For each cell of the box."""
    hires_cell: float
    """For each cell of the initial conditions."""
    measured: str
    """What they are and where they were measured."""

    def core_seconds(self, cells: int, hires_factor: int) -> float:
        """Of a node in a box of so many cells along a side."""
        return self.node + cells**3 * (self.cell + self.hires_cell * hires_factor**3)


class Engine(ABC):
    """What makes light-cones. What is not abstract holds for one of which nothing is known."""

    name: str
    """In the configuration; a key of ``ENGINES`` there, or a user's ``module:function``."""
    modules: tuple[str, ...] = ()
    """What it cannot do without, and may be there and not load."""
    packages: tuple[str, ...] = ()
    """Distributions of which a light-cone's record has the versions."""
    papers: tuple[str, ...] = ()
    """That a methods section cites, as :mod:`lcinfer.text.citations` names them."""
    model: Mapping[str, float] | None = None
    """Inputs that it sets itself where a configuration does not; None: they are not known."""
    scaling: Scaling | None = None
    """What a light-cone costs; None: it is not known."""
    on_gpus: ClassVar[bool] = False
    """Whether it may compute on a GPU."""
    batches_on: ClassVar[tuple[str, ...]] = ()
    """Kinds of devices on which it may make several light-cones at once."""
    compression: float = 1.0
    """Bytes on disk over bytes in memory."""

    @abstractmethod
    def version(self) -> str:
        """Of what is installed; empty: there is none, or it does not say."""

    @abstractmethod
    def load(self, device: str = "cpu") -> Simulate:
        """What makes a light-cone, loaded into this process.

        Args:
            device: ``cpu`` or ``cuda``, for an engine that can compute on either.

        Raises:
            UserError: if it is not there, or the device is not.
        """

    def load_batch(self, device: str) -> SimulateBatch | None:
        """What makes several light-cones at once, as :meth:`load` one; None: it cannot."""
        return None

    def gpu(self, device: str) -> str | None:
        """The GPU that it computes on where this device is asked for; None: a CPU."""
        return None

    def lacks(self, device: str) -> str:
        """Why it cannot compute on a device of this machine, if it would; empty: it can. Nothing is
        loaded into this process."""
        return ""

    def refusals(self, simulation: Simulation, varied: Collection[str]) -> Iterator[str]:
        """What it does not have of a configuration's physics, a line each; nothing is loaded.

        Args:
            simulation: what all light-cones share.
            varied: names of the parameters.
        """
        yield from ()

    def check_version(self, simulator: Simulator) -> None:
        """Refuse another version than the configuration names; nothing is loaded.

        Raises:
            UserError: saying which is there.
        """
        found, wanted = self.version(), simulator.engine_version
        if found not in ("", wanted):
            raise UserError(
                f"database.simulator.engine_version is {wanted}, but {self.name} here is {found}",
                f'write engine_version: "{found}", or install the other',
            )

    def ask(
        self, simulation: Simulation, tried: Mapping[str, Sequence[Mapping[str, float]]]
    ) -> str:
        """What it says of itself, for people, once asked; it may take seconds.

        Args:
            simulation: what all light-cones share.
            tried: points that must be accepted, by the key of the configuration that they are of.

        Raises:
            UserError: if it would not simulate what is asked for.
        """
        return ""

    def check_loaded(self, simulator: Simulator) -> None:
        """Refuse what was loaded into this process if it is not what the configuration names.

        Raises:
            UserError: saying what it is.
        """
        self.check_version(simulator)

    def nodes(self, simulation: Simulation) -> int | None:
        """Nodes of the evolution; None: they are not known."""
        return None

    def treatment(self, simulator: Simulator) -> str:
        """How peculiar velocities enter, as ``simulator.velocities``; empty: it is not known."""
        return ""

    def smallest_box(self, simulation: Simulation) -> float:
        """Least side of a box in Mpc."""
        return 0.0

    def memory_mb(self, simulation: Simulation) -> int:
        """What a rank and its simulating process need, in MB: where nothing else is known what
        21cmFAST needs, as docs/measurements.md measures."""
        voxels = simulation.box.cells**2 * simulation.lightcone.cells
        hires = (simulation.box.cells * simulation.box.hires_factor) ** 3
        return math.ceil(1100 + (12 * voxels + 28 * hires) / 1e6)

    def gpu_mb(self, simulation: Simulation) -> tuple[int, int] | None:
        """What a light-cone takes of a GPU's memory, and what each more of a batch, in MB; None: it
        is not known."""
        return None

    def made(self, record: Mapping[str, Any]) -> str | None:
        """The version that made a light-cone, by its journal's line; None: it does not say."""
        version = record.get("engine_version")
        return None if version is None else str(version)

    def described(self, versions: str, style: Style) -> str:
        """Itself in a sentence of a methods section, with its versions as a list in words."""
        return f"the engine {style.code(self.name)}, version {style.text(versions)}"
