"""What the rule `prepare_lightcones` does: a database's parameters, seeds, and room for it."""

from pathlib import Path

from ..lightcones import database
from ..planning import approval
from ..products.databases import LightCones
from ..products.run import Run


def design(run: Run, cones: LightCones, config: Path) -> None:
    """Create a database of a run, or grow it; refused where the run needs an approval."""
    approval.require(run, config)
    database.prepare(cones)
