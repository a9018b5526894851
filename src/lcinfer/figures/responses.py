"""Figure A2 of Gillet et al. 2019: what a network makes of different light-cones."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from .examples import redshift_ticks
from .style import BRIGHTNESS, METHODS, PAGE, brightness_bar, brightness_norm, paper

# In inches.
LEFT, RIGHT, ABOVE, BELOW = 0.6, 0.72, 0.28, 0.42
INPUT, RESPONSE, BETWEEN = 0.42, 0.27, 0.035
BAR_GAP, BAR_WIDTH = 0.08, 0.08
ACTIVATION = "gray"  # black: nothing passes the rectifier
WHITE = 0.995  # quantile of a filter's outputs from which they are drawn white
SILENT = 0.005  # share of a layer's largest mean activation below which none can be seen
MOST_NAMED = 8  # silent filters or neurons; of more the number is told


@paper()
def draw_responses(
    images: Mapping[str, ArrayLike],
    responses: Mapping[str, ArrayLike],
    redshift: ArrayLike,
    brightness_range: tuple[float, float],
    reach: tuple[int, int],
) -> Figure:
    """Images, and below each the outputs of the first convolution (Gillet et al. 2019, Fig. A2).

    The outputs are those behind the rectifier; each filter has one scale for all images, from
    black, where it is silent, to white, which the largest ones share. Numbers are those of the
    filters in Fig. A1. Where one is silent all over an image, that is written into its strip.

    Args:
        images: title -> (transverse, line of sight) brightness temperature in mK, of one shape.
        responses: title -> (filter, transverse, line of sight).
        redshift: (line of sight,) of the images' cells.
        brightness_range: ends of the images' colour scale in mK.
        reach: cells along the line of sight that a filter covers, and from one output to the next.
    """
    planes = {title: np.asarray(image, dtype=float) for title, image in images.items()}
    heard = {title: np.asarray(responses[title], dtype=float) for title in images}
    outputs = np.concatenate([each.reshape(len(each), -1) for each in heard.values()], axis=1)
    most = np.quantile(outputs, WHITE, axis=1)
    filters = len(most)
    block = ABOVE + INPUT + filters * (RESPONSE + BETWEEN) + BELOW
    height = block * len(planes)
    figure = Figure(figsize=(PAGE, height))
    for number, (title, plane) in enumerate(planes.items()):
        top = height - number * block - ABOVE
        axes = _strip(figure, top, INPUT, f"{title}: image", plane.shape[1])
        extent = (0.0, float(plane.shape[1]), 0.0, 1.0)
        norm = brightness_norm(brightness_range)
        axes.imshow(plane, origin="lower", aspect="auto", extent=extent, cmap=BRIGHTNESS, norm=norm)
        axes.set_title(title, fontsize="medium", pad=3)
        bar = _bar(figure, top, INPUT, f"{title}: colour bar")
        scale = MaxNLocator(nbins=3, steps=[1, 2, 5, 10])
        brightness_bar(figure, bar, planes.values(), brightness_range, scale)
        bar.minorticks_off()
        bar.set_ylabel(r"$\delta T_{\mathrm{b}}$ [mK]", fontsize="small")
        axes.set_ylabel("image", rotation=0, ha="right", va="center", fontsize="small")
        for filtered in range(filters):
            below = top - INPUT - BETWEEN - filtered * (RESPONSE + BETWEEN)
            label = f"{title}: filter {filtered + 1}"
            axes = _strip(figure, below, RESPONSE, label, plane.shape[1])
            _draw_response(axes, heard[title][filtered], most[filtered], plane.shape[1], reach)
            name = f"filter {filtered + 1}"
            axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
        _redshift_axis(axes, np.asarray(redshift, dtype=float)[: plane.shape[1]])
        high = filters * (RESPONSE + BETWEEN) - BETWEEN
        bar = _bar(figure, top - INPUT - BETWEEN, high, f"{title}: scale")
        figure.colorbar(ScalarMappable(Normalize(0, 1), ACTIVATION), cax=bar, ticks=[0, 1])
        bar.set_yticklabels(["silent", "largest"])
        bar.set_ylabel("response of a filter", labelpad=-16, fontsize="small")
    return figure


def _strip(figure: Figure, top: float, high: float, label: str, cells: int) -> Axes:
    """Axes across the page whose upper edge is at ``top`` inches."""
    width, height = figure.get_size_inches()
    where = (LEFT / width, (top - high) / height, (width - LEFT - RIGHT) / width, high / height)
    axes = figure.add_axes(where, label=label, facecolor="0.85")
    axes.set_xlim(0.0, cells)
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([])
    axes.tick_params(which="both", bottom=False, top=False, labelbottom=False)
    return axes


def _bar(figure: Figure, top: float, high: float, label: str) -> Axes:
    """Axes of a colour bar beside strips whose upper edge is at ``top`` inches."""
    width, height = figure.get_size_inches()
    left = width - RIGHT + BAR_GAP
    where = (left / width, (top - high) / height, BAR_WIDTH / width, high / height)
    axes = figure.add_axes(where, label=label)
    axes.tick_params(direction="out", labelsize="small")
    return axes


def _draw_response(
    axes: Axes, response: NDArray[np.float64], most: float, cells: int, reach: tuple[int, int]
) -> None:
    """A response lies where the middle of its filter was."""
    covered, apart = reach
    edge = (covered - apart) / 2
    extent = (edge, edge + apart * response.shape[1], 0.0, 1.0)
    norm = Normalize(0.0, most or 1.0)
    axes.imshow(response, origin="lower", aspect="auto", extent=extent, cmap=ACTIVATION, norm=norm)
    axes.set_xlim(0.0, cells)
    if not response.any():
        axes.text(
            *(0.5, 0.5, "silent"),
            transform=axes.transAxes,
            color="white",
            ha="center",
            va="center",
            fontsize="small",
        )


def _redshift_axis(axes: Axes, redshift: NDArray[np.float64]) -> None:
    cells = np.arange(len(redshift)) + 0.5
    ticks = redshift_ticks(redshift, cells)
    axes.tick_params(bottom=True, labelbottom=True, direction="out")
    axes.set_xticks(np.interp(ticks, redshift, cells), [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("Redshift $z$", labelpad=1.0)


@paper()
def draw_activations(layers: Mapping[str, Mapping[str, ArrayLike]]) -> Figure:
    """Mean activation of every filter and neuron of the hidden layers, for different images.

    Each layer is scaled to its largest mean. What has no bar is silent, and the layer's title names
    it: information takes another way through the network for other images (Gillet et al. 2019,
    Appendix A).

    Args:
        layers: layer -> title of the image -> (filter or neuron,) mean behind the rectifier.
    """
    figure = Figure(figsize=(PAGE, 1.3 * len(layers) + 0.4), layout="constrained")
    panels = figure.subplots(len(layers), 1, squeeze=False).ravel()
    for axes, (layer, images) in zip(panels, layers.items(), strict=True):
        means = {title: np.asarray(values, dtype=float) for title, values in images.items()}
        largest = max(float(values.max()) for values in means.values()) or 1.0
        width = 0.8 / len(means)
        for number, (title, values) in enumerate(means.items()):
            at = np.arange(1, len(values) + 1) + (number - (len(means) - 1) / 2) * width
            colour = METHODS[number % len(METHODS)]
            axes.bar(at, values / largest, width, color=colour, label=title)
        axes.set_label(layer)
        axes.set_xlim(0.4, len(values) + 0.6)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=16, integer=True))
        axes.set_ylim(0.0, 1.08)
        axes.set_ylabel("Mean / largest")
        kind = "filter" if layer.startswith("convolution") else "neuron"
        axes.set_xlabel(kind.capitalize(), labelpad=1)
        name = layer.replace("_", " ").replace("dense", "fully connected")
        axes.set_title(f"{name}: {_silent(means, kind, largest)}", fontsize="small", pad=3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=1)
    return figure


def _silent(means: Mapping[str, NDArray[np.float64]], kind: str, largest: float) -> str:
    """Which of a layer are silent for which image, in words."""
    told = []
    for title, values in means.items():
        silent = (np.flatnonzero(values < SILENT * largest) + 1).tolist()
        if not silent:
            continue
        which = f"{len(silent)} of {len(values)} {kind}s"
        if len(silent) <= MOST_NAMED:
            which = f"{kind}{'s' * (len(silent) > 1)} {', '.join(map(str, silent))}"
        told.append(f"{which} for {title.partition(':')[0]}")
    rule = f"silent (below {SILENT:.1%} of the largest)"
    return f"{rule}: {'; '.join(told)}" if told else f"no {kind} is silent"
