"""Out of memory: told in one line, with the batch that would fit."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import torch

from ..base.errors import UserError
from ..base.memory import limits, meminfo

T = TypeVar("T")
WORK_SPACE = 2 * 2**30  # bytes that convolutions may take beside their data, on an accelerator
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


def check_batch(batch: int, image_bytes: int, key: str) -> None:
    """Refuse a batch that cannot fit into the host's memory.

    Linux promises memory that it does not have, and kills who uses it: nothing could be said
    then.

    Args:
        batch: images of a training step.
        image_bytes: what an image surely takes; twice as much is likely.
        key: what sets ``batch``, in the user's words.

    Raises:
        UserError: if it cannot: one line that names a batch that would fit.
    """
    free = available()
    if batch * image_bytes > free:
        fits = max(1, int(free / (2 * image_bytes)))
        raise UserError(
            f"out of memory with {key} {batch}: a step needs at least "
            f"{batch * image_bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free: about {fits} "
            f"would fit"
        )


def room_on(device: torch.device, step_bytes: int) -> int:
    """Bytes of an accelerator's memory that images may take beside training steps; 0 on a CPU.

    Args:
        device: where the steps are.
        step_bytes: what a step surely takes; twice as much is likely, and a library's work space.
    """
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return int(max(0, free - 2 * step_bytes - WORK_SPACE))


def room(step_bytes: int) -> int:
    """Bytes of the host's memory that images may take beside training steps on its CPUs.

    Args:
        step_bytes: what a step surely takes; twice as much is likely.
    """
    return max(0, available() - 2 * step_bytes) * 4 // 5  # the rest: what else a training keeps


def available() -> int:
    """Bytes of the host's memory that this process may still take, at most."""
    pages = os.sysconf("SC_PAGE_SIZE")
    free = os.sysconf("SC_PHYS_PAGES") * pages
    with suppress(OSError, ValueError, StopIteration):
        free = meminfo("MemAvailable")
    with suppress(OSError, ValueError):
        own = int(Path("/proc/self/statm").read_text().split()[1]) * pages
        free = min([free, *(limit - own for limit in limits())])
    return max(0, free)
