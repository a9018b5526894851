"""What is checked of every product: its files, what it was made from, its stamps."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..base.errors import UserError
from ..products.product import Product
from ..records.record import Record, outputs
from .stamped import stamp_of


def files(
    product: Product, made: Iterable[Path], records: list[Record], digest: Callable[[Path], str]
) -> Iterator[str]:
    """Files that are not those that a run of a stage recorded, last of all runs.

    Raises:
        UserError: if a file is missing that no run recorded: the product is not finished.
    """
    recorded = outputs(records)
    for path in made:
        name = path.relative_to(product.root).as_posix()
        if not path.exists():
            if name not in recorded:
                raise UserError(f"{product.directory} is not finished: it has no {path.name}")
            yield f"{path} is missing"
        elif name not in recorded:
            yield f"{path}: no run of a stage recorded it"
        elif recorded[name] != digest(path):
            yield f"{path}: its bytes are not those that were recorded"


def inputs(root: Path, records: list[Record], digest: Callable[[Path], str]) -> Iterator[str]:
    """What a product was made from, where that is no longer what it was."""
    last: dict[str, Record] = {path: record for record in records for path in record["outputs"]}
    read = {
        path: value
        for record in records
        if any(last[path] is record and (root / path).exists() for path in record["outputs"])
        for path, value in record["inputs"].items()
    }
    for name, value in read.items():
        path = root / name
        if not path.exists():
            yield f"{path}, which it was made from, is missing"
        elif digest(path) != value:
            yield f"{path} is not what it was made from"


def stamps(product: Product, paths: Iterable[Path]) -> Iterator[str]:
    """Files that say of themselves that they are another product's, or nothing."""
    for path in paths:
        try:
            said = stamp_of(path)
        except FileNotFoundError:
            continue  # `files` tells
        except UserError as error:
            yield str(error)
            continue
        if said["fingerprint"] != product.fingerprint:
            yield f"{path}: it says that it is of {said['product']}"
