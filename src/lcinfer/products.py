"""Every product of a configuration: its fingerprint, its directory, its files.

    results/lightcones/<name>-<fp>/     a database, or a mock's
    results/images/<name>-<fp>/         its images
    results/trainings/<name>-<fp>/      a trained network
    results/evaluations/<name>-<fp>/    its predictions and scores
    results/figures/<name>-<fp>/        plots
    results/runs/<run name>-<fp>/       what a configuration says: tables, report, manifest

A file whose name ends in a number of realisations, and that number decides it, is a marker
that Snakemake sees; the data beside it grow and are never its outputs. A marker that may do
without failed realisations says in its name after how many attempts they were given up: to
allow more attempts, or no failure, asks for other markers, and for other trainings.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from .config import Config
from .design import AdoptedDesign, Design, MockDesign, PriorDesign
from .errors import UserError
from .fingerprint import digest, identity, short
from .sections import Evaluation, Images, Simulation, Split, Training
from .sweeps import Sweep, Trial, repeats

RESULTS = Path("results")
EXAMPLES = "examples"
SCHEME = "scheme"
TRAINING_FIGURES = ("architecture", "loss", "recovery", "residuals", "filters")
RESPONSE_FIGURES = ("responses", "activations")
SWEEP_FIGURES = ("sweep",)
DRAWN = {  # what figures are made from, as their identity says it, and which they then are
    "mocks": (EXAMPLES,),
    "images": ("slicing",),
    "evaluation": TRAINING_FIGURES,
    "responses": RESPONSE_FIGURES,
    "sweep": SWEEP_FIGURES,
}
PAPER_TABLES = ("table1", "table2", "claims")
TABLE_FORMATS = ("csv", "md", "tex")
Span = tuple[int, int]


@dataclass(frozen=True)
class Product:
    """Something made, in a directory named after it."""

    name: str
    identity: dict[str, Any]
    """What decides its content, as :func:`fingerprint.identity` gives it."""
    root: Path

    kind = "products"

    @cached_property
    def fingerprint(self) -> str:
        """The digest of its identity."""
        return digest(self.identity)

    @property
    def directory(self) -> Path:
        """Where it is."""
        return self.root / self.kind / f"{self.name}-{short(self.fingerprint)}"

    @property
    def spec(self) -> Path:
        """What it is: identity and resolved settings; written once."""
        return self.directory / "spec.json"


@dataclass(frozen=True)
class Realizations(Product):
    """A product with one part per realisation, made in blocks, growing by the end."""

    realizations: int
    block: int

    @property
    def given_up(self) -> str:
        """What the names of markers end in that may do without failed realisations."""
        raise NotImplementedError

    @cached_property
    def spans(self) -> list[Span]:
        """The blocks [start, stop) that jobs take."""
        starts = range(0, self.realizations, self.block)
        return [(start, min(start + self.block, self.realizations)) for start in starts]

    @property
    def prepared(self) -> Path:
        """Marker: the store has room for every realisation."""
        return self.directory / f"prepared-{self.realizations:06d}.json"

    def complete(self, span: Span) -> Path:
        """Marker: all of a block is there, whatever may be left out. Holds indices and digests."""
        return self.directory / "blocks" / f"{span[0]:06d}-{span[1]:06d}.json"

    def done(self, span: Span) -> Path:
        """Marker: a block is complete, or its failed realisations are given up."""
        complete = self.complete(span)
        if not self.given_up or complete.exists():
            return complete
        return complete.with_stem(f"{complete.stem}{self.given_up}")

    def done_with(self, span: Span, failed: Collection[int]) -> list[Path]:
        """The markers of a block that lacks these. The one that is waited for comes first."""
        markers = [self.done(span)] + ([] if failed else [self.complete(span)])
        return list(dict.fromkeys(markers))

    @property
    def sealed(self) -> Path:
        """Marker: every realisation is there, or given up. Holds their number, the root digest."""
        return self.directory / f"sealed-{self.realizations:06d}{self.given_up}.json"


@dataclass(frozen=True)
class LightCones(Realizations):
    """A database of light-cones, or a mock's."""

    simulation: Simulation
    design: Design
    max_attempts: int
    limit_minutes: float
    allowed_failures: float  # a share of the realisations

    kind = "lightcones"

    @property
    def may_fail(self) -> int:
        """How many realisations may be set aside without stopping what follows."""
        # As it is written: 0.29 of 100 are 29, which floating point makes 28.
        return int(Fraction(str(self.allowed_failures)) * self.realizations)

    @property
    def given_up(self) -> str:
        """See :class:`Realizations`."""
        return f"-after-{self.max_attempts}-attempts" if self.allowed_failures else ""

    @property
    def journal(self) -> Path:
        """Directory of what is done and what failed."""
        return self.directory / "journal"

    @property
    def store(self) -> Path:
        """The Zarr group."""
        return self.directory / "lightcones.zarr"

    @property
    def leases(self) -> Path:
        """Directory of who is at work on which block."""
        return self.directory / "leases"

    def lease(self, span: Span) -> Path:
        """Who is at work on a block."""
        return self.leases / f"{span[0]:06d}-{span[1]:06d}.json"


