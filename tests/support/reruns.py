"""What each edit causes: one list, from which the docs' table and its tests are made.

    python tests/support/reruns.py

prints the table of docs/reruns.md.
"""

import copy
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from support.small import Settings, small_settings

REST = Counter(train=1, evaluate=1, draw_training=1, summarise=1)
CUT = Counter(prepare_images=2, cut_images=4, seal_images=2, draw_examples=1)
SIMULATED = Counter(prepare_lightcones=2, simulate=4, seal_lightcones=2)
GROWN = Counter(
    prepare_lightcones=1,
    simulate=1,
    seal_lightcones=1,
    prepare_images=1,
    cut_images=1,
    seal_images=1,
)
SCHEME = Counter(draw_scheme=1)
STUDY = Counter(train=1, compare=1, draw_sweep=1, summarise=1)  # one trial is there already
EVERYTHING = SIMULATED + CUT + REST
DATABASE = "a new database beside the old, and all that follows"


@dataclass(frozen=True)
class Edit:
    """A row of the table, and as many examples of it as it names things."""

    what: str
    causes: str
    examples: dict[str, Any]  # key -> its other value, for a small configuration
    jobs: Counter = field(default_factory=Counter)  # of the workflow, per example


def edits() -> list[Edit]:
    """The table's rows that are edits of a configuration."""
    training = small_settings()["trainings"]["all_images"]
    third = {**training, "seed": 9}
    sweep = {"training": "all_images", "vary": {"seed": [training.get("seed", 1), 9]}}
    mock = small_settings()["mocks"]["FAINT"]
    return [
        Edit(
            "how plots look (`figures`)",
            "figures",
            {
                "figures.dpi": 60,
                "figures.bins": 20,
                "figures.brightness_range": [-100, 20],
                "figures.responses": ["FAINT"],
            },
            Counter(draw_training=1, draw_examples=1, draw_scheme=1, summarise=1),
        ),
        Edit(
            "how networks are scored (`evaluation`)",
            "evaluations and their figures",
            {"evaluation.bootstrap": 60, "evaluation.confidence": 0.9},
            Counter(evaluate=1, draw_training=1, summarise=1),
        ),
        Edit(
            "a training's learning rate, epochs, or another of its keys",
            "that training, its evaluation and figures, beside the old",
            {
                "trainings.all_images.optimiser.learning_rate": 0.01,
                "trainings.all_images.epochs": 3,
                "trainings.all_images.seed": 2,
            },
            REST,
        ),
        Edit(
            "a new entry in `trainings`",
            "that one, its evaluation and figures",
            {"trainings.third": third},
            REST,
        ),
        Edit(
            "more `repeats` of a training",
            "the trainings with the new seeds, their evaluations, and the tables",
            {"trainings.all_images.repeats": 3},
            Counter(train=2, evaluate=2, summarise=1),
        ),
        Edit(
            "a new learning curve in `sweeps`, or more values in one",
            "the trials that are not there, their evaluations, the comparison and its figure",
            {"sweeps.curve": {**sweep, "scored_on": "test"}},
            Counter(evaluate=1) + STUDY,
        ),
        Edit(
            "a new study in `sweeps`, or more trials in one",
            "the trials that are not there, the comparison and its figure",
            {"sweeps.study": sweep},
            STUDY,
        ),
        Edit(
            "the number of slices, or another key of `images`",
            "the images and what follows",
            {"images.slices": 1, "images.axes": ["x"]},
            CUT + REST + SCHEME,
        ),
        Edit(
            "a new entry in `mocks`",
            "its light-cones and images; evaluations and figures, but no training",
            {"mocks.BRIGHT": {"parameters": mock["parameters"]}},
            GROWN + REST + Counter(draw_examples=1) - Counter(train=1),
        ),
        Edit("`split`", "the trainings and what follows", {"split.test": 4}, REST),
        Edit(
            "more `realizations`",
            "the new simulations, their images, and the trainings and what follows; the "
            "light-cones for validation and test stay the same",
            {"database.realizations": 16},
            GROWN + REST,
        ),
        Edit(
            "the prior's range",
            DATABASE + "; the mocks stay",
            {"database.prior.L_X": [39, 42]},
            EVERYTHING
            - Counter(prepare_lightcones=1, simulate=1, seal_lightcones=1)
            - Counter(prepare_images=1, cut_images=1, seal_images=1, draw_examples=1),
        ),
        Edit(
            "the box, or the cells of a light-cone",
            DATABASE + "; the figure of the slices",
            {"database.box.length": 24},
            EVERYTHING + SCHEME,
        ),
        Edit(
            "cosmology, an option of 21cmFAST, the engine's version, `threads`",
            DATABASE,
            {
                "database.cosmology": {"SIGMA_8": 0.8},
                "database.simulator.options": {"R_BUBBLE_MAX": 10},
                "database.simulator.engine_version": "2",
                "database.simulator.threads": 2,
            },
            EVERYTHING,
        ),
        Edit(
            "codec, chunks, block size, limits of a simulation",
            "nothing",
            {
                "database.storage.compression_level": 9,
                "database.storage.chunk_cells": 4,
                "database.block": 3,
                "database.limit_minutes": 5,
                "database.max_attempts": 9,
            },
        ),
        Edit("the run's `name`", "its table and manifest", {"name": "other"}, Counter(summarise=1)),
    ]


# Rows that are no edits of a configuration's values; each has a test of its own.
OTHERS = [
    ("a caption (`workflow/report`)", "the report, when it is made next; nothing else"),
    (
        "ranks, partition, memory, log level, in a profile or on Snakemake's command line",
        "nothing",
    ),
    ("comments, the order of keys, 10 against 10.0", "nothing"),
    ("a fresh clone, `touch`, `git checkout` over existing results", "nothing"),
    ("`.snakemake` deleted", "nothing"),
    (
        "a stage's version raised in the code (`fingerprint.STAGE_VERSIONS`)",
        "that stage and what follows",
    ),
    ("any of these taken back", "nothing: the old products are found complete"),
]


def edited(settings: Settings, key: str, value: Any) -> Settings:
    """A copy of the settings in which one key, with dots, has this value."""
    changed = copy.deepcopy(settings)
    place = changed
    *path, last = key.split(".")
    for part in path:
        place = place.setdefault(part, {})
    place[last] = value
    return changed


def table() -> str:
    """The docs' table."""
    rows = [(edit.what, edit.causes) for edit in edits()] + OTHERS
    return "\n".join(
        ["| what changes | what is made |", "|---|---|"]
        + [f"| {what} | {causes} |" for what, causes in rows]
    )


if __name__ == "__main__":
    print(table())
