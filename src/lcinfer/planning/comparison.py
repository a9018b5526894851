"""A prediction against what light-cones that are there did cost."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..base import durable
from ..base.counting import counted
from ..base.errors import UserError
from ..lightcones import journal
from ..lightcones.journal import ended
from ..products.run import Run
from ..text.tables import aligned
from .cost import finished, measured
from .plan import Ranks, forecast, number, size, span


@dataclass(frozen=True)
class Row:
    """One quantity, in seconds, bytes, core-hours or pieces."""

    what: str
    predicted: float
    measured: float
    unit: str

    def cells(self) -> tuple[str, ...]:
        """As text."""
        show = {"s": span, "B": size}.get(self.unit, number)
        ratio = f"{self.predicted / self.measured:.2f}" if self.measured else ""
        return self.what, show(self.predicted), show(self.measured), ratio


@dataclass(frozen=True)
class Comparison:
    """Predicted beside measured, for the light-cones that are there."""

    source: str
    light_cones: int
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        title = f"{counted(self.light_cones, 'light-cone')} already there"
        rows = [(title, "predicted", "measured", "ratio"), *(row.cells() for row in self.rows)]
        return "\n".join([*aligned(rows), f"predicted from {self.source}"])


def compare(run: Run, ranks: Ranks | None = None) -> Comparison:
    """Predict the light-cones that are there from small ones timed or the measured scaling, and
    compare.

    The wall time is compared if ``ranks`` says on how many they were made; disk and files if
    the images are cut, and the spectra measured.

    Raises:
        UserError: if no light-cone is there.
    """
    each = measured(run, finished(run))
    if each is None:
        raise UserError(f"{run.root}: no light-cone of this configuration is there to compare with")
    foreseen = forecast(run, ranks)
    attempts = [
        record
        for cones in run.lightcones.values()
        for record in journal.records(cones.journal, histories=False)
    ]
    core_seconds = foreseen.threads * sum(float(it.get("seconds", 0.0)) for it in attempts)
    rows = [
        Row("a light-cone", foreseen.cost.seconds, each.seconds, "s"),
        Row("core-hours, with failed attempts", foreseen.core_hours, core_seconds / 3600, ""),
        Row("memory of a simulating process", foreseen.cost.peak_bytes, each.peak_bytes, "B"),
    ]
    if ranks is not None:
        took = max(map(ended, attempts)) - min(float(it.get("began", 0.0)) for it in attempts)
        rows.append(Row("wall time, first begun to last ended", foreseen.wall_seconds, took, "s"))
    if all(made.sealed.exists() for made in run.inputs):
        files, directories, stored = _on_disk(run)
        rows += [
            Row("disk, light-cones and images", foreseen.bytes, stored, "B"),
            Row("files", sum(part.files for part in foreseen.parts), files, ""),
            Row("directories", sum(it.directories for it in foreseen.parts), directories, ""),
        ]
    return Comparison(foreseen.cost.source, sum(part.left for part in foreseen.parts), tuple(rows))


def _on_disk(run: Run) -> tuple[int, int, int]:
    """Files, directories and bytes of light-cones and of what is made of them."""
    files, directories, stored = 0, 0, 0
    for product in (*run.lightcones.values(), *run.inputs):
        for place, below, names in os.walk(product.directory):
            own = durable.own(Path(place) / name for name in names)
            files += len(own)
            directories += len(below)
            stored += sum(path.stat().st_size for path in own)
    return files, directories, stored