@dataclass(frozen=True)
class ImageSet(Realizations):
    """Images cut from light-cones."""

    images: Images
    lightcones: LightCones

    kind = "images"

    @property
    def given_up(self) -> str:
        """See :class:`Realizations`."""
        return self.lightcones.given_up

    @property
    def store(self) -> Path:
        """The Zarr group."""
        return self.directory / "images.zarr"


@dataclass(frozen=True)
class TrainingRun(Product):
    """A network trained on images."""

    training: Training
    split: Split
    images: ImageSet

    kind = "trainings"

    @property
    def light_cones(self) -> int:
        """How many of the database's light-cones decide it: those up to its last one."""
        if self.training.light_cones is None:
            return self.images.realizations
        return self.split.validation + self.split.test + self.training.light_cones

    @property
    def checkpoint(self) -> Path:
        """Weights, optimiser, history and normalisation after the last whole epoch."""
        return self.directory / "checkpoint.pt"

    @property
    def history(self) -> Path:
        """Losses per epoch."""
        return self.directory / "history.csv"

    @property
    def trained(self) -> Path:
        """Marker: the last epoch is done."""
        return self.directory / "trained.json"


@dataclass(frozen=True)
class EvaluationRun(Product):
    """Predictions and scores of a trained network."""

    evaluation: Evaluation
    training: TrainingRun
    mocks: tuple[ImageSet, ...]

    kind = "evaluations"

    @property
    def predictions(self) -> Path:
        """True and predicted parameters of every test image."""
        return self.directory / "predictions.csv"

    @property
    def scores(self) -> Path:
        """R2 with intervals."""
        return self.directory / "scores.json"

    def mock_predictions(self, mock: str) -> Path:
        """True and predicted parameters of a mock's images."""
        return self.directory / f"mock_{mock}.csv"


@dataclass(frozen=True)
class SweepRun(Product):
    """The trials of a sweep, ranked or scored."""

    sweep: Sweep
    trials: tuple[tuple[Trial, TrainingRun], ...]
    evaluations: dict[str, EvaluationRun]
    """By the names of the trainings' directories: all are made for a learning curve, the best
    trial's alone for a study."""

    kind = "sweeps"

    @property
    def needed(self) -> list[Path]:
        """What there must be before trials are compared."""
        if self.sweep.scored_on == "test":
            return [evaluation.scores for evaluation in self.evaluations.values()]
        return [training.trained for _, training in self.trials]

    @property
    def table(self) -> Path:
        """A line per trial: varied keys, losses, scores."""
        return self.directory / "trials.csv"

    @property
    def outcome(self) -> Path:
        """What came out: the best trial of a study with its score on the test set."""
        return self.directory / "outcome.json"


@dataclass(frozen=True)
class FigureSet(Product):
    """Plots of one thing, each in every configured format."""

    formats: tuple[str, ...]

    kind = "figures"

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the plots."""
        return tuple(name for what in DRAWN if what in self.identity for name in DRAWN[what])

    @property
    def all_files(self) -> list[Path]:
        """Every plot in every format."""
        return [file for figure in self.figures for file in self.files(figure)]

    def stem(self, figure: str) -> Path:
        """A figure's path without its suffix."""
        return self.directory / figure

    def files(self, figure: str) -> list[Path]:
        """A figure's files, the one for the report first."""
        return [self.stem(figure).with_suffix(f".{suffix}") for suffix in self.formats]


@dataclass(frozen=True)
class Summary(Product):
    """What a run says, and where all that it rests on lies."""

    kind = "runs"

    @property
    def manifest(self) -> Path:
        """Fingerprints and directories of everything the run points to."""
        return self.directory / "manifest.json"

    @property
    def table(self) -> Path:
        """R2 of every training as CSV."""
        return self.directory / "r2.csv"

    @property
    def paper_tables(self) -> list[Path]:
        """The paper's tables, each in every format."""
        return [self.paper_table(name, kind) for name in PAPER_TABLES for kind in TABLE_FORMATS]

    def paper_table(self, name: str, kind: str) -> Path:
        """One of them in one format."""
        return self.directory / f"{name}.{kind}"

    @property
    def all_files(self) -> list[Path]:
        """Every file of a finished run but its report."""
        return [self.table, *self.paper_tables, self.manifest]

    @property
    def report(self) -> Path:
        """Snakemake's report."""
        return self.directory / "report.html"


