"""What is wrong with a configuration, in one line and in a user's words."""

import reprlib
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .section import NAME, Section

PLAIN_MESSAGES = {  # for what pydantic says in Python's words
    "missing": "this key is required",
    "model_type": "should be a section with keys of its own",
    "dict_type": "should be a section with keys of its own",
    "tuple_type": "should be a list",
    "too_short": "should hold at least {min_length} of them",
    "too_long": "should hold at most {max_length} of them",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "string_type": "should be a text, in quotes",
    "string_pattern_mismatch": "should match {pattern}",
}


def one_line(error: ValidationError, settings: Mapping[str, Any]) -> str:
    """The first of a validation's mistakes, and how many more there are."""
    mistakes: dict[tuple[str, ...], list[str]] = {}
    found = error.errors(include_url=False)
    for details in found:
        mistakes.setdefault(_keys(details, settings), []).append(_message(details))
    keys, alternatives = next(iter(mistakes.items()))  # several where one of several kinds fits
    message = " or ".join(dict.fromkeys(alternatives))
    if found[0]["type"] not in ("value_error", "extra_forbidden", "missing"):
        message += f", not {reprlib.repr(found[0]['input'])}"
    where = f"{'.'.join(keys)}: " if keys else ""
    others = [other for other in mistakes if other != keys[: len(other)]]
    more = f" (and {len(others)} more)" if others else ""
    return f"{where}{' '.join(message.split())}{more}"


def _keys(details: ErrorDetails, settings: Any) -> tuple[str, ...]:
    """The keys that lead to a mistake, without what pydantic adds to them: kinds of a union."""
    keys: list[str] = []
    for key in details["loc"]:
        with suppress(KeyError, IndexError, TypeError):
            settings = settings[key]
            keys.append(str(key))
    if details["type"] == "missing" and isinstance(details["loc"][-1], str):
        keys.append(details["loc"][-1])
    return tuple(keys)


def _message(details: ErrorDetails) -> str:
    kind, message = details["type"], details["msg"]
    if kind == "extra_forbidden":
        near = get_close_matches(str(details["loc"][-1]), _all_keys(), n=1)
        return "unknown key" + (f" (did you mean {near[0]}?)" if near else "")
    if kind == "missing" and isinstance(details["loc"][-1], int):
        return f"too few values in {details['input']!r}"
    limits = details.get("ctx", {})
    if limits.get("pattern") == NAME:
        return "should begin with a letter or digit, then hold letters, digits, '_' and '.' alone"
    plain = PLAIN_MESSAGES.get(kind, "").format(**limits)
    return plain or message.removeprefix("Value error, ").removeprefix("Input ")


def _all_keys() -> set[str]:
    kinds = [Section]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {key for kind in kinds for key in kind.model_fields}
