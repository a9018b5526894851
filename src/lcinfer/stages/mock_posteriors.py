"""Posteriors of a run's mocks: truth, median and credible intervals by method; CSV and a page."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..config.parameters import shown
from ..evaluation.posteriors import LEVELS, read_posteriors
from ..likelihood.convergence import chains_of
from ..products.mcmc import McmcRun
from ..products.networks import EvaluationRun
from ..products.run import Run
from ..text.styles import Html
from ..text.tables import comma_separated


class _Found(NamedTuple):
    """What a method says of a light-cone."""

    mock: str
    light_cone: int
    method: str
    log_density: float
    truth: np.ndarray
    """(parameter,)."""
    quantiles: np.ndarray
    """(quantile, parameter): the median, then both ends for each of :data:`.LEVELS`."""


def tables(run: Run) -> list[str]:
    """As CSV, and as a page."""
    found = list(_found(run))
    return [_table(run, found), _page(run, found)]


def sources(run: Run) -> dict[str, EvaluationRun | McmcRun]:
    """What gives posteriors of the mocks, by name."""
    return {**{name: it for name, it in run.evaluations.items() if it.has_posterior}, **run.mcmc}


def _found(run: Run) -> Iterator[_Found]:
    methods = sources(run)
    asked = [0.5, *(end for level in LEVELS for end in ((1 - level) / 2, (1 + level) / 2))]
    for mock in sorted(run.mocks):
        posteriors = {
            name: read_posteriors(method.mock_posterior(mock)) for name, method in methods.items()
        }
        for at in range(run.mocks[mock].realizations):
            for name, each in posteriors.items():
                quantiles = np.quantile(each.samples[at].astype(float), asked, axis=0)
                said = (float(each.log_density[at]), each.truth[at], quantiles)
                yield _Found(mock, int(each.light_cones[at]), name, *said)


def _table(run: Run, found: list[_Found]) -> str:
    """A line per mock, light-cone, method and parameter, in py21cmfast's names and units."""
    ends = [f"{end}_{100 * level:.0f}" for level in LEVELS for end in ("low", "high")]
    rows: list[list[str]] = [
        [
            *("mock", "light_cone", "posterior", "log_density", "parameter", "unit"),
            *("true", "median", *ends),
        ]
    ]
    for each in found:
        for at, name in enumerate(run.database.design.names):
            values = (each.truth[at], *each.quantiles[:, at])
            who = (each.mock, str(each.light_cone), each.method, f"{each.log_density:.4f}")
            rows.append([*who, name, shown(name).own_unit, *(f"{it:.6g}" for it in values)])
    return comma_separated(rows)


def _page(run: Run, found: list[_Found]) -> str:
    """A line per mock, light-cone and method, a column per parameter, in the paper's units."""
    style, names = Html(), run.database.design.names
    rows, before = [], ""
    for each in found:
        if each.mock != before:
            cells = [
                f"{it * shown(name).scale:.4g}" for name, it in zip(names, each.truth, strict=True)
            ]
            rows.append([style.code(each.mock), "", "true values", "", *cells])
            before = each.mock
        cells = [
            style.estimate(*_rounded(each.quantiles[:3, at] * shown(name).scale))
            for at, name in enumerate(names)
        ]
        density = f"{each.log_density:.2f}"
        rows.append(
            [style.code(each.mock), str(each.light_cone), style.code(each.method), density, *cells]
        )
    caption = (
        "Posteriors of the mocks' light-cones: the log density at the true values, in nats above "
        "that of the prior; of each parameter the median, and below it the central 68% interval."
    )
    chains = {name: chains_of(sampled, test=False).told(name) for name, sampled in run.mcmc.items()}
    caption += "".join(f" {name}: {said}." for name, said in chains.items() if said)
    head = ["Mock", "Light-cone", "Posterior", "Log density", *map(style.quantity, names)]
    return f"{style.table(head, rows, caption)}\n"


def _rounded(estimate: np.ndarray) -> list[str]:
    """A median and the ends of its interval, in two or three digits of the interval's width."""
    _, low, high = estimate
    digits = max(0, 2 - math.ceil(math.log10(high - low))) if high > low else 2
    return [f"{value:.{digits}f}" for value in estimate]
