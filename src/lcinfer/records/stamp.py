"""What a result is made to say of itself, so that it can be found again wherever it went."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..base.version import __version__
from ..products.product import Product
from .record import code_version

# What stands around the first line of a table. pandas leaves it out with comment="#".
COMMENTS = {
    ".csv": ("# lcinfer: ", ""),
    ".md": ("<!-- lcinfer: ", " -->"),
    ".html": ("<!-- lcinfer: ", " -->"),
    ".tex": ("% lcinfer: ", ""),
}

TABLES = "3"  # revision of the columns of a run's tables; before 2 no table said it
LATER = {"claims": "4", "posteriors": "5", "mock_posteriors": "4"}  # that have said more since


def stamp(product: Product) -> dict[str, str]:
    """The product that a file belongs to, and the code that made it."""
    return {
        "product": f"{product.kind}/{product.directory.name}",
        "fingerprint": product.fingerprint,
        "lcinfer": __version__,
        "code": code_version(),
    }


def stamp_of_table(product: Product, path: Path) -> dict[str, str]:
    """The same for a table of a run, with the revision of what its columns are."""
    return {**stamp(product), "columns": columns_of(path)}


def columns_of(path: Path) -> str:
    """The revision of a table's columns that this lcinfer writes."""
    return LATER.get(path.stem, TABLES)


def comment(stamped: dict[str, str], suffix: str = ".csv") -> str:
    """The first line of a table in a file of this kind."""
    before, behind = COMMENTS[suffix]
    return f"{before}{json.dumps(stamped, sort_keys=True)}{behind}\n"


def rows(path: Path) -> list[dict[str, str]]:
    """The lines of a table as CSV, by the names of its columns."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(uncommented(file)))


def uncommented(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a table without its comment."""
    return (line for line in lines if not line.startswith("#"))
