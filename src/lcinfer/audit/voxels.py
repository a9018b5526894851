"""A database's light-cones, as `lcinfer verify` looks at them, while their images are compared."""

from collections.abc import Iterator
from pathlib import Path

from ..base.errors import UserError
from ..lightcones.stored import Stored
from ..products.databases import Inputs, LightCones
from ..upkeep.findings import Kind
from ..upkeep.verify import verify
from .links import Check
from .recut import Recut


class Reading:
    """Every light-cone of a database read once, and its images beside it."""

    def __init__(self, cones: LightCones, images: list[Inputs], threads: int, decode: bool) -> None:
        """Read them; with ``decode`` all are decoded, also where files are as they were."""
        self.recuts: dict[Path, Recut] = {it.directory: Recut(it, decode) for it in images}
        self._cones = cones

        def look(index: int, digest: str, light_cone: Stored) -> None:
            for recut in self.recuts.values():
                recut(index, digest, light_cone)

        self._error, self._report = "", None
        try:
            self._report = verify(cones, threads, look, decode)
        except UserError as error:  # the store or its description is too damaged to look into
            self._error = str(error)

    def links(self) -> Iterator[Check]:
        """What holds of the light-cones."""
        cones, report = self._cones, self._report
        if report is None:
            yield "voxels", [self._error], ""
            return
        links: dict[str, tuple[tuple[Kind, ...], str]] = {
            "voxels": (
                ("light-cone", "unreadable"),
                f"{cones.realizations} light-cones: digests, parameters, seeds and histories "
                f"are the journal's; {report.decoded} decoded, "
                f"{report.checked - report.decoded} by the digests of their files",
            ),
            "journal": (("journal line",), "every line is a record"),
            "design": (("description",), "parameters, seeds, coordinates are the configuration's"),
            "markers": (("marker",), "blocks and root digest are the journal's"),
        }
        # Light-cones of a larger configuration do not concern this result.
        concerning = [it for it in report.findings if (it.index or 0) < cones.realizations]
        for what, (kinds, holds) in links.items():
            yield what, [str(it) for it in concerning if it.kind in kinds], holds
