"""From a result back to voxels, configuration and code, and whether it all still matches.

Every light-cone and every image is read once: an image is compared with one cut anew from the
voxels whose digest is being computed. Nothing is written.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import journal
from ..dataset import divide
from ..errors import UserError
from ..products import EXAMPLES, TRAINING_FIGURES, ImageSet, LightCones, Product, Run, TrainingRun
from ..upkeep.verify import verify
from . import checks, stamp
from .links import Report, Step, made_by
from .rebuild import Products, Spec, configuration, find, sealed
from .record import Record, records
from .recut import Recut, labels
from .resimulate import resimulate


@dataclass(frozen=True)
class Depth:
    """How far an audit goes."""

    repredict: bool = False
    """Predict again from the checkpoint and the images."""
    resimulate: int = 0
    """How many light-cones to simulate again."""
    seed: int = 0
    """Decides which of them."""
    tolerance: float = 0.01
    """Largest difference in mK that counts as close, where another build simulates."""
    threads: int = 1
    """Light-cones read at a time."""


def audit(result: Path, results: Path, depth: Depth) -> Report:
    """Walk back from a result and check every link.

    Raises:
        UserError: if it is no result, is not finished, or what it is made from is not there.
        PermissionError: if something may not be read.
    """
    directory, said = find(result, results)
    walk = _Walk(directory.parent.parent, depth)
    step = walk.enter(directory)
    if said is not None and step is not None:
        walk.elsewhere(step, result, said)
    walk.read_lightcones()
    if depth.resimulate:
        walk.resimulate()
    return Report(str(result), list(walk.steps.values()))


class _Walk:
    """One audit: what it came by, each product once."""

    def __init__(self, root: Path, depth: Depth) -> None:
        self.root, self._depth = root, depth
        self.steps: dict[Path, Step] = {}
        self._products = Products(root)
        self._digests = checks.Digests()
        self._records: dict[Path, list[Record]] = {}
        self._recuts: dict[Path, list[Recut]] = {}
        self._cones: dict[Path, LightCones] = {}
        self._image_sets: dict[Path, ImageSet | None] = {}
        self._trainings: dict[Path, TrainingRun | None] = {}

    def enter(self, directory: Path) -> Step | None:
        """Begin with a product, and go back from it."""
        if directory.parent.name == "lightcones":
            self._lightcones(directory, sealed(directory))
        elif directory.parent.name == "images":
            self._images(directory, sealed(directory))
        else:
            walks = {
                "runs": self._run,
                "figures": self._figures,
                "evaluations": self._evaluation,
                "trainings": self._training,
            }
            walks[directory.parent.name](directory)
        return self.steps.get(directory)

    def elsewhere(self, step: Step, result: Path, said: dict[str, str]) -> None:
        """Whether a file that lies elsewhere is one of a product's."""
        recorded = {
            value: path
            for record in self._records.get(step.directory, [])
            for path, value in record["outputs"].items()
        }
        wrong = []
        if said["product"] != step.product:
            wrong = [f"{result}: it says that it is of {said['product']}"]
        elif self._digests(result) not in recorded:
            wrong = [f"{result}: its bytes are none of those that {step.product} recorded"]
        step.check("given file", wrong, f"it is {recorded.get(self._digests(result))}")

    def _begin(self, directory: Path) -> tuple[Step, Spec] | None:
        """None if nothing can be learnt from the directory, or it was seen before."""
        if directory in self.steps:
            return None
        spec = self._products.spec(directory)
        step = Step(f"{directory.parent.name}/{directory.name}", directory, spec.identity)
        self.steps[directory] = step
        holds = f"{spec.fingerprint}, of the settings in spec.json"
        return (step, spec) if step.check("fingerprint", spec.wrong(), holds) else None

    def _recorded(self, step: Step, product: Product, made: Iterable[Path]) -> None:
        """Files against their recorded digests, and who made them."""
        paths = list(made)
        try:
            found = records(step.directory)
        except ValueError as error:
            step.check("records", [str(error)], "")
            return
        self._records[step.directory] = found
        step.made |= made_by(found)
        step.check(
            "files",
            checks.files(product, paths, found, self._digests),
            f"{len(paths)} files, as recorded",
        )
        step.check("made from", checks.inputs(self.root, found, self._digests), "what is there now")

    def _back(self, kind: str, fingerprint: str, step: Step, name: str = "") -> Path:
        """What a product is made from; by default what has its name comes first."""
        called = name or step.directory.name.rpartition("-")[0]
        return self._products.directory(kind, str(fingerprint), called, step.product)

    def _run(self, directory: Path) -> None:
        if (begun := self._begin(directory)) is None:
            return
        step, spec = begun
        summary = self._products.summary(spec)
        config = configuration(summary.manifest)
        run = Run(config, self.root)
        self._recorded(step, summary, (summary.table, summary.manifest))
        step.check("stamps", checks.stamps(summary, (summary.table, summary.manifest)), "its own")
        follows = step.check(
            "configuration",
            _strangers(run, directory),
            "every product follows from the recorded configuration",
        )
        for name, fingerprint in spec.identity["figures"].items():
            self._figures(self._back("figures", fingerprint, step, name))
        if follows:
            step.check("table", _table(run), "r2.csv follows from every scores.json")

    def _figures(self, directory: Path) -> None:
        if (begun := self._begin(directory)) is None:
            return
        step, spec = begun
        figures = self._products.figures(spec)
        examples = "mocks" in spec.identity
        names = (EXAMPLES,) if examples else TRAINING_FIGURES
        made = [file for name in names for file in figures.files(name)]
        self._recorded(step, figures, made)
        step.check("stamps", checks.stamps(figures, made), "its own")
        if examples:
            for name, (fingerprint, count) in spec.identity["mocks"]:
                self._images(self._back("images", fingerprint, step, name), count)
        else:
            self._evaluation(self._back("evaluations", spec.identity["evaluation"], step))

    def _evaluation(self, directory: Path) -> None:
        if (begun := self._begin(directory)) is None:
            return
        step, spec = begun
        training = self._training(self._back("trainings", spec.identity["training"], step))
        found = [
            self._images(self._back("images", fingerprint, step), count)
            for fingerprint, count in spec.identity["mocks"]
        ]
        mocks = tuple(mock for mock in found if mock is not None)
        if training is None or len(mocks) < len(found):
            step.check("made from", ["what it is made from is not what it says: see below"], "")
            return
        run = self._products.evaluation(spec, training, mocks)
        made = [run.scores, run.predictions, *(run.mock_predictions(it.name) for it in mocks)]
        self._recorded(step, run, made)
        step.check("stamps", checks.stamps(run, made), "its own")
        cones = training.images.lightcones
        test = divide(training.split, cones.realizations).test
        tables = [(run.predictions, cones, test)]
        tables += [
            (run.mock_predictions(it.name), it.lightcones, range(it.realizations)) for it in mocks
        ]
        step.check(
            "predictions",
            [
                problem
                for path, of, indices in tables
                for problem in checks.predictions(path, of.design, indices)
            ],
            f"of the {len(test)} test light-cones and {len(mocks)} mocks, at their parameters",
        )
        step.check("scores", checks.scores(run), "they follow from predictions.csv")
        if self._depth.repredict:
            step.check(
                "network", checks.predicted_again(run, test), "it predicts the same once more"
            )
        groups: dict[str, tuple[LightCones, Iterable[int]]] = {
            "the database": (cones, range(cones.realizations))
        }
        groups |= {it.name: (it.lightcones, range(it.realizations)) for it in mocks}
        step.check("mocks", checks.shared(groups), "they share no seed with the database")

    def _training(self, directory: Path) -> TrainingRun | None:
        if directory not in self._trainings:
            self._trainings[directory] = self._new_training(directory)
        return self._trainings[directory]

    def _new_training(self, directory: Path) -> TrainingRun | None:
        if (begun := self._begin(directory)) is None:
            return None
        step, spec = begun
        ((fingerprint, count),) = spec.identity["images"]
        images = self._images(self._back("images", fingerprint, step), count)
        if images is None:
            step.check("made from", ["its images are not what they say: see below"], "")
            return None
        from ..stages import identity_of

        run = self._products.training(spec, images)
        made = [run.checkpoint, run.history, run.trained]
        self._recorded(step, run, made)
        step.check("stamps", checks.stamps(run, made[:2]), "its own")
        step.check(
            "checkpoint",
            checks.checkpoint(run, identity_of(run)),
            "of this training and complete, with its history",
        )
        sets = divide(run.split, count)
        groups = {name: (images.lightcones, part) for name, part in sets._asdict().items()}
        step.check(
            "split",
            checks.shared(groups),
            ", ".join(f"{len(part)} {name}" for name, part in sets._asdict().items())
            + ": no light-cone and no seed shared",
        )
        return run

    def _images(self, directory: Path, count: int) -> ImageSet | None:
        if directory not in self._image_sets:
            self._image_sets[directory] = self._new_images(directory, count)
        return self._image_sets[directory]

    def _new_images(self, directory: Path, count: int) -> ImageSet | None:
        if (begun := self._begin(directory)) is None:
            return None
        step, spec = begun
        cones = self._lightcones(self._back("lightcones", spec.identity["lightcones"], step), count)
        if cones is None:
            step.check("made from", ["its light-cones are not what they say: see below"], "")
            return None
        images = self._products.images(spec, cones)
        made = [images.prepared, *map(images.done, images.spans), images.sealed]
        self._recorded(step, images, made)
        step.check("labels", labels(images), "parameters, seeds and coordinates")
        self._recuts.setdefault(cones.directory, []).append(Recut(images))
        return images

    def _lightcones(self, directory: Path, count: int) -> LightCones | None:
        if (known := self._cones.get(directory)) is not None:
            return known
        if (begun := self._begin(directory)) is None:
            return None
        step, spec = begun
        cones = self._products.lightcones(spec, count)
        self._recorded(step, cones, [cones.prepared, *map(cones.done, cones.spans), cones.sealed])
        self._cones[directory] = cones
        return cones

    def read_lightcones(self) -> None:
        """Read every light-cone of every database that the audit came by, once."""
        for directory, cones in self._cones.items():
            step, recuts = self.steps[directory], self._recuts.get(directory, [])

            def look(index: int, cube: np.ndarray, digest: str) -> None:
                for recut in recuts:  # noqa: B023
                    recut(index, cube, digest)

            try:
                found = verify(cones, self._depth.threads, look).findings
            except UserError as error:
                step.check("voxels", [str(error)], "")
                found = []
            found = [
                it
                for it in found
                if it.kind != "partial file" and (it.index or 0) < cones.realizations
            ]
            told = {
                "voxels": ("light-cone", "unreadable"),
                "journal": ("journal line",),
                "design": ("description",),
                "markers": ("marker",),
            }
            holds = {
                "voxels": f"{cones.realizations} light-cones: digests, parameters, seeds, "
                "histories as in the journal",
                "journal": "every line is a record",
                "design": "parameters, seeds and coordinates follow from the configuration",
                "markers": "blocks and root digest as in the journal",
            }
            for what, kinds in told.items():
                step.check(what, [str(it) for it in found if it.kind in kinds], holds[what])
            finished = journal.finished(cones.journal, histories=False)
            step.check("engine", checks.engine(cones, finished), _engine(cones))
            step.made |= made_by([*finished.values(), *self._records.get(directory, [])])
            for recut in recuts:
                images = recut.image_set
                self.steps[images.directory].check(
                    "recut",
                    recut.problems(),
                    f"the images of {images.realizations} light-cones, bit for bit",
                )

    def resimulate(self) -> None:
        """Simulate some of the light-cones again."""
        everything = [
            (cones, index) for cones in self._cones.values() for index in range(cones.realizations)
        ]
        count = min(self._depth.resimulate, len(everything))
        chosen = np.random.default_rng(self._depth.seed).choice(
            len(everything), count, replace=False
        )
        for number in sorted(chosen.tolist()):
            cones, index = everything[number]
            again = resimulate(cones, index, self._depth.tolerance)
            self.steps[cones.directory].check(
                f"light-cone {index} again", [] if again.holds else [str(again)], str(again)
            )


