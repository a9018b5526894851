"""A database's light-cones, as `lcinfer verify` looks at them, while their images are compared."""

from ..base.errors import UserError
from ..lightcones.stored import Stored
from ..products.databases import LightCones
from ..upkeep.findings import Kind
from ..upkeep.verify import verify
from .links import Step
from .recut import Recut


def check(step: Step, cones: LightCones, recuts: list[Recut], threads: int, decode: bool) -> None:
    """Read every light-cone once, and its images beside it; note what holds."""

    def look(index: int, digest: str, light_cone: Stored) -> None:
        for recut in recuts:
            recut(index, digest, light_cone)

    try:
        report = verify(cones, threads, look, decode)
    except UserError as error:  # the store or its description is too damaged to look into
        step.check("voxels", [str(error)], "")
        return
    links: dict[str, tuple[tuple[Kind, ...], str]] = {
        "voxels": (
            ("light-cone", "unreadable"),
            f"{cones.realizations} light-cones: digests, parameters, seeds and histories are "
            f"the journal's; {report.decoded} decoded, {report.checked - report.decoded} by the "
            "digests of their files",
        ),
        "journal": (("journal line",), "every line is a record"),
        "design": (("description",), "parameters, seeds, coordinates are the configuration's"),
        "markers": (("marker",), "blocks and root digest are the journal's"),
    }
    for what, (kinds, holds) in links.items():
        # Light-cones of a larger configuration do not concern this result.
        concerning = (it for it in report.findings if (it.index or 0) < cones.realizations)
        step.check(what, [str(it) for it in concerning if it.kind in kinds], holds)
