"""Where images lie in a light-cone: what an observation must share with a network's images."""

from dataclasses import dataclass, field
from typing import Any, Self

from ..base.fingerprint import STAGE_VERSIONS
from ..config.sections import Box, Images
from ..config.spectra import Spectra


@dataclass(frozen=True)
class Geometry:
    """How images are cut, from which box, and at which redshifts."""

    box: Box
    """The light-cone's face and the size of its cells."""
    redshift: tuple[float, ...]
    """Redshift of each cell of an image along the line of sight, the nearest first; of spectra
    that of each chunk."""
    images: Images = field(default_factory=Images)
    """Planes, axes, halves; of spectra without a meaning."""
    spectra: Spectra | None = None
    """Which power spectra stand in place of images; none: images do."""
    version: int = STAGE_VERSIONS["images"]
    """Version of the stage ``images`` that cut them."""
    velocities: str = ""
    """How peculiar velocities are treated in the light-cones, as ``database.simulator`` says;
    empty: another engine than 21cmFAST made them, or an earlier lcinfer did not say."""

    def plain(self) -> dict[str, Any]:
        """As JSON types, for a checkpoint; ``Geometry.read`` takes it back."""
        return {
            "box": self.box.model_dump(mode="json"),
            "images": self.images.model_dump(mode="json"),
            "redshift": list(self.redshift),
            "version": self.version,
            "velocities": self.velocities,
            **({"spectra": self.spectra.model_dump(mode="json")} if self.spectra else {}),
        }

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Self:
        """From JSON types.

        Raises:
            KeyError, TypeError, ValueError: if another version of lcinfer wrote them.
        """
        return cls(
            box=Box.model_validate(plain["box"]),
            images=Images.model_validate(plain["images"]),
            redshift=tuple(map(float, plain["redshift"])),
            version=int(plain["version"]),
            velocities=str(plain.get("velocities", "")),
            spectra=Spectra.model_validate(plain["spectra"]) if "spectra" in plain else None,
        )
