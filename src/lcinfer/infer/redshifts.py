"""The redshifts of a light-cone's cells, from the lists that people keep beside it.

A list is a ``.npy``, a JSON, or a text: one value a line or all in one, with commas or without,
a header, comments, a column among others that the header names, frequencies or scale factors in
place of redshifts.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import UserError, no_such_file

LINE = 1420.405751768  # MHz, of the hyperfine transition
MHZ_PER = {"ghz": 1e3, "mhz": 1.0, "khz": 1e-3, "hz": 1e-6}
SHOWN = {"ghz": "GHz", "mhz": "MHz", "khz": "kHz", "hz": "Hz"}
BETWEEN = re.compile(r"[\s,;]+")
DECIMAL_COMMA = re.compile(r"\d+,\d+")
REDSHIFTS, FREQUENCIES = re.compile(r"z\b|redshift"), re.compile(r"freq|nu\b|[gmk]?hz\b")
FACTORS, DISTANCES = re.compile(r"a\b|scale"), re.compile(r"distances?\b|[gmk]pc\b")
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
            column, name = np.load(path, allow_pickle=False), ""
        elif (text := _text(path)).lstrip().startswith(("[", "{")):
            column, name = _json(path, json.loads(text))
        else:
            column, name = _column(path, *_rows(path, text.splitlines()))
        values = np.asarray(column, np.float64)
    except FileNotFoundError:
        raise no_such_file(path) from None
    except (OSError, ValueError, TypeError):
        raise UserError(f"{path}: not a list of redshifts, .npy, JSON or text") from None
    return understood(values, name, str(path))


def understood(column: np.ndarray, name: str, where: str) -> Redshifts:
    """Redshifts, where numbers may be frequencies or scale factors: by their name, or their size.

    Args:
        column: the numbers.
        name: what they are called, in small letters, with their unit if they have one.
        where: they are listed, for messages.

    Raises:
        UserError: if they are no redshifts of the 21-cm line, saying what they look like.
    """
    values = np.asarray(column, np.float64)
    lowest, highest = (values.min(), values.max()) if values.size else (0.0, 0.0)
    called = REDSHIFTS.search(name)
    numbers = f"{where}: its numbers, {lowest:.6g} to {highest:.6g}"
    units = re.search(r"[gmk]?hz\b", name)
    if not units and not called and DISTANCES.search(name):
        raise UserError(f"{numbers}, are distances ({name}): give the redshift of each cell")
    if units:
        unit = units.group()
    elif FREQUENCIES.search(name) or (not called and lowest > HIGHEST):
        unit = "hz" if lowest > 1e6 else "mhz" if lowest > HIGHEST else "ghz"
    elif FACTORS.match(name) and highest <= 1:
        return Redshifts(_stretched(values), "its redshifts are from scale factors")
    elif highest <= 1 and not called and values.size:
        raise UserError(
            f"{numbers}, are frequencies in GHz or scale factors rather than redshifts: give "
            "redshifts, or a text whose first line says what they are: z, GHz or a"
        )
    else:
        return Redshifts(values)
    if lowest * MHZ_PER[unit] > LINE:
        like = "" if FREQUENCIES.search(name) else ": they look like comoving distances in Mpc"
        raise UserError(
            f"{numbers}, are no redshifts, nor frequencies of the redshifted 21-cm line in "
            f"{SHOWN[unit]}, which lie below {LINE / MHZ_PER[unit]:.6g}{like}: give the redshift "
            "of each cell"
        )
    remark = f"its redshifts are from frequencies in {SHOWN[unit]}"
    return Redshifts(_stretched(values * MHZ_PER[unit] / LINE), remark)


def _stretched(factors: np.ndarray) -> np.ndarray:
    """The redshifts at which light of scale factor 1 has been stretched so."""
    with np.errstate(divide="ignore"):
        return np.asarray(1 / factors - 1)


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


def _json(path: Path, content: Any) -> tuple[list[float], str]:
    """The list that a JSON is, or has by a name, and the name."""
    if isinstance(content, list):
        return content, ""
    columns = {name.lower(): values for name, values in content.items()}
    name = _named(columns)
    if name is None:
        raise UserError(f"{path}: it has no list called z, redshift or frequency")
    return columns[name], name


def _column(path: Path, header: str, rows: list[list[float]]) -> tuple[np.ndarray, str]:
    """The redshifts or frequencies, and what the header calls them."""
    widths = {len(row) for row in rows}
    if len(rows) == 1 or widths == {1}:
        return np.concatenate(rows), header
    names = [name.strip() for name in re.split(r"[,;\t]+|\s{2,}", header) if name.strip()]
    names = names if {len(names)} == widths else BETWEEN.split(header)
    if {len(names)} == widths and (name := _named(names)) is not None:
        return np.array(rows)[:, names.index(name)], name
    raise UserError(
        f"{path}: its lines hold {' or '.join(map(str, sorted(widths)))} numbers: give one a line, "
        "or name a column z or redshift in a header"
    )


def _named(names: Iterable[str]) -> str | None:
    """The name that stands for redshifts, or else for frequencies or scale factors."""
    kinds = (REDSHIFTS, FREQUENCIES, FACTORS)
    return next((name for kind in kinds for name in names if kind.match(name)), None)
