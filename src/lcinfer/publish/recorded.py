"""What is recorded of a finished run: that it is whole, who made it when, and what it cost.

Only records are read: markers, journals, provenance. What none of them says is not known here.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import config
from ..audit.rebuild import configuration
from ..base import durable
from ..base.errors import UserError
from ..lightcones import failures, journal, store
from ..lightcones.journal import Record
from ..products.databases import LightCones
from ..products.product import Product
from ..products.run import Run
from ..records.record import DIRECTORY, distinct, outputs, records

HOUR = 3600.0  # seconds
UNKNOWN_VERSIONS = {"not installed", "0+unknown"}


@dataclass(frozen=True)
class Simulated:
    """What the journal of a database, or of a mock, says."""

    cones: LightCones
    attempts: list[Record]
    """All of them: failed ones too, and those whose light-cones were withdrawn."""
    finished: list[Record]
    """The record of each light-cone, in their order."""
    root_digest: str
    """One digest for all light-cones."""
    left_out: tuple[int, ...] = ()
    """Light-cones whose simulations failed."""

    @property
    def failed(self) -> list[Record]:
        """Attempts that gave no light-cone."""
        return [record for record in self.attempts if "digest" not in record]

    @property
    def timed(self) -> bool:
        """Whether it is recorded how long anything took; of adopted light-cones it is not."""
        return any("seconds" in attempt for attempt in self.attempts)

    def core_hours(self, attempts: Iterable[Record]) -> float:
        """CPU time; of an attempt that could not tell it, its time on all of its threads."""
        threads = self.cones.simulation.simulator.threads
        return sum(
            float(attempt.get("cpu_seconds", threads * attempt.get("seconds", 0.0))) / HOUR
            for attempt in attempts
        )


@dataclass(frozen=True)
class Recorded:
    """A finished run with all that is recorded of it."""

    run: Run
    manifest: dict[str, Any]
    simulated: dict[str, Simulated]
    """The database and the mocks, by the names of their directories."""
    stages: dict[str, list[Record]]
    """Recorded runs of stages, the last one last, by the names of the products' directories."""

    @property
    def database(self) -> Simulated:
        """The database without the mocks."""
        return self.simulated[self.run.database.directory.name]

    @property
    def lcinfer(self) -> str | None:
        """The version of lcinfer that finished the run."""
        stamp: dict[str, str] = self.manifest.get("provenance", {})
        return stamp.get("lcinfer")

    @property
    def codes(self) -> list[str]:
        """Commits or releases of the code that ran, each once."""
        return distinct(self._everything, "code")

    def core_hours(self, kind: str) -> float:
        """CPU time of the stages of one kind of product; of light-cones the journal knows it."""
        products = (product for product in self.run.products if product.kind == kind)
        stages = (stage for product in products for stage in self.stages[product.directory.name])
        return sum(float(stage.get("cpu_seconds", 0.0)) / HOUR for stage in stages)

    def files(self, product: Product) -> list[Path]:
        """The small files of a product, and its checkpoint: all of them are there."""
        notes = durable.own((product.directory / DIRECTORY).glob("*.json"))
        more = (product.spec, *notes, *product.optional)
        return [*product.outputs, *(file for file in more if file.exists())]

    def digest(self, product: Product, path: Path) -> str | None:
        """The SHA-256 that a product's file had when it was made, if that is recorded."""
        made = outputs(self.stages[product.directory.name])
        return made.get(path.relative_to(self.run.root).as_posix())

    @cached_property
    def versions(self) -> dict[str, tuple[str, ...]]:
        """The software that made the run: every recorded version of each, sorted."""
        found: dict[str, set[str]] = {}
        for record in self._everything:
            python = {"python": record["python"]} if "python" in record else {}
            for name, version in {**record.get("versions", {}), **python}.items():
                found.setdefault(name, set()).add(str(version))
        known = {name: several - UNKNOWN_VERSIONS for name, several in sorted(found.items())}
        return {name: tuple(sorted(several)) for name, several in known.items() if several}

    @property
    def _everything(self) -> list[Record]:
        """Every stage that ran, and every light-cone that stands."""
        stages = [record for stage in self.stages.values() for record in stage]
        return stages + [record for made in self.simulated.values() for record in made.finished]


def open_run(path: Path, results: Path) -> Recorded:
    """The finished run that a configuration file, or a run's own directory, stands for.

    The directory is enough: its manifest holds the configuration.

    Raises:
        UserError: if there is no such run, something of it is missing or belongs to another
            product, or the journal contradicts a marker.
    """
    if path.is_dir():
        run = _run_in(path.resolve())
    else:
        run = Run(config.load(path), results)
        if not run.summary.manifest.exists():
            raise UserError(run.unfinished(run.summary.manifest))
    for product in run.products:
        for file in (*product.markers, *product.outputs):
            if not file.exists():
                raise UserError(run.unfinished(file))
        _check_marker(product)
    try:
        stages = {made.directory.name: records(made.directory) for made in run.products}
    except ValueError as error:
        raise UserError(str(error)) from None
    manifest = _json(run.summary.manifest)
    simulated = {label: _simulated(cones) for label, cones in run.lightcones.items()}
    return Recorded(run, manifest, simulated, stages)


def _run_in(directory: Path) -> Run:
    manifest = directory / "manifest.json"
    run = Run(configuration(manifest), directory.parents[1])
    if run.summary.directory != directory:
        raise UserError(
            f"{manifest}: it is of {run.summary.directory.name}: the directory was renamed, or "
            "the manifest edited"
        )
    return run


def _check_marker(product: Product) -> None:
    """Refuse a product whose marker says that it is another one."""
    marker = product.markers[0]
    if marker.suffix != ".json":
        return
    content = _json(marker)
    if (
        content.get("fingerprint", content.get("provenance", {}).get("fingerprint"))
        != product.fingerprint
    ):
        raise UserError(f"{marker}: it is not of {product.directory.name}, but of another product")


def _simulated(cones: LightCones) -> Simulated:
    done = journal.finished(cones.journal, histories=False)
    left_out = failures.named(cones.sealed)
    indices = sorted(set(range(cones.realizations)) - set(left_out))
    missing = [index for index in indices if index not in done]
    if missing:
        raise UserError(
            f"{cones.journal}: no record of {len(missing)} of {cones.realizations} light-cones, "
            f"of which the first is {missing[0]}: `lcinfer verify` says more"
        )
    finished = [done[index] for index in indices]
    root_digest = store.root_digest([record["digest"] for record in finished])
    if root_digest != _json(cones.sealed).get("root_digest"):
        raise UserError(
            f"{cones.sealed}: its digest is not that of the light-cones in the journal: "
            "`lcinfer verify` says more"
        )
    attempts = [
        record
        for record in journal.records(cones.journal, histories=False)
        if record["index"] < cones.realizations
    ]
    return Simulated(cones, attempts, finished, root_digest, tuple(left_out))


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{path}: damaged: this is no JSON") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged: it holds no keys")
    return content
