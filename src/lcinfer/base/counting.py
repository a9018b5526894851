"""Numbers of things in sentences."""


def counted(count: int, what: str) -> str:
    """So many of something: ``1 light-cone``, ``1,043 light-cones``."""
    return f"{count:,} {what}{'s' * (count != 1)}"
