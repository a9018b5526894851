"""Where the panels of one parameter of Figure 5 stand, and what their axes say."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..config.parameters import Shown
from .style import PAGE

# In inches. Placed by hand: an automatic layout would make the squares of unequal size.
BLOCK_WIDTH = PAGE / 2
LEFT, SIDE, GAP, CENTRE = 0.74, 0.62, 0.06, 1.52
BAR_WIDTH, BELOW, ABOVE = 0.09, 0.62, 0.58
BLOCK_HEIGHT = BELOW + SIDE + GAP + CENTRE + ABOVE
NOTE = 0.06  # between the centre's upper edge and the text above it
LABEL = 0.06  # from the block's left edge to the label of its y axis


class Panels(NamedTuple):
    """The axes of one parameter."""

    centre: Axes
    """Predicted against true."""
    below: Axes
    """Residual against true; shares the centre's x."""
    beside: Axes
    """Predicted against residual; shares the centre's y."""
    bar: Axes
    """Colour bar of the centre."""


def add_panels(figure: Figure, left: float, bottom: float, name: str, how: Shown) -> Panels:
    """Add the axes of a parameter's block whose lower left corner is at (left, bottom) inches.

    Args:
        figure: gets four axes, labelled "<name> centre" and so on.
        left: of the block, in inches.
        bottom: of the block, in inches.
        name: of the parameter.
        how: how the parameter is shown.
    """
    width, height = figure.get_size_inches()

    def add(panel: str, x: float, y: float, wide: float, high: float) -> Axes:
        where = ((left + x) / width, (bottom + y) / height, wide / width, high / height)
        return figure.add_axes(where, label=f"{name} {panel}")

    across, up = LEFT + SIDE + GAP, BELOW + SIDE + GAP
    centre = add("centre", across, up, CENTRE, CENTRE)
    below = add("below", across, BELOW, CENTRE, SIDE)
    beside = add("beside", LEFT, up, SIDE, CENTRE)
    bar = add("bar", across + CENTRE + GAP, up, BAR_WIDTH, CENTRE)
    centre.sharex(below)
    centre.sharey(beside)
    centre.tick_params(labelbottom=False, labelleft=False)
    for axis in (below.xaxis, beside.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    below.set_xlabel(f"True {how.label}")
    # From the left edge inwards, so that a high label is not cut off there.
    beside.set_ylabel(f"Predicted {how.label}", va="top")
    beside.yaxis.set_label_coords((LABEL - LEFT) / SIDE, 0.5)
    return Panels(centre, below, beside, bar)


def add_note(panels: Panels, lines: list[str]) -> None:
    """Numbers above the centre, where they cover no point."""
    panels.centre.text(
        *(0.0, 1.0 + NOTE / CENTRE, "\n".join(lines)),
        transform=panels.centre.transAxes,
        va="bottom",
        fontsize="small",
    )


def set_residual_axes(panels: Panels, most: float, unit: str) -> None:
    """Give both residual axes the same ends around zero, and three round ticks.

    Args:
        panels: of one parameter.
        most: largest absolute residual to be seen.
        unit: of the residual; empty: none.
    """
    # Ticks well away from zero: their labels have little room in the narrow panel.
    power = 10.0 ** np.floor(np.log10(0.65 * most))
    digits = (1, 2, 3, 4, 5, 6, 8, 10)
    tick = next(power * digit for digit in digits if power * digit >= 0.65 * most)
    end = max(1.08 * most, 1.3 * tick)
    panels.below.set_ylim(-end, end)
    panels.beside.set_xlim(-end, end)
    numbers = [f"\N{MINUS SIGN}{tick:g}", "0", f"{tick:g}"]
    label = f"residual [{unit}]" if unit else "residual"
    panels.beside.xaxis.tick_top()
    panels.beside.xaxis.set_label_position("top")
    panels.beside.set_xlabel(label, fontsize="small")
    panels.below.set_ylabel(label, fontsize="small")
    panels.beside.set_title("prediction\nuncertainty", fontsize="small", linespacing=1.0, pad=3)
    panels.below.text(
        *(1.0 + GAP / CENTRE, 0.5, "network\nerror"),
        transform=panels.below.transAxes,
        va="center",
        fontsize="small",
        linespacing=1.0,
    )
    for axis in (panels.below.yaxis, panels.beside.xaxis):
        axis.set_ticks([-tick, 0.0, tick], numbers)
        axis.set_tick_params(labelsize="small")
    panels.beside.tick_params(bottom=True, top=True)
