"""The voxels of a light-cone file, with peculiar velocities treated as they are wanted."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.errors import UserError
from ..simulator.velocities import BEYOND_THE_ENDS
from .saved import DEPTH, MOVED, PLAIN, VELOCITY, LightConeFile

FOUND = {
    "none": f"without {VELOCITY} and {DEPTH}, which it lacks, py21cmfast puts no velocity gradient "
    "in it, unless somebody took them out since",
    "gradient": f"its {PLAIN} has the velocity gradient in it",
    "subcell": f"its {PLAIN} was made with version 3's SUBCELL_RSD",
}
INCLUDED = f"its {PLAIN} has no velocity gradient in it: put in here, from {VELOCITY} and {DEPTH}"


@dataclass(frozen=True)
class Cube:
    """The brightness temperature of a light-cone file in mK, read as it is cut."""

    file: LightConeFile
    quantity: str
    """By py21cmfast's name: moved to redshift space or not."""
    includes: bool = False
    """Whether the velocity gradient is put in here."""
    remarks: tuple[str, ...] = ()
    """What whoever uses it should know."""

    def __getitem__(self, cells: tuple[Any, ...]) -> np.ndarray:
        """Float32 cells; those along the line of sight as a slice, counted without buffers."""
        part = self.file.brightness(self.quantity, self.includes, (cells[0], cells[1]), cells[2])
        return np.asarray(part)


def treated(file: LightConeFile, treatment: str, asked: str) -> Cube:
    """The light-cone with velocities as in ``database.simulator.velocities``.

    Args:
        file: what was read of it.
        treatment: what is wanted; empty: nobody knows what is wanted, take it with the gradient,
            as py21cmfast makes it by default.
        asked: who wants it, for messages.

    Raises:
        UserError: if it has another treatment, and what is wanted cannot be made of it.
    """
    if treatment in BEYOND_THE_ENDS:
        return _moved(file, treatment, asked)
    if file.gradient is None:
        what = "nothing in it tells how peculiar velocities were treated"
        return Cube(file, PLAIN, remarks=(what,))
    if file.gradient == "out" and treatment in ("", "gradient") and file.can_include:
        return Cube(file, PLAIN, includes=True, remarks=(INCLUDED,))
    if not treatment:
        what = (
            f"no velocity gradient is in its {PLAIN}, and it has no {VELOCITY} to put one in; this "
            "network does not say whether it was trained without"
        )
        return Cube(file, PLAIN, remarks=(what,) * (file.gradient == "out"))
    found = {"in": "gradient", "out": "none"}.get(file.gradient, file.gradient)
    if found != treatment:
        raise UserError(f"{file.path}: {FOUND[found]} (velocities: {found}); {asked}")
    return Cube(file, PLAIN)


def _moved(file: LightConeFile, treatment: str, asked: str) -> Cube:
    if MOVED not in file.fields:
        raise UserError(f"{file.path}: no {MOVED}, as of apply_rsds=True, is in it; {asked}")
    # run_lightcone keeps optical depths where it puts the gradient in, before it moves cells.
    tells = VELOCITY in file.fields and file.written.get("USE_TS_FLUCT", True)
    if tells and (DEPTH in file.fields) != (treatment == "both"):
        found = "both" if DEPTH in file.fields else "shift"
        raise UserError(f"{file.path}: its {MOVED} was made as velocities: {found}; {asked}")
    return Cube(file, MOVED)
