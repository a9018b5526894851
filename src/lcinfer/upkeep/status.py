"""How far a database is, from its journal and its leases: readable while jobs write them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..base import lease
from ..base.counting import counted
from ..base.lease import Holder
from ..base.progress import duration
from ..lightcones import failures, journal
from ..lightcones.failures import Uneven
from ..lightcones.journal import Record, ended
from ..products.databases import LightCones

# The rate is taken over the last hour of activity, or over four simulations if these take longer.
WINDOW = 3600.0
SIMULATIONS = 4
SHOWN = 5


@dataclass(frozen=True)
class Attempt:
    """A realisation and its last attempt."""

    index: int
    parameters: dict[str, float]
    seconds: float | None
    error: str | None = None
    attempts: int = 1

    def __str__(self) -> str:
        point = failures.point(self.parameters)
        if self.error is not None:
            tries = counted(self.attempts, "attempt")
            return f"light-cone {self.index}, {tries}: {self.error} ({point})"
        return f"light-cone {self.index}, {duration(self.seconds or 0)} ({point})"


@dataclass(frozen=True)
class Status:
    """How far a database is. Times are in seconds, memory is in bytes."""

    name: str
    directory: str
    light_cones: int
    done: int
    running: int  # see :func:`status`
    failed: list[Attempt]  # not done, and the last attempt failed; to be tried again
    set_aside: list[Attempt]  # failed so often that they are not tried again
    uneven: list[Uneven]  # parameters over whose prior these failures are not spread evenly
    leases: list[Holder]  # who is at work, or was when it was killed
    blocks: int
    blocks_done: int
    sealed: bool
    per_hour: float | None  # of late
    seconds_left: float | None  # at that rate, if all that is left succeeds
    seconds_since: float | None  # since the last attempt ended
    seconds: dict[str, float] | None  # mean, min, max of what is done
    peak_bytes: int | None
    slowest: list[Attempt]

    @property
    def waiting(self) -> int:
        """Still to be made, and not running: the failed that will be tried again, too."""
        return self.light_cones - self.done - self.running - len(self.set_aside)

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {**asdict(self), "waiting": self.waiting}

    def __str__(self) -> str:
        if not (self.done or self.failed or self.set_aside or self.leases):
            return f"{self.name}: {self.light_cones} light-cones, nothing done yet"
        sealed = "sealed" if self.sealed else "not sealed"
        blocks = f"{self.blocks_done} of {self.blocks} blocks, {sealed}"
        rows = [("done", f"{self.done} of {self.light_cones} light-cones ({blocks})")]
        left = self.light_cones - self.done - len(self.set_aside)
        if left:
            again = f", {len(self.failed)} failed before" if self.failed else ""
            rows += [("running", str(self.running)), ("waiting", f"{self.waiting}{again}")]
        if self.set_aside:
            rows += [("set aside", f"{len(self.set_aside)}, which failed too often")]
        alive = [holder for holder in self.leases if holder.alive]
        silent = [holder for holder in self.leases if not holder.alive]
        rows += _listed("at work", alive) + _listed("silent", silent)
        if self.per_hour is not None and self.seconds_since is not None:
            last = f"the last attempt ended {duration(self.seconds_since)} ago"
            rows += [("rate", f"{self.per_hour:,.1f} per hour lately; {last}")]
        if self.seconds_left:
            rows += [("left", f"{duration(self.seconds_left)} at this rate")]
        if self.seconds:
            mean, low, high = (duration(self.seconds[key]) for key in ("mean", "min", "max"))
            rows += [("each", f"{mean} on average, {low} to {high}")]
        if self.peak_bytes is not None:
            rows += [("memory", f"{self.peak_bytes / 1e6:,.0f} MB at most in a simulating process")]
        rows += _listed("slowest", self.slowest) + _listed("failed", self.failed)
        rows += _listed("set aside", self.set_aside)
        rows += [("warning", str(uneven)) for uneven in self.uneven]
        return "\n".join([f"{self.name} ({self.directory})", *(f"  {a:11}{b}" for a, b in rows)])


def _listed(what: str, found: Sequence[object]) -> list[tuple[str, str]]:
    rows = [("" if row else what, str(each)) for row, each in enumerate(found[:SHOWN])]
    more = len(found) - SHOWN
    return [*rows, ("", f"and {more} more: --json lists them")] if more > 0 else rows


def status(cones: LightCones, now: float) -> Status:
    """How far a database is at the time ``now``, in seconds since 1970.

    A light-cone leaves no trace before it ends: of a block whose job is alive as many are
    running as the job has ranks, or as the block still lacks. A killed job counts for as long
    as nobody knows (half a minute).
    """
    count = cones.realizations
    lines = [
        line
        for line in journal.lines(cones.journal, histories=False)
        if line.record is not None and line.record.get("index", count) < count
    ]
    gone = journal.withdrawn(cones.journal)
    attempts = sorted(lines, key=lambda line: ended(line.said))
    done: dict[int, Record] = {}
    failed: dict[int, Record] = {}
    faults: dict[int, list[Record]] = {}
    tries = Counter(line.said["index"] for line in attempts)
    for line in attempts:
        record, index = line.said, line.said["index"]
        if "digest" not in record:
            failed[index] = record
            faults.setdefault(index, []).append(record)
            continue
        failed.pop(index, None)
        if not gone or line.identity not in gone:
            done[index] = record
    faults = {index: several for index, several in faults.items() if index not in done}
    aside = {index: faults[index][-1] for index in sorted(failures.set_aside(cones, faults))}
    finished = done.keys() | aside.keys()
    failed = {index: failed[index] for index in sorted(failed.keys() - finished)}
    took = [record["seconds"] for record in done.values() if "seconds" in record]
    leases = lease.holders(cones.leases, now)
    lacking = {
        holder.span: sum(index not in finished for index in range(*holder.span) if index < count)
        for holder in leases
        if holder.alive
    }
    running = sum(min(it.ranks, lacking[it.span]) for it in leases if it.alive)
    per_hour = _rate(list(done.values()))
    slowest = sorted(done.values(), key=lambda record: -record.get("seconds", 0.0))[:SHOWN]
    peaks = [line.said["peak_bytes"] for line in attempts if "peak_bytes" in line.said]
    return Status(
        name=cones.name,
        directory=str(cones.directory),
        light_cones=count,
        done=len(done),
        running=running,
        failed=[_attempt(record, tries[index]) for index, record in failed.items()],
        set_aside=[_attempt(record, tries[index]) for index, record in aside.items()],
        uneven=failures.unevenness(
            cones, [it.get("parameters", {}) for it in (*failed.values(), *aside.values())]
        ),
        leases=leases,
        blocks=len(cones.spans),
        blocks_done=sum(cones.done(span).exists() for span in cones.spans),
        sealed=cones.sealed.exists(),
        per_hour=per_hour,
        seconds_left=3600 * (count - len(finished)) / per_hour if per_hour else None,
        seconds_since=max(0.0, now - ended(attempts[-1].said)) if attempts else None,
        seconds=_spread(took),
        peak_bytes=max(peaks, default=None),
        slowest=[_attempt(record, tries[record["index"]]) for record in slowest],
    )


def _rate(done: list[Record]) -> float | None:
    """Finished per hour in the time before the last one ended."""
    if not done:
        return None
    mean = sum(float(record.get("seconds", 0.0)) for record in done) / len(done)
    window = max(WINDOW, SIMULATIONS * mean)
    end = max(map(ended, done))
    begin = max(end - window, min(float(record.get("began", 0.0)) for record in done))
    within = sum(ended(record) > begin for record in done)
    return 3600 * within / (end - begin) if end > begin else None


def _spread(seconds: list[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    return {"mean": sum(seconds) / len(seconds), "min": min(seconds), "max": max(seconds)}


def _attempt(record: Record, attempts: int) -> Attempt:
    seconds, error = record.get("seconds"), record.get("error")
    return Attempt(record["index"], record.get("parameters", {}), seconds, error, attempts)
