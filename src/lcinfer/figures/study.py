"""A study of hyper-parameters: the validation loss of every trial against each varied key."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..config.sweeps import Range, Sweep
from ..evaluation.trials import Result, best
from .style import grid, paper, plain_numbers

MOST_COLUMNS = 3
SHORT, LONGEST = 6, 18  # characters of a value on an axis


@paper()
def draw_study(sweep: Sweep, tried: Sequence[Result]) -> Figure:
    """A panel per key of several values: the trials' validation losses, the best trial marked.

    The losses are mean squared errors of the normalised parameters after the last epoch.

    Args:
        sweep: which keys were varied, and how.
        tried: its trials.
    """
    varied = {key: values for key, values in sweep.vary.items() if _several(values)} or sweep.vary
    figure, panels = grid(len(varied), MOST_COLUMNS, share=0.33, more=0.3, sharey=True)
    losses = np.array([result.validation_loss for result in tried])
    chosen = best(tried)
    for axes, (key, values) in zip(panels, varied.items(), strict=True):
        places = _places(axes, values, [result.trial.values[key] for result in tried])
        axes.plot(places, losses, "o", color="#12508f", markersize=3.5, alpha=0.7, label="a trial")
        at = chosen.number - 1
        label = f"the best, trial {chosen.number}"
        axes.plot(places[at], losses[at], "*", color="#d55e00", markersize=9, label=label)
        if losses.min() > 0:  # else they are logarithms of densities
            axes.set_yscale("log")
            plain_numbers(axes.yaxis)
        axes.set_xlabel(key)
    for axes in panels[::MOST_COLUMNS]:
        axes.set_ylabel("Validation loss")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def _several(values: Range | tuple[Any, ...]) -> bool:
    return isinstance(values, Range) or len(values) > 1


def _places(axes: Axes, values: Range | tuple[Any, ...], taken: list[Any]) -> np.ndarray:
    """Where each trial stands along a key's axis; listed values stand side by side."""
    if isinstance(values, Range):
        if values.log:
            axes.set_xscale("log")
            plain_numbers(axes.xaxis)
        return np.array(taken, dtype=float)
    names = [_named(value) for value in values]
    axes.set_xticks(range(len(names)), names)
    if max(map(len, names)) > SHORT:
        axes.tick_params(axis="x", rotation=20)
    axes.set_xlim(-0.5, len(names) - 0.5)
    return np.array([values.index(value) for value in taken], dtype=float)


def _named(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
