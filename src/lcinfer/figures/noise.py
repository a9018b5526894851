"""The noise of an instrument along the line of sight, beside the signal."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from .style import COLUMN, paper, plain_numbers

SIGNAL = "signal: median, 50 and 90% of light-cones"


@paper()
def draw_noise(redshift: ArrayLike, noise: ArrayLike, signal: ArrayLike) -> Figure:
    """Root mean square of a plane's noise against redshift, and of the signal that is left.

    Solid: noise. Bands and line: where half and where nine tenths of the light-cones are, and the
    median.

    Args:
        redshift: (channels,) of the planes.
        noise: (channels,) in mK.
        signal: (light_cones, channels) in mK.
    """
    along = np.asarray(redshift)
    figure = Figure(figsize=(COLUMN, 0.8 * COLUMN), layout="constrained")
    axes = figure.add_subplot()
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    low, lower, median, upper, high = np.quantile(np.asarray(signal), shares, axis=0)
    for ends, shade in (((low, high), 0.15), ((lower, upper), 0.3)):
        axes.fill_between(along, *ends, color="#0072b2", alpha=shade, linewidth=0)
    axes.plot(along, median, "--", color="#0072b2", label=SIGNAL)
    axes.plot(along, np.asarray(noise), color="black", label="noise")
    axes.set_yscale("log")
    # Of a signal that has ended there is no floor to show.
    axes.set_ylim(bottom=0.2 * float(np.median(median)))
    plain_numbers(axes.yaxis)
    axes.set_xlim(along[0], along[-1])
    axes.set_xlabel("Redshift")
    axes.set_ylabel("Root mean square of a plane (mK)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    # Above the axes: inside it would cover a curve.
    figure.legend(loc="outside upper center", ncols=1)
    return figure
