"""A run as a Workflow Run Crate: what was run, with what, on what, giving what.

Profiles: https://w3id.org/ro/wfrun/workflow/0.5 and, for the steps,
https://w3id.org/ro/wfrun/provenance/0.5. Small files are in the crate; a Zarr store is told of
by its fingerprint, and light-cones by the digest of each. Nothing is fetched.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rocrate.model.computationalworkflow import ComputationalWorkflow
from rocrate.model.entity import Entity

from ..base import durable
from ..base.errors import UserError
from ..lightcones import store
from ..products.kinds import KINDS
from ..products.product import Product
from ..text.latex import Latex
from ..text.styles import Markdown
from ..text.tables import comma_separated
from . import methods
from .entities import Entities, set_all
from .recorded import Recorded, Simulated
from .steps import add_software, add_steps

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
WORKFLOW = ("workflow/rules/*.smk", "workflow/report/*.rst", "envs/lock.txt", "envs/conda.yaml")
RULE_FILES = {kind.rules for kind in KINDS.values()}
CONTENTS = """\
- `configuration.yaml`: the configuration with every default.
- `Snakefile`, `workflow/`, `envs/`: what ran it.
- `results/lightcones/*/digests.csv`: parameters, random seed and digest of every light-cone:
  {digest}. Voxels are in mK.
- `results/`: predictions, scores, tables, figures, networks, as the run left them.
- `ro-crate-metadata.json`: all of this for programs, with sizes and SHA-256 (RO-Crate 1.1).
- `methods.tex`: the text below in LaTeX."""
NO_LICENSE = "No licence is stated: ask the authors."


@dataclass(frozen=True)
class Wishes:
    """What a crate's author decides."""

    workflow: Path
    """The folder with the Snakefile that was run."""
    author: str | None = None
    """Who made the run."""
    orcid: str | None = None
    """The author's ORCID as a URL."""
    license: str | None = None
    """A URL, or a text."""
    largest: float = 100e6
    """Files of more bytes are told of and left out."""


def write(recorded: Recorded, to: Path, wishes: Wishes, zipped: bool = False) -> Path:
    """Write the crate as a directory, or as one archive.

    Raises:
        UserError: if something is there already, there is no workflow, or a file is not what its
            stage recorded; nothing is written.
    """
    if to.exists():
        raise UserError(f"{to}: there already: move it away, or name another with --to")
    crate = _assembled(recorded, wishes).crate
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{to.name}-", dir=to.parent) as aside:
        written = Path(aside, to.name)
        (crate.write_zip if zipped else crate.write)(written)
        written.rename(to)
    return to


def _assembled(recorded: Recorded, wishes: Wishes) -> Entities:
    if not (wishes.workflow / "Snakefile").is_file():
        raise UserError(
            f"{wishes.workflow.absolute()}: no Snakefile here: name the folder with --workflow"
        )
    entities = Entities(wishes.largest)
    author = _author(entities, wishes)
    configuration = entities.text(
        yaml.safe_dump(recorded.run.config.model_dump(mode="json"), sort_keys=False),
        "configuration.yaml",
        name="The resolved configuration, with every default",
    )
    workflow = _add_workflow(entities, recorded, wishes.workflow)
    things = {
        product.directory.name: list(_add_product(entities, recorded, product))
        for product in recorded.run.products
    }
    _add_parameters(entities, recorded, workflow, configuration, things)
    set_all(workflow, {"softwareRequirements": add_software(entities, recorded)})
    add_steps(entities, recorded, workflow, things, configuration, author)
    entities.text(methods.text(recorded, Latex(), scores=True), "methods.tex")
    readme = entities.text(_readme(recorded), "README.md")
    readme["about"] = entities.crate.root_dataset
    _describe(entities, recorded, wishes, author)
    return entities


def _readme(recorded: Recorded) -> str:
    """What is where, and the methods."""
    parts = [
        f"# Run {recorded.run.config.name} of lcinfer",
        CONTENTS.format(digest=store.DIGEST),
        "## Methods",
        methods.text(recorded, Markdown(), scores=True),
    ]
    return "\n\n".join(parts)


def _describe(
    entities: Entities, recorded: Recorded, wishes: Wishes, author: Entity | None
) -> None:
    """The root: what the crate is, whose, and which profiles it follows."""
    run = recorded.run
    profiles = [
        entities.thing(
            identifier, type="CreativeWork", name=name, version=identifier.rpartition("/")[2]
        )
        for identifier, name in PROFILES.items()
    ]
    license: Any = wishes.license or NO_LICENSE
    if license.startswith(("http://", "https://")):
        license = entities.thing(
            license, type="CreativeWork", name=license, description="The licence of this crate."
        )
    set_all(
        entities.crate.root_dataset,
        {
            "name": f"lcinfer run {run.config.name}",
            "description": (
                f"Run {run.summary.directory.name} of lcinfer: {run.database.realizations} "
                f"light-cones of the cosmic 21-cm signal, and networks trained on their images: "
                f"{', '.join(run.trainings)}. See README.md."
            ),
            "identifier": run.summary.fingerprint,
            "license": license,
            "author": author,
            "conformsTo": profiles,
        },
    )


