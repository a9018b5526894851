"""What the workflow would make of a configuration in the results as they are.

The same decision as Snakemake's: what is asked for and missing is made, from the last stage back,
so that nothing is made for the sake of what is there already.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import Any

from ..base import durable
from ..base.counting import counted
from ..lightcones import journal
from ..products.databases import LightCones
from ..products.product import Product
from ..products.run import Run


@dataclass(frozen=True)
class Work:
    """A product that is to be made or gone on with."""

    product: Product
    light_cones: int | None = None  # left to simulate or to cut, of a product that has such parts

    def __str__(self) -> str:
        if self.light_cones is None:
            return f"to {self.product.does}"
        if not self.light_cones:
            return "to seal"
        return f"{counted(self.light_cones, 'light-cone')} to {self.product.does}"


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
    return [work for product in run.products if (work := _work(product, wanted)) is not None]


def _work(product: Product, wanted: Mapping[Path, Product]) -> Work | None:
    if (spans := product.asked(wanted)) is None:
        return None
    if not product.parts:
        return Work(product)
    have = light_cones_there(product)
    return Work(product, sum(index not in have for span in spans for index in range(*span)))


@singledispatch
def light_cones_there(product: Any) -> set[int]:
    """Light-cones of all blocks that are done, also of blocks that were smaller."""
    have: set[int] = set()
    for marker in durable.own(product.done((0, 1)).parent.glob("*.json")):
        start, _, stop = marker.stem.partition("-")
        if start.isdigit() and stop.isdigit():
            have.update(range(int(start), int(stop)))
    return have


@light_cones_there.register
def _simulated(cones: LightCones) -> set[int]:
    """Whose blocks go on where they stopped."""
    return set(journal.finished(cones.journal, histories=False))
