"""The kinds of products: the fingerprint, the directory, the files of each.

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

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from ..base import durable
from ..base.fingerprint import digest, short
from ..config.sections import Evaluation, Images, Simulation, Split, Training
from ..config.sweeps import Sweep, Trial
from .design import Design

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
TABLE_FORMATS = ("csv", "md", "tex", "html")
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
    def begun(self) -> bool:
        """Whether anything of it is there: Snakemake makes directories ahead of its jobs, and an
        approval is recorded before the first light-cone."""
        try:
            inside = durable.own(self.directory.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return False
        return any(not path.is_dir() or path.suffix == ".zarr" for path in inside)

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
    def training_set(self) -> range:
        """The light-cones that it learns from, failed ones too."""
        return range(self.split.validation + self.split.test, self.light_cones)

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
    def page(self) -> Path:
        """The same as a page: a line per training, a column per parameter."""
        return self.directory / "r2.html"

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
        return [self.table, self.page, *self.paper_tables, self.manifest]

    @property
    def report(self) -> Path:
        """Snakemake's report."""
        return self.directory / "report.html"
