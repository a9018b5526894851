"""Products with a part per realisation: light-cones, and their images."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..config.sections import Images, Simulation
from .design import Design
from .product import Product, Realizations, Span


@dataclass(frozen=True)
class LightCones(Realizations):
    """A database of light-cones, or a mock's."""

    simulation: Simulation
    design: Design
    max_attempts: int
    limit_minutes: float
    allowed_failures: float  # a share of the realisations

    kind = "lightcones"
    title = "light-cones"
    does = "simulate"
    step = "Simulate light-cones"
    rules = "simulate.smk"

    @property
    def sources(self) -> tuple[Product, ...]:
        """See :class:`Product`: none."""
        return ()

    @property
    def keys(self) -> tuple[str, ...]:
        """See :class:`Product`."""
        return self.design.keys

    @property
    def may_fail(self) -> int:
        """How many realisations may be set aside without stopping what follows."""
        # As it is written: 0.29 of 100 are 29, which floating point makes 28.
        return int(Fraction(str(self.allowed_failures)) * self.realizations)

    @property
    def given_up(self) -> str:
        """See :class:`Realizations`."""
        return f"-after-{self.max_attempts}-attempts" if self.allowed_failures else ""

    @property
    def journal(self) -> Path:
        """Directory of what is done and what failed."""
        return self.directory / "journal"

    @property
    def store(self) -> Path:
        """The Zarr group."""
        return self.directory / "lightcones.zarr"

    @property
    def leases(self) -> Path:
        """Directory of who is at work on which block."""
        return self.directory / "leases"

    def lease(self, span: Span) -> Path:
        """Who is at work on a block."""
        return self.leases / f"{span[0]:06d}-{span[1]:06d}.json"


@dataclass(frozen=True)
class ImageSet(Realizations):
    """Images cut from light-cones."""

    images: Images
    lightcones: LightCones

    kind = "images"
    title = "images"
    does = "cut"
    step = "Cut light-cones into images"
    rules = "images.smk"

    @property
    def sources(self) -> tuple[Product, ...]:
        """See :class:`Product`."""
        return (self.lightcones,)

    @property
    def keys(self) -> tuple[str, ...]:
        """See :class:`Product`."""
        return ("images", *self.lightcones.keys)

    @property
    def given_up(self) -> str:
        """See :class:`Realizations`."""
        return self.lightcones.given_up

    @property
    def store(self) -> Path:
        """The Zarr group."""
        return self.directory / "images.zarr"
