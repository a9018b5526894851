"""Why a product is to be made, for a person who reads what ``snakemake -n`` announces."""

import json
from functools import cached_property
from typing import Any

from ..fingerprint import canonical
from ..products import Product, Realizations, Run, Span
from .keys import Change, behind, differences, listed


class Reasons:
    """What is made and why, by comparison with the finished run whose configuration is nearest."""

    def __init__(self, run: Run) -> None:
        """``run`` is what would be made; nothing is read yet."""
        self._run = run

    def block(self, product: Realizations, span: Span) -> str:
        """Of the light-cones, or images of light-cones, [start, stop)."""
        what = "Images of light-cones" if product.kind == "images" else "Light-cones"
        return f"{what} {span[0]} to {span[1] - 1} of {product.name}: {self.why(product)}"

    def why(self, product: Product) -> str:
        """What of this product is missing, in a few words."""
        if product.directory.is_dir():
            return self._goes_on(product)
        entries = self._nearest.get(product.kind, {}).items()
        earlier = [
            entry["fingerprint"]
            for label, entry in entries
            if label.rpartition("-")[0] == product.name
        ]
        if not earlier and (product.kind != self._run.summary.kind or not self._nearest):
            return "not made yet"
        name = self._nearest["directory"]
        if product.fingerprint in earlier:
            return f"run {name} had it, and it is no longer there"
        causes = behind(product, self._changes)
        if causes:
            return f"{listed(causes)} since run {name}"
        return f"lcinfer makes it in another way since run {name}"

    def _goes_on(self, product: Product) -> str:
        if isinstance(product, Realizations):
            seals = product.directory.glob("sealed-*.json")
            sealed = [int(seal.stem.removeprefix("sealed-")) for seal in seals]
            fewer = [number for number in sealed if number < product.realizations]
            if fewer:
                return f"grows from {max(fewer)} to {product.realizations}"
        return "begun, not finished"

    @cached_property
    def _changes(self) -> list[Change]:
        found = list(differences(self._nearest["configuration"], canonical(self._run.config)))
        before: dict[str, int] = self._nearest.get("realizations", {})
        for name, cones in {"database": self._run.database, **self._run.mocks}.items():
            key = "database" if name == "database" else f"mocks.{name}"
            if before.get(cones.name, cones.realizations) != cones.realizations:
                number = before[cones.name], cones.realizations
                found.append(Change(f"{key}.realizations", *number))
        return found

    @cached_property
    def _nearest(self) -> dict[str, Any]:
        """The manifest of the finished run whose configuration differs in the fewest keys."""
        settings = canonical(self._run.config)
        near: dict[str, Any] = {}
        fewest = float("inf")
        for path in sorted(self._run.summary.directory.parent.glob("*/manifest.json")):
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
                number = len(list(differences(manifest["configuration"], settings)))
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                continue  # of another version, or damaged: it explains nothing
            if number < fewest:
                near, fewest = {**manifest, "directory": path.parent.name}, number
        return near
