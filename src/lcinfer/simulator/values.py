"""What is wrong with values of py21cmfast's inputs, and in which unit an engine takes them."""

import math
from collections.abc import Sequence
from typing import Any

Point = dict[str, float]
IN_EV = ("NU_X_THRESH", "NU_X_BAND_MAX", "NU_X_MAX")
LOWEST_EV = 100.0  # of X-rays; below it a user has thought of keV
LARGEST_LOGARITHM = 60.0  # no luminosity, mass or temperature in py21cmfast's units is larger


def explained(name: str, values: Sequence[Any], why: str, engine: str, *, logarithmic: bool) -> str:
    """What is wrong with an input's values.

    Args:
        name: of the input.
        values: that are refused, ascending.
        why: they are refused, where no other unit explains it.
        engine: what refuses them.
        logarithmic: whether it takes the input's decimal logarithm.
    """
    told = _span(values)
    if all(isinstance(it, float | int) and it > 0 for it in values):
        if logarithmic:
            logarithms = _span([float(f"{math.log10(it):.4g}") for it in values])
            return f"not {told}: {engine} takes its decimal logarithm, {logarithms}"
        if name in IN_EV and max(values) < LOWEST_EV:
            in_ev = _span([1000 * it for it in values])
            return f"not {told}: {engine} takes it in eV; {told} keV are {in_ev} eV"
    return f"not {told}: {why}"


def _span(values: Sequence[Any]) -> str:
    """Ascending values as text: the first to the last."""
    ends = [f"{it:g}" if isinstance(it, float) else repr(it) for it in (values[0], values[-1])]
    return " to ".join(dict.fromkeys(ends))