def _engine(cones: LightCones) -> str:
    simulator = cones.simulation.simulator
    return f"{simulator.engine} {simulator.engine_version}"


def _strangers(run: Run, directory: Path) -> list[str]:
    """Products that a manifest lists and its configuration does not make, and the reverse."""
    listed: dict[str, Any] = json.loads((directory / "manifest.json").read_bytes())
    wrong = []
    if run.summary.directory != directory:
        wrong.append(
            f"{directory / 'manifest.json'}: its configuration makes "
            f"{run.summary.directory.name}, not this run: it was edited"
        )
    for kind in ("lightcones", "images", "trainings", "evaluations", "figures"):
        made = {
            name: product.fingerprint
            for name, product in run.by_directory.items()
            if product.kind == kind
        }
        said = {name: entry.get("fingerprint") for name, entry in listed.get(kind, {}).items()}
        for name in sorted(made.keys() | said.keys()):
            if made.get(name) != said.get(name):
                wrong.append(
                    f"{directory / 'manifest.json'}: {kind}/{name} is "
                    + ("not listed" if name not in said else "not what its configuration makes")
                )
    return wrong


def _table(run: Run) -> list[str]:
    from ..summary import r2_table

    with run.summary.table.open(encoding="utf-8", newline="") as file:
        said = "".join(stamp.uncommented(file))
    return [] if said == r2_table(run) else [f"{run.summary.table}: the scores give another table"]
