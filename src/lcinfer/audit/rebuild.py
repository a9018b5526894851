"""Products found again from what lies in their directories, without a configuration file."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from ..base import durable
from ..base.errors import UserError, no_such_file
from ..base.fingerprint import SHOWN_DIGITS, short
from ..config import Config, parse
from ..products.found import Reference, Spec
from ..products.kinds import KINDS
from .stamped import stamp_of

DIRECTORY = re.compile(rf".+-[0-9a-f]{{{SHOWN_DIGITS}}}")


def find(result: Path, results: Path) -> tuple[Path, dict[str, str] | None]:
    """The product's directory that a result belongs to.

    Args:
        result: a product's directory or anything in it; or one of its files anywhere else,
            which says itself where it is from.
        results: where products are kept, if ``result`` is not there.

    Returns:
        The directory, and what the file says of itself if it lay elsewhere.

    Raises:
        UserError: if it is no result, or its product is not there.
    """
    if not result.exists():
        raise no_such_file(result)
    whole = result.resolve() if ".." in result.parts else result.absolute()
    for directory in (whole, *whole.parents):
        if directory.parent.name in KINDS and DIRECTORY.fullmatch(directory.name):
            return directory, None
    if result.is_dir():
        raise UserError(f"{result}: not a result of lcinfer: give a product's directory or file")
    said = stamp_of(result)
    kind, _, name = said["product"].partition("/")
    directory = results / kind / name
    if kind not in KINDS or not DIRECTORY.fullmatch(name):
        raise UserError(f"{result}: it does not say that lcinfer made it")
    if not directory.is_dir():
        raise UserError(
            f"{result}: it is of {said['product']}, which is not in {results}: "
            "give the results that it is from with --results"
        )
    return directory, said


def directory(root: Path, reference: Reference, read: set[Path], wanted_by: str) -> Path:
    """Where a product is that another one is made from; one of those that were read, if it is.

    Raises:
        UserError: if it is not there.
    """
    digits = short(str(reference.fingerprint))
    found = durable.own((root / reference.kind).glob(f"*-{digits}"))
    if not found:
        raise UserError(
            f"{root / reference.kind}: there is nothing with the fingerprint {digits}, "
            f"which {wanted_by} is made from: it was moved or removed"
        )
    likely = {*read, root / reference.kind / f"{reference.name}-{digits}"}
    return next((path for path in found if path in likely), found[0])


@contextmanager
def understood(spec: Spec) -> Iterator[None]:
    """Say in a line where this lcinfer does not understand a ``spec.json``."""
    try:
        yield
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        what = str(error).splitlines()[0]
        raise UserError(
            f"{spec.directory / 'spec.json'}: this lcinfer does not understand it: {what}"
        ) from None


def configuration(manifest: Path) -> Config:
    """The configuration that a run's manifest holds.

    Raises:
        UserError: if it holds none, or one of another version of lcinfer.
    """
    try:
        settings = json.loads(manifest.read_bytes())["configuration"]
    except FileNotFoundError:
        raise UserError(f"{manifest.parent} is no finished run: it has no manifest.json") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{manifest} is damaged") from None
    return parse(settings, str(manifest), recorded=True)
