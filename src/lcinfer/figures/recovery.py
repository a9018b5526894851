"""Figure 5 of Gillet et al. 2019: predicted against true parameters."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from ..base.errors import UserError
from ..config.parameters import Shown, shown
from ..evaluation.residuals import (
    LEAST_FOR_FIT,
    LEAST_FOR_SPREAD,
    Profile,
    decimals,
    density_bins,
    enough_for_fits,
    gaussian_fit,
    profile_bins,
    residual_profile,
)
from .mocks import Point
from .panels import (
    BLOCK_HEIGHT,
    BLOCK_WIDTH,
    Panels,
    add_note,
    add_panels,
    set_residual_axes,
)
from .style import paper, plain_numbers

FloatArray = NDArray[np.float64]
Pair = tuple[FloatArray, FloatArray]  # (n,) true values and (n,) predicted ones
Range = tuple[float, float]

LEGEND_LINE = 0.17  # inches
BEYOND = 0.25  # a prediction may leave the prior: shown up to this share of the prior's range
MARGIN = 0.03  # of the prior's range, at either end of an axis
FEW_POINTS = 200  # up to here each point is drawn as well
FEW_COUNTS, LEAST_COUNTS = 8, 3  # up to here, and for these, a bin's number has a colour of its own
DENSITY = LinearSegmentedColormap.from_list(
    "density", ["#dbe8f5", "#8fbfe0", "#3a87c0", "#12508f", "#08214a"]
)
BAND, MEAN, ONE_TO_ONE = "#c3d5e8", "#12508f", "#8c8c8c"


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

    For each parameter the centre is the number of test images per bin, with the one-to-one
    line; below it stand the residual's mean and standard deviation against the true value (the
    network error), beside it against the predicted value (the prediction uncertainty). They are
    of Gaussian fits, as in the paper, where bins hold enough images for that; else the sample's
    own, and a bin of fewer than three is given no spread.

    All values are py21cmfast's; the figure converts them to the paper's units.

    Args:
        true: (n, parameters) of n test light-cones.
        predicted: (n, parameters) from one image of each.
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
    profiles = profile_bins(len(truth), bins)
    fitted = enough_for_fits(len(truth), profiles)
    entries = _profile_entries(fitted) + [point.entry() for point in points]
    legend = LEGEND_LINE * (1 + -(-len(entries) // columns)) + 0.15
    size = (columns * BLOCK_WIDTH, rows * BLOCK_HEIGHT + legend)
    figure = Figure(figsize=size)
    for number, name in enumerate(names):
        how = shown(name)
        left = number % columns * BLOCK_WIDTH
        bottom = (rows - 1 - number // columns) * BLOCK_HEIGHT
        panels = add_panels(figure, left, bottom, name, how)
        values = (truth[:, number] * how.scale, guess[:, number] * how.scale)
        prior = (priors[name][0] * how.scale, priors[name][1] * how.scale)
        reach = _reach(values[1], prior)
        margin = MARGIN * (prior[1] - prior[0])
        limits = (reach[0] - margin, reach[1] + margin)
        _draw_density(figure, panels, values, prior, limits, density_bins(len(truth), bins))
        _draw_profiles(panels, values, prior, reach, profiles, fitted, how)
        for point in points:
            point.draw(panels, number, how.scale)
        panels.below.set_xlim(*limits)
        panels.beside.set_ylim(*limits)
        add_note(panels, _notes(values, limits, (scores or {}).get(name), confidence, how))
    figure.legend(
        handles=entries,
        loc="upper center",
        ncols=columns,
        borderaxespad=0.3,
        title=f"{len(truth)} test light-cones, one image of each",
        title_fontsize="medium",
    )
    return figure


def _reach(predicted: FloatArray, prior: Range) -> Range:
    """The prior's range, widened for predictions outside it."""
    low, high = prior
    room = BEYOND * (high - low)
    lower = min(low, max(float(predicted.min(initial=low)), low - room))
    upper = max(high, min(float(predicted.max(initial=high)), high + room))
    return lower, upper


def _edges(prior: Range, reach: Range, bins: int) -> FloatArray:
    """Equal bins over the prior, continued as far as predictions reach, or the axes."""
    width = (prior[1] - prior[0]) / bins
    before = max(0, int(np.ceil((prior[0] - reach[0]) / width)))
    after = max(0, int(np.ceil((reach[1] - prior[1]) / width)))
    return prior[0] + width * np.arange(-before, bins + after + 1, dtype=np.float64)


