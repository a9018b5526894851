"""The style of LaTeX (amsmath, natbib)."""

import math
from collections.abc import Collection, Sequence

from ..config.parameters import shown
from .citations import REFERENCES
from .styles import SYMBOLS, Row, Rows, Style

# Shares of the page's width: of one column that is broken into lines, and of all of them at most.
BROKEN, ALL_BROKEN = 0.16, 0.66
ONE_COLUMN = 4  # columns of a table up to which one column of the page is wide enough
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


class Latex(Style):
    """A text with citations by key, and tables as wide as they must be."""

    nothing = "--"

    def text(self, plain: str) -> str:
        return "".join(SPECIAL.get(character, character) for character in plain)

    def code(self, plain: str) -> str:
        return rf"\texttt{{{self.text(plain)}}}"

    def number(self, value: float, unit: str = "") -> str:
        return f"${_power(value)}{_unit(unit)}$"

    def decimals(self, value: float, digits: int) -> str:
        return f"${value:.{digits}f}$"

    def count(self, value: int) -> str:
        return f"{value:,}".replace(",", r"\,")

    def cells(self, *numbers: int) -> str:
        return f"${TIMES.join(map(str, numbers))}$"

    def interval(self, low: float, high: float, unit: str = "") -> str:
        return f"$[{_power(low)}, {_power(high)}]{_unit(unit)}$"

    def equal(self, symbol: str, value: str) -> str:
        return f"{symbol} = {value}".replace("$ = $", " = ")

    def symbol(self, parameter: str) -> str:
        if parameter in SYMBOLS:
            return f"${SYMBOLS[parameter][1]}$"
        symbol = shown(parameter).symbol
        return symbol if symbol.startswith("$") else self.code(symbol)

    def quantity(self, parameter: str) -> str:
        how = shown(parameter)
        unit = rf" [{self.text(how.unit)}]" if how.unit else ""
        return f"{how.brief or self.symbol(parameter)}{unit}"

    def estimate(self, value: str, low: str, high: str) -> str:
        return rf"\shortstack{{{value}\\\scriptsize {low} to {high}}}"

    def spread(self, value: str, deviation: str) -> str:
        return rf"{value} $\pm$ {deviation}".replace(r"$ $\pm$ $", r" \pm ")

    def cite(self, *keys: str) -> str:
        return rf"\citep{{{','.join(keys)}}}"

    def cite_in_text(self, key: str) -> str:
        return rf"\citet{{{key}}}"

    def table(self, head: Row, rows: Rows, caption: str, sentences: Collection[int] = ()) -> str:
        broken = ""
        if sentences:
            share = min(BROKEN, ALL_BROKEN / len(sentences))
            broken = rf"p{{{share:.3f}\textwidth}}"
        columns = "".join(broken if at in sentences else "l" for at in range(len(head)))
        body = "\n".join(rf"    {' & '.join(row)} \\" for row in rows)
        wide = len(head) > ONE_COLUMN
        environment = "table*" if wide else "table"
        return "\n".join(
            [
                rf"\begin{{{environment}}}",
                rf"  \caption{{{caption}}}",
                *([r"  \footnotesize\setlength{\tabcolsep}{3pt}"] if wide else []),
                rf"  \begin{{tabular}}{{{columns}}}",
                r"    \hline",
                rf"    {' & '.join(head)} \\",
                r"    \hline",
                body,
                r"    \hline",
                r"  \end{tabular}",
                rf"\end{{{environment}}}",
            ]
        )

    def references(self, keys: Sequence[str]) -> str:
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
