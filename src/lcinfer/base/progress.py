"""What a long work says of itself now and then."""

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")
SECONDS_BETWEEN = 10.0


class Progress:
    """A line on stderr now and then: done, failed, rate, time left."""

    def __init__(self, name: str, total: int, what: str = "light-cones") -> None:
        """``total`` is how many of ``what`` there are to do."""
        self._name, self._total, self._what = name, total, what
        self._done = self._failed = 0
        self._began = self._said = time.monotonic()

    def count(self, succeeded: bool = True) -> None:
        """One more is finished; say so if the last line is long enough ago, or at the end."""
        self._done += succeeded
        self._failed += not succeeded
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN or self._done + self._failed == self._total:
            self._said = now
            print(self.line(now - self._began), file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """The line, ``seconds`` after the beginning."""
        finished = self._done + self._failed
        per_second = finished / seconds if seconds > 0 else 0.0
        left = duration((self._total - finished) / per_second) if per_second else "unknown time"
        failed = f", {self._failed} failed" if self._failed else ""
        return (
            f"{self._name}: {self._done} of {self._total} {self._what} done{failed}, "
            f"{60 * per_second:.1f} per minute, {left} left"
        )


def told(items: Iterable[T], total: int, name: str, what: str = "light-cones") -> Iterator[T]:
    """The items; meanwhile a line now and then, beginning with ``name``."""
    progress = Progress(name, total, what)
    for item in items:
        yield item
        progress.count()


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as 1:02:03."""
    return str(timedelta(seconds=round(seconds)))
