"""What a product's directory says of it: enough to find it again without a configuration."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..base.errors import UserError
from ..base.fingerprint import STAGE_VERSIONS, digest, short

SEAL = re.compile(r"sealed-(?P<total>\d+)(-after-(?P<attempts>\d+)-attempts)?\.json")

Sources = Mapping[str, Sequence[Any]]
"""Products by the folders of their kinds."""


class Seal(NamedTuple):
    """How much of a database a product is made from."""

    realizations: int
    attempts: int = 0  # after which failed ones are left out; 0: none is

    @classmethod
    def of(cls, marker: str) -> "Seal | None":
        """By the name of the marker that says it; None: it is another file."""
        it = SEAL.fullmatch(marker)
        return cls(int(it["total"]), int(it["attempts"] or 0)) if it else None


class Reference(NamedTuple):
    """A product that another one is made from, as that one's identity names it."""

    kind: str
    """The folder of the results."""
    fingerprint: str
    name: str = ""
    """Products of one content may have several names."""
    seal: Seal | None = None
    """How much of it; None: as much as there is."""


class Spec(NamedTuple):
    """A directory's ``spec.json``."""

    directory: Path
    content: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """As it is written there."""
        return str(self.content["fingerprint"])

    @property
    def identity(self) -> dict[str, Any]:
        """What the fingerprint is the digest of."""
        if "made_of" in self.content:
            return dict(self.content["made_of"])
        parts = {name: self.content[name] for name in ("simulation", "design")}
        return {"stage": "lightcones", "version": self.content["stage_version"], **parts}

    @property
    def common(self) -> dict[str, Any]:
        """The fields that every product has."""
        root = self.directory.parents[1]
        return {"name": str(self.content["name"]), "identity": self.identity, "root": root}

    def wrong(self) -> list[str]:
        """Why it cannot be what the directory was made from; empty if it can."""
        recomputed = digest(self.identity)
        path = self.directory / "spec.json"
        if recomputed != self.fingerprint:
            return [
                f"{path}: its settings give the fingerprint {short(recomputed)}, "
                f"and it says {short(self.fingerprint)}: it was edited"
            ]
        if self.directory.name != f"{self.content['name']}-{short(recomputed)}":
            return [f"{path} is of {self.content['name']}-{short(recomputed)}"]
        return []


def read(directory: Path) -> Spec:
    """What a directory says that it is.

    Raises:
        UserError: if it says nothing, or not what this version of lcinfer understands.
    """
    path = directory / "spec.json"
    try:
        spec = Spec(directory, json.loads(path.read_bytes()))
        stage, version = str(spec.identity["stage"]), spec.identity["version"]
        _ = spec.fingerprint, str(spec.content["name"])
    except FileNotFoundError:
        raise UserError(
            f"{directory} is not finished, or was made before lcinfer kept provenance: "
            "it has no spec.json"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is damaged") from None
    if version != STAGE_VERSIONS.get(stage):
        raise UserError(
            f"{directory} was made by version {version} of the stage {stage}, and this "
            f"lcinfer has {STAGE_VERSIONS.get(stage)}: audit it with the code that made it"
        )
    return spec


def sealed(directory: Path) -> Seal:
    """The largest seal of a database or of its images, one that leaves out none if there is one.

    Raises:
        UserError: if there is none.
    """
    seals = list(filter(None, (Seal.of(path.name) for path in directory.glob("sealed-*.json"))))
    if not seals:
        raise UserError(f"{directory} is not finished: it has no seal")
    return max(seals, key=lambda seal: (seal.realizations, -seal.attempts))
