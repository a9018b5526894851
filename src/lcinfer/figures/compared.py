"""Which of two posteriors tells more, light-cone by light-cone."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from .style import METHODS, PAGE, paper

ACROSS, HIGH = 3, 2.5  # panels in a row, and their height in inches
SHOWN = (0.01, 0.99)  # quantiles that the axes hold at least
MARGIN = 0.1  # of their distance, beyond them


@paper()
def draw_compared(log_density: Mapping[str, ArrayLike]) -> Figure:
    """Log density at the truth of each test light-cone: the first method's against the others'.

    Above the diagonal the first tells more. What lies outside the axes stands on their edge, as a
    triangle. Above each panel: the paired difference, whose mean one light-cone can move far, its
    standard error, its median, and in how many light-cones the first is higher.

    Args:
        log_density: of each method, (light-cone,) in nats above the prior's, of the same
            light-cones; at least two methods.
    """
    (name, first), *others = (
        (name, np.asarray(each, dtype=float)) for name, each in log_density.items()
    )
    rows = -(-len(others) // ACROSS)
    across = min(len(others), ACROSS)
    figure = Figure(figsize=(PAGE * across / ACROSS, HIGH * rows), layout="constrained")
    panels = figure.subplots(rows, across, squeeze=False)
    for axes, (other, second) in zip(panels.flat, others, strict=False):
        _draw(axes, second, first)
        axes.set_xlabel(f"{other} [nats]")
        axes.set_title(_said(first - second), fontsize="small")
    for axes in panels.flat[len(others) :]:
        axes.set_visible(False)
    for axes in panels[:, 0]:
        axes.set_ylabel(f"{name} [nats]")
    return figure


def _draw(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    low, high = np.quantile([x, y], SHOWN)
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    outside = (np.minimum(x, y) < low) | (np.maximum(x, y) > high)
    axes.plot([low, high], [low, high], color="0.6", linewidth=0.7)
    for which, marker in ((~outside, "."), (outside, "^")):
        points = (np.clip(each[which], low, high) for each in (x, y))
        axes.plot(*points, marker, color=METHODS[0], markersize=3, alpha=0.6, clip_on=False)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")


def _said(difference: NDArray[np.float64]) -> str:
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return (
        f"difference: {difference.mean():.2f} ± {error:.2f} nats, median "
        f"{np.median(difference):.2f},\nabove 0 in {(difference > 0).mean():.0%} "
        f"of {len(difference)}"
    )
