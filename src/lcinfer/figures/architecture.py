"""Figure 3 of Gillet et al. 2019: a network from the image to the parameters."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..config.parameters import shown
from ..training.networks.layers import Layer
from .style import PAGE, paper

ROW = 0.5  # inches of the page that a layer takes
MIDDLE, WIDEST, HIGHEST = 0.5, 0.34, 0.44  # of the drawing: shares of the width, and of a row
STEP = 34  # characters of a layer's name in a line
MOST_MAPS, MOST_NEURONS = 16, 16  # drawn of many
FACE, EDGE, NEURON = "#dbe8f5", "#12508f", "#8fbfe0"


@paper()
def draw_architecture(rows: Sequence[Layer], parameters: Sequence[str]) -> Figure:
    """The layers of a network from the top (Gillet et al. 2019, Fig. 3).

    Images are drawn as wide and high as the roots of their cells, one behind the other; of
    neurons some are drawn. Beside them stand data dimension and number of weights, as in Table 1.

    Args:
        rows: the network's, the image first.
        parameters: py21cmfast's names of the outputs.
    """
    figure = Figure(figsize=(PAGE, ROW * (len(rows) + 1.15)))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(-len(rows) - 0.1, 1.05)
    axes.set_axis_off()
    for place, title, side in (
        (0.02, "Layer", "left"),
        (0.84, "Data", "right"),
        (0.98, "Weights", "right"),
    ):
        axes.text(place, 0.8, title, ha=side, fontweight="bold")
    images = [row.shape[-2:] for row in rows if len(row.shape) > 1]
    scale = WIDEST / np.sqrt(max(columns for _, columns in images))
    for number, row in enumerate(rows):
        _draw_layer(axes, -float(number), row, scale)
        axes.text(0.02, -number, fill(row.step, STEP), va="center")
        data = r" $\times$ ".join(map(str, row.shape))
        if len(row.shape) == 1:
            data = f"{row.shape[0]:,}"
        weights = f"{row.weights:,}" if row.weights else "–"
        for place, told in ((0.84, data), (0.98, weights)):
            axes.text(place, -number, told, ha="right", va="center")
        if number:
            axes.annotate(
                "",
                (MIDDLE, -number + 0.27),
                (MIDDLE, -number + 0.73),
                arrowprops={"arrowstyle": "->", "color": "0.4", "linewidth": 0.7},
            )
    names = ", ".join(shown(name).symbol for name in parameters)  # below their neurons
    axes.text(MIDDLE, -(len(rows) - 1) - 0.6, names, ha="center", va="center")
    return figure


def _draw_layer(axes: Axes, at: float, row: Layer, scale: float) -> None:
    if len(row.shape) == 1:
        if row.shape[0] > 20 * MOST_NEURONS:
            _draw_strip(axes, at)
        else:
            _draw_neurons(axes, at, row.shape[0])
        return
    maps = 1 if len(row.shape) == 2 else min(row.shape[0], MOST_MAPS)
    height, width = (scale * np.sqrt(cells) for cells in row.shape[-2:])
    high = min(HIGHEST, height * PAGE / ROW)  # equal scales along both sides of the page
    step, rise = 0.004, 0.016
    for number in reversed(range(maps)):
        shift = number - (maps - 1) / 2
        axes.add_patch(
            Rectangle(
                (MIDDLE - width / 2 + shift * step, at - high / 2 + shift * rise),
                *(width, high),
                facecolor=FACE,
                edgecolor=EDGE,
                linewidth=0.5 if maps < 8 else 0.25,
            )
        )


def _draw_strip(axes: Axes, at: float) -> None:
    """Too many numbers to be drawn apart."""
    where = (MIDDLE - WIDEST / 2, at - 0.05)
    axes.add_patch(Rectangle(where, WIDEST, 0.1, facecolor=FACE, edgecolor=EDGE, linewidth=0.5))


def _draw_neurons(axes: Axes, at: float, count: int) -> None:
    drawn = min(count, MOST_NEURONS)
    places = MIDDLE + (np.arange(drawn) - (drawn - 1) / 2) * WIDEST / MOST_NEURONS
    if count > MOST_NEURONS:  # a gap stands for those that are not drawn
        middle = places[len(places) // 2]
        axes.text(middle, at, "…", ha="center", va="center")
        places = np.delete(places, len(places) // 2)
    axes.plot(places, np.full(len(places), at), "o", color=NEURON, markeredgecolor=EDGE, ms=5.0)
