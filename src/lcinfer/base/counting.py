"""Numbers of things, and lists of them, in sentences."""

from collections.abc import Iterable


def counted(count: int, what: str) -> str:
    """So many of something: ``1 light-cone``, ``1,043 light-cones``."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def listed(items: Iterable[str]) -> str:
    """A list in words: a; a and b; a, b and c."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last
