"""Ways to write the same facts: Markdown, and tables as CSV and HTML; LaTeX has its own module."""

import csv
import html
import io
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ..config.parameters import shown
from .citations import REFERENCES

Row = Sequence[str]


class Style(Protocol):
    """How a text is written. What goes into the methods is plain text, not yet escaped."""

    for_programs: bool
    """Whether a program reads its tables: a column per quantity, a cell per number."""
    nothing: str
    """An empty cell of a table."""

    def text(self, plain: str) -> str:
        """Running text."""

    def code(self, plain: str) -> str:
        """A name in a file or a program."""

    def number(self, value: float, unit: str = "") -> str:
        """A number with its unit."""

    def decimals(self, value: float, digits: int) -> str:
        """A number with so many digits behind the point."""

    def count(self, value: int) -> str:
        """A whole number, its thousands apart."""

    def cells(self, *numbers: int) -> str:
        """A size along each axis."""

    def interval(self, low: float, high: float, unit: str = "") -> str:
        """From low to high."""

    def equal(self, symbol: str, value: str) -> str:
        """A symbol and what it is equal to, both written already."""

    def symbol(self, parameter: str) -> str:
        """The symbol of a py21cmfast parameter, or of R2."""

    def quantity(self, parameter: str) -> str:
        """The symbol of a py21cmfast parameter with its unit, in a table; its name for programs."""

    def estimate(self, value: str, low: str, high: str) -> str:
        """A number, written already, and the interval that it lies in."""

    def spread(self, value: str, deviation: str) -> str:
        """A number and its standard deviation, both written already."""

    def head(self, columns: Mapping[str, str]) -> Row:
        """The head of a table from its columns: name, as of a data frame's -> title, written
        already."""

    def cite(self, *keys: str) -> str:
        """References in parentheses."""

    def cite_in_text(self, key: str) -> str:
        """A reference that is part of the sentence."""

    def table(
        self, head: Row, rows: Sequence[Row], caption: str, sentences: Collection[int] = ()
    ) -> str:
        """A table of cells that are written already; some columns may hold running text."""

    def references(self, keys: Sequence[str]) -> str:
        """The list of references."""


SYMBOLS = {  # beside those of the varied parameters: plain, in LaTeX
    "R2": ("R2", "R^2"),
    "hlittle": ("h", "h"),
    "OMm": ("Ω_m", r"\Omega_\mathrm{m}"),
    "OMb": ("Ω_b", r"\Omega_\mathrm{b}"),
    "POWER_INDEX": ("n_s", r"n_\mathrm{s}"),
    "SIGMA_8": ("σ_8", r"\sigma_8"),
}


class Markdown:
    """See :class:`Style`."""

    for_programs = False
    nothing = "–"

    def text(self, plain: str) -> str:
        """See :class:`Style`."""
        return plain

    def code(self, plain: str) -> str:
        """See :class:`Style`."""
        return f"`{plain}`"

    def number(self, value: float, unit: str = "") -> str:
        """See :class:`Style`."""
        return f"{value:.6g} {unit}".rstrip()

    def decimals(self, value: float, digits: int) -> str:
        """See :class:`Style`."""
        return f"{value:.{digits}f}"

    def count(self, value: int) -> str:
        """See :class:`Style`."""
        return f"{value:,}"

    def cells(self, *numbers: int) -> str:
        """See :class:`Style`."""
        return " × ".join(map(str, numbers))

    def interval(self, low: float, high: float, unit: str = "") -> str:
        """See :class:`Style`."""
        return f"[{low:.6g}, {high:.6g}] {unit}".rstrip()

    def equal(self, symbol: str, value: str) -> str:
        """See :class:`Style`."""
        return f"{symbol} = {value}"

    def symbol(self, parameter: str) -> str:
        """See :class:`Style`."""
        return SYMBOLS[parameter][0] if parameter in SYMBOLS else shown(parameter).text

    def quantity(self, parameter: str) -> str:
        """See :class:`Style`."""
        return shown(parameter).text_label

    def estimate(self, value: str, low: str, high: str) -> str:
        """See :class:`Style`."""
        return f"{value} ({low} to {high})"

    def spread(self, value: str, deviation: str) -> str:
        """See :class:`Style`."""
        return f"{value} ± {deviation}"

    def head(self, columns: Mapping[str, str]) -> Row:
        """See :class:`Style`."""
        return list(columns.values())

    def cite(self, *keys: str) -> str:
        """See :class:`Style`."""
        papers = (REFERENCES[key] for key in keys)
        return f"({'; '.join(f'{paper.authors} {paper.year}' for paper in papers)})"

    def cite_in_text(self, key: str) -> str:
        """See :class:`Style`."""
        return f"{REFERENCES[key].authors} ({REFERENCES[key].year})"

    def table(
        self, head: Row, rows: Sequence[Row], caption: str, sentences: Collection[int] = ()
    ) -> str:
        """See :class:`Style`."""
        lines = [head, ["---"] * len(head), *rows]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"{caption}\n\n{body}"

    def references(self, keys: Sequence[str]) -> str:
        """See :class:`Style`."""
        papers = [REFERENCES[key] for key in keys]
        return "\n".join(f"- {paper.authors} {paper.year}, {paper.where}" for paper in papers)


