"""What an instrument leaves of the parameters, against its hours of observation."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..config.instruments import Instrument
from ..config.parameters import shown
from ..evaluation.posteriors import LEVELS
from ..evaluation.trials import Result
from .style import METHODS, grid, paper

WITHOUT_NOISE = 1e8  # hours: ten thousand years
LINES: tuple[Any, ...] = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D")
SKY = "the\nsky"  # without an instrument

Point = tuple[Instrument | None, Sequence[Result]]


@paper()
def draw_observing(tried: Sequence[Result], prior: Mapping[str, tuple[float, float]]) -> Figure:
    """R2, widths of posteriors and log densities on the test set against hours of observation.

    A colour for each parameter; a line for what instruments differ in beside their hours, as the
    wedge; stars for images without an instrument. Of several seeds the mean. Networks without a
    posterior have the first panel alone.

    Args:
        tried: trials that differ in the instrument and the seed.
        prior: lowest and highest value of each parameter; widths are shares of its own.
    """
    seen: dict[str, list[Result]] = {}
    for result in tried:
        seen.setdefault(str(result.trial.values["instrument"]), []).append(result)
    points = [(results[0].run.inputs.instrument, results) for results in seen.values()]
    instruments = [instrument for instrument, _ in points if instrument]
    hours = sorted({instrument.hours for instrument in instruments})
    lines: dict[str, list[Point]] = {}
    for point in sorted(points, key=lambda point: point[0].hours if point[0] else np.inf):
        lines.setdefault(_beside_hours(point[0], instruments), []).append(point)
    names = list(tried[0].scores["average"])
    posterior = all(result.posterior for result in tried)
    figure, panels = grid(3 if posterior else 1, most=3, share=0.36, more=0.45)
    ticks = [_hours(each) for each in hours] + [SKY] * (len(instruments) < len(points))
    for axes in panels:
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set_xlim(-0.4, len(ticks) - 0.6)
        axes.set_xlabel("Hours of observation")
    for points_of, line, marker in zip(lines.values(), cycle(LINES), cycle(MARKERS), strict=False):
        at = [hours.index(it.hours) if it else len(hours) for it, _ in points_of]
        look = {"linestyle": line, "marker": "*" if points_of[0][0] is None else marker}
        for name, colour in zip(names, cycle(METHODS), strict=False):
            r2 = [[it.scores["average"][name]["r2"] for it in trials] for _, trials in points_of]
            _draw(panels[0], at, r2, colour, look)
            if posterior:
                whole = LEVELS[0] * (prior[name][1] - prior[name][0])
                widths = [
                    [it.posterior["posterior_width"][name] / whole for it in trials]
                    for _, trials in points_of
                ]
                _draw(panels[1], at, widths, colour, look)
        if posterior:
            worth = [[it.posterior["log_density"] for it in trials] for _, trials in points_of]
            _draw(panels[2], at, [[it["mean"] for it in each] for each in worth], "black", look)
            errors = [float(np.mean([it["standard_error"] for it in each])) for each in worth]
            means = [float(np.mean([it["mean"] for it in each])) for each in worth]
            panels[2].errorbar(at, means, errors, fmt="none", ecolor="black", elinewidth=0.8)
    panels[0].set_ylabel("$R^2$, averages over images")
    if posterior:
        panels[1].set_yscale("log")
        panels[1].set_ylabel("Width of the posterior / the prior's")
        panels[2].set_ylabel("Mean log density at the truth (nats)")
    handles = [
        Line2D([], [], color=colour, label=shown(name).symbol)
        for name, colour in zip(names, cycle(METHODS), strict=False)
    ]
    handles += [
        Line2D([], [], color="0.4", linestyle=line, marker=marker, markersize=3.5, label=label)
        for label, line, marker in zip(lines, cycle(LINES), cycle(MARKERS), strict=False)
        if label != SKY
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw(
    axes: Axes,
    at: Sequence[int],
    values: Sequence[Sequence[float]],
    colour: str,
    look: dict[str, Any],
) -> None:
    means = [float(np.mean(each)) for each in values]
    size = 7 if look["marker"] == "*" else 3.5
    axes.plot(at, means, color=colour, markersize=size, linewidth=0.9, **look)


def _beside_hours(instrument: Instrument | None, every: Sequence[Instrument]) -> str:
    """What an instrument is beside its hours, where instruments differ in it."""
    if instrument is None:
        return SKY
    differ = [
        key
        for key in Instrument.model_fields
        if key != "hours" and len({str(getattr(each, key)) for each in every}) > 1
    ]
    told = ((key, getattr(instrument, key)) for key in differ)
    of = (f"no {key}" if value == "none" else f"{key}: {value}" for key, value in told)
    return ", ".join(of) or "SKA-Low"


def _hours(hours: float) -> str:
    return "no\nnoise" if hours >= WITHOUT_NOISE else f"{hours:,g}"
