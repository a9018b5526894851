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
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from .config import Config
from .design import Design, MockDesign, PriorDesign
from .errors import UserError
from .fingerprint import fingerprint, short
from .sections import Evaluation, Images, Simulation, Split, Training

RESULTS = Path("results")
EXAMPLES = "examples"
TRAINING_FIGURES = ("loss", "recovery")
Span = tuple[int, int]


@dataclass(frozen=True)
class Product:
    """Something made, in a directory named after it."""

    name: str
    fingerprint: str
    root: Path

    kind = "products"

    @property
    def directory(self) -> Path:
        """Where it is."""
        return self.root / self.kind / f"{self.name}-{short(self.fingerprint)}"


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
    def spec(self) -> Path:
        """The resolved settings; written once."""
        return self.directory / "spec.json"

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
class FigureSet(Product):
    """Plots of one thing, each in every configured format."""

    formats: tuple[str, ...]

    kind = "figures"

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
        allowed = database.allowed_failures
        return self._lightcones(
            database.name, PriorDesign(database), database.realizations, allowed
        )

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
        return {_label(cones): cones for cones in (self.database, *self.mocks.values())}

    @cached_property
    def images(self) -> dict[str, ImageSet]:
        """The images of each of :attr:`lightcones`, by the same names."""
        return {label: self._images(cones) for label, cones in self.lightcones.items()}

    @property
    def database_images(self) -> ImageSet:
        """The database's images."""
        return self.images[_label(self.database)]

    @property
    def mock_images(self) -> dict[str, ImageSet]:
        """The mocks' images by the mocks' names."""
        return {name: self.images[_label(cones)] for name, cones in self.mocks.items()}

    @property
    def examples(self) -> tuple[str, ...]:
        """The mocks whose images are shown, in their order."""
        return self.config.figures.examples or tuple(sorted(self.mocks))

    @cached_property
    def trainings(self) -> dict[str, TrainingRun]:
        """The trainings by name."""
        return {name: self._training(name) for name in self.config.trainings}

    @cached_property
    def evaluations(self) -> dict[str, EvaluationRun]:
        """The evaluations by their training's name."""
        mocks = tuple(self.mock_images.values())
        return {
            name: EvaluationRun(
                name=name,
                fingerprint=fingerprint(
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
            for name, run in self.trainings.items()
        }

    @cached_property
    def figures(self) -> dict[str, FigureSet]:
        """The figures of each training by its name, and ``examples``: images of the mocks."""
        drawn = {
            name: self._figures(name, evaluation=evaluation.fingerprint)
            for name, evaluation in self.evaluations.items()
        }
        if self.mocks:
            shown = [[name, *_sizes([self.mock_images[name]])] for name in self.examples]
            drawn[EXAMPLES] = self._figures(EXAMPLES, mocks=shown)
        return drawn

    @cached_property
    def by_directory(self) -> dict[str, Any]:
        """Every product by its directory's name, which is how the rules know it."""
        stages = (self.lightcones, self.images, self.trainings, self.evaluations, self.figures)
        return {product.directory.name: product for stage in stages for product in stage.values()}

    @property
    def figure_files(self) -> list[Path]:
        """Every figure in every format."""
        return [
            file
            for what, figures in self.figures.items()
            for figure in ([EXAMPLES] if what == EXAMPLES else TRAINING_FIGURES)
            for file in figures.files(figure)
        ]

    @property
    def summary(self) -> Summary:
        """The run's own directory."""
        made_from = {name: figures.fingerprint for name, figures in self.figures.items()}
        return Summary(
            name=self.config.name,
            fingerprint=fingerprint("summary", figures=made_from),
            root=self.root,
        )

    def _lightcones(
        self, name: str, design: Design, realizations: int, allowed_failures: float = 0
    ) -> LightCones:
        database = self.config.database
        simulation = Simulation(**{key: getattr(database, key) for key in Simulation.model_fields})
        full = fingerprint("lightcones", simulation=simulation, design=design.content)
        planned = LightCones(
            name=name,
            fingerprint=full,
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
            return LightCones(**{**_fields(planned), "block": block})
        return planned

    def _images(self, cones: LightCones) -> ImageSet:
        return ImageSet(
            name=cones.name,
            fingerprint=fingerprint(
                "images", images=self.config.images, lightcones=cones.fingerprint
            ),
            root=self.root,
            realizations=cones.realizations,
            block=cones.block,
            images=self.config.images,
            lightcones=cones,
        )

    def _training(self, name: str) -> TrainingRun:
        training, images = self.config.trainings[name], self.database_images
        given_up = {"given_up": images.given_up} if images.given_up else {}
        return TrainingRun(
            name=name,
            fingerprint=fingerprint(
                "training",
                training=training,
                split=self.config.split,
                images=_sizes([images]),
                **given_up,
            ),
            root=self.root,
            training=training,
            split=self.config.split,
            images=images,
        )

    def _figures(self, name: str, **made_from: Any) -> FigureSet:
        style = self.config.figures
        return FigureSet(
            name=name,
            fingerprint=fingerprint("figures", style=style, **made_from),
            root=self.root,
            formats=style.formats,
        )


def _label(product: Product) -> str:
    return product.directory.name


def _fields(product: LightCones) -> dict[str, Any]:
    return {key: getattr(product, key) for key in product.__dataclass_fields__}


def _sizes(image_sets: tuple[ImageSet, ...] | list[ImageSet]) -> list[list[Any]]:
    """What identifies image sets to what is made from all their images."""
    return sorted([images.fingerprint, images.realizations] for images in image_sets)
