"""What decides a fingerprint, and that no release changes those of the past."""

from pathlib import Path
from typing import Annotated

import pytest
import yaml
from pydantic import Field

from lcinfer import config
from lcinfer.base.fingerprint import canonical_json, content, fingerprint
from lcinfer.config.base import RUN_ONLY, Section
from lcinfer.config.sections import Database
from lcinfer.products.run import Run

HERE = Path(__file__).parents[1] / "config"

# A fingerprint may change only where the configuration changed, or where a stage's code now
# makes something else from it: then its entry in STAGE_VERSIONS was raised. In any other case
# a change here means that everybody's light-cones would be simulated again.
KNOWN = {
    "config.yaml, engine_version 4.1.1": {
        "evaluations/one_image-912202a0cc",
        "evaluations/ten_images-92c33e3c0f",
        "figures/examples-491bbaa034",
        "figures/one_image-bebd268bcc",
        "figures/scheme-2f15518251",
        "figures/ten_images-711f016e50",
        "images/A2_BOTTOM-ac97c12991",
        "images/A2_TOP-d553a5a047",
        "images/BRIGHT-3a5c8f3ebf",
        "images/FAINT-41d027a8ca",
        "images/gillet2019-bdd39801bb",
        "lightcones/A2_BOTTOM-9fa6072b5e",
        "lightcones/A2_TOP-4687a03881",
        "lightcones/BRIGHT-7be67a3c22",
        "lightcones/FAINT-e93d1c0cf9",
        "lightcones/gillet2019-427461c155",
        "runs/gillet2019-1d6bfdff3a",
        "trainings/one_image-ade7afb97e",
        "trainings/ten_images-1b92cca99b",
    },
    "config.yaml": {
        "evaluations/one_image-b3e2559f95",
        "evaluations/ten_images-36bf22d55b",
        "figures/examples-42a487f287",
        "figures/one_image-49aa6732c7",
        "figures/scheme-2f15518251",
        "figures/ten_images-b8f0259f4b",
        "images/A2_BOTTOM-c03c8284e8",
        "images/A2_TOP-251d9e035d",
        "images/BRIGHT-b5ecedcae8",
        "images/FAINT-ba5532db84",
        "images/gillet2019-b5432cb5dd",
        "lightcones/A2_BOTTOM-336016ebab",
        "lightcones/A2_TOP-03e1758231",
        "lightcones/BRIGHT-54ef11eb82",
        "lightcones/FAINT-881f5f9426",
        "lightcones/gillet2019-1e1f65d7e5",
        "runs/gillet2019-0cd1d9bedd",
        "trainings/one_image-f8f404a6b4",
        "trainings/ten_images-24fcfe8863",
    },
    "demo.yaml": {
        "evaluations/all_images-d9c3849db7",
        "evaluations/gillet2019-0737224e67",
        "figures/all_images-ed45e2bdf8",
        "figures/examples-a9471071db",
        "figures/gillet2019-7086da9fbb",
        "figures/scheme-a38de8f5a6",
        "images/BRIGHT-e36318c207",
        "images/FAINT-507bc73d14",
        "images/demo-8b347a63ed",
        "lightcones/BRIGHT-6892f7c3e4",
        "lightcones/FAINT-66a1253148",
        "lightcones/demo-66adfa6aa3",
        "runs/demo-037aea2b8d",
        "trainings/all_images-0d2ec7720d",
        "trainings/gillet2019-363a32a037",
    },
}


# What config.yaml was with 21cmfast as its authors released it.
RELEASED = "config.yaml, engine_version 4.1.1"


def known(file: str) -> set[str]:
    settings = yaml.safe_load((HERE / file.split(",")[0]).read_text(encoding="utf-8"))
    if file == RELEASED:
        simulator = settings["database"]["simulator"]
        del simulator["velocities"], simulator["thermal_density"]
        simulator["engine_version"] = "4.1.1"
    run = Run(config.parse(settings))
    products = {product.directory for product in run.by_directory.values()}
    return {path.as_posix() for path in {*products, run.summary.directory}}


def test_ten_thousand_light_cones_grow_from_those_that_there_are() -> None:
    run = Run(config.load(HERE / "ten_thousand.yaml"))
    names = [cones.directory.name for cones in (run.database, run.database_images)]
    assert names == ["ten_thousand-2dce5809d3", "ten_thousand-3c782de43d"]
    split = run.config.split
    assert run.database.realizations - split.validation - split.test == 8000