class Csv(Markdown):
    """Cells as programs read them; a caption is a comment, as in pandas' ``comment="#"``.

    Columns have names that a data frame can use, parameters are py21cmfast's, as in all files for
    programs, and what is not there is an empty cell.
    """

    for_programs = True
    nothing = ""

    def code(self, plain: str) -> str:
        """See :class:`Style`."""
        return plain

    def count(self, value: int) -> str:
        """See :class:`Style`."""
        return str(value)

    def cells(self, *numbers: int) -> str:
        """See :class:`Style`."""
        return " x ".join(map(str, numbers))

    def quantity(self, parameter: str) -> str:
        """See :class:`Style`."""
        return parameter

    def head(self, columns: Mapping[str, str]) -> Row:
        """See :class:`Style`."""
        return list(columns)

    def table(
        self, head: Row, rows: Sequence[Row], caption: str, sentences: Collection[int] = ()
    ) -> str:
        """See :class:`Style`."""
        text = io.StringIO()
        text.write(f"# {caption}\n")
        csv.writer(text, lineterminator="\n").writerows([head, *rows])
        return text.getvalue().removesuffix("\n")


# Of the elements of one page alone, so that another page can take it in.
LOOK = """
.lcinfer { font: 0.9rem/1.4 system-ui, sans-serif; color: #1e293b; padding: 1rem; }
.lcinfer table { border-collapse: collapse; }
.lcinfer th, .lcinfer td { text-align: left; vertical-align: top; padding: 0.3rem 0.8rem; }
.lcinfer th { border-bottom: 2px solid #1e293b; }
.lcinfer td { border-bottom: 1px solid #cbd5e1; font-variant-numeric: tabular-nums; }
.lcinfer small { display: block; white-space: nowrap; color: #64748b; }
.lcinfer p { max-width: 46rem; }
.lcinfer code::before, .lcinfer code::after { content: none; }
"""


class Html(Markdown):
    """A table as a page that needs no other file."""

    def text(self, plain: str) -> str:
        """See :class:`Style`."""
        return html.escape(plain)

    def code(self, plain: str) -> str:
        """See :class:`Style`."""
        return f"<code>{html.escape(plain)}</code>"

    def symbol(self, parameter: str) -> str:
        """See :class:`Style`."""
        return html.escape(super().symbol(parameter))

    def quantity(self, parameter: str) -> str:
        """See :class:`Style`."""
        return html.escape(super().quantity(parameter))

    def estimate(self, value: str, low: str, high: str) -> str:
        """See :class:`Style`."""
        return f"{value}<small>{low} to {high}</small>"

    def cite(self, *keys: str) -> str:
        """See :class:`Style`."""
        return html.escape(super().cite(*keys))

    def cite_in_text(self, key: str) -> str:
        """See :class:`Style`."""
        return html.escape(super().cite_in_text(key))

    def table(
        self, head: Row, rows: Sequence[Row], caption: str, sentences: Collection[int] = ()
    ) -> str:
        """See :class:`Style`."""
        lines = [
            "<!doctype html>",
            '<meta charset="utf-8">',
            f"<style>{LOOK}</style>",
            f'<div class="lcinfer"><p>{caption}</p>',
            f"<table><thead>{_line('th', head)}</thead><tbody>",
            *(_line("td", row) for row in rows),
            "</tbody></table></div>",
        ]
        return "\n".join(lines)


def _line(kind: str, cells: Row) -> str:
    return f"<tr>{''.join(f'<{kind}>{cell}</{kind}>' for cell in cells)}</tr>"
