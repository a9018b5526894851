"""Why a product is to be made, for a person who reads what ``snakemake -n`` announces."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..base.errors import UserError
from ..config import parse
from ..products.found import Seal
from ..products.product import Product, Realizations, Span
from ..products.run import Run
from .keys import Change, behind, changes, shortened


@dataclass(frozen=True)
class Finished:
    """A finished run, as its manifest tells of it."""

    name: str
    changes: list[Change]  # from its configuration to the one that is asked about
    labels: dict[str, str]  # fingerprint -> directory's name, of all its products


class Reasons:
    """What is made and why, by comparison with the finished run whose configuration is nearest."""

    def __init__(self, run: Run) -> None:
        """``run`` is what would be made; nothing is read yet."""
        self._run = run

    def block(self, product: Realizations, span: Span) -> str:
        """Of the light-cones, or images of light-cones, [start, stop)."""
        why = _goes_on(product, span) if product.begun else self.why(product)
        return f"{product.unit.capitalize()} {span[0]} to {span[1] - 1} of {product.name}: {why}"

    def why(self, product: Product) -> str:
        """Why this product is to be made, in a few words."""
        if product.begun:
            return _goes_on(product)
        if self._nearest is None:
            return "not made yet"
        name, label = self._nearest.name, self._nearest.labels.get(product.fingerprint)
        if label == product.directory.name:
            return f"run {name} had it, and it is no longer there"
        if causes := behind(product, self._nearest.changes):
            return f"{shortened(causes)} since run {name}"
        if label is not None:
            return f"in run {name} it was called {label}"
        return f"lcinfer makes it in another way since run {name}"

    @cached_property
    def _nearest(self) -> Finished | None:
        manifests = sorted(self._run.summary.directory.parent.glob("*/manifest.json"))
        runs = [run for path in manifests if (run := self._finished(path)) is not None]
        return min(runs, key=lambda run: len(run.changes), default=None)

    def _finished(self, path: Path) -> Finished | None:
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            before = parse(manifest["configuration"], recorded=True)
            products = [each for kind in manifest.values() for each in _entries(kind)]
            return Finished(
                path.parent.name,
                [change for change in changes(before, self._run.config) if change.decides],
                {each["fingerprint"]: Path(each["directory"]).name for each in products},
            )
        except (OSError, UserError, ValueError, TypeError, KeyError, AttributeError):
            return None  # of another version, or damaged: it explains nothing


def _entries(kind: Any) -> list[dict[str, str]]:
    values = kind.values() if isinstance(kind, dict) else []
    return [each for each in values if isinstance(each, dict) and "directory" in each]


def _goes_on(product: Product, span: Span | None = None) -> str:
    """Of a product that has begun, or of a block of it; nobody looks here whether that has."""
    if product.parts:
        seals = map(Seal.of, (path.name for path in product.directory.glob("sealed-*.json")))
        numbers = (seal.realizations for seal in seals if seal)
        fewer = max((number for number in numbers if number < product.parts), default=0)
        if fewer and (span is None or span[1] > fewer):
            return f"grows from {fewer} to {product.parts}"
    return "not finished" if span else "begun, not finished"
