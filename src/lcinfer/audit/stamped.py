"""What a result says of itself: the stamp of a figure, a table, a JSON file or a checkpoint."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..base.errors import UserError
from ..records.stamp import COMMENTS, columns_of

FIELDS = {"product", "fingerprint", "lcinfer", "code"}


def stamp_of(path: Path) -> dict[str, str]:
    """What a figure, a table, a JSON file or a checkpoint says of itself.

    Raises:
        UserError: if it says nothing of lcinfer.
        OSError: if it cannot be read.
    """
    reader = READERS.get(path.suffix)
    said: Any = None
    if reader is not None:
        with path.open("rb"):  # what is wrong with reading it is told as such
            pass
        with suppress(Exception):  # a reader lets through whatever its format's library raises
            said = reader(path)
    if not isinstance(said, dict) or not said.keys() >= FIELDS:
        raise UserError(f"{path}: it does not say that lcinfer made it")
    return {field: str(said[field]) for field in sorted(FIELDS)}


def of_older_columns(path: Path) -> bool:
    """Whether a table has other columns than this lcinfer would write."""
    with suppress(OSError, ValueError):  # what is wrong with it is told elsewhere
        return bool(_of_table(path).get("columns", "1") != columns_of(path))
    return False


def _of_png(path: Path) -> Any:
    from PIL import Image

    with Image.open(path) as image:
        return image.info


def _of_pdf(path: Path) -> Any:
    from pypdf import PdfReader

    about = PdfReader(path).metadata
    return json.loads((about and about.subject) or "")


def _of_svg(path: Path) -> Any:
    purl = "{http://purl.org/dc/elements/1.1/}description"
    found = (element.text for _, element in ElementTree.iterparse(path) if element.tag == purl)
    return json.loads(next(found) or "")


def _of_table(path: Path) -> Any:
    before, behind = COMMENTS[path.suffix]
    with path.open(encoding="utf-8") as file:
        return json.loads(file.readline().rstrip().removeprefix(before).removesuffix(behind))


def _of_json(path: Path) -> Any:
    return json.loads(path.read_bytes())["provenance"]


def _of_checkpoint(path: Path) -> Any:
    from ..training import checkpoint  # and torch, which no other file needs

    return checkpoint.load(path).provenance


def _of_posteriors(path: Path) -> Any:
    from ..evaluation.posteriors import stamp_of_posteriors  # and xarray, likewise

    return stamp_of_posteriors(path)


READERS = {
    ".png": _of_png,
    ".pdf": _of_pdf,
    ".svg": _of_svg,
    **dict.fromkeys(COMMENTS, _of_table),
    ".json": _of_json,
    ".pt": _of_checkpoint,
    ".zip": _of_posteriors,
}
