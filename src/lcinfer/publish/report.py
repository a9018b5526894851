"""A run's report: Snakemake makes the page, and it is recorded as every other file of a run."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ..base import durable
from ..base.errors import UserError
from ..products.run import Run
from ..records.record import recorded
from ..records.stamp import comment, stamp


def write(run: Run, config: Path) -> Path:
    """Write the report of a finished run, which says in its first line which run it is of.

    Args:
        run: what the configuration makes.
        config: its file, as the workflow was given it.

    Returns:
        The page.

    Raises:
        UserError: if the run is not finished, or Snakemake makes no report.
    """
    page = run.summary.report
    shown = [*run.summary.outputs, *run.figure_files]
    if missing := [path for path in shown if not path.exists()]:
        raise UserError(f"{missing[0]} is not there: the report comes after the run")
    with (
        recorded(run.summary, "report", [page], shown),
        TemporaryDirectory(prefix="lcinfer-") as directory,
    ):
        made = Path(directory) / page.name
        arguments = ["--configfile", str(config), "--report", str(made)]
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not made.exists():
            said = done.stderr.split() or ["nothing"]
            raise UserError(f"Snakemake makes no report, and says: {' '.join(said)}")
        first = comment(stamp(run.summary), page.suffix)
        durable.write_text(page, first + made.read_text(encoding="utf-8"))
    return page
