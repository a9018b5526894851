"""How the model was set, as a methods section tells it: where the configuration knows."""

from ..base.counting import listed
from ..config.parameters import shown
from ..engines import engine_of
from ..engines.engine import Engine
from ..simulator.velocities import SUBCELLS_OF_BOX
from ..text.styles import Style
from .recorded import Recorded

VELOCITIES = "Mao2012"
Row = tuple[str, str]


def engine(recorded: Recorded) -> Engine:
    """What simulated."""
    return engine_of(recorded.run.config.database)


def known(recorded: Recorded) -> bool:
    """Whether the configuration says how the model was set: files that were adopted may differ."""
    return engine(recorded).model is not None and recorded.run.config.database.adopted is None


def sentences(recorded: Recorded, style: Style, near: str) -> list[str]:
    """Values that are not varied, nodes, velocities, and the density of spin temperatures.

    Args:
        recorded: a run of which they are known.
        style: how they are written.
        near: the redshift of the nearest cell.
    """
    database = recorded.run.config.database
    simulator, nodes = database.simulator, engine(recorded).nodes(database)
    fixed = [style.equal(*row) for row in _fixed(recorded, style)]
    flags = [(name, value) for name, value in _of_model(recorded) if isinstance(value, bool)]
    fixed += [style.code(f"{name} = {value}") for name, value in flags]
    told = [f"Not varied are {listed(fixed)}."] if fixed else []
    told += [
        f"Other inputs are those of 21cmFAST's template {style.code(simulator.template)}.",
        f"The evolution has {nodes} nodes, from one to the next of which 1 + z falls "
        f"by a factor of {style.number(simulator.z_step_factor)}, and heating begins at redshift "
        f"{style.number(simulator.z_heat_max)}.",
        f"Peculiar velocities {_velocities(recorded, style)}.",
    ]
    if simulator.thermal_density == "scaled":
        told.append(
            f"Spin temperatures follow the density at redshift {near}, scaled by linear growth."
        )
    return told


def rows(recorded: Recorded, style: Style) -> list[Row]:
    """The same in a table, where the configuration says it."""
    if not known(recorded):
        return []
    database = recorded.run.config.database
    simulator = database.simulator
    return [
        *_fixed(recorded, style),
        ("Nodes of the evolution", style.count(engine(recorded).nodes(database) or 0)),
        ("Ratio of 1 + z of two nodes", style.number(simulator.z_step_factor)),
        ("Redshift where heating begins", style.number(simulator.z_heat_max)),
        ("Peculiar velocities", style.code(simulator.treatment)),
        ("Density of spin temperatures", style.code(simulator.thermal_density)),
    ]


def _fixed(recorded: Recorded, style: Style) -> list[Row]:
    """Symbol and value of the model's own numbers that are neither varied nor an option."""
    return [
        (style.symbol(name), style.number(value, shown(name).unit))
        for name, value in _of_model(recorded)
        if not isinstance(value, bool)
    ]


def _of_model(recorded: Recorded) -> list[tuple[str, float]]:
    database = recorded.run.config.database
    taken = {*database.prior, *database.simulator.options}
    model = engine(recorded).model or {}
    return [(name, value) for name, value in model.items() if name not in taken]


def _velocities(recorded: Recorded, style: Style) -> str:
    cited = style.cite(VELOCITIES)
    gradient = f"enter through their gradient in the 21-cm optical depth {cited}"
    return {
        "none": "are left out",
        "gradient": gradient,
        "shift": f"move the cells of a light-cone to redshift space {cited}",
        "both": f"{gradient} and move the cells of a light-cone to redshift space",
        "subcell": f"{gradient}, taken in Fourier space, and move {SUBCELLS_OF_BOX} sub-cells of "
        f"each cell to redshift space, both in the coeval boxes",
    }[recorded.run.config.database.simulator.treatment]
