"""Figure 5 of Gillet et al. 2019: predicted against true parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from ..parameters import Shown, shown
from ..residuals import (
    LEAST_FOR_FIT,
    LEAST_FOR_SPREAD,
    Profile,
    density_bins,
    gaussian_fit,
    profile_bins,
    residual_profile,
)
from .mocks import Point
from .panels import BLOCK_HEIGHT, BLOCK_WIDTH, Panels, add_panels, set_residual_axes
from .style import paper

FloatArray = NDArray[np.float64]
Pair = tuple[FloatArray, FloatArray]  # (n,) true values and (n,) predicted ones
Range = tuple[float, float]

LEGEND_LINE = 0.17  # inches
BEYOND = 0.25  # a prediction may leave the prior: shown up to this share of the prior's range
FEW_POINTS = 200  # up to here each point is drawn as well
DENSITY = LinearSegmentedColormap.from_list(
    "density", ["#dbe8f5", "#8fbfe0", "#3a87c0", "#12508f", "#08214a"]
)
BAND, MEAN, ONE_TO_ONE, FIT = "#c3d5e8", "#12508f", "#8c8c8c", "#b03a00"


@paper()
def draw_recovery(
    true: ArrayLike,
    predicted: ArrayLike,
    names: Sequence[str],
    priors: Mapping[str, Range],
    *,
    mocks: Mapping[str, tuple[ArrayLike, ArrayLike | None]] | None = None,
    scores: Mapping[str, tuple[float, float, float]] | None = None,
    confidence: float = 0.95,
    bins: int = 25,
) -> Figure:
    """Density of (true, predicted) and profiles of residuals (Gillet et al. 2019, Fig. 5).

    For each parameter the centre is the logarithm of the number of test images per bin,
    with the one-to-one line; below it stand the residual's mean and standard deviation
    against the true value (the network error), beside it against the predicted value (the
    prediction uncertainty). A bin of fewer than three points is given no spread. Mean and
    standard deviation of a Gaussian fit, which the paper draws, stand beside them in a bin of
    eight points or more.

    All values are py21cmfast's; the figure converts them to the paper's units.

    Args:
        true: (n, parameters).
        predicted: (n, parameters).
        names: (parameters,) py21cmfast's names, in the order of the panels.
        priors: name -> (low, high).
        mocks: name -> ((parameters,) true values, (k, parameters) values recovered from k
            independent initial conditions, or None). A mock lies at its recovered mean,
            with their standard deviation when k > 1; one without any lies at its true
            values. The legend says which.
        scores: name -> (R2, and the two ends of its interval).
        confidence: share of the interval in ``scores``.
        bins: most bins along a prior's range; few points get fewer.

    Raises:
        UserError: if a prediction is not finite.
        ValueError: if the arrays' shapes do not go together.
    """
    truth, guess = np.asarray(true, dtype=float), np.asarray(predicted, dtype=float)
    if truth.shape != guess.shape or truth.shape[1:] != (len(names),):
        raise ValueError(
            f"true {truth.shape} and predicted {guess.shape} must both be (n, {len(names)})"
        )
    for name, lost in zip(names, np.sum(~np.isfinite(guess), axis=0), strict=True):
        if lost:
            raise UserError(f"{lost} predictions of {name} are not finite: did training diverge?")
    points = [
        Point.of(name, known, found, number)
        for number, (name, (known, found)) in enumerate((mocks or {}).items())
    ]
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    entries = _profile_entries() + [point.entry() for point in points]
    legend = LEGEND_LINE * -(-len(entries) // columns) + 0.1
    size = (columns * BLOCK_WIDTH, rows * BLOCK_HEIGHT + legend)
    figure = Figure(figsize=size)
    for number, name in enumerate(names):
        how = shown(name)
        left = number % columns * BLOCK_WIDTH
        bottom = (rows - 1 - number // columns) * BLOCK_HEIGHT
        panels = add_panels(figure, left, bottom, name, how)
        values = (truth[:, number] * how.scale, guess[:, number] * how.scale)
        prior = (priors[name][0] * how.scale, priors[name][1] * how.scale)
        limits = _limits(values[1], prior)
        _draw_density(figure, panels, values, prior, limits, density_bins(len(truth), bins))
        _draw_profiles(panels, values, prior, limits, profile_bins(len(truth), bins), how)
        for point in points:
            point.draw(panels, number, how.scale)
        panels.below.set_xlim(*limits)
        panels.beside.set_ylim(*limits)
        score = _score((scores or {}).get(name), confidence)
        _annotate(panels, values, limits, score, how)
    figure.legend(handles=entries, loc="upper center", ncols=columns, borderaxespad=0.3)
    return figure


def _limits(predicted: FloatArray, prior: Range) -> Range:
    """The prior's range, widened for predictions outside it, and a margin."""
    low, high = prior
    room, margin = BEYOND * (high - low), 0.03 * (high - low)
    lower = min(low, max(float(predicted.min(initial=low)), low - room))
    upper = max(high, min(float(predicted.max(initial=high)), high + room))
    return lower - margin, upper + margin


def _edges(prior: Range, limits: Range, bins: int) -> FloatArray:
    """Equal bins over the prior, continued as far as the axes reach."""
    width = (prior[1] - prior[0]) / bins
    before = max(0, int(np.ceil((prior[0] - limits[0]) / width)))
    after = max(0, int(np.ceil((limits[1] - prior[1]) / width)))
    return prior[0] + width * np.arange(-before, bins + after + 1, dtype=np.float64)