def _draw_density(
    figure: Figure, panels: Panels, values: Pair, prior: Range, limits: Range, bins: int
) -> None:
    edges = _edges(prior, limits, bins)
    counts, _, _ = np.histogram2d(*values, bins=(edges, edges))
    ends = (edges[0], edges[-1])
    most = int(counts.max(initial=0))
    image = panels.centre.imshow(
        np.ma.masked_equal(counts.T, 0),
        origin="lower",
        extent=(*ends, *ends),
        aspect="auto",
        interpolation="nearest",
        cmap=DENSITY,
        norm=_scale_of_counts(most),
    )
    panels.centre.plot(limits, limits, color=ONE_TO_ONE, linewidth=0.8, zorder=3)
    if len(values[0]) <= FEW_POINTS:
        panels.centre.plot(*values, ".", color="black", markersize=2.2, zorder=4)
    figure.colorbar(image, cax=panels.bar, label="images per bin")
    panels.bar.tick_params(which="both", left=False, labelsize="small")
    if most <= FEW_COUNTS:
        panels.bar.set_yticks(np.arange(1, max(LEAST_COUNTS, most) + 1))
        panels.bar.minorticks_off()
    else:
        plain_numbers(panels.bar.yaxis)


def _scale_of_counts(most: int) -> Normalize:
    """A colour for each number where they are few, a logarithmic scale where they are many."""
    if most > FEW_COUNTS:
        return LogNorm(1, most)
    # At least three, so that a bin of one image is not as dark as it gets.
    return BoundaryNorm(np.arange(0.5, max(LEAST_COUNTS, most) + 1), DENSITY.N)


def _draw_profiles(
    panels: Panels,
    values: Pair,
    prior: Range,
    reach: Range,
    bins: int,
    fitted: bool,
    how: Shown,
) -> None:
    true, predicted = values
    residual = predicted - true
    # True values lie within the prior; a bin beyond it would only catch its upper edge.
    error = residual_profile(true, residual, _edges(prior, prior, bins), fitted=fitted)
    # A band ends with the predictions, before the panel does.
    beyond = _edges(prior, reach, bins)
    beyond[[0, -1]] = reach
    uncertainty = residual_profile(predicted, residual, beyond, fitted=fitted)
    _draw_profile(panels.below, error, upright=False)
    _draw_profile(panels.beside, uncertainty, upright=True)
    largest = [np.abs(p.mean) + np.nan_to_num(p.spread) for p in (error, uncertainty)]
    most = float(np.nanmax(np.concatenate(largest), initial=0.0))
    set_residual_axes(panels, most or 1e-3 * (prior[1] - prior[0]), how.residual_unit)


def _draw_profile(axes: Axes, profile: Profile, upright: bool) -> None:
    """A band of one standard deviation about the mean, bin by bin."""
    width = np.diff(profile.edges)
    low, middle = profile.edges[:-1], profile.edges[:-1] + width / 2
    bottom, height = profile.mean - profile.spread, 2 * profile.spread
    known, filled = np.isfinite(profile.spread), np.isfinite(profile.mean)
    band = [values[known] for values in (low, height, width, bottom)]
    mean, middle, half = (values[filled] for values in (profile.mean, middle, width / 2))
    if upright:
        axes.barh(*band, align="edge", color=BAND)
        axes.errorbar(mean, middle, yerr=half, fmt="none", ecolor=MEAN)
        axes.axvline(0.0, color=ONE_TO_ONE, linewidth=0.8)
    else:
        axes.bar(*band, align="edge", color=BAND)
        axes.errorbar(middle, mean, xerr=half, fmt="none", ecolor=MEAN)
        axes.axhline(0.0, color=ONE_TO_ONE, linewidth=0.8)


def _profile_entries(fitted: bool) -> list[Artist]:
    """What the lines and bands mean."""
    how, least = ("by Gaussian fits", LEAST_FOR_FIT) if fitted else ("of a bin", LEAST_FOR_SPREAD)
    return [
        Line2D([], [], color=MEAN, label=f"mean residual (predicted $-$ true) {how}"),
        Patch(color=BAND, label=f"its standard deviation (bins of {least} or more)"),
    ]


def _notes(
    values: Pair,
    limits: Range,
    score: tuple[float, float, float] | None,
    confidence: float,
    how: Shown,
) -> list[str]:
    """R2, the residual's standard deviation, plain and fitted, and the points not shown."""
    lines = []
    if score is not None:
        best, low, high = score
        digits = _digits_of_score(high - low)
        lines.append(
            rf"$R^2={best:.{digits}f}$, {100 * confidence:g}%: "
            rf"[${low:.{digits}f}$, ${high:.{digits}f}$]"
        )
    residual = values[1] - values[0]
    if len(residual) >= LEAST_FOR_SPREAD:
        spread = residual.std(ddof=1)
        digits = decimals(spread, len(residual))
        unit = f" {how.residual_unit}" if how.residual_unit else ""
        lines.append(rf"residual: $\sigma={spread:.{digits}f}${unit}")
        if len(residual) >= LEAST_FOR_FIT:
            lines[-1] += rf" (fit: ${gaussian_fit(residual)[1]:.{digits}f}$)"
    beyond = int(np.sum((values[1] < limits[0]) | (values[1] > limits[1])))
    if beyond:
        lines.append(f"{beyond} outside the axes")
    return lines


def _digits_of_score(width: float) -> int:
    """Digits behind the point of R2 that two digits of its interval's width ask for."""
    return int(np.clip(1 - np.floor(np.log10(width)), 2, 4)) if width > 0 else 3
