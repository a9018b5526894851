"""The model once more, in PyTorch: light-cones of the seeds of 21cmFAST's."""

import math
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

from ..config.messages import Mistakes
from ..config.sections import Simulation
from ..simulator.lightcone import Simulate, SimulateBatch
from ..text.styles import Style
from ..torch_engine import VERSION
from ..torch_engine.options import refusals
from ..torch_engine.ranges import mistakes
from .engine import Scaling
from .gm18 import CODE, MODEL, GM18Engine

ASK = """
import sys
from lcinfer.base.device import choose_device
from lcinfer.base.errors import UserError
try:
    choose_device(sys.argv[1])
except UserError as error:
    print(error)
"""


class PyTorch(GM18Engine):
    """The model of Greig & Mesinger 2018 by :mod:`lcinfer.torch_engine`."""

    name = "torch"
    modules = packages = ("torch",)
    on_gpus = True
    batches_on = ("cuda",)
    # `velocities: gradient`, `thermal_density: own`.
    scaling = Scaling(
        node=0.01,
        cell=2.3e-6,
        hires_cell=0.0,
        measured="the torch engine's scaling as measured for docs/torch_engine.md",
    )

    def version(self) -> str:
        return VERSION

    def load(self, device: str = "cpu") -> Simulate:
        from ..base.device import choose_device
        from ..torch_engine.engine import simulate

        choose_device(device)
        return simulate if device == "cpu" else partial(simulate, device=device)

    def load_batch(self, device: str) -> SimulateBatch | None:
        """See :class:`Engine`: on a GPU. A CPU has nothing to win by more than one at a time."""
        if device == "cpu":
            return None
        from ..torch_engine.engine import simulate_batch

        return partial(simulate_batch, device=device)

    def gpu(self, device: str) -> str | None:
        if device == "cpu":
            return None
        import torch

        return torch.cuda.get_device_name(device)

    def lacks(self, device: str) -> str:
        """See :class:`Engine`: a process of its own asks PyTorch, which takes seconds."""
        if device == "cpu":
            return ""
        asked = [sys.executable, "-c", ASK, device]
        return subprocess.run(asked, stdout=subprocess.PIPE, text=True).stdout.strip()

    def memory_mb(self, simulation: Simulation) -> int:
        """See :class:`Engine`: 0.43, 0.85, 2.3 GB at 32^3, 64^3, 100^3, on top of a
        rank's own."""
        voxels = simulation.box.cells**2 * simulation.lightcone.cells
        hires = (simulation.box.cells * simulation.box.hires_factor) ** 3
        return math.ceil(1000 + (16 * voxels + 64 * hires) / 1e6)

    def gpu_mb(self, simulation: Simulation) -> tuple[int, int]:
        """See :class:`Engine`: tensors as counted on a CPU (docs/torch_engine.md), and as much for
        a transform as its field."""
        cells = simulation.box.cells**3
        hires = cells * simulation.box.hires_factor**3
        each = 5 * hires + 284 * cells
        moved = each + 14 * hires + 36 * 2**25  # particles, then shells of that many voxels
        return math.ceil(max(31 * hires, moved) / 1e6), math.ceil(each / 1e6)

    def refusals(self, simulation: Simulation, varied: Collection[str]) -> Iterator[str]:
        """See :class:`Engine`: options, parameters and threads that it does not have."""
        return refusals(simulation, varied)

    def ask(
        self, simulation: Simulation, tried: Mapping[str, Sequence[Mapping[str, float]]]
    ) -> str:
        """See :class:`Engine`: values out of range; nothing is loaded."""
        if any(tried.values()) and (found := [*mistakes(simulation, tried)]):
            raise Mistakes(found)
        return ""

    def described(self, versions: str, style: Style) -> str:
        return (
            f"lcinfer's engine on PyTorch, version {style.text(versions)}, which computes what "
            f"21cmFAST {style.cite(*CODE)} does in the model of {style.cite_in_text(MODEL)}"
        )
