"""Where a network computes, and how precisely."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from shutil import which
from typing import Any, Literal, TypeVar

import torch

from .counting import counted
from .errors import UserError
from .options import DEVICES

T = TypeVar("T")
Precision = Literal["single", "tf32", "bfloat16"]


def choose_device(name: str | None = None) -> torch.device:
    """The device asked for, or the accelerator when there is one, else the CPU.

    Of several processes on a machine (torchrun), each takes a GPU of its own.

    Args:
        name: ``cpu``, ``cuda``, or of several GPUs one, as ``cuda:1``.

    Raises:
        UserError: if it is none of these, or a GPU is asked for and PyTorch sees none, or too few.
    """
    if name is not None and not re.fullmatch(DEVICES, str(name)):
        raise UserError(f"device {name}: it should be cpu, cuda or cuda:N")
    kind, _, number = str(name or "").partition(":")
    there = torch.cuda.is_available()
    if kind == "cuda" and not there:
        reason = "no GPU or driver" if torch.version.cuda else "its build is for the CPU alone"
        raise UserError(f"device {name}: PyTorch {torch.__version__} sees no GPU here ({reason})")
    if kind == "cpu" or not there:
        return torch.device("cpu")
    own, seen = int(number or os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if own >= seen and number:
        raise UserError(f"device {name}: PyTorch sees {counted(seen, 'GPU')} here, from cuda:0 on")
    if own >= seen:
        processes = os.environ.get("LOCAL_WORLD_SIZE", own + 1)
        raise UserError(f"{processes} processes were started here, and PyTorch sees {seen} GPUs")
    return torch.device("cuda", own)


def use_threads(threads: int | None) -> None:
    """Compute on so many threads of the CPU, if a number is given."""
    if threads is not None:
        torch.set_num_threads(threads)


def computed_on(asked: str | None) -> dict[str, Any]:
    """Threads and GPU, as a record of a stage tells them."""
    device = choose_device(asked)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {"threads": torch.get_num_threads(), "gpu": gpu}


@contextmanager
def arithmetic(precision: Precision, device: torch.device, tuned: bool = False) -> Iterator[None]:
    """How a GPU multiplies matrices and convolves in single precision, within.

    ``single`` is IEEE single precision, where PyTorch by itself would let convolutions round
    to TensorFloat-32. A CPU has no TensorFloat-32. What is rounded to bfloat16 is said by
    ``torch.autocast``.

    Args:
        precision: that of the training.
        device: where it computes; nothing is done for a CPU.
        tuned: try the GPU's ways to convolve on the first step, and keep the fastest.
    """
    if device.type != "cuda":
        yield
        return
    # Setting that of all of cuDNN leaves convolutions alone (PyTorch 2.11).
    cudnn: Any = torch.backends.cudnn
    products = torch.backends.cuda.matmul
    before = cudnn.conv.fp32_precision, products.fp32_precision, cudnn.benchmark
    cudnn.conv.fp32_precision = products.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    cudnn.benchmark = tuned
    try:
        yield
    finally:
        cudnn.conv.fp32_precision, products.fp32_precision, cudnn.benchmark = before


def staged_dtype(precision: Precision) -> torch.dtype:
    """What images are kept as: in bfloat16 where the network rounds them to it anyway."""
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


@cache
def fused(function: Callable[..., T], device: torch.device) -> Callable[..., T]:
    """The function as one kernel of a GPU, made anew for every shape of its arguments.

    As it is on a CPU, and where Triton or the C compiler that it needs are missing.
    """
    compilers = filter(None, (os.environ.get("CC"), "gcc", "clang"))
    can = device.type == "cuda" and find_spec("triton") is not None and any(map(which, compilers))
    return torch.compile(function, dynamic=False) if can else function
