"""Keys in which two configurations differ, and those that a product depends on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..base.counting import counted
from ..base.fingerprint import canonical, canonical_json
from ..config import Config
from ..products.product import Product

# In no fingerprint of what they count (light-cones of a database or a mock, seeds of a training),
# but they say how many of them there are, and so what follows.
NUMBERS = (".realizations", ".repeats")
# Which failed light-cones are done without, and so what is trained on.
GIVING_UP = ("database.allowed_failures", "database.max_attempts")
SHOWN = 3


@dataclass(frozen=True)
class Change:
    """A key with another value; None: it is not there (nor has it a default)."""

    key: str
    old: Any
    new: Any
    decides: bool = True  # whether any content depends on it

    def __str__(self) -> str:
        """As ``images.slices 5 -> 8``."""
        if isinstance(self.old, Mapping) or isinstance(self.new, Mapping):
            return f"{self.key} {'added' if self.old is None else 'removed'}"
        return f"{self.key} {_text(self.old)} -> {_text(self.new)}"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, Mapping):
        return "{...}"
    return "none" if value is None else str(value)


def changes(old: Config, new: Config) -> list[Change]:
    """All keys in which two configurations differ, defaults included, by name."""
    before, after = canonical(old.model_dump()), canonical(new.model_dump())
    kept = {change.key for change in differences(canonical(old), canonical(new))}
    return [
        replace(
            change,
            decides=change.key in kept
            or change.key.endswith(NUMBERS)
            or (change.key in GIVING_UP and _gives_up_after(old) != _gives_up_after(new)),
        )
        for change in differences(before, after)
    ]


def _gives_up_after(config: Config) -> int | None:
    """After how many attempts a light-cone is done without, if one ever is."""
    return config.database.max_attempts if config.database.allowed_failures else None


def differences(old: Mapping[str, Any], new: Mapping[str, Any], at: str = "") -> Iterator[Change]:
    """The keys, with dots, whose values differ in two nested mappings of plain values."""
    for name in sorted({*old, *new}):
        one, other = old.get(name), new.get(name)
        if canonical_json(one) == canonical_json(other):
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from differences(one, other, f"{at}{name}.")
        else:
            yield Change(f"{at}{name}", one, other)


def behind(product: Product, changed: Iterable[Change]) -> list[Change]:
    """Those of the changed keys that this product depends on."""
    return [
        change
        for change in changed
        if change.decides
        and any(f"{change.key}.".startswith(f"{place}.") for place in product.keys)
    ]


def shortened(changed: list[Change]) -> str:
    """A few of them in one line."""
    more = len(changed) - SHOWN
    rest = f" and {counted(more, 'more key')}" if more > 0 else ""
    return ", ".join(map(str, changed[:SHOWN])) + rest
