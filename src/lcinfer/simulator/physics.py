"""What py21cmfast makes of a configuration's template, options, prior and mocks.

python -m lcinfer.simulator.physics < QUESTION.json

Its inputs are built as a simulation builds them, and nothing is simulated.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import attrs
from py21cmfast import InputParameters
from py21cmfast._templates import list_templates, load_template_file
from py21cmfast.wrapper import inputs as wrapper
from py21cmfast.wrapper.inputs import InputStruct

from ..base.errors import UserError, reason
from ..config.messages import meant, typos_first
from ..config.parameters import REGISTRY
from ..config.sections import Simulation, Simulator
from .gm18 import REFUSALS, built, node_redshifts
from .values import LARGEST_LOGARITHM, Point, explained

# py21cmfast's names by the symbols of papers, without units.
IN_PAPERS = {
    shown.text.removeprefix("log10(").partition("/")[0].partition("<")[0]: name
    for name, shown in REGISTRY.items()
}


def mistakes(simulation: Simulation, tried: Mapping[str, Sequence[Point]]) -> list[str]:
    """What is wrong with a configuration's physics, a line each, likely misspelt names first.

    Args:
        simulation: template, options and all else that every light-cone shares.
        tried: the points that must be accepted, by the key of the configuration that they are of.
    """
    return typos_first([*_mistakes(simulation, tried)])


def _mistakes(simulation: Simulation, tried: Mapping[str, Sequence[Point]]) -> Iterator[str]:
    try:
        nodes = node_redshifts(simulation)
    except UserError as error:
        yield str(error)
        return
    template = _wrong_template(simulation.simulator.template)
    yield from template
    places: dict[str, Sequence[Mapping[str, Any]]]
    places = {"database.simulator.options": [simulation.simulator.options], **tried}
    known = {
        field.alias for kind in InputStruct._subclasses.values() for field in attrs.fields(kind)
    }
    unknown: set[str] = set()
    for where, points in places.items():
        for name in sorted({name for point in points for name in point} - known - unknown):
            likely = meant(name, known, IN_PAPERS)
            yield f"{where}.{name}: py21cmfast has no such input{likely}"
            unknown.add(name)  # a mock's is the prior's: once is enough
    if template:  # parameters are tried all the same
        simulation = _with(simulation, template=Simulator.model_fields["template"].default)

    def refusal(options: Mapping[str, Any], point: Mapping[str, Any]) -> str:
        """Why py21cmfast does not take these, or empty."""
        return _refusal(_with(simulation, options=dict(options)), dict(point), nodes)

    options = _without(simulation.simulator.options, unknown)
    accepted = _accepted(options, refusal)
    for name in sorted(options.keys() - accepted.keys()) if not template else ():
        value = options[name]
        why = refusal(accepted, {name: value})
        yield f"database.simulator.options.{name}: {_explained(name, [value], why)}"
    for where, points in tried.items():
        yield from _refused_points(where, points, unknown, lambda it: refusal(accepted, it))


def _with(simulation: Simulation, **settings: Any) -> Simulation:
    simulator = simulation.simulator.model_copy(update=settings)
    return simulation.model_copy(update={"simulator": simulator})


def _without(point: Mapping[str, Any], unknown: set[str]) -> dict[str, Any]:
    return {name: value for name, value in point.items() if name not in unknown}


def _accepted(options: Mapping[str, Any], refusal: Callable[..., str]) -> dict[str, Any]:
    """The options that py21cmfast takes together: all, or one after another, since some are
    taken beside others alone."""
    if not refusal(options, {}):
        return dict(options)
    accepted: dict[str, Any] = {}
    grown = True
    while grown:
        grown = False
        for name in sorted(options.keys() - accepted.keys()):
            if not refusal({**accepted, name: options[name]}, {}):
                accepted[name] = options[name]
                grown = True
    return accepted


def _refused_points(
    where: str, points: Sequence[Point], unknown: set[str], refusal: Callable[[Point], str]
) -> Iterator[str]:
    """Parameters that are to blame for refused points, or the first point where none is alone."""
    points = [_without(point, unknown) for point in points]
    refused = [(point, why) for point in points if (why := refusal(point))]
    # The last lies between the corners, at numbers that nobody wrote.
    refused = [it for it in refused if it[0] is not points[-1]] or refused
    blamed: dict[str, dict[float, str]] = {}
    for name, value in sorted({item for point, _ in refused for item in point.items()}):
        if why := refusal({name: value}):
            blamed.setdefault(name, {})[value] = why
    for name, values in blamed.items():
        yield f"{where}.{name}: {_explained(name, list(values), next(iter(values.values())))}"
    if refused and not blamed:
        point, why = refused[0]
        at = ", ".join(f"{name} = {value:g}" for name, value in point.items())
        yield f"{where}: py21cmfast refuses {at}: {why}"


def _wrong_template(name: str) -> list[str]:
    try:
        load_template_file(name)
    except (OSError, ValueError) as error:
        aliases = [alias for each in list_templates() for alias in each["aliases"]]
        if "not found" in str(error):
            why = f"py21cmfast has no template {name}{meant(name, aliases)}; it has "
            return [f"database.simulator.template: {why}{', '.join(aliases)}"]
        return [f"database.simulator.template: {name}: {reason(error)}"]
    return []


def _refusal(simulation: Simulation, point: Point, nodes: tuple[float, ...]) -> str:
    try:
        inputs = built(simulation, point, 1, nodes)
    except REFUSALS as error:
        return f"py21cmfast refuses it: {reason(error)}"
    for name, value in {**simulation.simulator.options, **point}.items():
        if why := _taken_otherwise(inputs, name, value):
            return why
    return ""


def _taken_otherwise(inputs: InputParameters, name: str, value: Any) -> str:
    """Whether the inputs hold something else than what was asked for: a truncated number, or
    true for any text. Empty: they do not."""
    structs = (getattr(inputs, field.name) for field in attrs.fields(type(inputs)))
    held = next((getattr(it, name) for it in structs if hasattr(it, name)), value)
    if isinstance(held, float | int) and not isinstance(held, bool) and isinstance(value, str):
        value = float(value)  # 1e3 is a text to YAML
    if held != value:
        return f"py21cmfast would make {held!r} of it"
    if _is_logarithm(name) and value > LARGEST_LOGARITHM:
        return "py21cmfast takes its decimal logarithm"
    return ""


def _explained(name: str, values: Sequence[Any], why: str) -> str:
    return explained(name, values, why, "py21cmfast", logarithmic=_is_logarithm(name))


def _is_logarithm(name: str) -> bool:
    """Whether py21cmfast takes the decimal logarithm of an input."""
    return any(
        field.alias == name
        and getattr(field.metadata.get("transformer"), "__name__", "") == "logtransformer"
        for kind in InputStruct._subclasses.values()
        for field in attrs.fields(kind)
    )


def answer(question: str) -> str:
    """To a question, both as JSON, in a process of its own: for each cosmology CLASS runs once."""
    wrapper.run_classy = cache(wrapper.run_classy)  # half a minute each time
    asked = json.loads(question)
    return json.dumps(mistakes(Simulation(**asked["simulation"]), asked["tried"]))


if __name__ == "__main__":
    print(answer(sys.stdin.read()))
