"""Values that the engine takes: of each by itself, as its type says, and beside others.

Nothing here loads PyTorch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import le, lt
from typing import Any

from pydantic import ValidationError

from ..base.errors import UserError
from ..config.messages import on_lines
from ..config.sections import Simulation
from ..simulator.values import explained
from .constants import CELL_RADIUS
from .options import NAME, VARIED, Options, Parameters, options_in, refusals

Values = Mapping[str, Any]
LOGARITHMS = ("ION_Tvir_MIN", "L_X", "F_STAR10")
CELL = "a cell's radius"
BESIDE: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("NU_X_THRESH", lt, "NU_X_BAND_MAX"),
    ("NU_X_BAND_MAX", le, "NU_X_MAX"),
    ("R_BUBBLE_MIN", lt, "R_BUBBLE_MAX"),
    (CELL, lt, "R_BUBBLE_MAX"),
    (CELL, lt, "R_MAX_TS"),
)
SIGNS = {
    "greater_than": "it must be > {gt:g}",
    "greater_than_equal": "it must be >= {ge:g}",
    "less_than": "it must be < {lt:g}",
    "less_than_equal": "it must be <= {le:g}",
    "finite_number": "it must be a finite number",
    "int_from_float": "it must be a whole number",
}


def mistakes(simulation: Simulation, tried: Mapping[str, Sequence[Values]]) -> Iterator[str]:
    """Values out of range, a line each.

    Args:
        simulation: the settings.
        tried: points of parameters, by what to call the place that they are from.
    """
    options = options_in(simulation)
    wrong = _alone(Options, options)
    taken = {name: value for name, value in options.items() if name not in wrong}
    fixed = {**vars(Options(**taken)), CELL: CELL_RADIUS * simulation.box.cell_size}
    for name, why in {**_beside(fixed, options), **wrong}.items():
        value = options.get(name, fixed[name])
        yield f"database.simulator.options.{name}: {_explained(name, [value], why)}"
    for where, points in tried.items():
        refused = [(point, _of_point(point, fixed)) for point in points]
        refused = [it for it in refused if it[1]]
        # The last lies between the corners, at numbers that nobody wrote.
        refused = [it for it in refused if it[0] is not points[-1]] or refused
        for name in VARIED:
            if values := {point[name]: why[name] for point, why in refused if name in why}:
                first = next(iter(values.values()))
                yield f"{where}.{name}: {_explained(name, sorted(values), first)}"


def options_of(simulation: Simulation, *parameters: Values) -> Options:
    """The options of a simulation, once it and realisations' parameters are what the engine has.

    Raises:
        UserError: if they are not.
    """
    found = {line for varied in parameters or [VARIED] for line in refusals(simulation, varied)}
    if lines := sorted(found) or [*mistakes(simulation, {"parameters": parameters})]:
        raise UserError(on_lines(lines))
    return Options(**options_in(simulation))


def _of_point(point: Values, fixed: Values) -> dict[str, str]:
    wrong = {**_beside({**fixed, **point}, point), **_alone(Parameters, point)}
    return {name: why for name, why in wrong.items() if name in point}


def _alone(kind: type, given: Values) -> dict[str, str]:
    """Why values are none of their own, by name."""
    try:
        kind(**given)
    except ValidationError as error:
        found = error.errors(include_url=False)
        return {
            str(it["loc"][0]): SIGNS.get(it["type"], it["msg"]).format(**it.get("ctx", {}))
            for it in found
        }
    return {}


def _beside(values: Values, named: Values) -> dict[str, str]:
    """Why some values, first those that somebody has ``named``, are none beside others."""
    wrong = {}
    for low, below, high in BESIDE:
        if low in values and not below(values[low], values[high]):
            sign = "<" if below is lt else "<="
            if low in named:
                wrong[low] = f"it must be {sign} {high}, {values[high]:g}"
            else:
                wrong[high] = f"it must be {sign.replace('<', '>')} {low}, {values[low]:g}"
    return wrong


def _explained(name: str, values: Sequence[Any], why: str) -> str:
    return explained(name, values, why, NAME, logarithmic=name in LOGARITHMS)