@dataclass(frozen=True)
class Run:
    """A configuration with all that it makes."""

    config: Config
    root: Path = RESULTS

    @cached_property
    def database(self) -> LightCones:
        """The database of light-cones."""
        database = self.config.database
        count, allowed = database.realizations, database.allowed_failures
        if database.adopted is None:
            return self._lightcones(database.name, PriorDesign(database), count, allowed)
        design = AdoptedDesign(database)
        cones = self._lightcones(database.name, design, count)
        return replace(cones, design=replace(design, directory=cones.directory))

    @cached_property
    def mocks(self) -> dict[str, LightCones]:
        """The mocks' light-cones by name."""
        return {
            name: self._lightcones(name, MockDesign(name, mock), mock.realizations)
            for name, mock in self.config.mocks.items()
        }

    @property
    def lightcones(self) -> dict[str, LightCones]:
        """The database and the mocks, by the names of their directories."""
        return {_named(cones): cones for cones in (self.database, *self.mocks.values())}

    @cached_property
    def images(self) -> dict[str, ImageSet]:
        """The images of each of :attr:`lightcones`, by the same names."""
        return {label: self._images(cones) for label, cones in self.lightcones.items()}

    @property
    def database_images(self) -> ImageSet:
        """The database's images."""
        return self.images[_named(self.database)]

    @property
    def mock_images(self) -> dict[str, ImageSet]:
        """The mocks' images by the mocks' names."""
        return {name: self.images[_named(cones)] for name, cones in self.mocks.items()}

    @property
    def examples(self) -> tuple[str, ...]:
        """The mocks whose images are shown, in their order."""
        return self.config.figures.examples or tuple(sorted(self.mocks))

    @property
    def responses(self) -> tuple[str, ...]:
        """The mocks to which networks' responses are shown, in their order."""
        return self.config.figures.responses or self.examples

    @cached_property
    def repeats(self) -> dict[str, tuple[str, ...]]:
        """The names of each configured training's repeats, itself first."""
        return {
            name: (name, *(f"{name}.seed{other.seed}" for other in repeats(training)[1:]))
            for name, training in self.config.trainings.items()
        }

    @cached_property
    def trainings(self) -> dict[str, TrainingRun]:
        """The trainings by name: those configured, their repeats, and trials of sweeps.

        A trial that is one of the former is not named again.
        """
        named = {
            label: self._training(name, training)
            for name, labels in self.repeats.items()
            for label, training in zip(labels, repeats(self.config.trainings[name]), strict=True)
        }
        for sweep, settings in self.config.sweeps.items():
            for number, trial in enumerate(self.config.trials(sweep), start=1):
                run = self._training(settings.training, trial.training)
                if all(run.fingerprint != other.fingerprint for other in named.values()):
                    named[f"{sweep}.{number}"] = run
        return named

    @cached_property
    def evaluations(self) -> dict[str, EvaluationRun]:
        """The evaluations that are asked for, by their training's name.

        Of a study's trials the best is evaluated too, when it is known.
        """
        asked = {label for labels in self.repeats.values() for label in labels}
        for name, settings in self.config.sweeps.items():
            if settings.scored_on == "test":
                asked |= {self._label(run) for _, run in self._trials(name)}
        return {
            name: self._evaluation(run) for name, run in self.trainings.items() if name in asked
        }

    @cached_property
    def sweeps(self) -> dict[str, SweepRun]:
        """The sweeps by name."""
        return {name: self._sweep(name) for name in self.config.sweeps}

    @cached_property
    def figures(self) -> dict[str, FigureSet]:
        """Figures by what they are of: a configured training, a sweep, ``examples``, ``scheme``."""
        answered = {"responses": self.responses} if self.mocks else {}
        drawn = {
            name: self._figures(name, evaluation=self.evaluations[name].fingerprint, **answered)
            for name in self.repeats
        }
        for name, sweep in self.sweeps.items():
            drawn[name] = self._figures(name, sweep=sweep.fingerprint)
        if self.mocks:
            shown = [[name, *_sizes([self.mock_images[name]])] for name in self.examples]
            drawn[EXAMPLES] = self._figures(EXAMPLES, mocks=shown)
        database = self.config.database
        drawn[SCHEME] = self._figures(
            SCHEME, images=self.config.images, box=database.box, lightcone=database.lightcone
        )
        return drawn

    @cached_property
    def by_directory(self) -> dict[str, Any]:
        """Every product by its directory's name, which is how the rules know it."""
        stages: tuple[dict[str, Any], ...] = (
            self.lightcones,
            self.images,
            self.trainings,
            self.evaluations,
            self.sweeps,
            self.figures,
        )
        return {product.directory.name: product for stage in stages for product in stage.values()}

    @property
    def figure_files(self) -> list[Path]:
        """Every figure in every format."""
        return [file for figures in self.figures.values() for file in figures.all_files]

    @property
    def summary(self) -> Summary:
        """The run's own directory."""
        made_from = {name: figures.fingerprint for name, figures in self.figures.items()}
        again = {
            label: self.evaluations[label].fingerprint
            for labels in self.repeats.values()
            for label in labels[1:]
        }
        made_of = identity("summary", figures=made_from, **({"repeats": again} if again else {}))
        return Summary(name=self.config.name, identity=made_of, root=self.root)

    def _lightcones(
        self, name: str, design: Design, realizations: int, allowed_failures: float = 0
    ) -> LightCones:
        database = self.config.database
        simulation = Simulation(**{key: getattr(database, key) for key in Simulation.model_fields})
        planned = LightCones(
            name=name,
            identity=identity("lightcones", simulation=simulation, design=design.content),
            root=self.root,
            realizations=realizations,
            block=database.block,
            simulation=simulation,
            design=design,
            max_attempts=database.max_attempts,
            limit_minutes=database.limit_minutes,
            allowed_failures=allowed_failures,
        )
        written = planned.spec
        if written.exists():  # the first block size stays, so that finished blocks stay finished
            try:
                block = int(json.loads(written.read_text(encoding="utf-8"))["block"])
            except (ValueError, TypeError, KeyError):
                raise UserError(
                    f"{written} is damaged: move it aside, and `lcinfer design` writes it again "
                    "(if it held another `block` than the configuration, set that first)"
                ) from None
            return replace(planned, block=block)
        return planned

    def _images(self, cones: LightCones) -> ImageSet:
        return ImageSet(
            name=cones.name,
            identity=identity("images", images=self.config.images, lightcones=cones.fingerprint),
            root=self.root,
            realizations=cones.realizations,
            block=cones.block,
            images=self.config.images,
            lightcones=cones,
        )

    def _training(self, name: str, training: Training) -> TrainingRun:
        images = self.database_images
        given_up = {"given_up": images.given_up} if images.given_up else {}
        run = TrainingRun(
            name=name,
            identity={},
            root=self.root,
            training=training,
            split=self.config.split,
            images=images,
        )
        made_of = identity(
            "training",
            training=training,
            split=self.config.split,
            images=[[images.fingerprint, run.light_cones]],
            **given_up,
        )
        return replace(run, identity=made_of)

    def _evaluation(self, run: TrainingRun) -> EvaluationRun:
        mocks = tuple(self.mock_images.values())
        return EvaluationRun(
            name=run.name,
            identity=identity(
                "evaluation",
                evaluation=self.config.evaluation,
                training=run.fingerprint,
                mocks=_sizes(mocks),
            ),
            root=self.root,
            evaluation=self.config.evaluation,
            training=run,
            mocks=mocks,
        )

    def _trials(self, sweep: str) -> list[tuple[Trial, TrainingRun]]:
        name = self.config.sweeps[sweep].training
        return [
            (trial, self.trainings[self._label(self._training(name, trial.training))])
            for trial in self.config.trials(sweep)
        ]

    def _sweep(self, name: str) -> SweepRun:
        settings, trials = self.config.sweeps[name], self._trials(name)
        evaluations = {run.directory.name: self._evaluation(run) for _, run in trials}
        return SweepRun(
            name=name,
            identity=identity(
                "sweep",
                scored_on=settings.scored_on,
                trials=[
                    [trial.values, run.fingerprint, evaluations[run.directory.name].fingerprint]
                    for trial, run in trials
                ],
            ),
            root=self.root,
            sweep=settings,
            trials=tuple(trials),
            evaluations=evaluations,
        )

    def _label(self, run: TrainingRun) -> str:
        """The name of a training in :attr:`trainings`."""
        return next(
            label for label, it in self.trainings.items() if it.fingerprint == run.fingerprint
        )

    def _figures(self, name: str, **made_from: Any) -> FigureSet:
        style = self.config.figures
        return FigureSet(
            name=name,
            identity=identity("figures", style=style, **made_from),
            root=self.root,
            formats=style.formats,
        )


def _named(product: Product) -> str:
    return product.directory.name


def _sizes(image_sets: tuple[ImageSet, ...] | list[ImageSet]) -> list[list[Any]]:
    """What identifies image sets to what is made from all their images."""
    return sorted([images.fingerprint, images.realizations] for images in image_sets)
