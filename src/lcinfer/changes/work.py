"""What the workflow would make of a configuration in the results as they are.

The same decision as Snakemake's: what is asked for and missing is made, from the last stage back,
so that nothing is made for the sake of what is there already.
"""

from dataclasses import dataclass
from pathlib import Path

from ..base import durable
from ..base.counting import counted
from ..lightcones import journal
from ..products.kinds import (
    EXAMPLES,
    EvaluationRun,
    FigureSet,
    ImageSet,
    LightCones,
    Product,
    Realizations,
    Span,
    Summary,
    SweepRun,
    TrainingRun,
)
from ..products.run import Run

DOES = {
    "lightcones": "simulate",
    "images": "cut",
    "trainings": "train",
    "evaluations": "evaluate",
    "sweeps": "compare",
    "figures": "draw",
    "runs": "summarise",
}


@dataclass(frozen=True)
class Work:
    """A product that is to be made or gone on with."""

    product: Product
    light_cones: int | None = None  # left to simulate or to cut, of a product that has such parts

    @property
    def does(self) -> str:
        """What is done: the stage as a verb."""
        return DOES[self.product.kind]

    def __str__(self) -> str:
        """In words."""
        if self.light_cones is None:
            return f"to {self.does}"
        if not self.light_cones:
            return "to seal"
        return f"{counted(self.light_cones, 'light-cone')} to {self.does}"


def complete(product: Product) -> bool:
    """Whether what the workflow asks for of a product is there."""
    match product:
        case Realizations():
            return product.sealed.exists()
        case TrainingRun():
            return product.trained.exists()
        case EvaluationRun():
            return product.scores.exists()
        case Summary():
            return product.manifest.exists()
        case SweepRun():
            return product.outcome.exists()
        case FigureSet():
            return all(file.exists() for file in product.all_files)
    raise TypeError(f"{type(product).__name__} is no product")


def to_make(run: Run) -> list[Work]:
    """All that is left to do, in the order of the stages."""
    figures = {name: each for name, each in run.figures.items() if not complete(each)}
    summarised = complete(run.summary)
    sweeps = [each for name, each in run.sweeps.items() if name in figures and not complete(each)]
    evaluations = {
        name: each
        for name, each in run.evaluations.items()
        if not complete(each) and (name in figures or not summarised or sweeps)
    }
    asked_for = [
        *(each.training for each in evaluations.values()),
        *(training for each in sweeps for _, training in each.trials),
    ]
    trainings = [
        each for each in {each.directory: each for each in asked_for}.values() if not complete(each)
    ]
    asked: dict[str, ImageSet] = {}
    if trainings:
        asked[run.database.name] = run.database_images
    if evaluations or sweeps:
        asked |= run.mock_images
    if EXAMPLES in figures:
        asked |= {name: run.mock_images[name] for name in run.examples}
    if any("responses" in each.identity for each in figures.values()):
        asked |= {name: run.mock_images[name] for name in run.responses}
    images = [each for each in asked.values() if not complete(each)]
    return [
        *(work for each in images if (work := _simulate(each)) is not None),
        *(Work(each, _left(each.spans, each, _cut(each))) for each in images),
        *map(Work, trainings),
        *map(Work, evaluations.values()),
        *map(Work, sweeps),
        *map(Work, figures.values()),
        *([] if summarised else [Work(run.summary)]),
    ]


def _simulate(images: ImageSet) -> Work | None:
    """What the light-cones of images that are not sealed lack."""
    cones = images.lightcones
    spans = cones.spans
    if complete(cones):
        spans = [span for span in spans if not images.done(span).exists()]
        if all(cones.done(span).exists() for span in spans):
            return None
    return Work(cones, _left(spans, cones, _simulated(cones)))


def _left(spans: list[Span], product: Realizations, have: set[int]) -> int:
    missing = [span for span in spans if not product.done(span).exists()]
    return sum(index not in have for span in missing for index in range(*span))


def _simulated(cones: LightCones) -> set[int]:
    return set(journal.finished(cones.journal, histories=False))


def _cut(images: ImageSet) -> set[int]:
    """Light-cones of all blocks that are cut, also of blocks that were smaller."""
    have: set[int] = set()
    for marker in _names(images.done((0, 1)).parent):
        start, _, stop = marker.removesuffix(".json").partition("-")
        if start.isdigit() and stop.isdigit():
            have.update(range(int(start), int(stop)))
    return have


def _names(directory: Path) -> list[str]:
    try:
        return [path.name for path in durable.own(directory.iterdir())]
    except FileNotFoundError:
        return []
