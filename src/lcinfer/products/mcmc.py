"""Posteriors from a likelihood of power spectra."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ..base.fingerprint import identity
from ..config.sections import Split
from ..config.spectra import Mcmc
from .databases import Inputs
from .found import Reference, Seal, Sources, Spec
from .product import SEALED, File, Product


@dataclass(frozen=True)
class McmcRun(Product):
    """An emulator of spectra, and samples of posteriors by its likelihood."""

    mcmc: Mcmc
    split: Split
    spectra: Inputs
    mocks: tuple[Inputs, ...]

    kind = "mcmc"
    title = "posteriors by MCMC"
    does = "sample"
    step = "Sampling posteriors from a likelihood of spectra"
    rules = "mcmc.smk"
    makes = ("emulator.csv", "mcmc.json")
    made_from = ("spectra", "mocks")
    settings = ("mcmc.{name}", "split", "mocks")

    table = File("emulator.csv")
    """The emulator's error in each bin."""
    outcome = File(makes[-1])
    """Whether the chains have converged, and the log density at the truth."""
    posterior = File("posterior.zarr.zip")
    """Samples of the test light-cones, if they are asked for."""

    @classmethod
    def of(cls, name: str, mcmc: Mcmc, split: Split, spectra: Inputs, *mocks: Inputs) -> Self:
        """One that a configuration asks for."""
        made_of = identity(
            "mcmc",
            mcmc=mcmc,
            split=split,
            spectra=[spectra.fingerprint, spectra.realizations],
            mocks=[[it.fingerprint, it.realizations] for it in mocks],
            **({"given_up": spectra.given_up} if spectra.given_up else {}),
        )
        return cls(name, made_of, spectra.root, mcmc, split, spectra, mocks)

    @property
    def no_network(self) -> str:
        """What to tell whoever takes it for a training."""
        return (
            f"{self.name} is a likelihood (mcmc.{self.name}) and no training: only a network "
            f"infers from another light-cone; its own posteriors are in {self.directory}"
        )

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        fingerprint, count = spec.identity["spectra"]
        of_all = Seal.of(SEALED.format(total=count, given_up=spec.identity.get("given_up", "")))
        mocks = (Reference("spectra", it, seal=Seal(count)) for it, count in spec.identity["mocks"])
        return [Reference("spectra", fingerprint, seal=of_all), *mocks]

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        spectra, *mocks = sources["spectra"]
        return cls(
            **spec.common,
            mcmc=Mcmc.model_validate({"spectra": spectra.name, **spec.identity["mcmc"]}),
            split=Split.model_validate(spec.identity["split"]),
            spectra=spectra,
            mocks=tuple(mocks),
        )

    @property
    def outputs(self) -> list[Path]:
        return [*super().outputs, *self.posteriors.values()]

    @property
    def posteriors(self) -> dict[str, Path]:
        """The files of samples, by what ``mcmc.json`` calls them."""
        test = {"test": self.posterior} if self.mcmc.test else {}
        return test | {f"mock {it.name}": self.mock_posterior(it.name) for it in self.mocks}

    def mock_posterior(self, mock: str) -> Path:
        """Samples of a mock's light-cones."""
        return self.directory / f"mock_{mock}.posterior.zarr.zip"
