"""Products with a part per realisation: light-cones, and their images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any, Self

from ..base.fingerprint import identity
from ..config.instruments import Instrument
from ..config.sections import Database, Images, Mock, Simulation
from ..config.spectra import Spectra
from ..instrument.response import described
from .design import AdoptedDesign, Design, MockDesign, PriorDesign
from .found import Reference, Seal, Sources, Spec, sealed
from .product import File, Realizations, Span


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
    step = "Simulating light-cones"
    unit = "light-cones"
    rules = "simulate.smk"
    simulated = True

    journal = File("journal")
    """Directory of what is done and what failed."""
    leases = File("leases")
    """Directory of who is at work on which block."""

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        """See :class:`Product`: none."""
        return []

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        count, attempts = seal or sealed(spec.directory)
        simulated, drawn = spec.identity["simulation"], spec.identity["design"]
        block = int(spec.content["block"])
        design: Design
        if "mock" in drawn:
            mock = Mock(parameters=drawn["parameters"], realizations=count)
            design = MockDesign(str(drawn["mock"]), mock)
        else:
            given = {"name": spec.common["name"], "realizations": count, "block": block}
            settings = {**simulated, **drawn, **given}
            if "adopted" in drawn:
                settings["prior"] = dict.fromkeys(spec.content["parameters"], (0, 1))
                design = AdoptedDesign(Database.model_validate(settings), spec.directory)
            else:
                design = PriorDesign(Database.model_validate(settings))
        return cls(
            **spec.common,
            realizations=count,
            block=block,
            simulation=Simulation.model_validate(simulated),
            design=design,
            max_attempts=attempts or Database.model_fields["max_attempts"].default,
            limit_minutes=Database.model_fields["limit_minutes"].default,
            # Whether some may be left out; which are, the seal says.
            allowed_failures=0.5 if attempts else 0,
        )

    @property
    def keys(self) -> tuple[str, ...]:
        return self.design.keys

    @property
    def may_fail(self) -> int:
        """How many realisations may be set aside without stopping what follows."""
        # As it is written: 0.29 of 100 are 29, which floating point makes 28.
        return int(Fraction(str(self.allowed_failures)) * self.realizations)

    @property
    def given_up(self) -> str:
        return f"-after-{self.max_attempts}-attempts" if self.allowed_failures else ""

    def lease(self, span: Span) -> Path:
        """Who is at work on a block."""
        return self.leases / f"{span[0]:06d}-{span[1]:06d}.json"


@dataclass(frozen=True)
class Inputs(Realizations):
    """What networks read of light-cones."""

    lightcones: LightCones
    instrument: Instrument | None = field(default=None, kw_only=True)

    made_from = ("lightcones",)

    @classmethod
    def refers(cls, spec: Spec, seal: Seal | None) -> list[Reference]:
        seal = seal or sealed(spec.directory)
        return [Reference("lightcones", spec.identity["lightcones"], seal=seal)]

    @classmethod
    def rebuilt(cls, spec: Spec, sources: Sources, seal: Seal | None) -> Self:
        (cones,) = sources["lightcones"]
        return cls(
            **spec.common,
            realizations=cones.realizations,
            block=cones.block,
            lightcones=cones,
            instrument=observing(spec.identity),
            **cls.section(spec),
        )

    @classmethod
    def section(cls, spec: Spec) -> dict[str, Any]:
        """The field of its own section of the configuration."""
        raise NotImplementedError

    @property
    def keys(self) -> tuple[str, ...]:
        own = (f"instruments.{self.seen_with}",) if self.instrument else ()
        return (*own, *super().keys)

    @property
    def seen_with(self) -> str:
        """The name of the instrument, if there is one."""
        return self.name.removeprefix(self.lightcones.name).removeprefix(".")

    @property
    def cells(self) -> int:
        """Cells along the line of sight that it is made from."""
        return self.lightcones.simulation.lightcone.cells

    @property
    def given_up(self) -> str:
        return self.lightcones.given_up

    @property
    def own_section(self) -> dict[str, Any]:
        """Its own section of the configuration, by its name."""
        return {self.kind: getattr(self, self.kind)}

    @property
    def per_lightcone(self) -> int:
        """How many of them a light-cone gives."""
        return 1

    @property
    def bytes_of_lightcone(self) -> int:
        """On disk, of what a light-cone gives, before compression."""
        raise NotImplementedError

    @property
    def coordinates(self) -> int:
        """Arrays of the store beside redshift, distance and the design."""
        raise NotImplementedError


@dataclass(frozen=True)
class ImageSet(Inputs):
    """Images cut from light-cones, as they are or as an instrument sees them."""

    images: Images

    kind = "images"
    title = "images"
    does = "cut"
    step = "Cutting light-cones into images"
    unit = "images of light-cones"
    rules = "images.smk"
    settings = ("images",)

    @classmethod
    def of(
        cls, images: Images, cones: LightCones, seen_with: str | None, instrument: Instrument | None
    ) -> Self:
        """Those of light-cones, as an instrument of this name sees them, if one does."""
        seen = {"instrument": described(instrument)} if instrument else {}
        return cls(
            name=f"{cones.name}.{seen_with}" if seen_with else cones.name,
            identity=identity("images", images=images, lightcones=cones.fingerprint, **seen),
            root=cones.root,
            realizations=cones.realizations,
            block=cones.block,
            lightcones=cones,
            images=images,
            instrument=instrument,
        )

    @classmethod
    def section(cls, spec: Spec) -> dict[str, Any]:
        return {"images": Images.model_validate(spec.identity["images"])}

    @property
    def cells(self) -> int:
        return self.images.line_of_sight_cells or super().cells

    @property
    def per_lightcone(self) -> int:
        return self.images.per_lightcone

    @property
    def bytes_of_lightcone(self) -> int:
        """See :class:`Inputs`."""
        across = self.lightcones.simulation.box.cells // self.images.halves
        width = 2 if self.images.precision == "half" else 4
        return width * self.per_lightcone * across * self.cells

    @property
    def coordinates(self) -> int:
        """See :class:`Inputs`: the noise's power and rms."""
        return 2 if self.instrument else 0


