"""Realisations whose simulations failed: when they are left out, and what that does to the prior.

A failed realisation is tried again by the next job. After ``max_attempts`` failures it is set
aside; if no more than ``allowed_failures`` of a database are, its markers name them, and what
follows is made without them. Light-cones that fail in a corner of the prior change the prior
that networks learn from, so failures are compared with it.
"""

import json
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import UserError
from ..products.databases import LightCones
from . import journal

SHOWN = 20  # indices in a line
FEWEST = 3  # failures that can tell something of a distribution
# The chance of a warning where failures are spread evenly, whatever the number of parameters.
SIGNIFICANCE = 0.01


def unfinished(cones: LightCones, done: Container[int]) -> dict[int, list[journal.Record]]:
    """Index -> failed attempts, the last one last, of realisations that are not ``done``."""
    failed: dict[int, list[journal.Record]] = {}
    for record in sorted(journal.failures(cones.journal), key=journal.ended):
        if record["index"] < cones.realizations and record["index"] not in done:
            failed.setdefault(record["index"], []).append(record)
    return failed


def set_aside(cones: LightCones, failed: Mapping[int, Collection[Any]]) -> set[int]:
    """Those of :func:`unfinished` that are not tried again, whatever job they failed in."""
    return {index for index, tries in failed.items() if len(tries) >= cones.max_attempts}


def naming(failed: list[int]) -> dict[str, list[int]]:
    """What a marker says of those that it leaves out; nothing if there are none."""
    return {"failed": failed} if failed else {}


def named(marker: Path) -> list[int]:
    """The realisations that a marker leaves out; none if it is not there.

    Raises:
        UserError: if it is damaged.
    """
    try:
        failed: list[int] = json.loads(marker.read_bytes()).get("failed", [])
    except FileNotFoundError:
        return []
    except (ValueError, AttributeError):
        raise UserError(f"{marker} is damaged: `lcinfer verify` says what to do") from None
    return failed


def notice(failed: Sequence[int]) -> str:
    """Which light-cones are left out, for a log."""
    return f"left out, since their simulations failed: light-cones {first_of(failed)}"


def first_of(indices: Sequence[int]) -> str:
    """The first of many indices, and how many more there are."""
    more = f" and {len(indices) - SHOWN} more" if len(indices) > SHOWN else ""
    return ", ".join(map(str, indices[:SHOWN])) + more


def point(parameters: Mapping[str, float]) -> str:
    """Parameters of a realisation, for a line about it."""
    return ", ".join(f"{name} {value:.6g}" for name, value in parameters.items())


def too_many(cones: LightCones, failed: int) -> str:
    """That more are set aside than may be, for a user."""
    return (
        f"{failed} are set aside, and database.allowed_failures {cones.allowed_failures:g} lets "
        f"{cones.may_fail} of {cones.realizations} be left out"
    )


def refuse_too_many(cones: LightCones, failed: Collection[int]) -> None:
    """Hold what is left out against the configuration, which may have been edited since.

    Raises:
        UserError: if it allows fewer.
    """
    if len(failed) > cones.may_fail:
        raise UserError(f"{cones.directory}: {too_many(cones, len(failed))}")


@dataclass(frozen=True)
class Uneven:
    """A parameter over whose prior failures are not spread evenly."""

    parameter: str
    p: float  # corrected for the number of parameters
    failed: int
    crowded: int  # failures on that side of `limit` where they stand closest
    above: bool
    limit: float

    def __str__(self) -> str:
        side = "above" if self.above else "below"
        return (
            f"failures are not spread evenly over the prior: {self.parameter} "
            f"(p = {self.p:.1g}), {self.crowded} of {self.failed} {side} {self.limit:.4g}"
        )


def unevenness(cones: LightCones, points: Iterable[Mapping[str, float]]) -> list[Uneven]:
    """Parameters over which failures are not spread as the prior is, the clearest first.

    The Kolmogorov-Smirnov test of each parameter's quantiles in its prior against a uniform
    distribution, exact for any number of failures, with Holm's correction (1979, Scand. J.
    Statist. 6, 65) for the number of parameters.

    Args:
        cones: the database; a mock has no prior, and never an answer.
        points: the parameters of each failed realisation, once: further attempts at one are no
            new evidence.
    """
    names, prior = cones.design.names, cones.design.prior
    known = [[point[name] for name in names] for point in points if set(names) <= set(point)]
    if not prior or len(known) < FEWEST:
        return []
    from scipy.stats import ks_1samp, uniform  # half a second, which few need to pay

    low, high = np.array([prior[name] for name in names]).T
    quantiles = (np.array(known) - low) / (high - low)
    tests = [ks_1samp(column, uniform.cdf, method="exact") for column in quantiles.T]
    found, corrected = [], 0.0
    for rank, which in enumerate(np.argsort([test.pvalue for test in tests]).tolist()):
        test, column = tests[which], quantiles[:, which]
        corrected = max(corrected, float(test.pvalue) * (len(names) - rank))
        above, limit = test.statistic_sign < 0, test.statistic_location
        crowded = int(np.sum(column >= limit if above else column <= limit))
        if corrected < SIGNIFICANCE:
            value = float(low[which] + limit * (high[which] - low[which]))
            found.append(Uneven(names[which], corrected, len(known), crowded, bool(above), value))
    return found
