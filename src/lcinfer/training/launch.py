"""How jobs start ``lcinfer``: one process, or by torchrun one for each GPU of a training's job.

The rules import this: nothing here may take time.
"""

import shlex
import sys
from collections.abc import Mapping
from typing import Any

GPUS = ("gpus", "gpu", "gres")  # resources of a profile that ask for GPUs, as sbatch reads them


def gpus(resources: Mapping[str, Any]) -> int:
    """GPUs that a job asks for: ``gpu: 4``, ``gpus: h100:4``, ``gres: gpu:h100:4`` ..."""
    for name in GPUS:
        asked = str(resources.get(name, ""))
        kinds = [kind for kind in asked.split(",") if name != "gres" or kind.startswith("gpu")]
        if counts := [_count(kind) for kind in kinds if kind]:
            return sum(counts)
    return 0


def device(resources: Mapping[str, Any]) -> str:
    """Where a job's simulations compute: ``cuda`` if it asks for GPUs, else ``cpu``."""
    return "cuda" if gpus(resources) else "cpu"


def _count(asked: str) -> int:
    """The number at the end, which may be left out; of ``gpu:4(S:0-1)`` too."""
    last = asked.partition("(")[0].rpartition(":")[2]
    return int(last) if last.isdigit() else 1


def lcinfer(resources: Mapping[str, Any] | None = None, mpi: bool = False) -> str:
    """A shell's words that start ``lcinfer``: for MPI, or a training with its job's resources."""
    # In a container, envs/apptainer.def names the Python; elsewhere a job has this one.
    python = f"${{LCINFER_PYTHON:-{shlex.quote(sys.executable)}}}"
    count = gpus(resources or {})
    torchrun = f" -m lcinfer.training.torchrun --standalone --nproc-per-node {count}"
    return f"{python}{' -m mpi4py' * mpi}{torchrun * (count > 1)} -m lcinfer"
