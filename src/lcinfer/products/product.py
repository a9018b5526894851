"""What every product says of itself, so that what walks over products need not know their kinds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from ..base import durable
from ..base.fingerprint import digest, short
from .found import Reference, Seal, Sources, Spec

RESULTS = Path("results")
LOGS = "logs"  # of all products, beside the folders of their kinds
QUARANTINE = "quarantine"  # in a product's directory: bad shards that a repair moved aside
# Of a product that is made in blocks.
PREPARED = "prepared-{total}.json"
BLOCK = "blocks/{start}-{stop}{given_up}.json"
SEALED = "sealed-{total}{given_up}.json"

Span = tuple[int, int]


class File:
    """A file, or a folder, in a product's directory, by its name there."""

    def __init__(self, name: str) -> None:
        """Read as an attribute of a product, it is the path."""
        self._name = name

    def __get__(self, product: "Product", _: type) -> Path:
        return product.directory / self._name


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
    """The same as a step of the workflow, in a phrase with -ing."""
    content: ClassVar[str] = "File"
    """What it is made of, by schema.org's name."""
    rules: ClassVar[str]
    """The file of the workflow's rules that make it."""
    makes: ClassVar[tuple[str, ...]] = ()
    """The files that these rules make, with their wildcards; the last one says that it is made."""
    made_from: ClassVar[tuple[str, ...]] = ()
    """Its fields that hold products, one or several, which it is made from."""
    settings: ClassVar[tuple[str, ...]] = ()
    """Of :attr:`keys` those that its sources do not depend on already; ``{name}`` is its own."""
    simulated: ClassVar[bool] = False
    """Whether only simulations bring it back."""
    single: ClassVar[bool] = False
    """Whether a configuration makes one alone, whatever its name."""
    separate: ClassVar[bool] = False
    """Whether it can be looked at where something that it is made from is not what it says."""

    spec = File("spec.json")
    """What it is: identity and resolved settings; written once."""

    @classmethod
    def patterns(cls, *files: str) -> list[str]:
        """Paths of files, by default all of :attr:`makes`, in the directory ``{name}``."""
        return [f"{RESULTS}/{cls.kind}/{{name}}/{file}" for file in files or cls.makes]

    @classmethod
    def log(cls, part: str = "") -> str:
        """Path of the log of the rule that makes it, or a part of it."""
        return f"{RESULTS}/{LOGS}/{cls.kind}/{{name}}{'/' * bool(part)}{part}.log"

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        """The products that one is made from, as its ``spec.json`` names them."""
        raise NotImplementedError

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        """One as its ``spec.json`` describes it, made from these, as far as a seal speaks of it."""
        raise NotImplementedError

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
    def sources(self) -> tuple["Product", ...]:
        """The products that it is made from."""
        several = (getattr(self, name) for name in self.made_from)
        return tuple(
            product for it in several for product in (it if isinstance(it, tuple) else (it,))
        )

    @property
    def after(self) -> tuple["Product", ...]:
        """Products that are made first if it is made, though it is not made from them."""
        return ()

    @property
    def also(self) -> tuple["Product", ...]:
        """Products that are made along with it, if it so turns out."""
        return ()

    @property
    def store(self) -> Path | None:
        """The Zarr group, if it has one."""
        return None

    @property
    def parts(self) -> int:
        """How many realisations it has; 0: it has no such parts."""
        return 0

    @property
    def markers(self) -> list[Path]:
        """The files that what follows waits for."""
        return [self.directory / self.makes[-1]]

    @property
    def needed(self) -> list[Path]:
        """The markers that there must be before it is made."""
        return [marker for source in self.sources for marker in source.markers]

    @property
    def finished(self) -> bool:
        """Whether all that the workflow asks of it is there."""
        return all(marker.exists() for marker in self.markers)

    def asked(self, wanted: Mapping[Path, "Product"]) -> list[Span] | None:
        """Blocks that are to be made where these are made; None: nothing is."""
        return [] if self.directory in wanted else None

    @property
    def jobs_left(self) -> int:
        """How many jobs of the workflow have not made their part of it."""
        return int(not self.finished)

    @property
    def outputs(self) -> list[Path]:
        """The files of a finished one, each recorded by a run of its stage; no Zarr store."""
        return [self.directory / file for file in self.makes]

    @property
    def stamped(self) -> list[Path]:
        """Those of its files that say themselves which product they are of."""
        return self.outputs

    @property
    def optional(self) -> list[Path]:
        """Files, with stamps, that a finished one may have or not."""
        return []

    @property
    def keys(self) -> tuple[str, ...]:
        """The sections, or keys with dots, of the configuration that it depends on."""
        own = (key.format(name=self.name) for key in self.settings)
        return (*own, *(key for source in self.sources for key in source.keys))


