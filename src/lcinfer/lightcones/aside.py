"""Light-cones that are simulated for themselves, beside no campaign: to be timed or compared."""

import math
import time
from collections.abc import Sequence

from ..products.databases import LightCones
from .child import Simulating, Task
from .journal import Record

POLL_SECONDS = 0.1


def realization(cones: LightCones, index: int) -> Task:
    """A realisation, as a child takes it."""
    values = cones.design.parameters(index, index + 1)[0].tolist()
    return {
        "index": index,
        "parameters": dict(zip(cones.design.names, values, strict=True)),
        "seed": int(cones.design.seeds(index, index + 1)[0]),
    }


def simulate(
    cones: LightCones,
    indices: Sequence[int],
    limit: float,
    patience: float = math.inf,
    device: str = "cpu",
) -> list[Record | None]:
    """Simulate realisations side by side, each in a fresh child as a rank has one.

    Args:
        cones: a database whose store has been prepared; its journal gets no line.
        indices: of the realisations.
        limit: seconds that one simulation may take.
        patience: seconds for all of it, the children's start included.
        device: ``cpu`` or ``cuda``, for engines that can compute on either.

    Returns:
        For each what :meth:`lcinfer.lightcones.child.Simulating.result` says; None: no patience
        was left.
    """
    children = [Simulating(cones.simulation, cones.store, limit, device) for _ in indices]
    deadline = time.monotonic() + patience
    try:
        for child, index in zip(children, indices, strict=True):
            child.start([realization(cones, index)])
        return [_result(child, deadline) for child in children]
    finally:
        for child in children:
            child.close()


def failure(record: Record) -> str:
    """Why a realisation is not there; empty: it is."""
    return str(record.get("error") or record.get("unwritable") or record.get("unfit") or "")


def _result(child: Simulating, deadline: float) -> Record | None:
    while (record := child.result(POLL_SECONDS)) is None and time.monotonic() <= deadline:
        pass
    return record
