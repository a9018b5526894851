"""What the workflow would make of a configuration in the results as they are.

The same decision as Snakemake's: what is asked for and missing is made, from the last stage back,
so that nothing is made for the sake of what is there already.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base import durable
from ..base.counting import counted
from ..lightcones import journal
from ..products.databases import ImageSet, LightCones
from ..products.kinds import KINDS
from ..products.product import Product, Realizations, Span
from ..products.run import Run


@dataclass(frozen=True)
class Work:
    """A product that is to be made or gone on with."""

    product: Product
    light_cones: int | None = None  # left to simulate or to cut, of a product that has such parts

    @property
    def does(self) -> str:
        """What is done: the stage as a verb."""
        return self.product.does

    def __str__(self) -> str:
        """In words."""
        if self.light_cones is None:
            return f"to {self.does}"
        if not self.light_cones:
            return "to seal"
        return f"{counted(self.light_cones, 'light-cone')} to {self.does}"


def to_make(run: Run) -> list[Work]:
    """All that is left to do, in the order of the stages."""
    wanted: dict[Path, Product] = {}

    def want(product: Product) -> None:
        if product.directory in wanted or product.finished:
            return
        wanted[product.directory] = product
        for source in (*product.sources, *product.after):
            want(source)

    for asked_for in (*run.figures.values(), run.summary):
        want(asked_for)
    return [
        work
        for kind in KINDS
        for product in run.products
        if product.kind == kind and (work := _work(product, wanted)) is not None
    ]


def _work(product: Product, wanted: Mapping[Path, Product]) -> Work | None:
    if isinstance(product, LightCones):
        images = next((it for it in wanted.values() if product in it.sources), None)
        return _simulate(images) if isinstance(images, ImageSet) else None
    if product.directory not in wanted:
        return None
    if isinstance(product, ImageSet):
        return Work(product, _left(product.spans, product, _cut(product)))
    return Work(product)


def _simulate(images: ImageSet) -> Work | None:
    """What the light-cones of images that are not sealed lack."""
    cones = images.lightcones
    spans = cones.spans
    if cones.finished:
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