@dataclass(frozen=True)
class SpectraSet(Inputs):
    """Power spectra of light-cones."""

    spectra: Spectra

    kind = "spectra"
    title = "power spectra"
    does = "measure"
    step = "Measuring power spectra"
    unit = "spectra of light-cones"
    rules = "spectra.smk"
    settings = ("spectra",)

    @classmethod
    def of(cls, spectra: Spectra, cones: LightCones) -> Self:
        """Those of light-cones."""
        return cls(
            name=cones.name,
            identity=identity("spectra", spectra=spectra, lightcones=cones.fingerprint),
            root=cones.root,
            realizations=cones.realizations,
            block=cones.block,
            lightcones=cones,
            spectra=spectra,
        )

    @classmethod
    def section(cls, spec: Spec) -> dict[str, Any]:
        return {"spectra": Spectra.model_validate(spec.identity["spectra"])}

    @property
    def bytes_of_lightcone(self) -> int:
        """See :class:`Inputs`."""
        simulation = self.lightcones.simulation
        return 4 * prod(self.spectra.shape(simulation.box, simulation.lightcone))

    @property
    def coordinates(self) -> int:
        """See :class:`Inputs`: k, or both of its parts."""
        return 1 if self.spectra.kind == "spherical" else 2


INPUTS: tuple[type[Inputs], ...] = (ImageSet, SpectraSet)
"""What a network may read; a training's identity names which, by its kind."""


def observing(identity: Mapping[str, Any]) -> Instrument | None:
    """The instrument of an image set, by its identity; None: there is none."""
    if "instrument" not in identity:
        return None
    settings = {key: it for key, it in identity["instrument"].items() if key != "stations"}
    return Instrument.model_validate(settings)
