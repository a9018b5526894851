"""Out of memory: told in one line, with the batch that would fit."""

from collections.abc import Callable
from typing import TypeVar

import torch

from .errors import UserError

T = TypeVar("T")
# PyTorch has a class for the accelerator's own allocator alone.
SIGNS = ("DefaultCPUAllocator", "ALLOC_FAILED", "out of memory")


def exhausted(error: Exception) -> bool:
    """Whether an error says that memory, of the host or of an accelerator, ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


def within_memory(attempt: Callable[[int], T], batch: int, key: str, least: int = 1) -> T:
    """``attempt(batch)``; where memory runs out, the batch that fits is found by trying.

    Args:
        attempt: does the work with so many images at once.
        batch: how many it should be.
        key: what sets ``batch``, in the user's words.
        least: the smallest batch that makes sense.

    Raises:
        UserError: if memory ran out: one line that names a batch that would fit.
    """
    try:
        return attempt(batch)
    except (RuntimeError, MemoryError) as error:
        if not exhausted(error):
            raise
    # Here the error is gone, and with its traceback the tensors that filled the memory.
    smaller = batch // 2
    while smaller >= least:
        if _fits(attempt, smaller):
            raise UserError(f"out of memory with {key} {batch}: {smaller} would fit")
        smaller //= 2
    raise UserError(
        f"out of memory with {key} {batch}, and with {least} too: "
        f"this network and its images need a larger machine"
    )


def _fits(attempt: Callable[[int], object], batch: int) -> bool:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        attempt(batch)
    except (RuntimeError, MemoryError) as error:
        if not exhausted(error):
            raise
        return False
    return True
