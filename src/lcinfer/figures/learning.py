"""R2 against the size of the training set: where more light-cones would help."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, ScalarFormatter

from ..config.parameters import shown
from ..evaluation.trials import Trend
from .style import grid, paper, plain_numbers

MORE = 1000  # light-cones that the trend is continued by
COLOURS = ("#12508f", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")


@paper()
def draw_learning(trends: Sequence[Trend]) -> Figure:
    """1 - R2 against the number of training light-cones, a panel per parameter.

    Points: mean over the seeds, with their standard deviation. Dashed: the power law through
    them, continued by a thousand light-cones. Numbers of images and other varied keys have a
    colour each. Where all have the same number of light-cones they stand side by side instead.

    Args:
        trends: of one kind of prediction.
    """
    parameters = list(dict.fromkeys(trend.parameter for trend in trends))
    kinds = list(dict.fromkeys(_kind(trend) for trend in trends))
    figure, panels = grid(len(parameters), most=2, share=0.36, more=0.3)
    sizes = sorted({size for trend in trends for size in trend.light_cones.tolist()})
    continued = any(trend.power_law for trend in trends)
    ticks = sizes if len(sizes) <= 6 else sizes[:: -(-len(sizes) // 6)]
    if continued:
        ticks = [*ticks, sizes[-1] + MORE]
    styles = dict(zip(kinds, zip(cycle(COLOURS), cycle(MARKERS), strict=False), strict=False))
    for axes, parameter in zip(panels, parameters, strict=True):
        for trend in trends:
            if trend.parameter == parameter:
                place = None if len(sizes) > 1 else kinds.index(_kind(trend))
                _draw(axes, trend, *styles[_kind(trend)], place)
        if len(sizes) > 1:
            axes.set_xscale("log")
            axes.set_yscale("log")
            plain_numbers(axes.yaxis)
            axes.set_xticks(ticks)
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.xaxis.set_minor_locator(NullLocator())
        else:
            axes.set_xlim(-0.5, len(kinds) - 0.5)
            axes.set_xticks([])
        axes.set_title(shown(parameter).symbol, fontsize="medium", pad=4)
        axes.set_ylabel("$1-R^2$ of the test set")
    for axes in panels[-2:]:
        axes.set_xlabel("Training light-cones" if len(sizes) > 1 else f"{sizes[0]} light-cones")
    handles, labels = panels[0].get_legend_handles_labels()
    if continued:
        handles.append(Line2D([], [], color="0.4", linestyle="--", linewidth=0.8))
        labels.append(f"power law, to {MORE} light-cones more")
    predicted = {"average": "averages over a light-cone's images", "one_image": "one image"}
    figure.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=min(4, len(labels)),
        title=f"Predictions from {predicted[trends[0].prediction]}",
        title_fontsize="medium",
    )
    return figure


def _draw(axes: Axes, trend: Trend, colour: str, marker: str, place: int | None) -> None:
    left = 1 - trend.mean
    axes.errorbar(
        trend.light_cones if place is None else [place],
        left,
        yerr=None if np.isnan(trend.spread).all() else trend.spread,
        fmt=marker,
        color=colour,
        markersize=3.5,
        linewidth=0.8,
        capsize=2,
        label=_kind(trend),
    )
    if place is not None:
        return
    ends = (trend.light_cones[0], trend.light_cones[-1], trend.light_cones[-1] + MORE)
    if (r2 := trend.at(np.geomspace(ends[0], ends[2], 60))) is not None:
        axes.plot(np.geomspace(ends[0], ends[2], 60), 1 - r2, "--", color=colour, linewidth=0.8)
    else:
        axes.plot(trend.light_cones, left, ":", color=colour, linewidth=0.8)


def _kind(trend: Trend) -> str:
    images = f"{trend.images} image{'s' if trend.images > 1 else ''} of each"
    return ", ".join([images, *(f"{key} = {value}" for key, value in trend.others.items())])
