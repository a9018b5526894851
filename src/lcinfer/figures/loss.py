"""Figure 4 of Gillet et al. 2019: the loss during a training."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from .style import COLUMN, paper, plain_numbers

FEW_EPOCHS = 10  # up to here a line alone hardly shows: mark the epochs


@paper()
def draw_loss(
    epoch: ArrayLike,
    training_loss: ArrayLike,
    validation_loss: ArrayLike,
    learning_rate: ArrayLike,
    *,
    density: bool = False,
) -> Figure:
    """Loss against epoch on a logarithmic scale (Gillet et al. 2019, Fig. 4).

    One that is a logarithm itself, of the posterior's ``density``, has a linear scale.

    Solid: training; dashed: validation; dotted uprights: where the learning rate fell, but if it
    fell after every epoch, which the axis then says.

    Args:
        epoch: (epochs,) numbers, increasing.
        training_loss: (epochs,) mean squared error over the training images, or negative log
            density in nats.
        validation_loss: (epochs,) the same over the validation images, after each epoch.
        learning_rate: (epochs,) the rate with which each epoch was trained.
        density: which loss it is.
    """
    epochs = np.asarray(epoch, dtype=float)
    rate = np.asarray(learning_rate, dtype=float)
    marker = "o" if len(epochs) <= FEW_EPOCHS else None
    figure = Figure(figsize=(COLUMN, 0.75 * COLUMN), layout="constrained")
    axes = figure.add_subplot()
    curves = ((training_loss, "-", "training"), (validation_loss, "--", "validation"))
    for (losses, line, name), colour in zip(curves, ("black", "#d55e00"), strict=True):
        axes.plot(epochs, losses, line, color=colour, marker=marker, markersize=3, label=name)
    lowered = np.flatnonzero(np.diff(rate) < 0)
    always = 1 < len(lowered) == len(epochs) - 1
    for at, before in enumerate([] if always else lowered):
        axes.axvline(
            (epochs[before] + epochs[before + 1]) / 2,
            color="0.65",
            linewidth=0.6,
            linestyle=":",
            zorder=0,
            label="learning rate lowered" if at == 0 else None,
        )
    if not density:
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if len(epochs) > FEW_EPOCHS:
        axes.set_xlim(epochs[0], epochs[-1])
    axes.set_xlabel("Epoch" + " (the learning rate falls after each)" * always)
    error = "mean squared error\nof normalised parameters"
    axes.set_ylabel(f"Loss: {'negative log density / nats' if density else error}")
    # Above the axes: inside it would cover a curve or be crossed by an upright.
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.2, handlelength=1.6)
    return figure
