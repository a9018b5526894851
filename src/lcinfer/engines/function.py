"""A user's own function, as ``module:function``."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import ClassVar

from ..base.errors import UserError
from ..config.sections import Simulation, Simulator
from ..simulator.lightcone import Simulate, SimulateBatch
from .engine import Engine


@dataclass(frozen=True)
class Function(Engine):
    """An engine that a configuration names as ``module:function``.

    Its module may say its version, by a function ``version()`` or as ``__version__``. Where it
    does not, the configuration's word is taken. A ``function_batch`` beside the function makes
    several light-cones at once, from lists of parameters and seeds.
    """

    name: str
    on_gpus: ClassVar[bool] = True  # for all that is known
    batches_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    def _module(self) -> ModuleType:
        try:
            return import_module(self.name.partition(":")[0])
        except ImportError as error:
            raise UserError(f"database.simulator.engine {self.name}: {error}") from None

    def version(self) -> str:
        """See :class:`Engine`; loads the module."""
        module = self._module()
        own = getattr(module, "version", None)
        if inspect.isfunction(own) and own.__module__ == module.__name__:
            return str(own())
        return str(getattr(module, "__version__", ""))

    def load(self, device: str = "cpu") -> Simulate:
        """See :class:`Engine`; on what it computes is its own affair."""
        module, function = self._module(), self.name.partition(":")[2]
        try:
            simulate: Simulate = getattr(module, function)
        except AttributeError as error:
            raise UserError(f"database.simulator.engine {self.name}: {error}") from None
        return simulate

    def load_batch(self, device: str) -> SimulateBatch | None:
        return getattr(self._module(), f"{self.name.partition(':')[2]}_batch", None)

    def check_version(self, simulator: Simulator) -> None:
        """See :class:`Engine`: nothing, as what it says is known once it is loaded."""

    def ask(
        self, simulation: Simulation, tried: Mapping[str, Sequence[Mapping[str, float]]]
    ) -> str:
        """See :class:`Engine`: whether it is there."""
        self.load()
        self.check_loaded(simulation.simulator)
        return ""

    def check_loaded(self, simulator: Simulator) -> None:
        super().check_version(simulator)
