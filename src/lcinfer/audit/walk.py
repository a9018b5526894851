"""The way back from a result: each product rebuilt once, and its files as they were recorded."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, singledispatch
from pathlib import Path
from typing import Any, TypeVar

from ..products import found
from ..products.databases import Inputs, LightCones
from ..products.found import Reference, Seal
from ..products.kinds import KINDS
from ..products.product import Product
from ..records.record import Record, records, sha256
from . import checks, rebuild
from .links import Check, Step, made_by
from .voxels import Reading

P = TypeVar("P", bound=Product)


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


class Walk:
    """One audit's way: what it came by."""

    def __init__(self, root: Path, depth: Depth) -> None:
        """``root`` is the directory of results."""
        self.depth = depth
        self.digest = cache(sha256)  # each file is read once
        self.steps: dict[Path, Step] = {}
        self.records: dict[Path, list[Record]] = {}
        self.compared: set[Path] = set()
        """Files that were compared with what was recorded of them."""
        self._root = root
        self._products: dict[Path, Product | None] = {}
        self._readings: dict[Path, Reading] = {}

    @property
    def products(self) -> list[Product]:
        """Those that are what they say."""
        return [product for product in self._products.values() if product is not None]

    def of(self, kind: type[P]) -> list[P]:
        """Those of a kind."""
        return [product for product in self.products if isinstance(product, kind)]

    def reading(self, cones: LightCones) -> Reading:
        """All of a database read, and all images of it that the audit came by; once."""
        if cones.directory not in self._readings:
            images = [it for it in self.of(Inputs) if it.lightcones.directory == cones.directory]
            depth = self.depth
            reading = Reading(cones, images, depth.threads, depth.decode)
            self._readings[cones.directory] = reading
        return self._readings[cones.directory]

    def enter(self, directory: Path, seal: Seal | None = None) -> Product | None:
        """Go back from a product, as far as a seal speaks of it; None: it is not what it says.

        Raises:
            UserError: if it is not finished, or what it is made from is not there.
        """
        if directory not in self._products:
            self._products[directory] = self._rebuilt(directory, seal)
        return self._products[directory]

    def _rebuilt(self, directory: Path, seal: Seal | None) -> Product | None:
        spec = found.read(directory)
        step = Step(f"{directory.parent.name}/{directory.name}", directory, spec.identity)
        self.steps[directory] = step
        try:
            self.records[directory] = records(directory)
        except ValueError as error:
            step.note("records", [str(error)], "")
            self.records[directory] = []
        step.made |= made_by(self.records[directory])
        holds = f"{spec.fingerprint}, of the settings in spec.json"
        if not step.note("fingerprint", spec.wrong(), holds):
            return None
        sources: dict[str, list[Any]] = defaultdict(list)
        kind = KINDS[directory.parent.name]
        with rebuild.understood(spec):
            references = kind.refers(spec, seal)
        for each in references:
            if (source := self.enter(self._back(each, step), each.seal)) is not None:
                sources[each.kind].append(source)
        whole = sum(map(len, sources.values())) == len(references)
        if not whole and not kind.separate:
            step.note("made from", ["what it is made from is not what it says: see below"], "")
            return None
        with rebuild.understood(spec):
            product = kind.rebuilt(spec, sources, seal)
        self._check_files(step, product)
        return product

    def _back(self, reference: Reference, step: Step) -> Path:
        """What a product is made from: what it recorded that it read, or what has the name."""
        inputs = (path for record in self.records[step.directory] for path in record["inputs"])
        read = {self._root.joinpath(*Path(path).parts[:2]) for path in inputs}
        return rebuild.directory(self._root, reference, read, step.product)

    def _check_files(self, step: Step, product: Product) -> None:
        """Files against their recorded digests, what they were made from, and their stamps."""
        recorded = self.records[step.directory]
        known = {self._root / name for record in recorded for name in record["outputs"]}
        there = [path for path in product.optional if path in known and path.exists()]
        made = [*product.outputs, *there]
        self.compared |= {path.resolve() for path in made}
        wrong = checks.files(product, made, recorded, self.digest)
        step.note("files", wrong, f"{len(made)} files, as recorded")
        wrong = checks.inputs(self._root, recorded, self.digest)
        step.note("made from", wrong, "what is there now")
        if stamped := [*product.stamped, *there]:
            step.note("stamps", checks.stamps(product, stamped), "its own")


@singledispatch
def checked(product: Product, walk: Walk) -> Iterator[Check]:
    """What is checked of a product by its class, besides its files; of one without, nothing."""
    yield from ()
