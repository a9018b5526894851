"""What a crate is written with: files with size and SHA-256, things that are told of only."""

import hashlib
import io
import mimetypes
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from ..records.record import sha256

RO_CRATE = "1.1"  # on which the profiles 0.5 of workflow runs stand
RUN_TERMS = "https://w3id.org/ro/terms/workflow-run#"
# In the crate itself, so that its reader needs one context only.
TERMS = {name: f"{RUN_TERMS}{name}" for name in ("resourceUsage", "sha256")}
FORMATS = {  # what Python's table of suffixes lacks
    ".pt": "application/octet-stream",
    ".smk": "text/x-python",
    ".rst": "text/x-rst",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".yaml": "application/yaml",
}


class Entities:
    """The entities of a crate that is being put together; nothing is on the disk yet."""

    def __init__(self, largest: float) -> None:
        """Files of more than ``largest`` bytes are told of and left out."""
        self.crate = ROCrate(version=RO_CRATE)
        self.crate.metadata.extra_terms.update(TERMS)
        self._largest = largest

    def file(
        self, source: Path, destination: str, needed: bool = False, /, **properties: Any
    ) -> Entity:
        """A file by its size and SHA-256, and with its bytes if it is small or ``needed``.

        ``properties`` are plain values; ``type`` is File unless given.
        """
        size = source.stat().st_size
        properties = _described(destination, size, sha256(source)) | _typed(properties)
        if size > self._largest and not needed:
            left_out = {"description": "Left out of this crate for its size."}
            return self._add(f"#{destination}", properties | left_out)
        added: Entity = self.crate.add_file(source, destination, properties=properties)
        return added

    def workflow(self, source: Path, destination: str, /, **properties: Any) -> Entity:
        """The workflow that the crate is about, in Snakemake's language."""
        described = _described(destination, source.stat().st_size, sha256(source))
        added: Entity = self.crate.add_workflow(
            source,
            destination,
            main=True,
            lang="snakemake",
            properties=described | _typed(properties),
        )
        return added

    def text(self, text: str, destination: str, /, **properties: Any) -> Entity:
        """A file that is written for the crate."""
        content = text.encode()
        described = _described(destination, len(content), hashlib.sha256(content).hexdigest())
        added: Entity = self.crate.add_file(
            io.BytesIO(content), destination, properties=described | _typed(properties)
        )
        return added

    def thing(self, identifier: str, /, **properties: Any) -> Entity:
        """Something that has no file in the crate; the same one if it is there already."""
        known: Entity | None = self.crate.get(identifier)
        if known is not None:
            return known
        return self._add(identifier, _typed(properties))

    def _add(self, identifier: str, properties: dict[str, Any]) -> Entity:
        plain = {"@type": properties.pop("@type")}
        entity: Entity = self.crate.add(ContextEntity(self.crate, identifier, properties=plain))
        set_all(entity, properties)
        return entity


def _typed(properties: dict[str, Any]) -> dict[str, Any]:
    """The keyword ``type`` by its name in JSON-LD."""
    return {"@type" if name == "type" else name: value for name, value in properties.items()}


def set_all(entity: Entity, properties: dict[str, Any]) -> None:
    """Set an entity's properties, leaving out what is empty."""
    for name, value in properties.items():
        if isinstance(value, list) and len(value) == 1:
            value = value[0]  # as RO-Crate's compact form has it
        if value not in (None, "", []):
            entity[name] = value


def _described(destination: str, size: int, digest: str) -> dict[str, Any]:
    suffix = Path(destination).suffix
    kind = FORMATS.get(suffix) or mimetypes.guess_type(destination)[0] or "text/plain"
    return {
        "@type": "File",
        "name": destination,
        "contentSize": str(size),
        "sha256": digest,
        "encodingFormat": kind,
    }
