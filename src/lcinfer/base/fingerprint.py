"""Identity of a product: SHA-256 of the canonical JSON of what decides its content.

A product's directory is named after its fingerprint, so an edit of the configuration
makes a new product beside the old one and can never overwrite it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

# Raised by hand when a stage's code changes what it makes from the same configuration.
STAGE_VERSIONS = {
    "lightcones": 1,
    "images": 1,
    "spectra": 1,
    "training": 1,
    "evaluation": 1,
    "sweep": 1,
    "mcmc": 1,
    "figures": 2,
    "summary": 3,
    "calibration": 1,
}

SHOWN_DIGITS = 10


def canonical(value: Any) -> Any:
    """Reduce a value to what JSON can hold, in one way only: 10.0 and 10 are the same."""
    if isinstance(value, BaseModel):
        return content(value)
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form")


def canonical_json(value: Any) -> str:
    """Canonical JSON text: sorted keys, no spaces, ASCII only."""
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def content(model: BaseModel) -> dict[str, Any]:
    """The fields of a configuration section that decide what it makes.

    Left out are fields marked ``Field(json_schema_extra={"decides_content": False})``
    (how a thing is run, or what it is called) and, while they have their default, fields
    marked ``{"since": VERSION}``: keys of a later version leave old fingerprints alone.
    """
    kept = {}
    for name, field in type(model).model_fields.items():
        marks = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        value = getattr(model, name)
        if marks.get("decides_content") is False:
            continue
        if "since" in marks and value == field.get_default(call_default_factory=True):
            continue
        kept[name] = canonical(value)
    return kept


def identity(stage: str, **made_from: Any) -> dict[str, Any]:
    """All that decides the content of a stage's product.

    ``made_from`` holds the parts of the configuration and the fingerprints of the products
    that the stage reads.
    """
    whole = {"stage": stage, "version": STAGE_VERSIONS[stage], **made_from}
    return {key: canonical(value) for key, value in whole.items()}


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, 64 hex digits: of an identity, the fingerprint."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def fingerprint(stage: str, **made_from: Any) -> str:
    """The fingerprint of a stage's product from the parts of its :func:`identity`."""
    return digest(identity(stage, **made_from))


def short(full: str) -> str:
    """The digits shown in a path."""
    return full[:SHOWN_DIGITS]
