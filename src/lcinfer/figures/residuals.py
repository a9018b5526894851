"""Distributions of the residuals of Figure 5 over the whole test set, with Gaussian fits."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ..parameters import Shown, shown
from ..residuals import gaussian_fit
from .style import PAGE, paper

BARS, PLAIN, FIT = "#c3d5e8", "#12508f", "#b03a00"
WIDEST = 6.0  # plain standard deviations to either side of the mean that the axes reach
LEAST_BINS, MOST_BINS = 5, 40


@paper()
def draw_residuals(true: ArrayLike, predicted: ArrayLike, names: Sequence[str]) -> Figure:
    """A histogram of predicted minus true per parameter, and the Gaussian fitted to it.

    Solid: the fit, with its mean and standard deviation. Dashed: a Gaussian with the plain mean
    and standard deviation, which feel every outlier. The paper's values of section 4.2 are of
    the fit.

    Args:
        true: (n, parameters) in py21cmfast's units.
        predicted: (n, parameters).
        names: (parameters,) py21cmfast's names.
    """
    residuals = np.asarray(predicted, dtype=float) - np.asarray(true, dtype=float)
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(PAGE, 0.36 * PAGE * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name, residual in zip(panels, names, residuals.T, strict=False):
        _draw(axes, residual * shown(name).scale, shown(name))
        axes.set_label(name)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    return figure


def _draw(axes: Axes, residual: NDArray[np.float64], how: Shown) -> None:
    mean, spread = float(residual.mean()), float(residual.std(ddof=1)) if len(residual) > 1 else 0.0
    reach = WIDEST * spread or 1.0
    bins = int(np.clip(round(2 * np.sqrt(len(residual))), LEAST_BINS, MOST_BINS))
    ends = (max(residual.min(), mean - reach), min(residual.max(), mean + reach))
    _, edges, _ = axes.hist(residual, bins=bins, range=ends, color=BARS)
    unit = f" {how.residual_unit}" if how.residual_unit else ""
    area = len(residual) * float(edges[1] - edges[0])
    at = np.linspace(edges[0], edges[-1], 300)
    fits = (
        (mean, spread, "--", PLAIN, "plain"),
        (*gaussian_fit(residual), "-", FIT, "Gaussian fit"),
    )
    for middle, width, line, colour, label in fits:
        if np.isfinite(width) and width > 0:
            curve = np.exp(-0.5 * ((at - middle) / width) ** 2) / (width * np.sqrt(2 * np.pi))
            told = rf"{label}: ${middle:.2g}\pm{width:.2g}$"
            axes.plot(at, area * curve, line, color=colour, label=f"{told}{unit}")
    axes.axvline(0.0, color="0.55", linewidth=0.8)
    # Room for the legend above the bars, which may fill the panel.
    axes.set_ylim(0.0, 1.45 * axes.get_ylim()[1])
    if axes.get_legend_handles_labels()[1]:  # a single residual has no width
        axes.legend(loc="upper right", fontsize="small", handlelength=1.6)
    suffix = f" [{how.residual_unit}]" if how.residual_unit else ""
    axes.set_xlabel(f"Predicted $-$ true{suffix}")
    axes.set_ylabel("Test images")
    axes.set_title(how.symbol, fontsize="medium", pad=4)
