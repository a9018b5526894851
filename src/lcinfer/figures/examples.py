"""Figure 1 of Gillet et al. 2019: images of named light-cones."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from .style import BRIGHTNESS, PAGE, brightness_bar, brightness_norm, paper

# In inches. A light-cone is a score of times longer than wide: with equal scales along and
# across it would be a thread, so a panel is at least LEAST high.
LEFT, RIGHT, BELOW, ABOVE, BETWEEN = 0.55, 0.76, 0.42, 0.44, 0.16
LEAST, MOST = 0.85, 1.6
BAR_GAP, BAR_WIDTH = 0.1, 0.1
APART = 0.06  # least distance between two redshifts' labels, as a share of the axis
ENOUGH = 4  # labels; a short light-cone gets fractions to have as many


@paper()
def draw_examples(
    images: Mapping[str, ArrayLike],
    redshift: ArrayLike,
    distance: ArrayLike,
    cell_size: float,
    brightness_range: tuple[float, float],
) -> Figure:
    """One panel per image, the line of sight along x (Gillet et al. 2019, Fig. 1).

    Where equal scales would leave too thin a strip, the transverse axis is stretched.

    Args:
        images: name -> (transverse, line of sight) brightness temperatures in mK, all of
            one shape; drawn from the top in this order.
        redshift: (line of sight,) of the cells, increasing.
        distance: (line of sight,) comoving, of the cells, in Mpc, evenly spaced.
        cell_size: side of a cell in comoving Mpc.
        brightness_range: ends of the colour scale in mK.

    Raises:
        UserError: if the lower end of the scale is not below the upper one.
        ValueError: if an image does not have the shape of the others or of the axes.
    """
    planes = {name: np.asarray(image, dtype=float) for name, image in images.items()}
    redshifts, distances = np.asarray(redshift, float), np.asarray(distance, float)
    along = distances - distances[0]
    across = next(iter(planes.values())).shape[0]
    for name, plane in planes.items():
        if plane.shape != (across, len(along)):
            raise ValueError(f"image {name} has {plane.shape} cells, not {(across, len(along))}")
    extent = (-cell_size / 2, along[-1] + cell_size / 2, 0.0, across * cell_size)
    width = PAGE - LEFT - RIGHT
    panel = float(np.clip(width * extent[3] / (extent[1] - extent[0]), LEAST, MOST))
    height = ABOVE + len(planes) * panel + (len(planes) - 1) * BETWEEN + BELOW
    figure = Figure(figsize=(PAGE, height))
    norm = brightness_norm(brightness_range)
    for row, (name, plane) in enumerate(planes.items()):
        bottom = height - ABOVE - (row + 1) * panel - row * BETWEEN
        where = (LEFT / PAGE, bottom / height, width / PAGE, panel / height)
        axes = figure.add_axes(where, label=name)
        axes.imshow(plane, origin="lower", extent=extent, aspect="auto", cmap=BRIGHTNESS, norm=norm)
        axes.text(
            *(0.993, 0.93, name),
            transform=axes.transAxes,
            ha="right",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2.0},
        )
        last = row == len(planes) - 1
        # Outward: the 21-cm colours leave no colour in which a tick inside would show.
        axes.tick_params(which="both", top=False, right=False, direction="out", labelbottom=last)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
        _redshift_axis(axes, redshifts, along, labelled=row == 0)
        if last:
            axes.set_xlabel(f"Comoving distance from $z={redshifts[0]:.3g}$ [Mpc]")
    middle = (BELOW + (height - ABOVE - BELOW) / 2) / height
    figure.text(0.06 / PAGE, middle, "Transverse distance [Mpc]", rotation="vertical", va="center")
    left, high = (PAGE - RIGHT + BAR_GAP) / PAGE, (height - ABOVE - BELOW) / height
    bar = figure.add_axes((left, BELOW / height, BAR_WIDTH / PAGE, high), label="colour bar")
    ticks = MaxNLocator(nbins=7, steps=[1, 2, 3, 5, 10])
    brightness_bar(figure, bar, planes.values(), brightness_range, ticks)
    bar.set_ylabel(r"$\delta T_{\mathrm{b}}$ [mK]")
    bar.tick_params(which="both", direction="out", left=False)
    return figure


def redshift_ticks(redshift: ArrayLike, along: ArrayLike) -> list[float]:
    """The roundest redshifts whose labels leave each other room along the line of sight.

    Args:
        redshift: (cells,) increasing.
        along: (cells,) distance, increasing.
    """
    redshifts, distances = np.asarray(redshift, float), np.asarray(along, float)
    room = APART * (distances[-1] - distances[0])
    taken: dict[float, float] = {}
    for step in (10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01):
        if step < 1 and len(taken) >= ENOUGH:
            break
        first, last = np.ceil(redshifts[0] / step), np.floor(redshifts[-1] / step)
        for value in np.round(np.arange(first, last + 1) * step, 2).tolist():
            if step >= 1 and value > 10 * step:
                continue  # 12 and 15 are round, 13 and 28 are not
            at = float(np.interp(value, redshifts, distances))
            if all(abs(at - other) >= room for other in taken.values()):
                taken[value] = at
    return sorted(taken)


def _redshift_axis(
    axes: Axes, redshift: NDArray[np.float64], along: NDArray[np.float64], labelled: bool
) -> None:
    """Ticks at round redshifts on the upper edge."""
    ticks = redshift_ticks(redshift, along)
    upper = axes.secondary_xaxis("top")
    upper.tick_params(which="both", direction="out", labeltop=labelled)
    upper.set_xticks(np.interp(ticks, redshift, along), [f"{value:g}" for value in ticks])
    whole = np.arange(np.ceil(redshift[0]), np.floor(redshift[-1]) + 1)
    upper.xaxis.set_minor_locator(FixedLocator(np.interp(whole, redshift, along).tolist()))
    if labelled:
        upper.set_xlabel("Redshift $z$")
