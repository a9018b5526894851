"""One light-cone simulated again, in a temporary directory, and compared."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..base.errors import UserError
from ..engines import engine_of
from ..lightcones import aside, journal, store
from ..products.databases import LightCones
from ..stages import lightcones
from .walk import Depth

# What may change the last bits: the compiled libraries, and what they run on.
BUILD = ("versions", "python", "machine", "cpu")
# Sums of many light-cones at once are in another order than those of one: a sub-cell on the edge
# of two cells may then move into the other. In mK, root mean square; T_b's own is 5 to 130.
TOGETHER = 0.1


@dataclass(frozen=True)
class Again:
    """A light-cone beside its second self."""

    index: int
    difference: float  # the largest, in mK; NaN if it could not be made or read
    tolerance: float  # in mK
    identical: bool
    same_build: bool
    error: str = ""
    rms: float | None = None  # of the difference, where it was made on a GPU or in a batch

    @property
    def holds(self) -> bool:
        """On the build that made it a light-cone must be identical; elsewhere, close. One that was
        made on a GPU or in a batch must be close."""
        if self.rms is not None:
            close = self.rms <= TOGETHER
        else:
            close = not self.same_build and self.difference <= self.tolerance
        return self.identical or close

    def __str__(self) -> str:
        """IDENTICAL, CLOSE or FAIL, and why."""
        if self.error:
            return f"FAIL: {self.error}"
        if self.identical:
            return "IDENTICAL"
        verdict = "CLOSE" if self.holds else "FAIL"
        if self.rms is not None:
            return (
                f"{verdict}: differs by {self.rms:.3g} mK rms from one that was made on a GPU or "
                f"in a batch, where {TOGETHER:g} mK are allowed"
            )
        where = "on the build that made it" if self.same_build else "on another build"
        allowed = "0" if self.same_build else f"{self.tolerance:g}"
        return (
            f"{verdict}: differs by {self.difference:.3g} mK at most {where}, "
            f"where {allowed} mK are allowed"
        )


def resimulate(cones: LightCones, index: int, tolerance: float) -> Again:
    """Simulate a realisation again from its parameters and seed, and compare the voxels.

    Args:
        cones: the database.
        index: of the realisation.
        tolerance: in mK; counts where another build made the light-cone, by itself on a CPU.

    Raises:
        UserError: if the engine that is here is not the configured one.
    """
    engine = engine_of(cones.simulation)
    engine.check_version(cones.simulation.simulator)
    engine.ask(cones.simulation, {})
    made = journal.finished(cones.journal, histories=False).get(index, {})
    with tempfile.TemporaryDirectory(prefix="lcinfer-") as directory:
        there = replace(cones, root=Path(directory), realizations=index + 1)
        lightcones.prepare(there)
        limit, device = 60 * cones.limit_minutes, _device(made)
        record = aside.simulate(there, [index], limit, device=device)[0] or {}
        same_build = all(record.get(key) == made.get(key) for key in BUILD)
        identical = record.get("digest", "") == made.get("digest")
        error = aside.failure(record)
        difference, rms = 0.0 if identical else float("nan"), None
        if not identical and not error:
            try:
                before, after = store.read(cones.store, index), store.read(there.store, index)
                change = (after - before).astype(np.float64)
                difference = float(np.abs(change).max())
                if "gpu" in made or "companions" in made:
                    rms = float(np.sqrt(np.mean(change**2)))
            except UserError as damaged:
                error = str(damaged)
    return Again(index, difference, tolerance, identical, same_build, error, rms)


def _device(made: journal.Record) -> str:
    """A GPU for what was made on one, if there is one here."""
    if "gpu" not in made:
        return "cpu"
    from ..base.device import choose_device

    return choose_device().type


def some_again(several: list[LightCones], depth: Depth) -> Iterator[tuple[LightCones, Again]]:
    """Simulate some light-cones of these again; adopted ones were not simulated here."""
    if not depth.resimulate:
        return
    everything = [
        (cones, index)
        for cones in several
        if cones.design.simulated
        for index in sorted(journal.finished(cones.journal, histories=False))
        if index < cones.realizations
    ]
    count = min(depth.resimulate, len(everything))
    chosen = np.random.default_rng(depth.seed).choice(len(everything), count, replace=False)
    for cones, index in (everything[number] for number in sorted(chosen.tolist())):
        yield cones, resimulate(cones, index, depth.tolerance)
