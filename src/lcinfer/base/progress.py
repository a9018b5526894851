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
        parts = [f"{self._name}: {self._done} of {self._total} {self._what} done"]
        parts += [f"{self._failed} failed"] if self._failed else []
        if seconds >= 1:  # sooner a rate says nothing
            parts += [rate(self._done / seconds)] if self._done else []
            if finished == self._total:
                parts.append(f"in {duration(seconds)}")
            else:
                left = (self._total - finished) * seconds / finished
                parts.append(f"{duration(left)} left")
        return ", ".join(parts)


def with_progress(
    items: Iterable[T], total: int, name: str, what: str = "light-cones"
) -> Iterator[T]:
    """The items; meanwhile a line now and then, beginning with ``name``."""
    progress = Progress(name, total, what)
    for item in items:
        yield item
        progress.count()


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as 1:02:03."""
    return str(timedelta(seconds=round(seconds)))


def rate(per_second: float) -> str:
    """Two digits of a rate, in the shortest unit that has one or more."""
    units = {"second": 1, "minute": 60, "hour": 3600}
    unit = next((unit for unit, of in units.items() if per_second * of >= 1), "hour")
    return f"{float(f'{per_second * units[unit]:.2g}'):.10g} per {unit}"
