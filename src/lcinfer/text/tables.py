"""Tables as lines: for programs, their cells apart by commas; for a terminal, in columns."""

import csv
import io
from collections.abc import Iterable, Sequence


def comma_separated(rows: Iterable[Iterable[object]]) -> str:
    """The lines of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def aligned(rows: Sequence[Sequence[str]], left: int | None = 1) -> list[str]:
    """Lines of a table for a terminal: the first ``left`` columns, or all, begin on the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if left is None or at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
