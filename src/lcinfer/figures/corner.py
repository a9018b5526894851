"""Posteriors of one light-cone in pairs of parameters, one or several over one another."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from ..base.counting import counted
from ..config.parameters import shown
from .style import METHODS, paper

FloatArray = NDArray[np.float64]
Range = tuple[float, float]

CONTOURS = (0.95, 0.68)  # of the probability, the outer one first
CELLS = 96  # along an axis, in which densities are estimated
SMOOTH = 0.7  # times Scott's width: a whole one would widen degeneracies
INNER = (0.002, 0.998)  # quantiles that the axes hold
MARGIN = 0.08  # of their distance, beyond them
SIDE, GAP, BESIDE = 1.5, 0.07, 0.8  # of a panel, between panels, for labels; in inches
TRUTH = "0.25"
DASHES = (0, (4, 2))
THIN: dict[str, Any] = {"linewidth": 0.5, "alpha": 0.6}


class Axis(NamedTuple):
    """A parameter's axis."""

    label: str
    scale: float
    limits: Range


@paper()
def draw_corner(
    samples: Mapping[str, ArrayLike],
    truth: ArrayLike,
    names: Sequence[str],
    priors: Mapping[str, Range],
    *,
    title: str = "",
    log_density: Mapping[str, float] | None = None,
    others: Mapping[str, ArrayLike] | None = None,
) -> Figure:
    """Contours of 68 and 95% in each pair of parameters, and each one's density.

    A light-cone that is shown for several is one by chance: thin lines are the densities of the
    others, so that one sees how far initial conditions alone move a posterior.

    Densities are histograms, smoothed and reflected at the prior's ends, which axes do not leave.

    Args:
        samples: of each method's posterior, (samples, parameters), in py21cmfast's units.
        truth: (parameters,) that the light-cone was made with.
        names: (parameters,) py21cmfast's names.
        priors: name -> (low, high).
        title: what light-cone it is.
        log_density: of each method, the mean over test light-cones, in nats above the prior's.
        others: (light-cones, samples, parameters) of others with the same parameters, by method.
    """
    true = np.asarray(truth, dtype=float)
    drawn = {label: np.asarray(each, dtype=float) for label, each in samples.items()}
    beside = {label: np.asarray(each, dtype=float) for label, each in (others or {}).items()}
    every = [each for label in drawn for each in (drawn[label], *beside.get(label, ()))]
    axes_of = [
        _axis(name, [each[:, at] for each in every], true[at], priors[name])
        for at, name in enumerate(names)
    ]
    scale = np.array([axis.scale for axis in axes_of])
    count = len(names)
    size = BESIDE + count * SIDE + GAP
    figure = Figure(figsize=(size, size))
    ends = {"left": BESIDE / size, "bottom": BESIDE / size, "right": 1 - GAP / size}
    apart = GAP / SIDE
    panels = figure.subplots(
        *(count, count),
        squeeze=False,
        gridspec_kw={**ends, "top": 1 - GAP / size, "wspace": apart, "hspace": apart},
    )
    for (row, column), panel in np.ndenumerate(panels):
        if column > row:
            panel.set_visible(False)
            continue
        panel.set_label(f"{names[column]} {names[row]}")
        for (label, points), colour in zip(drawn.items(), METHODS, strict=False):
            pair = [(points * scale)[:, column], (points * scale)[:, row]]
            if row == column:
                limits = axes_of[column].limits
                _draw_marginal(panel, pair[0], limits, colour)
                for other in beside.get(label, ()):
                    _draw_marginal(panel, (other * scale)[:, column], limits, colour, thin=True)
            else:
                _draw_pair(panel, pair, (axes_of[column].limits, axes_of[row].limits), colour)
        _draw_truth(panel, (true * scale)[column], (true * scale)[row], row == column)
        _finish(panel, axes_of[column], axes_of[row], row, column, count)
    thin = max(map(len, beside.values()), default=0)
    _legend(figure, drawn, title, log_density or {}, thin)
    return figure


def _axis(name: str, several: list[FloatArray], true: float, prior: Range) -> Axis:
    """From the samples of all methods, the truth among them, never beyond the prior."""
    how = shown(name)
    ends = np.array([np.quantile(each, INNER) for each in several])
    low, high = min(ends[:, 0].min(), true), max(ends[:, 1].max(), true)
    room = MARGIN * (high - low)
    # Beyond the prior only where the truth is.
    least, most = min(prior[0], true - room), max(prior[1], true + room)
    least, most = (
        (prior[0] if true >= prior[0] else least),
        (prior[1] if true <= prior[1] else most),
    )
    limits = (max(low - room, least) * how.scale, min(high + room, most) * how.scale)
    return Axis(how.label, how.scale, limits)


