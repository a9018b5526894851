"""What simulations would cost, from what similar ones took."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..base.fingerprint import canonical
from ..lightcones import journal
from ..products.databases import LightCones

ALIKE = ("box", "lightcone", "simulator")  # what decides how long a simulation takes


@dataclass(frozen=True)
class Estimate:
    """What simulations would cost."""

    core_hours: float
    light_cone_seconds: float  # the mean of one
    measured: Path | None  # the database where it was measured, if one is alike
    source: str  # how it is known

    def __str__(self) -> str:
        each = f"{self.light_cone_seconds:,.3g} s each, {self.source}"
        return f"about {self.core_hours:,.3g} core-hours ({each})"


def of_simulations(cones: LightCones, light_cones: int) -> Estimate | None:
    """What so many light-cones of a database cost; None if nothing is known of their engine.

    Taken from the journal of the database itself, or of another one with the same box,
    light-cone and simulator; else as ``lcinfer plan`` predicts it.
    """
    threads = cones.simulation.simulator.threads
    for directory in [cones.directory, *_alike(cones)]:
        done = journal.finished(directory / cones.journal.name, histories=False).values()
        took = [float(record["seconds"]) for record in done if "seconds" in record]
        if took:
            mean, known = sum(took) / len(took), f"as those of {directory}"
            return Estimate(light_cones * mean * threads / 3600, mean, directory, known)
    from .cost import predicted  # loads zarr, and reckons nodes with astropy: a second

    foreseen = predicted(cones.simulation, cones.root)
    if not foreseen.known:
        return None
    each = foreseen.seconds
    return Estimate(light_cones * each * threads / 3600, each, None, f"from {foreseen.source}")


def _alike(cones: LightCones) -> list[Path]:
    wanted = canonical(cones.simulation)
    found = []
    for spec in sorted(cones.directory.parent.glob(f"*/{cones.spec.name}")):
        try:
            simulation = json.loads(spec.read_text(encoding="utf-8"))["simulation"]
            if all(simulation[section] == wanted[section] for section in ALIKE):
                found.append(spec.parent)
        except (OSError, ValueError, TypeError, KeyError):
            continue  # says nothing of its cost
    return found
