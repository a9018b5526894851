"""Ways to write the same facts: Markdown, LaTeX (amsmath, natbib), and tables as CSV."""

import csv
import html
import io
import math
from collections.abc import Collection, Sequence
from typing import Protocol

from ..parameters import shown
from .references import REFERENCES

Row = Sequence[str]


class Style(Protocol):
    """How a text is written. What goes into the methods is plain text, not yet escaped."""

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
    """Cells as programs read them; a caption is a comment, as in pandas' ``comment="#"``."""

    def code(self, plain: str) -> str:
        """See :class:`Style`."""
        return plain

    def count(self, value: int) -> str:
        """See :class:`Style`."""
        return str(value)

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


SENTENCES = r"p{0.2\linewidth}"  # a column that is broken into lines
TIMES = r" \times "
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
    "–": "--",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


class Latex:
    """See :class:`Style`."""

    def text(self, plain: str) -> str:
        """See :class:`Style`."""
        return "".join(SPECIAL.get(character, character) for character in plain)

    def code(self, plain: str) -> str:
        """See :class:`Style`."""
        return rf"\texttt{{{self.text(plain)}}}"

    def number(self, value: float, unit: str = "") -> str:
        """See :class:`Style`."""
        return f"${_power(value)}{_unit(unit)}$"

    def decimals(self, value: float, digits: int) -> str:
        """See :class:`Style`."""
        return f"${value:.{digits}f}$"

    def count(self, value: int) -> str:
        """See :class:`Style`."""
        return f"{value:,}".replace(",", r"\,")

    def cells(self, *numbers: int) -> str:
        """See :class:`Style`."""
        return f"${TIMES.join(map(str, numbers))}$"

    def interval(self, low: float, high: float, unit: str = "") -> str:
        """See :class:`Style`."""
        return f"$[{_power(low)}, {_power(high)}]{_unit(unit)}$"

    def equal(self, symbol: str, value: str) -> str:
        """See :class:`Style`."""
        return f"{symbol} = {value}".replace("$ = $", " = ")

    def symbol(self, parameter: str) -> str:
        """See :class:`Style`."""
        if parameter in SYMBOLS:
            return f"${SYMBOLS[parameter][1]}$"
        symbol = shown(parameter).symbol
        return symbol if symbol.startswith("$") else self.code(symbol)

    def cite(self, *keys: str) -> str:
        """See :class:`Style`."""
        return rf"\citep{{{','.join(keys)}}}"

    def cite_in_text(self, key: str) -> str:
        """See :class:`Style`."""
        return rf"\citet{{{key}}}"

    def table(
        self, head: Row, rows: Sequence[Row], caption: str, sentences: Collection[int] = ()
    ) -> str:
        """See :class:`Style`."""
        columns = "".join(SENTENCES if at in sentences else "l" for at in range(len(head)))
        body = "\n".join(rf"    {' & '.join(row)} \\" for row in rows)
        return "\n".join(
            [
                r"\begin{table}",
                rf"  \caption{{{caption}}}",
                rf"  \begin{{tabular}}{{{columns}}}",
                r"    \hline",
                rf"    {' & '.join(head)} \\",
                r"    \hline",
                body,
                r"    \hline",
                r"  \end{tabular}",
                r"\end{table}",
            ]
        )

    def references(self, keys: Sequence[str]) -> str:
        """See :class:`Style`."""
        items = [
            rf"  \bibitem[{self.text(paper.authors)}({paper.year})]{{{key}}} "
            f"{self.text(paper.authors)}, {paper.year}, {self.text(paper.where)}"
            for key, paper in ((key, REFERENCES[key]) for key in keys)
        ]
        begin, end = r"\begin{thebibliography}{99}", r"\end{thebibliography}"
        return "\n".join([begin, *items, end])


def _power(value: float) -> str:
    """A number in mathematics: 1e-07 as a power of ten."""
    mantissa, _, exponent = f"{value:.6g}".partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if math.isclose(float(mantissa), 1) else f"{mantissa}{TIMES}{power}"


def _unit(unit: str) -> str:
    return rf"\,\mathrm{{{unit}}}" if unit else ""