def _density(points: list[FloatArray], limits: Sequence[Range]) -> tuple[FloatArray, Any]:
    """Share of the samples in each cell, smoothed, and the cells' edges along each axis."""
    counts, edges = np.histogramdd(np.stack(points, axis=1), bins=CELLS, range=limits)
    scott = len(points[0]) ** (-1 / (4 + len(points)))
    cells = [
        SMOOTH * scott * _spread(each) / ((high - low) / CELLS)
        for each, (low, high) in zip(points, limits, strict=True)
    ]
    return gaussian_filter(counts / len(points[0]), cells, mode="reflect"), edges


def _spread(points: FloatArray) -> float:
    """A standard deviation that tails do not widen."""
    low, high = np.quantile(points, (0.16, 0.84))
    return float(high - low) / 2


def _draw_marginal(
    axes: Axes, points: FloatArray, limits: Range, colour: str, thin: bool = False
) -> None:
    density, (edges,) = _density([points], [limits])
    # To the very ends of the axis, where a posterior may be cut off by the prior.
    x = [edges[0], *(edges[1:] + edges[:-1]) / 2, edges[-1]]
    y = [density[0], *density, density[-1]]
    axes.plot(x, y, color=colour, **(THIN if thin else {}))
    if not thin:
        axes.fill_between(x, y, color=colour, alpha=0.12)


def _draw_pair(
    axes: Axes, points: list[FloatArray], limits: tuple[Range, Range], colour: str
) -> None:
    density, edges = _density(points, limits)
    levels = _levels(density)
    # A cell beyond each end, so that contours run up to the axis.
    middle = [np.array([each[0], *(each[1:] + each[:-1]) / 2, each[-1]]) for each in edges]
    whole = np.pad(density, 1, mode="edge").T
    fills = [to_rgba(colour, alpha) for alpha in (0.15, 0.45)]
    axes.contourf(*middle, whole, levels=[*levels, np.inf], colors=fills)
    axes.contour(*middle, whole, levels=levels, colors=[colour], linewidths=0.8)


def _levels(density: FloatArray) -> list[float]:
    """Densities above which lie the shares of :data:`CONTOURS`."""
    ordered = np.sort(density, axis=None)[::-1]
    within = np.cumsum(ordered) / ordered.sum()
    found = [float(ordered[np.searchsorted(within, share)]) for share in CONTOURS]
    return [found[0], max(found[1], np.nextafter(found[0], np.inf))]


def _draw_truth(axes: Axes, x: float, y: float, marginal: bool) -> None:
    axes.axvline(x, color=TRUTH, linewidth=0.7, linestyle=DASHES, zorder=4)
    if not marginal:
        axes.axhline(y, color=TRUTH, linewidth=0.7, linestyle=DASHES, zorder=4)
        axes.plot(x, y, "s", color=TRUTH, markersize=3, zorder=5)


def _finish(axes: Axes, x: Axis, y: Axis, row: int, column: int, count: int) -> None:
    axes.set_xlim(x.limits)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10], prune="both"))
    if row == column:
        axes.set_yticks([])
        axes.set_ylim(bottom=0)
    else:
        axes.set_ylim(y.limits)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10], prune="both"))
    axes.tick_params(labelbottom=row == count - 1, labelleft=column == 0 and row > 0)
    if row == count - 1:
        axes.set_xlabel(x.label)
    if column == 0 and row > 0:
        axes.set_ylabel(y.label)


def _legend(
    figure: Figure,
    drawn: Mapping[str, FloatArray],
    title: str,
    log_density: Mapping[str, float],
    others: int,
) -> None:
    entries = []
    for label, colour in zip(drawn, METHODS, strict=False):
        worth = f": {log_density[label]:.2f} nats" if label in log_density else ""
        entries.append(Line2D([], [], color=colour, linewidth=2, label=f"{label}{worth}"))
    look: Any = {"color": TRUTH, "linewidth": 0.7, "linestyle": DASHES, "marker": "s"}
    entries.append(Line2D([], [], markersize=3, label="true values", **look))
    if others:
        told = counted(others, "other light-cone")
        entries.append(Line2D([], [], color=TRUTH, label=f"{told}: densities alone", **THIN))
    lines = [title] if title else []
    lines.append("contours: 68 and 95%")
    if log_density:
        lines.append(
            "nats: mean log density at the truth\nof the test light-cones, above the prior's"
        )
    figure.legend(
        handles=entries,
        loc="upper right",
        title="\n".join(lines),
        alignment="left",
        title_fontsize="small",
        bbox_to_anchor=(0.99, 0.98),
    )
