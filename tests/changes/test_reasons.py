"""Why a job is announced: in a user's words, whatever lies in the results."""

import pytest
from support.reruns import edited

from lcinfer import config
from lcinfer.base import durable
from lcinfer.changes.reasons import Reasons
from lcinfer.planning.approval import approve
from lcinfer.planning.plan import plan
from lcinfer.products.run import Run
from lcinfer.stages import summarise


@pytest.fixture
def results(settings, tmp_path):
    """Results in which only the manifest of a finished run is left."""
    run = Run(config.parse(settings), tmp_path)
    summarise.write_manifest(run)
    return tmp_path


def why(settings, results, kind="trainings", name="all_images") -> str:
    run = Run(config.parse(settings), results)
    return Reasons(run).why(getattr(run, kind)[name])


def test_the_keys_that_a_product_depends_on_are_named_and_no_others(settings, results) -> None:
    changed = edited(edited(settings, "images.slices", 1), "figures.dpi", 60)
    reason = why(changed, results)
    assert reason.startswith("images.slices 2 -> 1 since run small-")
    assert "dpi" not in reason
    drawn = why(changed, results, "figures")
    assert drawn.startswith("figures.dpi 50 -> 60, images.slices 2 -> 1 since")


def test_the_nearest_of_several_runs_is_compared_with(settings, results) -> None:
    other = Run(config.parse(edited(settings, "images.slices", 1)), results)
    summarise.write_manifest(other)
    changed = edited(edited(settings, "images.slices", 1), "trainings.all_images.epochs", 9)
    reason = why(changed, results)
    assert reason == (
        f"trainings.all_images.epochs 2 -> 9 since run {other.summary.directory.name}"
    )


def test_many_keys_are_three_and_a_number(settings, results) -> None:
    for key, value in (("seed", 2), ("epochs", 9), ("batch", 5), ("images", 1)):
        settings["trainings"]["all_images"][key] = value
    assert "and 1 more key since run" in why(settings, results)


def test_another_number_of_light_cones_is_a_reason_of_what_is_trained(settings, results) -> None:
    settings["database"]["realizations"] = 15
    assert why(settings, results).startswith("database.realizations 12 -> 15 since run small-")


def test_what_a_run_had_and_is_gone_is_told(settings, results) -> None:
    assert "had it, and it is no longer there" in why(settings, results)


def test_another_name_of_the_same_database_is_told(settings, results) -> None:
    settings["database"]["name"] = "renamed"
    run = Run(config.parse(settings), results)
    assert "it was called cones-" in Reasons(run).why(run.database)


def test_without_a_finished_run_it_is_not_made_yet(settings, tmp_path) -> None:
    assert why(settings, tmp_path) == "not made yet"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"configuration": 3}', '{"configuration": {}, "images": {"a": {}}}']
)
def test_a_damaged_manifest_explains_nothing_and_does_no_harm(settings, results, text) -> None:
    (path,) = results.glob("runs/*/manifest.json")
    path.write_text(text, encoding="utf-8")
    assert isinstance(why(settings, results), str)


def test_a_block_is_named_by_its_first_and_last_light_cone(settings, tmp_path) -> None:
    run = Run(config.parse(settings), tmp_path)
    said = Reasons(run).block(run.database_images, (4, 8))
    assert said == "Images of light-cones 4 to 7 of cones: not made yet"
    (run.database_images.directory / "blocks").mkdir(parents=True)  # as Snakemake, ahead of a job
    approve(run, plan(run))
    assert Reasons(run).block(run.database_images, (4, 8)).endswith("of cones: not made yet")
    assert Reasons(run).why(run.database) == "not made yet"
    durable.write_json(run.database.directory / "sealed-000008.json", {})
    assert Reasons(run).block(run.database, (4, 8)).endswith("4 to 7 of cones: not finished")
    assert Reasons(run).why(run.database) == "grows from 8 to 12"
    durable.write_json(run.database.directory / "sealed-000009-after-3-attempts.json", {})
    assert Reasons(run).why(run.database) == "grows from 9 to 12"
