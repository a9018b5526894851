"""The model of Greig & Mesinger 2018 once more, in PyTorch, beside that of 21cmFAST.

Many realisations at once, on CPUs and GPUs; one seed means the box that 21cmFAST makes of it.
"""

from .engine import coeval_boxes, simulate, simulate_batch

__all__ = ["coeval_boxes", "simulate", "simulate_batch"]
