"""Figure 5 of Gillet et al. 2019 with posteriors: their means and widths against the truth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binned_statistic

from ..config.parameters import Shown, shown
from ..evaluation.residuals import profile_bins
from .style import PAGE, paper, plain_numbers

FloatArray = NDArray[np.float64]
Range = tuple[float, float]

LEVEL = 0.68
MEAN, BARS, ONE_TO_ONE, WIDTH = "#12508f", "#8fbfe0", "#8c8c8c", "#b03a00"
MARGIN = 0.03  # of the prior's range, at either end of an axis
HIGH = 4.1  # of a row of parameters, in inches
FEW = 300  # light-cones up to which bars are opaque


@paper()
def draw_posteriors(
    true: ArrayLike,
    samples: ArrayLike,
    names: Sequence[str],
    priors: Mapping[str, Range],
    bins: int = 25,
) -> Figure:
    """Posterior means with central 68% intervals against the truth, and these intervals' widths.

    Below each parameter's panel: each interval's width, the median in bins, and the width of the
    prior's own, which a network reaches where it knows nothing.

    Args:
        true: (n, parameters) of n test light-cones, in py21cmfast's units.
        samples: (n, samples, parameters) of their posteriors.
        names: (parameters,) py21cmfast's names.
        priors: name -> (low, high).
        bins: most bins along a prior's range; few light-cones get fewer.
    """
    truth, drawn = np.asarray(true, dtype=float), np.asarray(samples)
    mean = drawn.mean(axis=1, dtype=np.float64)
    ends = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=1)
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(columns * PAGE / 2, rows * HIGH + 0.45), layout="constrained")
    ratios = (3, 1.25) * rows
    panels = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=ratios)
    for number, name in enumerate(names):
        how, row, column = shown(name), number // columns, number % columns
        above, below = panels[2 * row, column], panels[2 * row + 1, column]
        above.set_label(f"{name} mean")
        below.set_label(f"{name} width")
        prior = (priors[name][0] * how.scale, priors[name][1] * how.scale)
        x = truth[:, number] * how.scale
        interval = ends[:, :, number] * how.scale
        _draw_means(above, x, mean[:, number] * how.scale, interval, prior)
        _draw_widths(below, x, interval[1] - interval[0], prior, profile_bins(len(x), bins), how)
        above.tick_params(labelbottom=False)
        above.set_ylabel(f"Posterior {how.label}")
        below.set_xlabel(f"True {how.label}")
        for axes in (above, below):
            room = MARGIN * (prior[1] - prior[0])
            axes.set_xlim(prior[0] - room, prior[1] + room)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    if len(names) % columns:
        for panel in panels[-2:, -1]:
            panel.set_visible(False)
    figure.legend(
        handles=_entries(),
        loc="outside upper center",
        ncols=2,
        title=f"{len(truth)} test light-cones",
        title_fontsize="medium",
    )
    return figure


def _draw_means(
    axes: Axes, true: FloatArray, mean: FloatArray, interval: FloatArray, prior: Range
) -> None:
    alpha = min(1.0, FEW / len(true))
    axes.vlines(true, *interval, color=BARS, linewidth=0.7, alpha=alpha, zorder=1)
    axes.plot(prior, prior, color=ONE_TO_ONE, linewidth=0.8, zorder=2)
    axes.plot(true, mean, ".", color=MEAN, markersize=3, zorder=3)
    room = MARGIN * (prior[1] - prior[0])
    axes.set_ylim(prior[0] - room, prior[1] + room)


def _draw_widths(
    axes: Axes, true: FloatArray, width: FloatArray, prior: Range, bins: int, how: Shown
) -> None:
    axes.plot(true, width, ".", color=BARS, markersize=2.5)
    edges = np.linspace(*prior, bins + 1)
    median = binned_statistic(true, width, "median", edges).statistic
    axes.stairs(median, edges, baseline=None, color=WIDTH)
    axes.axhline(LEVEL * (prior[1] - prior[0]), color=ONE_TO_ONE, linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    plain_numbers(axes.yaxis)
    axes.set_ylabel("68% width" + (f"\n[{how.residual_unit}]" if how.residual_unit else ""))


def _entries() -> list[Artist]:
    """What points and lines mean."""
    dot: Any = {"marker": ".", "linestyle": "-", "markersize": 5}
    return [
        Line2D(
            [],
            [],
            color=BARS,
            markeredgecolor=MEAN,
            markerfacecolor=MEAN,
            **dot,
            label="posterior mean and central 68% interval",
        ),
        Line2D([], [], color=WIDTH, label="median of the intervals' widths in bins"),
        Line2D([], [], color=ONE_TO_ONE, label="one to one"),
        Line2D([], [], color=ONE_TO_ONE, linestyle=":", label="width for the prior itself"),
    ]
