"""A GPU's memory: what light-cones take of it, and fewer at once where it runs out."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

from ..base.errors import UserError
from ..config.sections import Box
from ..simulator.lightcone import LightCone

# Words of cuFFT (CUFFT_ALLOC_FAILED), cuBLAS (CUBLAS_STATUS_ALLOC_FAILED) and CUDA itself.
FULL = ("ALLOC_FAILED", "out of memory")


@dataclass
class Room:
    """How many light-cones of a box were found to fit at once; None: any number did so far."""

    most: int | None = None


@lru_cache
def room_for(cells: int, hires_factor: int) -> Room:
    """What this process knows of light-cones in such a box."""
    return Room()


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether a GPU's memory ran out: PyTorch's own error, or what CUDA's libraries say of it."""
    return isinstance(error, torch.OutOfMemoryError) or any(said in str(error) for said in FULL)


def made_in_parts(
    make: Callable[[slice], list[LightCone]], count: int, box: Box
) -> list[LightCone]:
    """Light-cones, as many at once as there is memory for: all, half of them, a quarter, ...

    A line on standard error says how many fit, if not all do.

    Args:
        make: some of them.
        count: how many there are.
        box: theirs.

    Raises:
        UserError: if not even one fits.
    """
    room, made, asked = room_for(box.cells, box.hires_factor), list[LightCone](), 0
    while len(made) < count:
        size = min(room.most or count, count - len(made))
        try:
            made += make(slice(len(made), len(made) + size))
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            asked = asked or size
        else:
            if asked:
                print(
                    f"lcinfer: out of the GPU's memory with {asked} light-cones at once: "
                    f"{size} fit (batch: {size} in the profile)",
                    file=sys.stderr,
                    flush=True,
                )
                asked = 0
            continue
        # Here the error is gone, and with its traceback the tensors that filled the memory.
        torch.cuda.empty_cache()
        if size == 1:
            raise UserError(
                f"out of the GPU's memory with one light-cone in a box of {box.cells}^3 cells: "
                "take a larger GPU, or none"
            )
        room.most = size // 2
    return made
