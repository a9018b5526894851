"""Figure 2 of Gillet et al. 2019: how a light-cone is cut into images."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from .style import COLUMN, paper

# On the page, in units of the light-cone's height: its length along the line of sight, far too
# short, and where the far end of its depth comes to lie.
LENGTH, DEPTH = 3.6, (0.95, 0.62)
ENDS = (-0.45, LENGTH + DEPTH[0] + 0.5), (-0.45, 1.0 + DEPTH[1] + 0.05)  # of the drawing
EDGE, NOTE = "0.35", "0.15"
FEW = 10  # images that can be told apart by the colours of a list
Point = tuple[float, float, float]  # x, y, line of sight, as shares of the light-cone


@paper()
def draw_slicing(
    planes: Sequence[int],
    axes: Sequence[str],
    halves: int,
    cells: tuple[int, int],
    along: int,
    cell_size: float,
    redshifts: tuple[float, float],
) -> Figure:
    """A light-cone with its planes, each image in a colour of its own (Gillet et al. 2019, Fig. 2).

    The line of sight runs to the right and is not to scale; the planes stand where they are.

    Args:
        planes: cells across the light-cone at which planes stand.
        axes: the transverse axes that they stand on, a panel each.
        halves: images that a plane is cut into, across the line of sight.
        cells: of the light-cone, across and along the line of sight.
        along: cells along the line of sight that the images keep, from the nearest on.
        cell_size: side of a cell in comoving Mpc.
        redshifts: of the nearest cell and of the farthest.
    """
    width, height = (end - start for start, end in ENDS)
    figure = Figure(
        figsize=(COLUMN, COLUMN * height / width * len(axes) + 0.25), layout="constrained"
    )
    panels = figure.subplots(len(axes), 1, squeeze=False).ravel()
    count = len(planes) * halves
    palette = matplotlib.colormaps["tab10" if count * len(axes) <= FEW else "turbo"]
    shares = np.linspace(0.05, 0.95, count * len(axes))
    for number, (panel, axis) in enumerate(zip(panels, axes, strict=True)):
        panel.set_label(f"axis {axis}")
        colours = [
            palette(image if count * len(axes) <= FEW else shares[image])
            for image in range(number * count, (number + 1) * count)
        ]
        _draw_planes(
            panel, axis, [at / cells[0] for at in planes], halves, along / cells[1], colours
        )
        _draw_box(panel)
        _annotate(panel, axis, planes, halves, cells, cell_size, redshifts)
    images = f"{count * len(axes)} image{'s' * (count * len(axes) > 1)}"
    figure.suptitle(
        rf"{images} of {cells[0] // halves} $\times$ {along} cells per light-cone",
        fontsize="medium",
    )
    return figure


def _on_page(point: Point) -> tuple[float, float]:
    x, y, along = point
    return LENGTH * along + DEPTH[0] * x, y + DEPTH[1] * x


def _draw_planes(
    panel: Axes, axis: str, at: list[float], halves: int, along: float, colours: list[object]
) -> None:
    """The images of an axis, the furthest first, as nearer ones cover them."""
    images = [(place, half) for place in at for half in range(halves)]
    order = sorted(range(len(images)), key=lambda image: images[image], reverse=axis == "x")
    for image in order:
        place, half = images[image]
        ends = half / halves, (half + 1) / halves
        corners = [(ends[0], 0.0), (ends[0], along), (ends[1], along), (ends[1], 0.0)]
        points = [
            (place, across, far) if axis == "x" else (across, place, far) for across, far in corners
        ]
        panel.add_patch(
            Polygon(
                [_on_page(point) for point in points],
                facecolor=colours[image],
                edgecolor="white",
                linewidth=0.6,
                alpha=0.9,
            )
        )


def _draw_box(panel: Axes) -> None:
    corners = [(x, y, far) for x in (0.0, 1.0) for y in (0.0, 1.0) for far in (0.0, 1.0)]
    for one in corners:
        for other in corners:
            if one < other and sum(a != b for a, b in zip(one, other, strict=True)) == 1:
                hidden = (1.0, 0.0, 0.0) in (one, other)
                ends = np.array([_on_page(one), _on_page(other)])
                panel.plot(*ends.T, ":" if hidden else "-", color=EDGE, linewidth=0.7)


def _annotate(
    panel: Axes,
    axis: str,
    planes: Sequence[int],
    halves: int,
    cells: tuple[int, int],
    cell_size: float,
    redshifts: tuple[float, float],
) -> None:
    """What the panel's planes are, axes with their lengths and redshifts, two planes' distance."""
    told = f"{len(planes)} plane{'s' * (len(planes) > 1)} of constant ${axis}$"
    if halves > 1:
        told += f", {halves} images each"
    panel.set_title(told, fontsize="small", pad=2)
    arrow = {"arrowstyle": "->", "color": NOTE}
    panel.annotate("", (LENGTH, -0.16), (0.0, -0.16), arrowprops=arrow)
    told = f"line of sight: {cells[1]} cells, {cells[1] * cell_size:g} Mpc"
    panel.text(LENGTH / 2, -0.22, told, ha="center", va="top", fontsize="small")
    for place, redshift in zip((0.0, LENGTH), redshifts, strict=True):
        panel.text(place, -0.22, f"$z={redshift:.3g}$", ha="center", va="top", fontsize="small")
    depth = 0.5 * DEPTH[0] - 0.07, 1.0 + 0.5 * DEPTH[1] + 0.05
    panel.text(*depth, "$x$", ha="right", fontsize="small")
    side = f"$y$: {cells[0]} cells\n{cells[0] * cell_size:g} Mpc"
    panel.text(
        *(-0.08, 0.5, side),
        rotation="vertical",
        ha="right",
        multialignment="center",
        va="center",
        fontsize="small",
    )
    if len(planes) > 1:
        first, second = (place / cells[0] for place in planes[:2])
        marks: list[Point] = [(first, 0.0, 1.0), (second, 0.0, 1.0)]
        if axis == "y":
            marks = [(1.0, first, 1.0), (1.0, second, 1.0)]
        (x0, y0), (x1, y1) = (_on_page(mark) for mark in marks)
        shift = 0.12
        panel.annotate(
            "",
            (x1 + shift, y1),
            (x0 + shift, y0),
            arrowprops={
                "arrowstyle": "|-|,widthA=2,widthB=2",
                "color": NOTE,
                "linewidth": 0.7,
                "shrinkA": 0,
                "shrinkB": 0,
                "mutation_scale": 1.0,
            },
        )
        middle = (x0 + x1) / 2 + 1.7 * shift, (y0 + y1) / 2
        apart = f"{(planes[1] - planes[0]) * cell_size:g} Mpc"
        panel.text(*middle, apart, va="center" if axis == "y" else "top", fontsize="small")
    panel.set_xlim(*ENDS[0])
    panel.set_ylim(*ENDS[1])
    panel.set_aspect("equal")
    panel.set_axis_off()
