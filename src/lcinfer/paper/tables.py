"""The paper's tables of a run as files: which there are, and what stands in each."""

from collections.abc import Callable
from pathlib import Path

from ..base import durable
from ..products.run import Run
from ..records.stamp import comment, stamp_of_table
from ..text.latex import Latex
from ..text.styles import Csv, Html, Markdown, Style
from . import architecture, claims, scores

STYLES: dict[str, Style] = {".csv": Csv(), ".md": Markdown(), ".tex": Latex(), ".html": Html()}
TABLES: dict[str, Callable[[Run, Style], str]] = {
    "table1": architecture.table,
    "table2": scores.table,
    "claims": claims.table,
}


def texts(run: Run) -> dict[Path, str]:
    """What stands in each file below its stamp, from predictions, histories and networks.

    Raises:
        UserError: if one of them is missing or damaged.
    """
    return {
        path: f"{TABLES[path.stem](run, STYLES[path.suffix])}\n"
        for path in run.summary.paper_tables
    }


def write(run: Run) -> None:
    """Write every table in every format."""
    for path, text in texts(run).items():
        stamped = stamp_of_table(run.summary, path)
        durable.write_text(path, comment(stamped, path.suffix) + text)
