"""Whether posteriors are calibrated: ranks of the truth, and how often intervals hold it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.stats import binom, kstwo

from ..config.parameters import shown
from ..evaluation.calibration import FALSE_ALARMS, NONE, Calibration
from ..evaluation.posteriors import LEVELS
from .style import METHODS, PAGE, paper

BARS, BAND, LINE = "#c3d5e8", "0.85", "#12508f"
ACROSS = 4  # histograms in a row
RANKS_HIGH, CURVES_HIGH = 1.45, 2.75  # of a row, in inches
PER_BIN = 16  # light-cones that a bin of ranks should hold
WITHIN = 0.95  # of calibrated posteriors lie in a band


@paper()
def draw_calibration(found: Calibration, names: Sequence[str]) -> Figure:
    """Rank histograms, and coverage of all parameters at once (TARP) and of each.

    Above: ranks of the truths among the posterior's samples, flat where it is calibrated (a
    posterior too narrow: a bowl; too wide: a hill; biased: a slope), with the band that 95% of the
    bars of calibrated ones keep to. Below: TARP's coverage, with the band that it must keep to for
    its half of the gate, and the coverage of central intervals of each parameter, with the band of
    95% at each level. A line below the diagonal: too narrow; above: too wide.

    Args:
        found: of the test light-cones.
        names: (parameters,) py21cmfast's names.
    """
    rows = -(-len(names) // ACROSS)
    figure = Figure(figsize=(PAGE, RANKS_HIGH * rows + CURVES_HIGH + 0.3), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(RANKS_HIGH * rows, CURVES_HIGH))
    ranks, curves = halves
    across = min(ACROSS, len(names))
    panels: Any = ranks.subplots(rows, across, squeeze=False, sharey=True)
    for axes, name, column, p in zip(panels.flat, names, found.ranks.T, found.sbc, strict=False):
        _draw_ranks(axes, name, column, p)
    for axes in panels.flat[len(names) :]:
        axes.set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel("Light-cones")
    tarp, central = curves.subplots(1, 2, sharey=True)
    _draw_tarp(tarp, found)
    _draw_coverage(central, found, names)
    verdict = "No verdict" if found.verdict == NONE else found.verdict
    reason = found.reason([_brief(name) for name in names])
    figure.suptitle(f"{verdict}: {reason}", fontsize="medium")
    return figure


def _draw_ranks(axes: Axes, name: str, ranks: NDArray[np.float64], p: float) -> None:
    count = len(ranks)
    bins = int(np.clip(count // PER_BIN, 4, 20))
    low, high = binom.interval(WITHIN, count, 1 / bins)
    axes.set_label(name)
    axes.axhspan(low, high, color=BAND, zorder=0)
    axes.hist(ranks, bins=bins, range=(0, 1), color=BARS, edgecolor=LINE, linewidth=0.6)
    axes.axhline(count / bins, color="0.45", linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_xticks((0, 0.5, 1), ("0", "0.5", "1"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.set_xlabel("Rank of the truth")
    axes.set_title(_brief(name), fontsize="medium", loc="left", pad=4)
    axes.set_title(_p(p), fontsize="small", loc="right", pad=4)


def _draw_tarp(axes: Axes, found: Calibration) -> None:
    count = found.light_cones
    level = np.linspace(0, 1, 201)
    most = kstwo.isf(FALSE_ALARMS / 2, count)  # of Kolmogorov and Smirnov's distance
    axes.set_label("tarp")
    low, high = np.clip((level - most, level + most), 0, 1)
    axes.fill_between(level, low, high, color=BAND, linewidth=0, label="band of the gate")
    at = np.sort(found.credibility)
    share = np.arange(count + 1) / count
    axes.step([0, *at, 1], [*share, 1], where="post", color=LINE, label="all parameters")
    _finish(axes, "Credibility level")
    axes.set_ylabel("Share of truths inside")
    axes.set_title("TARP", fontsize="medium", loc="left", pad=4)
    axes.set_title(_p(found.tarp), fontsize="small", loc="right", pad=4)


def _draw_coverage(axes: Axes, found: Calibration, names: Sequence[str]) -> None:
    count = found.light_cones
    level = np.linspace(0, 1, 201)
    low, high = binom.interval(WITHIN, count, level)
    axes.set_label("coverage")
    band = f"{WITHIN:.0%} at each level"
    axes.fill_between(level, low / count, high / count, color=BAND, linewidth=0, label=band)
    shares = np.array([found.coverage(each) for each in level])
    for number, name in enumerate(names):
        again, colour = divmod(number, len(METHODS))
        at = [f"{found.coverage(each)[number]:.2f}" for each in LEVELS]
        axes.plot(
            level,
            shares[:, number],
            color=METHODS[colour],
            linestyle="--" if again else "-",
            label=f"{_brief(name)}: {', '.join(at)}",
        )
    for each in LEVELS:
        axes.axvline(each, color="0.45", linewidth=0.6, linestyle=":")
    _finish(axes, "Probability of the central interval")
    stated = " and ".join(f"{each:g}" for each in LEVELS)
    axes.set_title(f"Each parameter, and its coverage at {stated}", fontsize="medium", loc="left")


def _finish(axes: Axes, label: str) -> None:
    axes.plot((0, 1), (0, 1), color="0.45", linewidth=0.8)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=label)
    axes.legend(loc="best", handlelength=1.4)


def _p(value: float) -> str:
    """A p value as mathtext has it."""
    if value >= 1e-3:
        return f"$p={value:.2g}$"
    digit, _, power = f"{value:.0e}".partition("e")
    return rf"$p={digit}\times10^{{{int(power)}}}$" if value > 0 else "$p=0$"


def _brief(name: str) -> str:
    how = shown(name)
    return how.brief or how.symbol