@dataclass(frozen=True)
class Realizations(Product):
    """A product with one part per realisation, made in blocks, growing by the end."""

    realizations: int
    block: int

    content = "Dataset"
    makes = (PREPARED, BLOCK, SEALED)
    unit: ClassVar[str]
    """What a block has, in words."""

    @property
    def given_up(self) -> str:
        """What the names of markers end in that may do without failed realisations."""
        raise NotImplementedError

    @property
    def store(self) -> Path:
        """The Zarr group."""
        return self.directory / f"{self.kind}.zarr"

    @property
    def parts(self) -> int:
        return self.realizations

    @cached_property
    def spans(self) -> list[Span]:
        """The blocks [start, stop) that jobs take."""
        starts = range(0, self.realizations, self.block)
        return [(start, min(start + self.block, self.realizations)) for start in starts]

    @property
    def prepared(self) -> Path:
        """Marker: the store has room for every realisation."""
        return self.directory / PREPARED.format(total=f"{self.realizations:06d}")

    def _block(self, span: Span, given_up: str) -> Path:
        start, stop = (f"{end:06d}" for end in span)
        return self.directory / BLOCK.format(start=start, stop=stop, given_up=given_up)

    def complete(self, span: Span) -> Path:
        """Marker: all of a block is there, whatever may be left out. Holds indices and digests."""
        return self._block(span, "")

    def done(self, span: Span) -> Path:
        """Marker: a block is complete, or its failed realisations are given up."""
        complete = self.complete(span)
        if not self.given_up or complete.exists():
            return complete
        return self._block(span, self.given_up)

    def done_with(self, span: Span, failed: Collection[int]) -> list[Path]:
        """The markers of a block that lacks these. The one that is waited for comes first."""
        markers = [self.done(span)] + ([] if failed else [self.complete(span)])
        return list(dict.fromkeys(markers))

    @property
    def sealed(self) -> Path:
        """Marker: every realisation is there, or given up. Holds their number, the root digest."""
        total = f"{self.realizations:06d}"
        return self.directory / SEALED.format(total=total, given_up=self.given_up)

    @property
    def markers(self) -> list[Path]:
        return [self.sealed]

    def asked(self, wanted: Mapping[Path, Product]) -> list[Span] | None:
        """See :class:`Product`: by its seal, or by the same block of what follows."""
        spans, sealing = self.spans, self.directory in wanted
        if not sealing:
            after = [it for it in wanted.values() if self in it.sources]
            blocks = [it for it in after if isinstance(it, Realizations)]
            spans = [span for span in spans if not all(it.done(span).exists() for it in blocks)]
        missing = [span for span in spans if not self.done(span).exists()]
        return missing if missing or sealing else None

    @property
    def jobs_left(self) -> int:
        """See :class:`Product`: a job for each file."""
        return sum(not made.exists() for made in self.outputs)

    @property
    def outputs(self) -> list[Path]:
        return [self.prepared, *map(self.done, self.spans), self.sealed]

    @property
    def stamped(self) -> list[Path]:
        """See :class:`Product`: markers are no results."""
        return []
