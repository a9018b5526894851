"""The one file that an audit was asked about: compared with what was recorded of it, or refused."""

from collections.abc import Callable
from pathlib import Path

from ..base.errors import UserError
from ..records.record import Record, outputs
from .links import Step

Digest = Callable[[Path], str]


def elsewhere(
    step: Step, records: list[Record], digest: Digest, result: Path, said: dict[str, str]
) -> None:
    """Whether a file that lies elsewhere is one of a product's; it says which product's."""
    recorded = {value: path for path, value in outputs(records).items()}
    wrong = []
    if said["product"] != step.product:
        wrong = [f"{result}: it says that it is of {said['product']}"]
    elif digest(result) not in recorded:
        wrong = [f"{result}: its bytes are none of those that {step.product} recorded"]
    step.note("given file", wrong, f"it is {recorded.get(digest(result))}")


def inside(
    step: Step,
    records: list[Record],
    digest: Digest,
    result: Path,
    *is_read: Callable[[Path], bool],
) -> None:
    """Whether a file in a product's directory is what was recorded there.

    Args:
        step: the product.
        records: of its stages.
        digest: of a file.
        result: the file.
        is_read: whether the audit reads a file, by its path in the product's directory, that no
            stage recorded.

    Raises:
        UserError: if nothing is recorded of it, and the audit does not read it either.
    """
    name = result.resolve().relative_to(step.directory.resolve())
    path, recorded = f"{step.product}/{name.as_posix()}", outputs(records)
    if path in recorded:
        wrong = f"{result}: its bytes are not those that were recorded"
        as_it_was = digest(result) == recorded[path]
        step.note("given file", [] if as_it_was else [wrong], f"it is {path}, as recorded")
    elif name != Path("spec.json") and not any(reads(name) for reads in is_read):
        made_again = (
            ": `lcinfer report CONFIG` writes it anew and records it"
            if name == Path("report.html")
            else ": someone else put it there, or it is one of lcinfer's own notes"
        )
        raise UserError(f"{result}: {step.product} has no record of this file{made_again}")
