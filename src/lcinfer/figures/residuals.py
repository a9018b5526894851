"""Distributions of the residuals of Figure 5 over the whole test set, with Gaussian fits."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from ..config.parameters import Shown, shown
from ..evaluation.residuals import decimals, gaussian_fit
from .style import grid, paper

BARS = "#c3d5e8"
LineStyle = Literal["--", "-"]
LINES: tuple[tuple[str, LineStyle, str, str], ...] = (  # name, style, colour, and what it is
    ("plain", "--", "#12508f", "plain: Gaussian of the sample's mean and s.d."),
    ("fit", "-", "#b03a00", "fit: Gaussian fit"),
)
WIDEST = 6.0  # plain standard deviations to either side of the mean that the axes reach
LEAST_BINS, MOST_BINS = 5, 40


@paper()
def draw_residuals(true: ArrayLike, predicted: ArrayLike, names: Sequence[str]) -> Figure:
    """A histogram of predicted minus true per parameter, and the Gaussian fitted to it.

    Solid: the fit, with its mean and standard deviation. Dashed: a Gaussian with the sample's own,
    which feel every outlier. The paper's values of section 4.2 are of the fit.

    Args:
        true: (n, parameters) in py21cmfast's units, of n test light-cones.
        predicted: (n, parameters) from one image of each.
        names: (parameters,) py21cmfast's names.
    """
    residuals = np.asarray(predicted, dtype=float) - np.asarray(true, dtype=float)
    figure, panels = grid(len(names), most=2, share=0.36, more=0.4)
    for axes, name, residual in zip(panels, names, residuals.T, strict=True):
        _draw(axes, residual * shown(name).scale, shown(name))
        axes.set_label(name)
    entries: list[Artist] = [
        Line2D([], [], linestyle=line, color=colour, label=label)
        for _, line, colour, label in LINES
    ]
    figure.legend(
        handles=entries,
        loc="outside upper center",
        ncols=len(LINES),
        title=f"{len(residuals)} test light-cones, one image of each",
        title_fontsize="medium",
    )
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
    digits = decimals(spread, len(residual))
    told = []
    moments = ((mean, spread), gaussian_fit(residual))
    for (middle, width), (name, line, colour, _) in zip(moments, LINES, strict=True):
        if np.isfinite(width) and width > 0:
            curve = np.exp(-0.5 * ((at - middle) / width) ** 2) / (width * np.sqrt(2 * np.pi))
            axes.plot(at, area * curve, line, color=colour, label=name)
            number = f"{round(middle, digits) or 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")
            told.append(f"{name}: mean {number}, s.d. {width:.{digits}f}{unit}")
    axes.axvline(0.0, color="0.55", linewidth=0.8)
    suffix = f" [{how.residual_unit}]" if how.residual_unit else ""
    axes.set_xlabel(f"Predicted $-$ true{suffix}")
    axes.set_ylabel("Test images")
    # Numbers above the axes: inside they would lie on bars, or on the line of no residual.
    axes.set_title(how.brief or how.symbol, fontsize="medium", loc="left", pad=4)
    axes.set_title("\n".join(told), fontsize="small", loc="right", pad=4)
