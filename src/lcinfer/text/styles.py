"""Ways to write the same facts: Markdown, and tables as CSV and HTML; LaTeX has its own module."""

import html
from collections.abc import Collection, Mapping, Sequence

from ..config.parameters import shown
from .citations import REFERENCES
from .tables import comma_separated

Row = Sequence[str]
Rows = Sequence[Row]
SYMBOLS = {  # beside those of the varied parameters: plain, in LaTeX
    "R2": ("R2", "R^2"),
    "hlittle": ("h", "h"),
    "OMm": ("Ω_m", r"\Omega_\mathrm{m}"),
    "OMb": ("Ω_b", r"\Omega_\mathrm{b}"),
    "POWER_INDEX": ("n_s", r"n_\mathrm{s}"),
    "SIGMA_8": ("σ_8", r"\sigma_8"),
}


class Style:
    """How a text is written: here plainly, as Markdown and pages have it.

    What goes into the methods is plain text, not yet escaped.
    """

    for_programs = False  # whether a program reads its tables: a column per quantity
    nothing = "–"  # an empty cell of a table

    def text(self, plain: str) -> str:
        """Running text."""
        return plain

    def code(self, plain: str) -> str:
        """A name in a file or a program."""
        return plain

    def number(self, value: float, unit: str = "") -> str:
        """A number with its unit."""
        return f"{value:.6g} {unit}".rstrip()

    def decimals(self, value: float, digits: int) -> str:
        """A number with so many digits behind the point."""
        return f"{value:.{digits}f}"

    def count(self, value: int) -> str:
        """A whole number, its thousands apart."""
        return f"{value:,}"

    def cells(self, *numbers: int) -> str:
        """A size along each axis."""
        return " × ".join(map(str, numbers))

    def interval(self, low: float, high: float, unit: str = "") -> str:
        """From low to high."""
        return f"[{low:.6g}, {high:.6g}] {unit}".rstrip()

    def equal(self, symbol: str, value: str) -> str:
        """A symbol and what it is equal to, both written already."""
        return f"{symbol} = {value}"

    def symbol(self, parameter: str) -> str:
        """The symbol of a py21cmfast parameter, or of R2."""
        return self.text(SYMBOLS[parameter][0] if parameter in SYMBOLS else shown(parameter).text)

    def quantity(self, parameter: str) -> str:
        """The symbol of a py21cmfast parameter with its unit, in a table; its name for programs."""
        return self.text(shown(parameter).text_label)

    def estimate(self, value: str, low: str, high: str) -> str:
        """A number, written already, and the interval that it lies in."""
        return f"{value} ({low} to {high})"

    def spread(self, value: str, deviation: str) -> str:
        """A number and its standard deviation, both written already."""
        return f"{value} ± {deviation}"

    def head(self, columns: Mapping[str, str]) -> Row:
        """The head of a table from its columns: name, as of a data frame's -> title, written
        already."""
        return list(columns.values())

    def cite(self, *keys: str) -> str:
        """References in parentheses."""
        papers = (REFERENCES[key] for key in keys)
        return self.text(f"({'; '.join(f'{paper.authors} {paper.year}' for paper in papers)})")

    def cite_in_text(self, key: str) -> str:
        """A reference that is part of the sentence."""
        return self.text(f"{REFERENCES[key].authors} ({REFERENCES[key].year})")

    def table(self, head: Row, rows: Rows, caption: str, sentences: Collection[int] = ()) -> str:
        """A table of cells that are written already; some columns may hold running text."""
        raise NotImplementedError

    def references(self, keys: Sequence[str]) -> str:
        """The list of references."""
        papers = [REFERENCES[key] for key in keys]
        return "\n".join(f"- {paper.authors} {paper.year}, {paper.where}" for paper in papers)


class Markdown(Style):
    """A text, and tables between upright bars."""

    def code(self, plain: str) -> str:
        return f"`{plain}`"

    def table(self, head: Row, rows: Rows, caption: str, sentences: Collection[int] = ()) -> str:
        lines = [head, ["---"] * len(head), *rows]
        return "\n".join([caption, "", *(f"| {' | '.join(line)} |" for line in lines)])


class Csv(Style):
    """Cells as programs read them; a caption is a comment, as in pandas' ``comment="#"``.

    Columns have names that a data frame can use, parameters are py21cmfast's, as in all files for
    programs, and what is not there is an empty cell.
    """

    for_programs = True
    nothing = ""

    def count(self, value: int) -> str:
        return str(value)

    def cells(self, *numbers: int) -> str:
        return " x ".join(map(str, numbers))

    def quantity(self, parameter: str) -> str:
        return parameter

    def head(self, columns: Mapping[str, str]) -> Row:
        return list(columns)

    def table(self, head: Row, rows: Rows, caption: str, sentences: Collection[int] = ()) -> str:
        return f"# {caption}\n{comma_separated([head, *rows])}".removesuffix("\n")


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


class Html(Style):
    """A table as a page that needs no other file."""

    def text(self, plain: str) -> str:
        return html.escape(plain)

    def code(self, plain: str) -> str:
        return f"<code>{html.escape(plain)}</code>"

    def estimate(self, value: str, low: str, high: str) -> str:
        return f"{value}<small>{low} to {high}</small>"

    def table(self, head: Row, rows: Rows, caption: str, sentences: Collection[int] = ()) -> str:
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
