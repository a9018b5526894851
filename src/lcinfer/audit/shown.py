"""What is checked of a run's own tables and manifest; of figures, their files alone."""

from collections.abc import Iterator

from ..products.run import Run
from ..products.shown import Summary
from . import checks
from .links import Check
from .rebuild import configuration
from .walk import Checks, Walk


def _summary(summary: Summary, walk: Walk) -> Iterator[Check]:
    run = Run(configuration(summary.manifest), summary.root)
    wrong = checks.configuration(run, summary.directory)
    yield "configuration", wrong, "every product follows from the recorded configuration"
    if wrong:
        return
    holds = checks.followed(
        [summary.table, summary.page, *summary.posterior_tables], "every scores.json"
    )
    yield "table", checks.table(run), holds
    holds = checks.followed(summary.paper_tables, "predictions, histories and networks")
    yield "paper's tables", checks.paper_tables(run), holds


CHECKS: Checks = {Summary.kind: _summary}
