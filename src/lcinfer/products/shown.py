"""Products for people: figures, tables and the manifest of a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..config import Config
from ..config.sections import Figures
from .found import Reference, Seal, Sources, Spec
from .mcmc import McmcRun
from .product import File, Product

EXAMPLES = "examples"
SCHEME = "scheme"
POSTERIORS = "posteriors"
COMPARED = "log_density"
SCORE_FIGURES = ("architecture", "loss", "recovery", "residuals")
TRAINING_FIGURES = (*SCORE_FIGURES, "filters")
RESPONSE_FIGURES = ("responses", "activations")
DRAWN = {  # what figures are made from, as their identity says it, and which they then are
    "mocks": (EXAMPLES,),
    "images": ("slicing",),
    "evaluation": TRAINING_FIGURES,
    "responses": RESPONSE_FIGURES,
    "of_spectra": SCORE_FIGURES,
    "sweep": ("sweep",),
    "instrument": ("noise",),
}
DRAWN_OF_EACH = {  # the same of several, a figure for each name
    POSTERIORS: ("calibration", "posterior"),  # of trainings; of likelihoods see FigureSet
    "corners": ("corner",),  # of mocks
}
PAPER_TABLES = ("table1", "table2", "claims")
TABLE_FORMATS = ("csv", "md", "tex", "html")


@dataclass(frozen=True)
class FigureSet(Product):
    """Plots of one thing, each in every configured format."""

    formats: tuple[str, ...]
    drawn_from: tuple[Product, ...] = ()

    kind = "figures"
    title = "figures"
    does = "draw"
    step = "Drawing figures"
    rules = "figures.smk"
    made_from = ("drawn_from",)
    settings = ("figures",)
    separate = True

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        made_of = spec.identity
        mocks = (
            Reference("images", fingerprint, name, Seal(count))
            for name, (fingerprint, count) in made_of.get("mocks", [])
        )
        seen = [Reference("images", made_of["instrument"])] if "instrument" in made_of else []
        evaluations = (("evaluations", "evaluation"), ("evaluations", "of_spectra"))
        one = (*evaluations, ("sweeps", "sweep"))
        of_one = (
            Reference(kind, made_of[key], spec.common["name"])
            for kind, key in one
            if key in made_of
        )
        of_several = (
            Reference(kind, fingerprint, name)
            for kind, key in (("evaluations", POSTERIORS), ("mcmc", "mcmc"))
            for name, fingerprint in made_of.get(key, {}).items()
        )
        return [*mocks, *seen, *of_one, *of_several]

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        return cls(
            **spec.common,
            formats=Figures.model_validate(spec.identity["style"]).formats,
            drawn_from=tuple(source for kind in sources.values() for source in kind),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        alone = ("images", "database.box", "database.lightcone")
        scored = ("evaluation",) if "scored" in self.identity else ()
        return (*super().keys, *scored, *(() if self.drawn_from else alone))

    @property
    def markers(self) -> list[Path]:
        return self.outputs

    @property
    def figures(self) -> tuple[str, ...]:
        """The names of the plots."""
        whole = (figure for what in DRAWN if what in self.identity for figure in DRAWN[what])
        each = (
            f"{figure}_{of}"
            for what, names in DRAWN_OF_EACH.items()
            for figure in names
            for of in self.identity.get(what, [])
        )
        return (*whole, *each, *self._of_likelihoods, *self._compared)

    @property
    def _sampled(self) -> list[str]:
        """Likelihoods that were sampled for the test light-cones."""
        return [it.name for it in self.drawn_from if isinstance(it, McmcRun) and it.mcmc.test]

    @property
    def _of_likelihoods(self) -> tuple[str, ...]:
        each = DRAWN_OF_EACH[POSTERIORS]
        return tuple(f"{figure}_{name}" for figure in each for name in self._sampled)

    @property
    def _compared(self) -> tuple[str, ...]:
        several = len(self.identity.get(POSTERIORS, [])) + len(self._sampled) > 1
        return (COMPARED,) if several else ()

    @property
    def outputs(self) -> list[Path]:
        """See :class:`Product`: every plot in every format."""
        every = (file for figure in self.figures for file in self.files(figure))
        return [file for file in every if file not in self.optional]

    @property
    def optional(self) -> list[Path]:
        """See :class:`Product`: what earlier runs did not draw, of likelihoods beside networks."""
        later = self._compared
        if self.identity.get(POSTERIORS):
            later += self._of_likelihoods
        return [file for figure in later for file in self.files(figure)]

    def files(self, figure: str) -> list[Path]:
        """A figure's files, the one for the report first."""
        return [self.directory / f"{figure}.{suffix}" for suffix in self.formats]


@dataclass(frozen=True)
class Summary(Product):
    """What a run says, and where all that it rests on lies."""

    evaluations: tuple[Product, ...] = ()
    sampled: tuple[Product, ...] = ()
    of_mocks: bool = True
    """Whether there are posteriors of mocks."""

    kind = "runs"
    title = "tables and manifest"
    does = "summarise"
    step = "Writing the tables and the manifest"
    rules = "summary.smk"
    makes = ("manifest.json",)
    made_from = ("evaluations", "sampled")
    settings = tuple(Config.model_fields)
    single = True
    separate = True

    table = File("r2.csv")
    """R2 of every training as CSV."""
    page = File("r2.html")
    """The same as a page: a line per training, a column per parameter."""
    report = File("report.html")
    """Snakemake's report."""
    manifest = File(makes[-1])
    """Fingerprints and directories of everything the run points to."""

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        """See :class:`Product`: the figures, evaluations of which none are drawn, posteriors."""
        figures = (
            Reference("figures", drawn, name) for name, drawn in spec.identity["figures"].items()
        )
        again = (Reference("evaluations", it) for it in spec.identity.get("repeats", {}).values())
        sampled = (
            Reference("mcmc", it, name) for name, it in spec.identity.get("mcmc", {}).items()
        )
        return [*figures, *again, *sampled]

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        evaluations, sampled = (tuple(sources.get(kind, ())) for kind in ("evaluations", "mcmc"))
        return cls(**spec.common, evaluations=evaluations, sampled=sampled)

    @property
    def paper_tables(self) -> list[Path]:
        """The paper's tables, each in every format."""
        return [self.paper_table(name, kind) for name in PAPER_TABLES for kind in TABLE_FORMATS]

    def paper_table(self, name: str, kind: str) -> Path:
        """One of them in one format."""
        return self.directory / f"{name}.{kind}"

    @property
    def posterior_tables(self) -> list[Path]:
        """What posteriors are worth and whether they are calibrated, as CSV and as a page; none
        without posteriors."""
        tables = [self.directory / f"posteriors.{kind}" for kind in ("csv", "html")]
        return tables if POSTERIORS in self.identity else []

    @property
    def mock_tables(self) -> list[Path]:
        """The mocks' posteriors with their credible intervals, as CSV and as a page."""
        tables = [self.directory / f"mock_posteriors.{kind}" for kind in ("csv", "html")]
        return tables if self.of_mocks else []

    @property
    def outputs(self) -> list[Path]:
        """See :class:`Product`: every file of a finished run but the optional ones."""
        tables = [self.table, self.page, *self.posterior_tables, *self.paper_tables]
        return [*tables, self.manifest]

    @property
    def optional(self) -> list[Path]:
        """See :class:`Product`: earlier runs recorded no report, and had no table of mocks."""
        return [self.report, *self.mock_tables]
