"""From a result back to voxels, configuration and code, and whether it all still matches.

Every file of a light-cone and of images is read once, and compared with the digest that was
recorded when it was written. Where there is none, or another one, it is decoded: the digest of
the voxels decides, and images are compared with those cut anew from them. Nothing is written.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import UserError
from ..base.fingerprint import short
from ..images.sets import divide
from ..lightcones import failures, journal
from ..products.databases import ImageSet, LightCones
from ..products.design import AdoptedDesign
from ..products.networks import EvaluationRun, TrainingRun
from ..products.product import Product
from ..products.run import Run
from ..records.record import Record, records
from . import checks, given, voxels
from .links import Report, Step, made_by
from .rebuild import Products, Seal, Spec, configuration, find, sealed
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
    decode: bool = False
    """Decode every light-cone and cut its images anew, also where files are as they were."""


def audit(result: Path, results: Path, depth: Depth) -> Report:
    """Walk back from a result and check every link.

    Raises:
        UserError: if it is no result, is not finished, or what it is made from is not there; or
            if it is a file of which nothing is recorded.
        PermissionError: if something may not be read.
    """
    directory, said = find(result, results)
    walk = _Walk(directory.parent.parent, depth)
    walk.enter(directory)
    if result.is_file():
        walk.given(directory, result, said)
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
        self._compared: set[Path] = set()
        self._recuts: dict[Path, list[Recut]] = {}
        self._cones: dict[Path, LightCones] = {}
        self._image_sets: dict[Path, ImageSet | None] = {}
        self._trainings: dict[Path, TrainingRun | None] = {}
        self._evaluations: dict[Path, EvaluationRun | None] = {}

    def enter(self, directory: Path) -> None:
        """Begin with a product, and go back from it."""
        if directory.parent.name == "lightcones":
            self._lightcones(directory, sealed(directory))
        elif directory.parent.name == "images":
            self._images(directory, sealed(directory))
        else:
            walks = {
                "runs": self._run,
                "figures": self._figures,
                "sweeps": self._sweep,
                "evaluations": self._evaluation,
                "trainings": self._training,
            }
            walks[directory.parent.name](directory)

    def given(self, directory: Path, result: Path, said: dict[str, str] | None) -> None:
        """Compare the file that was asked for; ``said`` is its stamp, if it lies elsewhere.

        Raises:
            UserError: if it lies in a product's directory, and nobody compares it.
        """
        if said is not None:
            step = self.steps[directory]
            given.elsewhere(step, self._records[directory], self._digests, result, said)
            return
        real = result.resolve()  # a run's directory leads to others by links
        if real in self._compared:
            return
        for where, step in self.steps.items():
            if real.is_relative_to(where.resolve()):
                made = self._cones.get(where) or self._image_sets.get(where)
                given.inside(step, self._records[where], self._digests, result, made)
                return
        raise UserError(f"{result}: it is of no product that {directory.name} is made from")

    def _begin(self, directory: Path) -> tuple[Step, Spec] | None:
        """None if nothing can be learnt from the directory, or it was seen before."""
        if directory in self.steps:
            return None
        spec = self._products.spec(directory)
        step = Step(f"{directory.parent.name}/{directory.name}", directory, spec.identity)
        self.steps[directory] = step
        try:
            self._records[directory] = records(directory)
        except ValueError as error:
            step.check("records", [str(error)], "")
            self._records[directory] = []
        step.made |= made_by(self._records[directory])
        holds = f"{spec.fingerprint}, of the settings in spec.json"
        return (step, spec) if step.check("fingerprint", spec.wrong(), holds) else None

    def _recorded(self, step: Step, product: Product, made: Iterable[Path]) -> None:
        """Files against their recorded digests, and who made them."""
        paths, found = list(made), self._records[step.directory]
        self._compared |= {path.resolve() for path in paths}
        wrong = checks.files(product, paths, found, self._digests)
        step.check("files", wrong, f"{len(paths)} files, as recorded")
        wrong = checks.inputs(self.root, found, self._digests)
        step.check("made from", wrong, "what is there now")

    def _has_recorded(self, step: Step, path: Path) -> bool:
        """Whether a file that not every product has is there, and was recorded."""
        name = path.relative_to(self.root).as_posix()
        return path.exists() and any(
            name in record["outputs"] for record in self._records[step.directory]
        )

    def _back(self, kind: str, fingerprint: str, step: Step, name: str = "") -> Path:
        """What a product is made from: what it recorded that it read, or what has ``name``.

        Products of one content may have several names.
        """
        inputs = (path for record in self._records[step.directory] for path in record["inputs"])
        read = {self.root.joinpath(*Path(path).parts[:2]) for path in inputs}
        read |= {self.root / kind / f"{name}-{short(fingerprint)}"}
        return self._products.directory(kind, str(fingerprint), read, step.product)

    def _run(self, directory: Path) -> None:
        if (begun := self._begin(directory)) is None:
            return
        step, spec = begun
        summary = self._products.summary(spec)
        config = configuration(summary.manifest)
        run = Run(config, self.root)
        made = summary.outputs
        if self._has_recorded(step, summary.report):  # that of before was not
            made.append(summary.report)
        self._recorded(step, summary, made)
        step.check("stamps", checks.stamps(summary, made), "its own")
        follows = step.check(
            "configuration",
            checks.configuration(run, directory),
            "every product follows from the recorded configuration",
        )
        for name, fingerprint in spec.identity["figures"].items():
            self._figures(self._back("figures", fingerprint, step, name))
        for fingerprint in spec.identity.get("repeats", {}).values():
            self._evaluation(self._back("evaluations", fingerprint, step))
        if follows:
            holds = checks.followed([summary.table, summary.page], "every scores.json")
            step.check("table", checks.table(run), holds)
            holds = checks.followed(summary.paper_tables, "predictions, histories and networks")
            step.check("paper's tables", checks.paper_tables(run), holds)

    def _figures(self, directory: Path) -> None:
        if (begun := self._begin(directory)) is None:
            return
        step, spec = begun
        figures = self._products.figures(spec)
        self._recorded(step, figures, figures.outputs)
        step.check("stamps", checks.stamps(figures, figures.outputs), "its own")
        for name, (fingerprint, count) in spec.identity.get("mocks", []):
            self._images(self._back("images", fingerprint, step, name), Seal(count))
        if "evaluation" in spec.identity:
            self._evaluation(self._back("evaluations", spec.identity["evaluation"], step))
        if "sweep" in spec.identity:
            self._sweep(self._back("sweeps", spec.identity["sweep"], step, spec.content["name"]))

    def _sweep(self, directory: Path) -> None:
        if (begun := self._begin(directory)) is None:
            return
        step, spec = begun
        tried = spec.identity["trials"]
        trainings = [self._training(self._back("trainings", each, step)) for _, each, _ in tried]
        evaluations = [
            self._evaluation(self._back("evaluations", each, step))
            for _, _, each in tried
            if spec.identity["scored_on"] == "test" or _is_best(directory, each)
        ]
        if None in trainings or None in evaluations:
            step.check("made from", ["its trials are not what they say: see below"], "")
            return
        run = self._products.sweep(
            spec, [each for each in trainings if each], [each for each in evaluations if each]
        )
        made = [run.table, run.outcome]
        self._recorded(step, run, made)
        step.check("stamps", checks.stamps(run, made), "its own")
        step.check("trials", checks.trials(run), "they follow from histories and scores")

    def _evaluation(self, directory: Path) -> EvaluationRun | None:
        if directory not in self._evaluations:
            self._evaluations[directory] = self._new_evaluation(directory)
        return self._evaluations[directory]

    def _new_evaluation(self, directory: Path) -> EvaluationRun | None:
        if (begun := self._begin(directory)) is None:
            return None
        step, spec = begun
        training = self._training(self._back("trainings", spec.identity["training"], step))
        found = [
            self._images(self._back("images", fingerprint, step), Seal(count))
            for fingerprint, count in spec.identity["mocks"]
        ]
        mocks = tuple(mock for mock in found if mock is not None)
        if training is None or len(mocks) < len(found):
            step.check("made from", ["what it is made from is not what it says: see below"], "")
            return None
        run = self._products.evaluation(spec, training, mocks)
        made = [run.scores, run.predictions, *(run.mock_predictions(it.name) for it in mocks)]
        self._recorded(step, run, made)
        step.check("stamps", checks.stamps(run, made), "its own")
        cones = training.images.lightcones
        failed = failures.named(training.images.sealed)
        test = divide(training.split, cones.realizations, failed).test
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
        return run

    def _training(self, directory: Path) -> TrainingRun | None:
        if directory not in self._trainings:
            self._trainings[directory] = self._new_training(directory)
        return self._trainings[directory]

    def _new_training(self, directory: Path) -> TrainingRun | None:
        if (begun := self._begin(directory)) is None:
            return None
        step, spec = begun
        ((fingerprint, count),) = spec.identity["images"]
        there = self._back("images", fingerprint, step)
        seal = Seal.of(count, spec.identity.get("given_up", ""))
        if spec.identity["training"].get("light_cones") is not None:
            seal = sealed(there)  # of more light-cones than it needs
        images = self._images(there, seal)
        if images is None:
            step.check("made from", ["its images are not what they say: see below"], "")
            return None
        from ..stages.stages import identity_of

        run, failed = self._products.training(spec, images), failures.named(images.sealed)
        made = [run.checkpoint, run.history, run.trained]
        self._recorded(step, run, made)
        step.check("stamps", checks.stamps(run, made[:2]), "its own")
        step.check(
            "checkpoint",
            checks.checkpoint(run, identity_of(run, tuple(failed))),
            "of this training and complete, with its history",
        )
        sets = divide(run.split, count, failed)
        groups = {name: (images.lightcones, part) for name, part in sets._asdict().items()}
        step.check(
            "split",
            checks.shared(groups),
            ", ".join(f"{len(part)} {name}" for name, part in sets._asdict().items())
            + ": no light-cone and no seed shared",
        )
        if self._depth.repredict:
            wrong = checks.normalised_again(run, sets.training)
            step.check("normalisation", wrong, "it is that of the training set alone")
        return run

    def _images(self, directory: Path, seal: Seal) -> ImageSet | None:
        if directory not in self._image_sets:
            self._image_sets[directory] = self._new_images(directory, seal)
        return self._image_sets[directory]

    def _new_images(self, directory: Path, seal: Seal) -> ImageSet | None:
        if (begun := self._begin(directory)) is None:
            return None
        step, spec = begun
        cones = self._lightcones(self._back("lightcones", spec.identity["lightcones"], step), seal)
        if cones is None:
            step.check("made from", ["its light-cones are not what they say: see below"], "")
            return None
        images = self._products.images(spec, cones)
        made = [images.prepared, *map(images.done, images.spans), images.sealed]
        self._recorded(step, images, made)
        step.check("labels", labels(images), "parameters, seeds and coordinates")
        self._recuts.setdefault(cones.directory, []).append(
            Recut(images, always=self._depth.decode)
        )
        return images

    def _lightcones(self, directory: Path, seal: Seal) -> LightCones | None:
        if (known := self._cones.get(directory)) is not None:
            return known
        if (begun := self._begin(directory)) is None:
            return None
        step, spec = begun
        cones = self._products.lightcones(spec, seal)
        self._recorded(step, cones, [cones.prepared, *map(cones.done, cones.spans), cones.sealed])
        self._cones[directory] = cones
        return cones

    def read_lightcones(self) -> None:
        """Read every light-cone of every database that the audit came by, once."""
        for directory, cones in self._cones.items():
            step, recuts = self.steps[directory], self._recuts.get(directory, [])
            voxels.check(step, cones, recuts, self._depth.threads, self._depth.decode)
            finished = journal.finished(cones.journal, histories=False)
            step.check("engine", checks.engine(cones, finished), checks.engine_named(cones))
            step.made |= made_by([*finished.values(), *self._records[directory]])
            for recut in recuts:
                self.steps[recut.image_set.directory].check("recut", recut.problems(), recut.told)

    def resimulate(self) -> None:
        """Simulate some of the light-cones again; adopted ones were not simulated here."""
        everything = [
            (cones, index)
            for cones in self._cones.values()
            if not isinstance(cones.design, AdoptedDesign)
            for index in sorted(journal.finished(cones.journal, histories=False))
            if index < cones.realizations
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


def _is_best(sweep: Path, evaluation: str) -> bool:
    """Whether a study says that this evaluation is its best trial's: no other one is made."""
    try:
        best = json.loads((sweep / "outcome.json").read_bytes())["best"]
        return str(best["evaluation"]).endswith(short(evaluation))
    except (OSError, ValueError, KeyError, TypeError):
        return False  # what is wrong with the file is told as such
