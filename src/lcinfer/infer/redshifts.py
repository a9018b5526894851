"""The redshifts of a light-cone's cells, from the lists that people keep beside it.

A list is a ``.npy``, or a text: one value a line or all in one, with commas or without, a
header, comments, a column among others that the header names, frequencies in place of redshifts.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import UserError

LINE = 1420.405751768  # MHz, of the hyperfine transition
MHZ_PER = {"ghz": 1e3, "mhz": 1.0, "khz": 1e-3, "hz": 1e-6}
BETWEEN = re.compile(r"[\s,;]+")
DECIMAL_COMMA = re.compile(r"\d+,\d+")
REDSHIFTS, FREQUENCIES = re.compile(r"z\b|redshift"), re.compile(r"freq|nu\b|[gmk]?hz\b")
HIGHEST = 40.0  # no light-cone begins beyond: numbers above are frequencies in MHz


@dataclass(frozen=True)
class Redshifts:
    """Of each cell, and how they were understood where that needs saying."""

    values: np.ndarray
    remark: str = ""


def read(path: Path) -> Redshifts:
    """The redshifts that a file lists.

    Raises:
        UserError: naming what in it is no list of them.
    """
    try:
        if path.suffix == ".npy":
            return understood(np.load(path, allow_pickle=False))
        lines = _text(path).splitlines()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError):
        raise UserError(f"{path}: not a list of redshifts, .npy or text") from None
    header, rows = _rows(path, lines)
    column, name = _column(path, header, rows)
    return understood(column, name)


def understood(column: np.ndarray, name: str = "") -> Redshifts:
    """Redshifts, where numbers may be frequencies: by their column's name, or by their size."""
    values = np.asarray(column, np.float64)
    lowest = values.min() if values.size else 0.0
    units = re.search(r"[gmk]?hz\b", name)
    if units:
        mhz = MHZ_PER[units.group()]
    elif FREQUENCIES.search(name) or (not REDSHIFTS.search(name) and lowest > HIGHEST):
        mhz = MHZ_PER["hz" if lowest > 1e6 else "mhz"]
    else:
        return Redshifts(values)
    unit = next(unit for unit, scale in MHZ_PER.items() if scale == mhz)
    with np.errstate(divide="ignore"):
        found = LINE / (values * mhz) - 1
    shown = {"ghz": "GHz", "mhz": "MHz", "khz": "kHz", "hz": "Hz"}[unit]
    return Redshifts(found, f"its redshifts are from frequencies in {shown}")


def _text(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")


def _rows(path: Path, lines: list[str]) -> tuple[str, list[list[float]]]:
    """The last line of words before the numbers, and the numbers of each line."""
    header = ""
    rows: list[list[float]] = []
    kept = [line.split("#")[0].strip() for line in lines]
    commas = all(DECIMAL_COMMA.fullmatch(line) for line in kept if line[:1].isdigit())
    for number, line in enumerate(lines, start=1):
        numbers = line.split("#")[0].strip()
        if not numbers:
            header = header if rows else line.strip().lstrip("#").strip() or header
            continue
        if commas:
            numbers = numbers.replace(",", ".")
        try:
            rows.append([float(each) for each in BETWEEN.split(numbers.strip(",;"))])
        except ValueError:
            if rows:
                raise UserError(f"{path}: line {number}, {line.strip()!r}, is no number") from None
            header = line.strip()
    if not rows:
        raise UserError(f"{path}: not a list of redshifts: it holds no numbers")
    return header.lower(), rows


def _column(path: Path, header: str, rows: list[list[float]]) -> tuple[np.ndarray, str]:
    """The redshifts or frequencies, and what the header calls them."""
    widths = {len(row) for row in rows}
    if len(rows) == 1 or widths == {1}:
        return np.concatenate(rows), header
    names = [name for name in re.split(r"[,;\t]+|\s{2,}", header) if name.strip()]
    names = names if {len(names)} == widths else BETWEEN.split(header)
    if {len(names)} == widths:
        for kind in (REDSHIFTS, FREQUENCIES):
            for column, name in enumerate(names):
                if kind.match(name.strip()):
                    return np.array(rows)[:, column], name.strip()
    raise UserError(
        f"{path}: its lines hold {' or '.join(map(str, sorted(widths)))} numbers: give one a line, "
        "or name a column z or redshift in a header"
    )
