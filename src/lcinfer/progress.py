"""What a long work says of itself now and then."""

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")
SECONDS_BETWEEN = 10.0


def told(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items; meanwhile a line on stderr every ten seconds, beginning with ``what``."""
    began = said = time.monotonic()
    for number, item in enumerate(items, start=1):
        now = time.monotonic()
        if now - said >= SECONDS_BETWEEN:
            said, per_second = now, number / (now - began)
            print(
                f"{what}: {number} of {total}, {60 * per_second:.1f} per minute, "
                f"{duration((total - number) / per_second)} left",
                file=sys.stderr,
                flush=True,
            )
        yield item


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as 1:02:03."""
    return str(timedelta(seconds=round(seconds)))
