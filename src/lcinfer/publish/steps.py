"""A run's steps in a crate: which rule made which product from what, when, and at what cost.

A step is a rule file of the workflow; each product of a run is one action of it.
"""

import shlex
from datetime import UTC, datetime
from typing import Any

from rocrate.model.entity import Entity

from ..lightcones.journal import Record, ended
from ..products.kinds import KINDS
from ..products.product import Product
from ..records.record import PACKAGES, distinct
from .entities import Entities, set_all
from .recorded import HOUR, Recorded

COMPLETED = "http://schema.org/CompletedActionStatus"
HOMES = {**PACKAGES, "python": "https://www.python.org"}
HOURS, COUNT = "HUR", "C62"  # UN/CEFACT's codes of units


def add_software(entities: Entities, recorded: Recorded) -> list[Entity]:
    """An entity per recorded version of everything that ran."""
    return [
        _software(entities, name, version)
        for name, versions in recorded.versions.items()
        for version in versions
    ]


def _software(entities: Entities, name: str, version: str | None) -> Entity:
    home = HOMES.get(name)
    identifier = f"{home or f'#software-{name}'}{'#' if home else '-'}{version or ''}"
    return entities.thing(
        identifier.rstrip("#-"),
        type="SoftwareApplication",
        name=name,
        softwareVersion=version,
        url=home,
    )


def add_steps(
    entities: Entities,
    recorded: Recorded,
    workflow: Entity,
    things: dict[str, list[Entity]],
    configuration: Entity,
    agent: Entity | None,
) -> None:
    """Add the run itself, its steps, and the action that made each product.

    ``things`` are the entities of each product's content by the name of its directory.
    """
    actions, controls = [], []
    steps = _steps(entities, recorded, workflow)
    for product in recorded.run.products:
        name = product.directory.name
        tool = entities.crate.get(f"workflow/rules/{product.rules}")
        sources = [entity for source in product.sources for entity in things[source.directory.name]]
        action = entities.thing(
            f"#make-{product.kind}-{name}",
            type="CreateAction",
            name=f"{product.step}: {name}",
            description=_how(recorded, product),
            instrument=tool,
            object=[configuration, *sources],
            result=things[name],
            agent=agent,
            actionStatus=COMPLETED,
            **_times(_attempts(recorded, product)),
            resourceUsage=_usage(entities, recorded, product),
        )
        actions.append(action)
        controls.append(
            entities.thing(
                f"#control-{product.kind}-{name}",
                type="ControlAction",
                name=f"Have {name} made",
                instrument=steps[product.kind],
                object=action,
            )
        )
    whole = entities.thing(
        "#run",
        type="CreateAction",
        name=f"Run {recorded.run.config.name}",
        description=f"The workflow on the configuration of {recorded.run.summary.directory.name}.",
        instrument=workflow,
        object=[configuration],
        result=[thing for several in things.values() for thing in several],
        agent=agent,
        actionStatus=COMPLETED,
        **_whole_times(recorded),
    )
    versions = recorded.versions.get("snakemake", (None,))
    entities.thing(
        "#organize",
        type="OrganizeAction",
        name=f"Organise {recorded.run.config.name}",
        instrument=_software(entities, "snakemake", versions[-1]),
        object=controls,
        result=whole,
    )
    set_all(entities.crate.root_dataset, {"mentions": [whole, *actions]})


def _steps(entities: Entities, recorded: Recorded, workflow: Entity) -> dict[str, Entity]:
    """The workflow's steps by the kind of product that they make."""
    made = {product.kind for product in recorded.run.products}
    steps = {}
    for position, (kind, product) in enumerate(KINDS.items(), start=1):
        if kind in made:
            tool = entities.crate.get(f"workflow/rules/{product.rules}")
            steps[kind] = entities.thing(
                f"#step-{kind}",
                type="HowToStep",
                name=product.step,
                position=str(position),
                workExample=tool,
            )
    tools = [step["workExample"] for step in steps.values()]
    set_all(workflow, {"step": list(steps.values()), "hasPart": tools})
    return steps


def _attempts(recorded: Recorded, product: Product) -> list[Record]:
    """All that is recorded of making a product."""
    name = product.directory.name
    simulated = recorded.simulated.get(name)
    return [*(simulated.attempts if simulated else []), *recorded.stages[name]]


def _how(recorded: Recorded, product: Product) -> str:
    """Command lines, hosts, batch jobs, code, as far as they are recorded."""
    stages = recorded.stages[product.directory.name]
    told = [f"Kept in results/{product.kind}/{product.directory.name}."]
    commands = {shlex.join(map(str, one["command"])) for one in stages if "command" in one}
    told += [f"Command: {command}." for command in sorted(commands)]
    for what, names in (
        ("Hosts", distinct(_attempts(recorded, product), "host")),
        ("Batch jobs", distinct(stages, "job")),
        ("Code", distinct(stages, "code")),
    ):
        told += [f"{what}: {', '.join(names)}."] if names else []
    return " ".join(told)


def _times(records: list[Record]) -> dict[str, str]:
    timed = [record for record in records if "began" in record]
    if not timed:
        return {}
    return {
        "startTime": _iso(min(float(record["began"]) for record in timed)),
        "endTime": _iso(max(map(ended, timed))),
    }


def _whole_times(recorded: Recorded) -> dict[str, str]:
    """From the first record to the last; no end where the last stage left no record."""
    everything = [
        record for product in recorded.run.products for record in _attempts(recorded, product)
    ]
    times = _times(everything)
    if not recorded.stages[recorded.run.summary.directory.name]:
        times.pop("endTime", None)
    return times


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _usage(entities: Entities, recorded: Recorded, product: Product) -> list[Entity]:
    """CPU time; of light-cones also how many attempts there were and how many failed."""
    name = product.directory.name
    stages = recorded.stages[name]
    figures: list[tuple[str, Any, str]] = []
    made = recorded.simulated.get(name)
    if made is not None and made.timed:
        figures = [
            ("core-hours", made.core_hours(made.attempts), HOURS),
            ("core-hours of failed attempts", made.core_hours(made.failed), HOURS),
            ("attempts", len(made.attempts), COUNT),
            ("failed attempts", len(made.failed), COUNT),
        ]
    elif made is None and any("cpu_seconds" in stage for stage in stages):
        spent = sum(float(stage.get("cpu_seconds", 0.0)) for stage in stages)
        figures = [("core-hours", spent / HOUR, HOURS)]
    return [
        entities.thing(
            f"#usage-{name}-{what.replace(' ', '-')}",
            type="PropertyValue",
            name=what,
            propertyID=what.replace(" ", "-"),
            value=f"{value:.6g}",
            unitCode=unit,
        )
        for what, value, unit in figures
    ]