def _author(entities: Entities, wishes: Wishes) -> Entity | None:
    if wishes.author is None:
        return None
    identifier = wishes.orcid or f"#person-{'-'.join(wishes.author.split())}"
    return entities.thing(identifier, type="Person", name=wishes.author)


def _add_workflow(entities: Entities, recorded: Recorded, folder: Path) -> Entity:
    """The Snakefile and its rules as they are in ``folder`` now."""
    profile = entities.thing(BIOSCHEMAS, type="CreativeWork", name="ComputationalWorkflow")
    workflow = entities.workflow(
        folder / "Snakefile",
        "Snakefile",
        type=[*ComputationalWorkflow.TYPES, "HowTo"],
        name="lcinfer's workflow",
    )
    about = {
        "conformsTo": profile,
        "version": recorded.lcinfer,
        "description": ", ".join(recorded.codes),
    }
    set_all(workflow, about)
    for pattern in WORKFLOW:
        for path in durable.own(folder.glob(pattern)):
            destination = path.relative_to(folder).as_posix()
            if path.name not in RULE_FILES:
                entities.file(path, destination)
                continue
            rules = entities.file(path, destination, True, type=["File", "SoftwareSourceCode"])
            language = workflow["programmingLanguage"]
            set_all(rules, {"programmingLanguage": language, "version": recorded.lcinfer})
    return workflow


def _add_product(entities: Entities, recorded: Recorded, product: Product) -> Iterator[Entity]:
    """The files of a product, and what stands for its store; yields what it gives to others."""
    directory = f"results/{product.kind}/{product.directory.name}"
    files = []
    for path in recorded.files(product):
        inside = path.relative_to(product.directory).as_posix()
        files.append(entities.file(path, f"{directory}/{inside}"))
        if (digest := recorded.digest(product, path)) not in (None, files[-1]["sha256"]):
            raise UserError(
                f"{path}: changed since it was made, when its SHA-256 was {digest}: "
                "`lcinfer audit` says more"
            )
    if product.store is None:
        yield from (file for file in files if "/provenance/" not in file.id)
        return
    about: dict[str, Any] = {"hasPart": files, "identifier": product.fingerprint}
    if made := recorded.simulated.get(product.directory.name):
        digests = entities.text(
            _digests(made),
            f"{directory}/digests.csv",
            name="Parameters, random seed and SHA-256 of every light-cone",
        )
        about["hasPart"] = [*files, digests]
        about["additionalProperty"] = entities.thing(
            f"#root-digest-{product.directory.name}",
            type="PropertyValue",
            name="SHA-256 over the digests of all light-cones in their order",
            value=made.root_digest,
        )
    stored = durable.own(product.store.rglob("*"))  # none if it is elsewhere
    size = sum(path.stat().st_size for path in stored if path.is_file())
    yield entities.thing(
        f"#{product.kind}-{product.directory.name}",
        type="Dataset",
        name=f"{product.kind}/{product.directory.name}",
        description=f"{product.title} of {product.parts} light-cones in Zarr 3, not in this crate.",
        contentSize=str(size) if size else None,
        **about,
    )


def _digests(made: Simulated) -> str:
    names = made.cones.design.names
    rows: list[list[Any]] = [["light_cone", "random_seed", *names, "sha256"]]
    for record in made.finished:
        values = [record["parameters"].get(name) for name in names]
        rows.append([record["index"], record.get("seed"), *values, record["digest"]])
    return comma_separated(rows)


def _add_parameters(
    entities: Entities,
    recorded: Recorded,
    workflow: Entity,
    configuration: Entity,
    things: dict[str, list[Entity]],
) -> None:
    """What the workflow takes and gives, as formal parameters with what they were in this run."""

    def parameter(name: str, kind: str, examples: list[Entity]) -> Entity:
        formal = entities.thing(
            f"#parameter-{name}",
            type="FormalParameter",
            name=name,
            additionalType=kind,
            workExample=examples,
        )
        for example in examples:
            example["exampleOfWork"] = formal
        return formal

    made: dict[str, list[Entity]] = {kind: [] for kind in KINDS}
    for product in recorded.run.products:
        made[product.kind] += things[product.directory.name]
    given = [
        parameter(kind.title.replace(" ", "-"), kind.content, made[name])
        for name, kind in KINDS.items()
    ]
    taken = parameter("configuration", "File", [configuration])
    set_all(workflow, {"input": [taken], "output": given})
