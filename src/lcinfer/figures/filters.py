"""Figure A1 of Gillet et al. 2019: the filters of the first convolution."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from .style import COLUMN, paper

COLUMNS = 4
FILTERS = "PuOr_r"


@paper()
def draw_filters(weights: ArrayLike) -> Figure:
    """The weights of every filter on one scale about zero (Gillet et al. 2019, Fig. A1).

    The line of sight runs along x, away from us. Filters are numbered from left to right, then
    from the top, as the responses of Fig. A2 are.

    Args:
        weights: (filter, transverse, line of sight), without a unit.
    """
    filters = np.asarray(weights, dtype=float)
    columns = min(COLUMNS, len(filters))
    rows = -(-len(filters) // columns)
    most = float(np.abs(filters).max()) or 1.0
    _, across, along = filters.shape
    side = (COLUMN - 0.75) / columns
    height = rows * (side * min(2.0, max(0.4, across / along)) + 0.2) + 0.4
    figure = Figure(figsize=(COLUMN, height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for number, (panel, plane) in enumerate(zip(panels, filters, strict=False), start=1):
        image = panel.imshow(
            plane, origin="lower", cmap=FILTERS, vmin=-most, vmax=most, interpolation="nearest"
        )
        panel.set_label(f"filter {number}")
        panel.set_title(str(number), fontsize="small", pad=2)
        panel.tick_params(which="both", top=False, right=False, direction="out", labelsize="small")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=2, integer=True))
        if number <= len(filters) - columns:
            panel.tick_params(labelbottom=False)
        if (number - 1) % columns:
            panel.tick_params(labelleft=False)
    for panel in panels[len(filters) :]:
        panel.set_visible(False)
    figure.supxlabel("Cells along the line of sight", fontsize="small")
    figure.supylabel("Cells across", fontsize="small")
    bar = figure.colorbar(image, ax=panels.tolist(), fraction=0.06, label="Weight")
    bar.ax.tick_params(direction="out", labelsize="small")
    return figure