@pytest.mark.parametrize("file", KNOWN)
def test_the_repositorys_configurations_keep_their_fingerprints(file) -> None:
    assert known(file) == {f"results/{path}" for path in KNOWN[file]}


def database_fingerprint(settings) -> str:
    return Run(config.parse(settings)).database.fingerprint


def test_the_order_of_keys_and_comments_and_spelling_of_numbers_decide_nothing(settings) -> None:
    before = database_fingerprint(settings)

    def turned(value):
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return float(value) if type(value) is int else value

    text = "# a comment\n" + yaml.safe_dump(turned(settings), sort_keys=False)
    assert "length: 48.0" in text
    after = yaml.safe_load(text)
    assert list(after) == list(reversed(settings))
    assert database_fingerprint(after) == before
    run, other = Run(config.parse(settings)), Run(config.parse(after))
    assert set(run.by_directory) == set(other.by_directory)


def test_a_number_and_a_text_and_a_truth_are_different_things() -> None:
    texts = {canonical_json(value) for value in (1, 1.0, "1", True, None, [1], {"a": 1})}
    assert len(texts) == 6  # 1 and 1.0 are the same
    assert canonical_json({"b": 0.1, "a": (10.0, -0.0)}) == '{"a":[10,0],"b":0.1}'


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="Path has no canonical form"):
        canonical_json({"path": Path("x")})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("realizations", 13),
        ("block", 1),
        ("name", "renamed"),
        ("storage", {"compression_level": 9}),
        ("storage", {"chunk_cells": 16}),
    ],
)
def test_how_it_is_run_stored_or_called_leaves_the_databases_fingerprint(
    settings, key, value
) -> None:
    before = database_fingerprint(settings)
    settings["database"][key] = value
    assert database_fingerprint(settings) == before


# Another valid value for every field that decides what is simulated.
OTHER = {
    "adopted": 64 * "0",
    "cosmology.hlittle": 0.7,
    "cosmology.OMm": 0.3,
    "cosmology.OMb": 0.05,
    "cosmology.POWER_INDEX": 0.96,
    "cosmology.SIGMA_8": 0.8,
    "box.cells": 16,
    "box.length": 24.0,
    "box.hires_factor": 4,
    "lightcone.z_min": 5.5,
    "lightcone.cells": 41,
    "simulator.engine": "support.standin:raises",
    "simulator.engine_version": "2",
    "simulator.template": "latest",
    "simulator.options": {"R_BUBBLE_MAX": 10.0},
    "simulator.threads": 2,
    "simulator.z_step_factor": 1.05,
    "simulator.z_heat_max": 40.0,
    "simulator.velocity_gradients": False,
    "simulator.velocities": "both",
    "simulator.thermal_density": "scaled",
    "storage.keep_bits": 12,
    "seed": 6,
    "sampling": "sobol",
    "prior": {"HII_EFF_FACTOR": [10, 250], "L_X": [38, 42]},
}


def leaves(section: type[Section], prefix: str = "") -> list[str]:
    """Every key below a section that is not marked as deciding nothing."""
    found = []
    for name, field in section.model_fields.items():
        if field.json_schema_extra == RUN_ONLY:
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found += leaves(field.annotation, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


def test_every_field_of_the_database_is_tried_below() -> None:
    assert set(leaves(Database)) == set(OTHER)


@pytest.mark.parametrize("key", OTHER)
def test_every_field_that_decides_a_light_cone_changes_the_databases_fingerprint(
    settings, key
) -> None:
    settings["mocks"] = {}
    before = database_fingerprint(settings)
    section, _, name = f"database.{key}".rpartition(".")
    place = settings
    for part in section.split("."):
        place = place.setdefault(part, {})
    place[name] = OTHER[key]
    assert database_fingerprint(settings) != before


class Old(Section):
    cells: int = 4


class New(Section):
    cells: int = 4
    added: Annotated[float, Field(json_schema_extra={"since": "0.2"})] = 1.5


def test_a_key_of_a_later_version_is_left_out_while_it_has_its_default() -> None:
    assert content(New(cells=5)) == content(Old(cells=5)) == {"cells": 5}
    assert content(New(added=2)) == {"cells": 4, "added": 2}


def test_a_raised_stage_version_changes_that_stages_fingerprint_alone(monkeypatch) -> None:
    from lcinfer.base import fingerprint as module

    lightcones, images = fingerprint("lightcones", x=1), fingerprint("images", x=1)
    assert lightcones != images
    monkeypatch.setitem(module.STAGE_VERSIONS, "images", 99)
    assert fingerprint("lightcones", x=1) == lightcones
    assert fingerprint("images", x=1) != images
