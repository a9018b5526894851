"""What is wrong with a configuration, a line for each mistake and in a user's words."""

import reprlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..base.errors import UserError
from .base import NAME, Section
from .sections import ADOPTED, ENGINE, ENGINES

TAGS = ("architecture", "kind")  # keys that say of which kind a section is
PLAIN_MESSAGES = {  # for what pydantic says in Python's words
    "missing": "this key is required",
    "model_type": "should be a section with keys of its own",
    "dict_type": "should be a section with keys of its own",
    "model_attributes_type": "should be a section with keys of its own",
    "union_tag_invalid": "should be one of {expected_tags}, not {tag!r}",
    "tuple_type": "should be a list",
    "too_short": "should hold at least {min_length} of them",
    "too_long": "should hold at most {max_length} of them",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "string_type": "should be a text, in quotes",
}
PATTERNS = {
    NAME: "should begin with a letter or digit, then hold letters, digits, '_' and '.' alone",
    ENGINE: f"should be {', '.join(ENGINES)} or module:function, a function of your own",
    ADOPTED: "should be the 64 digits, 0 to 9 and a to f, that `lcinfer adopt` says",
}

MISSPELT = "(did you mean"


class Mistakes(UserError):
    """What is wrong with a configuration."""

    def __init__(self, found: Sequence[str], source: str | Path = "") -> None:
        """``found``, a line each, in ``source``."""
        super().__init__(f"{source}: {on_lines(found)}" if source else on_lines(found))
        self.found = found


def meant(name: str, known: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> str:
    """What a name that is not known was likely meant to be, in brackets; empty: nothing.

    Capitals and underscores are passed over. ``elsewhere`` has known names by others for them.
    """
    spelt = {_bare(word): word for word in known}
    spelt |= {_bare(other): word for other, word in (elsewhere or {}).items()}
    near = get_close_matches(_bare(name), spelt, n=1)
    return f" {MISSPELT} {spelt[near[0]]}?)" if near else ""


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """That there is no ``what`` of this name, what was likely meant, and what there is."""
    return f"there is no {what}{name}{meant(name, known)}; there are {', '.join(known) or 'none'}"


def typos_first(lines: list[str]) -> list[str]:
    """The same lines, those that :func:`meant` has something to say of before the others."""
    return sorted(lines, key=lambda line: MISSPELT not in line)


def on_lines(found: Sequence[str]) -> str:
    """Several mistakes, a line each; a single one as it is."""
    if len(found) == 1:
        return found[0]
    return "\n  ".join([f"{len(found)} mistakes", *found])


def of(error: ValidationError, settings: Mapping[str, Any]) -> list[str]:
    """All of a validation's mistakes, a line each; names that are likely misspelt come
    first, as others may follow from them."""
    mistakes: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        mistakes.setdefault(_keys(details, settings), []).append(details)
    lines = [
        line
        for keys, found in mistakes.items()
        # Of a section that may be of several kinds, what is wrong inside says more.
        if not any(keys == other[: len(keys)] != other for other in mistakes)
        for line in _lines(keys, found)
    ]
    return typos_first(lines)


def _lines(keys: tuple[str, ...], found: list[ErrorDetails]) -> list[str]:
    """The mistake at one place, or those that its section has found among its keys."""
    where = f"{'.'.join(keys)}: " if keys else ""
    if found[0]["type"] == "value_error":
        return [f"{where}{' '.join(line.split())}" for line in _message(found[0]).splitlines()]
    message = " or ".join(dict.fromkeys(map(_message, found)))  # one of several kinds fits
    if found[0]["type"] not in ("extra_forbidden", "missing", "union_tag_invalid"):
        message += f", not {reprlib.repr(found[0]['input'])}"
    return [f"{where}{' '.join(message.split())}"]


def _keys(details: ErrorDetails, settings: Any) -> tuple[str, ...]:
    """The keys that lead to a mistake, without what pydantic adds to them: kinds of a union."""
    keys: list[str] = []
    tagged = False
    for key in details["loc"]:
        kinds = [settings.get(it) for it in TAGS] if isinstance(settings, Mapping) else []
        tagged = not tagged and key in kinds  # a kind may have the name of a key, as `dense`
        if tagged:
            continue
        with suppress(KeyError, IndexError, TypeError):
            settings = settings[key]
            keys.append(str(key))
    if details["type"] == "missing" and isinstance(details["loc"][-1], str):
        keys.append(details["loc"][-1])
    if details["type"] == "union_tag_invalid":
        keys.append(details["ctx"]["discriminator"].strip("'"))
    return tuple(keys)


def _message(details: ErrorDetails) -> str:
    kind, message = details["type"], details["msg"]
    if kind == "extra_forbidden":
        return "unknown key" + meant(str(details["loc"][-1]), _all_keys())
    if kind == "missing" and isinstance(details["loc"][-1], int):
        return f"too few values in {details['input']!r}"
    limits = details.get("ctx", {})
    if limits.get("pattern") in PATTERNS:
        return PATTERNS[limits["pattern"]]
    plain = PLAIN_MESSAGES.get(kind, "").format(**limits)
    return plain or message.removeprefix("Value error, ").removeprefix("Input ")


def _all_keys() -> set[str]:
    kinds = [Section]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {key for kind in kinds for key in kind.model_fields}
