"""The markers of a database, which Snakemake sees: what they claim, and whether it holds."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..lightcones import store
from ..products.databases import LightCones
from ..products.product import Span
from .findings import Finding

NAME = re.compile(
    r"(?:blocks/(?P<start>\d+)-(?P<stop>\d+)|sealed-(?P<total>\d+))"
    r"(?P<given_up>-after-\d+-attempts)?\.json"
    r"|prepared-(?P<room>\d+)\.json"
)


@dataclass(frozen=True)
class Marker:
    """A file that says that some light-cones are there."""

    path: Path
    realizations: int  # of a block: 0
    digests: dict[int, str] = field(default_factory=dict)  # of a block
    root_digest: str | None = None  # of a sealed database
    failed: frozenset[int] = frozenset()  # which it leaves out

    @property
    def claimed(self) -> list[int]:
        """The light-cones that it says are finished."""
        if self.root_digest is not None:
            return [index for index in range(self.realizations) if index not in self.failed]
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
        name = NAME.fullmatch(path.relative_to(cones.directory).as_posix())
        if name is None:
            continue
        try:
            content = json.loads(path.read_bytes())
            if content["fingerprint"] != cones.fingerprint:
                findings.append(_wrong(path, "is of another database"))
                continue
            markers.append(_marker(path, name, content))
        except (ValueError, TypeError, KeyError, AttributeError):
            findings.append(_wrong(path, "is damaged: it does not say what such a marker says"))
    return markers, findings


def span_of(marker: Path) -> Span | None:
    """The block that a marker is about, by its name; None for other markers."""
    name = NAME.fullmatch(f"{marker.parent.name}/{marker.name}")
    return (int(name["start"]), int(name["stop"])) if name else None


def _marker(path: Path, name: re.Match[str], content: dict[str, Any]) -> Marker:
    failed = frozenset(map(int, content.get("failed", [])))
    if failed and not name["given_up"]:
        raise ValueError(path)
    if name["start"]:
        span = int(name["start"]), int(name["stop"])
        digests = {int(index): str(digest) for index, digest in content["digests"].items()}
        if sorted([*digests, *failed]) != list(range(*span)):
            raise ValueError(path)
        return Marker(path, 0, digests, failed=failed)
    count = int(name["total"] or name["room"])
    if content["realizations"] != count or not failed <= set(range(count)):
        raise ValueError(path)
    root = str(content["root_digest"]) if name["total"] else None
    return Marker(path, count, root_digest=root, failed=failed)


def unlike_journal(
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
            claimed = marker.claimed
            have = [digests[index] for index in claimed if index in digests]
            if len(have) == len(claimed) and marker.root_digest != store.root_digest(have):
                findings.append(_wrong(marker.path, "its root digest is not the journal's"))
    return findings


def _wrong(path: Path, what: str) -> Finding:
    return Finding("marker", path, what)
