"""The markers of a database, which Snakemake sees: what they claim, and whether it holds."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import store
from ..products import LightCones, Span
from .findings import Finding

NAME = re.compile(r"blocks/\d+-\d+\.json|(prepared|sealed)-\d+\.json")


@dataclass(frozen=True)
class Marker:
    """A file that says that some light-cones are there."""

    path: Path
    realizations: int  # of a block: 0
    digests: dict[int, str] = field(default_factory=dict)  # of a block
    root_digest: str | None = None  # of a sealed database

    @property
    def claimed(self) -> range | list[int]:
        """The light-cones that it says are finished."""
        if self.root_digest is not None:
            return range(self.realizations)
        return list(self.digests)


def read(cones: LightCones) -> tuple[list[Marker], list[Finding]]:
    """The markers of a database, blocks first, and what those are that make no sense.

    Raises:
        PermissionError: if one cannot be read.
    """
    blocks = cones.done((0, 1)).parent
    paths = sorted(blocks.iterdir()) if blocks.is_dir() else []
    paths += sorted(cones.directory.iterdir())
    markers, findings = [], []
    for path in paths:
        if not NAME.fullmatch(path.relative_to(cones.directory).as_posix()):
            continue
        try:
            content = json.loads(path.read_bytes())
            if content["fingerprint"] != cones.fingerprint:
                findings.append(_wrong(path, "is of another database"))
                continue
            markers.append(_marker(path, content))
        except (ValueError, TypeError, KeyError, AttributeError):
            findings.append(_wrong(path, "is damaged: it does not say what such a marker says"))
    return markers, findings


def span_of(marker: Path) -> Span | None:
    """The block that a marker is about, by its name; None for other markers."""
    if marker.parent.name != "blocks":
        return None
    start, stop = map(int, marker.stem.split("-"))
    return start, stop


def _marker(path: Path, content: dict[str, Any]) -> Marker:
    if (span := span_of(path)) is not None:
        digests = {int(index): str(digest) for index, digest in content["digests"].items()}
        if sorted(digests) != list(range(*span)):
            raise ValueError(path)
        return Marker(path, realizations=0, digests=digests)
    kind, _, number = path.stem.partition("-")
    if content["realizations"] != int(number):
        raise ValueError(path)
    root = str(content["root_digest"]) if kind == "sealed" else None
    return Marker(path, int(number), root_digest=root)


def check(
    markers: list[Marker], digests: dict[int, str], bad: set[int], room: int
) -> list[Finding]:
    """Markers that disagree with the journal.

    Args:
        markers: of one database.
        digests: index -> digest of what the journal says is finished.
        bad: light-cones that are known not to hold; what is said of them is not compared.
        room: light-cones that the store is made for.
    """
    findings = []
    for marker in markers:
        if marker.realizations > room:
            findings.append(_wrong(marker.path, f"the store has room for {room} light-cones"))
        others = [
            index
            for index, digest in marker.digests.items()
            if index not in bad and digest != digests.get(index, digest)
        ]
        findings += [
            Finding("marker", marker.path, "its digest is not the journal's", index)
            for index in others
        ]
        if marker.root_digest is not None and not bad.intersection(marker.claimed):
            have = [digests[index] for index in marker.claimed if index in digests]
            if len(have) == marker.realizations and marker.root_digest != store.root_digest(have):
                findings.append(_wrong(marker.path, "its root digest is not the journal's"))
    return findings


def _wrong(path: Path, what: str) -> Finding:
    return Finding("marker", path, what)
