"""The one file that an audit was asked about: compared with what was recorded of it, or refused."""

from collections.abc import Callable
from pathlib import Path

from ..base.errors import UserError
from ..images import cutting
from ..lightcones import failures, store
from ..products.databases import ImageSet, LightCones
from ..products.design import TABLE, AdoptedDesign
from ..products.product import Realizations
from ..records.record import Record
from .links import Step

Digest = Callable[[Path], str]


def elsewhere(
    step: Step, records: list[Record], digest: Digest, result: Path, said: dict[str, str]
) -> None:
    """Whether a file that lies elsewhere is one of a product's; it says which product's."""
    recorded = {value: path for path, value in _outputs(records).items()}
    wrong = []
    if said["product"] != step.product:
        wrong = [f"{result}: it says that it is of {said['product']}"]
    elif digest(result) not in recorded:
        wrong = [f"{result}: its bytes are none of those that {step.product} recorded"]
    step.check("given file", wrong, f"it is {recorded.get(digest(result))}")


def inside(
    step: Step, records: list[Record], digest: Digest, result: Path, made: Realizations | None
) -> None:
    """Whether a file in a product's directory is what was recorded there.

    Args:
        step: the product.
        records: of its stages.
        digest: of a file.
        result: the file.
        made: the product, if it is light-cones or images.

    Raises:
        UserError: if nothing is recorded of it, and the audit does not read it either.
    """
    name = result.resolve().relative_to(step.directory.resolve())
    path, recorded = f"{step.product}/{name.as_posix()}", _outputs(records)
    if path in recorded:
        wrong = f"{result}: its bytes are not those that were recorded"
        as_it_was = digest(result) == recorded[path]
        step.check("given file", [] if as_it_was else [wrong], f"it is {path}, as recorded")
    elif name != Path("spec.json") and not (made and _is_read(made, name)):
        made_again = (
            ": `lcinfer report CONFIG` writes it anew and records it"
            if name == Path("report.html")
            else ": someone else put it there, or it is one of lcinfer's own notes"
        )
        raise UserError(f"{result}: {step.product} has no record of this file{made_again}")


def _is_read(made: Realizations, name: Path) -> bool:
    """Whether an audit reads a file of light-cones or images that no stage recorded."""
    first, *rest = name.parts
    if isinstance(made, LightCones):
        in_journal = first == made.journal.name and len(rest) == 1 and name.suffix == ".jsonl"
        adopted = isinstance(made.design, AdoptedDesign) and name == Path(TABLE)
        if in_journal or adopted:
            return True
        cubes, place, cones = store.CUBES, made.store, made
        others = {*store.HISTORIES, "node_redshift", "redshift", "distance", "x", "y"}
    elif isinstance(made, ImageSet):
        cubes, place, cones = cutting.IMAGES, made.store, made.lightcones
        others = {"redshift", "distance"}
    else:
        return False
    if first != place.name or not rest:
        return False
    if rest == ["zarr.json"]:
        return isinstance(made, LightCones)
    array, *rest = rest
    if array not in {cubes, *others, *store.design_columns(cones)}:
        return False
    if rest == ["zarr.json"]:
        return True
    if array != cubes:
        return rest[:1] == ["c"] and all(part.isdigit() for part in rest[1:])
    there = set(range(made.realizations)) - set(failures.named(made.sealed))
    return any(made.directory / name == store.shard_path(place, index, cubes) for index in there)


def _outputs(records: list[Record]) -> dict[str, str]:
    return {path: value for record in records for path, value in record["outputs"].items()}
