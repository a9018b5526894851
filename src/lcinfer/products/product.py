"""What every product says of itself, so that what walks over products need not know their kinds."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from ..base import durable
from ..base.fingerprint import digest, short

Span = tuple[int, int]


@dataclass(frozen=True)
class Product:
    """Something made, in a directory named after it."""

    name: str
    identity: dict[str, Any]
    """What decides its content, as :func:`lcinfer.base.fingerprint.identity` gives it."""
    root: Path

    kind: ClassVar[str]
    """The folder of the results that such products are in."""
    title: ClassVar[str]
    """What they are, in words."""
    does: ClassVar[str]
    """What is done to make one, as a verb."""
    step: ClassVar[str]
    """The same as a step of the workflow."""
    content: ClassVar[str] = "File"
    """What it is made of, by schema.org's name."""
    rules: ClassVar[str]
    """The file of the workflow's rules that make it."""
    final: ClassVar[str]
    """Pattern of the file that a finished one has; empty: none shows it."""

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

    @property
    def sources(self) -> tuple["Product", ...]:
        """The products that it is made from."""
        raise NotImplementedError

    @property
    def after(self) -> tuple["Product", ...]:
        """Products that are made first if it is made, though it is not made from them."""
        return ()

    @property
    def markers(self) -> list[Path]:
        """The files that what follows waits for."""
        raise NotImplementedError

    @property
    def needed(self) -> list[Path]:
        """The markers that there must be before it is made."""
        return [marker for source in self.sources for marker in source.markers]

    @property
    def finished(self) -> bool:
        """Whether all that the workflow asks of it is there."""
        return all(marker.exists() for marker in self.markers)

    @property
    def outputs(self) -> list[Path]:
        """The files of a finished one, each recorded by a run of its stage; no Zarr store."""
        raise NotImplementedError

    @property
    def stamped(self) -> list[Path]:
        """Those of its files that say themselves which product they are of."""
        return self.outputs

    @property
    def keys(self) -> tuple[str, ...]:
        """The sections, or keys with dots, of the configuration that it depends on."""
        raise NotImplementedError


@dataclass(frozen=True)
class Realizations(Product):
    """A product with one part per realisation, made in blocks, growing by the end."""

    realizations: int
    block: int

    content = "Dataset"
    final = "sealed-*.json"

    @property
    def given_up(self) -> str:
        """What the names of markers end in that may do without failed realisations."""
        raise NotImplementedError

    @property
    def store(self) -> Path:
        """The Zarr group."""
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

    @property
    def markers(self) -> list[Path]:
        """See :class:`Product`."""
        return [self.sealed]

    @property
    def outputs(self) -> list[Path]:
        """See :class:`Product`."""
        return [self.prepared, *map(self.done, self.spans), self.sealed]

    @property
    def stamped(self) -> list[Path]:
        """See :class:`Product`: markers are no results."""
        return []