def _draw_density(
    figure: Figure, panels: Panels, values: Pair, prior: Range, limits: Range, bins: int
) -> None:
    edges = _edges(prior, limits, bins)
    counts, _, _ = np.histogram2d(*values, bins=(edges, edges))
    density = np.ma.log10(np.ma.masked_equal(counts.T, 0))
    ends = (edges[0], edges[-1])
    image = panels.centre.imshow(
        density,
        origin="lower",
        extent=(*ends, *ends),
        aspect="auto",
        interpolation="nearest",
        cmap=DENSITY,
        # At least to log10(3), so that a bin of one is not as dark as it gets.
        norm=Normalize(0.0, np.log10(max(3.0, counts.max()))),
    )
    panels.centre.plot(limits, limits, color=ONE_TO_ONE, linewidth=0.8, zorder=3)
    if len(values[0]) <= FEW_POINTS:
        panels.centre.plot(*values, ".", color="black", markersize=2.2, zorder=4)
    figure.colorbar(image, cax=panels.bar)
    panels.bar.set_ylabel(r"$\log_{10} N$ per bin", labelpad=4.0)
    panels.bar.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    panels.bar.tick_params(left=False, labelsize="small")


def _draw_profiles(
    panels: Panels, values: Pair, prior: Range, limits: Range, bins: int, how: Shown
) -> None:
    true, predicted = values
    residual = predicted - true
    # True values lie within the prior; a bin beyond it would only catch its upper edge.
    error = residual_profile(true, residual, _edges(prior, prior, bins))
    uncertainty = residual_profile(predicted, residual, _edges(prior, limits, bins))
    _draw_profile(panels.below, error, upright=False)
    _draw_profile(panels.beside, uncertainty, upright=True)
    reach = [np.abs(p.mean) + np.nan_to_num(p.spread) for p in (error, uncertainty)]
    most = float(np.nanmax(np.concatenate(reach)))
    set_residual_axes(panels, most or 1e-3 * (prior[1] - prior[0]), how.residual_unit)


def _draw_profile(axes: Axes, profile: Profile, upright: bool) -> None:
    """A band of one standard deviation about the mean, bin by bin."""
    width = np.diff(profile.edges)
    low, middle = profile.edges[:-1], profile.edges[:-1] + width / 2
    bottom, height = profile.mean - profile.spread, 2 * profile.spread
    known, filled = np.isfinite(profile.spread), profile.count > 0
    fitted = np.isfinite(profile.fitted_mean)
    fit: dict[str, Any] = {
        "fmt": ".",
        "color": FIT,
        "markersize": 2.0,
        "elinewidth": 0.6,
    }
    means, spreads = profile.fitted_mean[fitted], profile.fitted_spread[fitted]
    if upright:
        axes.barh(low[known], height[known], width[known], bottom[known], align="edge", color=BAND)
        axes.errorbar(
            profile.mean[filled], middle[filled], yerr=width[filled] / 2, fmt="none", ecolor=MEAN
        )
        axes.errorbar(means, middle[fitted], xerr=spreads, **fit)
        axes.axvline(0.0, color=ONE_TO_ONE, linewidth=0.8)
    else:
        axes.bar(low[known], height[known], width[known], bottom[known], align="edge", color=BAND)
        axes.errorbar(
            middle[filled], profile.mean[filled], xerr=width[filled] / 2, fmt="none", ecolor=MEAN
        )
        axes.errorbar(middle[fitted], means, yerr=spreads, **fit)
        axes.axhline(0.0, color=ONE_TO_ONE, linewidth=0.8)


def _profile_entries() -> list[Artist]:
    """What the lines and bands mean."""
    return [
        Line2D([], [], color=MEAN, label="mean residual (predicted $-$ true) in a bin"),
        Patch(color=BAND, label="its standard deviation (bins of 3 or more)"),
        Line2D([], [], color=FIT, marker=".", label="both, by a Gaussian fit (bins of 8 or more)"),
    ]


def _score(score: tuple[float, float, float] | None, confidence: float) -> list[str]:
    if score is None:
        return []
    best, low, high = score
    return [f"$R^2={best:.3f}$", rf"{100 * confidence:g}%: [${low:.3f}$, ${high:.3f}$]"]


def _annotate(panels: Panels, values: Pair, limits: Range, score: list[str], how: Shown) -> None:
    """R2, the residual's standard deviation, plain and fitted, and the points not shown, in the
    emptier corner off the diagonal."""
    residual = values[1] - values[0]
    lines = list(score)
    if len(residual) >= LEAST_FOR_SPREAD:
        unit = f" {how.residual_unit}" if how.residual_unit else ""
        lines.append(rf"$\sigma={residual.std(ddof=1):.2g}$" + unit)
    if len(residual) >= LEAST_FOR_FIT:
        _, spread = gaussian_fit(residual)
        lines.append(rf"(fit: ${spread:.2g}$)")
    beyond = int(np.sum((values[1] < limits[0]) | (values[1] > limits[1])))
    if beyond:
        lines.append(f"{beyond} outside the axes")
    true, predicted = ((value - limits[0]) / (limits[1] - limits[0]) for value in values)
    above = np.sum((true < 0.5) & (predicted > 0.65))
    below = np.sum((true > 0.5) & (predicted < 0.35))
    place, sides = ((0.04, 0.96), ("left", "top"))
    if below < above:
        place, sides = ((0.96, 0.04), ("right", "bottom"))
    panels.centre.text(
        *(*place, "\n".join(lines)),
        transform=panels.centre.transAxes,
        horizontalalignment=sides[0],
        verticalalignment=sides[1],
        fontsize="small",
        zorder=6,
        path_effects=[withStroke(linewidth=2.0, foreground="white")],
    )
