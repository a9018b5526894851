"""The model of Greig & Mesinger 2018 once more, in PyTorch, beside that of 21cmFAST.

Many realisations at once, on CPUs and GPUs; one seed means the box that 21cmFAST makes of it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import coeval_boxes, simulate, simulate_batch

# Of the model that it is as it first was; raised by hand when its light-cones change.
VERSION = "4.1.1+gm18.1"

__all__ = ["coeval_boxes", "simulate", "simulate_batch"]


def __getattr__(name: str) -> Any:
    """What makes light-cones, and with it PyTorch, once it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import engine

    return getattr(engine, name)
