"""What an edit causes and costs, said before it is made."""

import json

import pytest
from support.filling import complete, fill
from support.reruns import edited

from lcinfer import cli, config
from lcinfer.base import durable
from lcinfer.changes.diff import compare
from lcinfer.changes.keys import changes
from lcinfer.changes.work import to_make
from lcinfer.lightcones import journal
from lcinfer.planning.plan import plan
from lcinfer.products.run import Run
from lcinfer.stages import lightcones


def run_of(settings, root) -> Run:
    return Run(config.parse(settings), root)


def effect(difference, kind, name=None):
    (found,) = [
        each
        for each in difference.effects
        if each.product.kind == kind and name in (None, each.product.name)
    ]
    return found


def test_keys_that_differ_are_told_with_defaults_and_whether_they_decide(settings) -> None:
    other = edited(settings, "database.block", 6)
    other = edited(other, "database.cosmology", {"SIGMA_8": 0.8})
    other = edited(other, "trainings.third", settings["trainings"]["all_images"])
    told = changes(config.parse(settings), config.parse(other))
    assert [(str(change), change.decides) for change in told] == [
        ("database.block 4 -> 6", False),
        ("database.cosmology.SIGMA_8 0.81 -> 0.8", True),
        ("trainings.third added", True),
    ]


def test_ten_and_ten_point_zero_do_not_differ(settings) -> None:
    other = edited(settings, "database.box.length", 48.0)
    assert changes(config.parse(settings), config.parse(other)) == []


def test_a_larger_database_grows_by_what_is_new(settings, tmp_path) -> None:
    old = run_of(settings, tmp_path)
    complete(old.database)
    new = run_of(edited(settings, "database.realizations", 15), tmp_path)
    difference = compare(old, new)
    grown = effect(difference, "lightcones", "cones")
    assert (grown.relation, grown.grows_by, grown.work.light_cones) == ("grows", 3, 3)
    assert grown.becomes == "grows by 3"
    assert effect(difference, "lightcones", "FAINT").relation == "same"
    assert effect(difference, "images", "cones").work.light_cones == 15
    training = effect(difference, "trainings")
    assert (training.relation, training.left) == ("new", "to train, 2 epochs of 40 images")
    assert effect(compare(new, old), "lightcones", "cones").becomes == "the first 12"


def test_a_training_works_through_its_own_light_cones_without_those_that_failed(
    settings, tmp_path
) -> None:
    settings["database"]["allowed_failures"] = 0.5
    settings["trainings"]["few"] = {**settings["trainings"]["all_images"], "light_cones": 3}
    run = run_of(settings, tmp_path)
    told = {name: effect(compare(None, run), "trainings", name) for name in run.trainings}
    assert told["few"].left == "to train, 2 epochs of 12 images"
    assert told["all_images"].left == "to train, 2 epochs of 28 images"
    durable.write_json(run.database_images.sealed, {"failed": [1, 6, 10, 11]})
    told = {name: effect(compare(None, run), "trainings", name) for name in run.trainings}
    assert told["few"].left == "to train, 2 epochs of 8 images"
    assert told["all_images"].left == "to train, 2 epochs of 16 images"


def test_what_is_simulated_already_is_not_counted(settings, tmp_path) -> None:
    run = run_of(settings, tmp_path)
    lightcones.prepare(run.database)
    fill(run.database, 0, 1, 2, 3, 7)
    lightcones.finish_block(run.database, (0, 4))
    assert effect(compare(None, run), "lightcones", "cones").work.light_cones == 7


def test_nothing_is_made_for_what_nothing_asks_for(settings, tmp_path) -> None:
    run = run_of(settings, tmp_path)
    for evaluation in run.evaluations.values():
        evaluation.scores.parent.mkdir(parents=True)
        evaluation.scores.write_text("{}")
    assert [work.product.does for work in to_make(run)] == [
        *("simulate", "cut"),  # the mock's, for the examples and the responses
        *("draw", "draw", "draw", "summarise"),
    ]
    assert {work.product.name for work in to_make(run)[:2]} == {"FAINT"}
    assert effect(compare(None, run), "trainings").left == "not there, nothing asks for it"


def test_a_lost_evaluation_is_not_missed_where_all_that_is_made_from_it_is_there(
    settings, tmp_path
) -> None:
    run = run_of(settings, tmp_path)
    for file in (*run.figure_files, run.summary.manifest):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    assert to_make(run) == []


def test_the_cost_is_that_of_light_cones_alike(settings, tmp_path) -> None:
    old = run_of(edited(settings, "database.simulator.threads", 2), tmp_path)
    cones = old.database
    lightcones.prepare(cones)
    lines = journal.Journal(cones.journal, "a")
    for index, seconds in enumerate((60.0, 120.0)):
        lines.append({"index": index, "digest": "0", "seconds": seconds, "began": 0.0})
    lines.close()
    new = run_of(
        edited(edited(settings, "database.simulator.threads", 2), "database.seed", 6), tmp_path
    )
    cost = effect(compare(old, new), "lightcones", "cones").cost
    assert cost.light_cone_seconds == 90
    assert cost.core_hours == pytest.approx(12 * 90 * 2 / 3600)
    assert cost.measured == cones.directory
    assert effect(compare(old, old), "lightcones", "cones").cost.core_hours == pytest.approx(0.5)


def test_the_cost_of_what_was_never_simulated_is_not_known(settings, tmp_path) -> None:
    run = run_of(settings, tmp_path)
    complete(run.database)
    larger = run_of(edited(settings, "database.box.length", 24), tmp_path)
    told = effect(compare(run, larger), "lightcones", "cones")
    assert told.cost is None
    assert told.left == "12 light-cones to simulate, at a cost that is not known"


def test_the_cost_of_21cmfasts_light_cones_is_known_as_the_plan_knows_it(settings, tmp_path):
    settings["database"]["simulator"] = {"engine_version": "4.1.1"}
    settings["database"]["box"]["length"] = 96
    run = run_of(settings, tmp_path)
    told = effect(compare(None, run), "lightcones", "cones")
    assert told.cost.light_cone_seconds == plan(run).cost.seconds
    assert told.cost.measured is None
    assert "21cmFAST's scaling" in told.left


def test_no_key_is_said_to_decide_nothing_where_a_product_becomes_new(settings, tmp_path) -> None:
    allowing = edited(settings, "database.allowed_failures", 0.2)
    for before, key, value in (
        (settings, "database.allowed_failures", 0.2),
        (settings, "database.max_attempts", 5),
        (allowing, "database.max_attempts", 5),
        (settings, "database.block", 6),
        (settings, "database.limit_minutes", 5),
        (settings, "trainings.all_images.repeats", 2),
        (settings, "mocks.FAINT.realizations", 3),
        (settings, "name", "other"),
    ):
        told = compare(run_of(before, tmp_path), run_of(edited(before, key, value), tmp_path))
        becomes_new = any(each.relation == "new" for each in told.effects)
        assert ("decides no content" in str(told)) is not becomes_new, key


def test_a_renamed_database_is_told_how_to_be_kept(settings, tmp_path) -> None:
    old = run_of(settings, tmp_path)
    complete(old.database)
    new = run_of(edited(settings, "database.name", "renamed"), tmp_path)
    told = effect(compare(old, new), "lightcones", "renamed")
    assert told.relation == "renamed"
    assert f"as {old.database.directory.name}: rename that directory" in told.becomes
    old.database.directory.rename(new.database.directory)
    assert effect(compare(None, new), "lightcones", "renamed").there


def test_the_verb_says_it_in_words_and_as_json_and_writes_nothing(
    settings, write_config, tmp_path, capsys
) -> None:
    old = write_config(settings)
    new = write_config(edited(settings, "images.slices", 1), "new.yaml")
    root = tmp_path / "results"
    cli.main(["diff", str(old), str(new), "--results", str(root)])
    printed = capsys.readouterr().out
    assert "images.slices 2 -> 1 (images and what follows)" in printed
    assert "new, beside cones-" in printed
    assert "no longer pointed to, but left as they are: images/cones-" in printed
    cli.main(["diff", str(old), str(new), "--results", str(root), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["keys"] == [{"key": "images.slices", "old": 2, "new": 1, "decides": True}]
    kinds = {each["kind"]: each for each in told["products"]}
    assert kinds["lightcones"]["relation"] == "same"
    assert (kinds["images"]["relation"], kinds["images"]["keys"]) == ("new", ["images.slices"])
    cli.main(["diff", str(old), "--results", str(root)])
    assert "12 light-cones to simulate" in capsys.readouterr().out
    assert not root.exists()


def test_the_same_configuration_twice_has_nothing_that_differs(
    settings, write_config, tmp_path, capsys
) -> None:
    path = str(write_config(settings))
    cli.main(["diff", path, path, "--results", str(tmp_path)])
    assert capsys.readouterr().out.startswith("lightcones")


def test_the_engines_version_may_be_the_edit(settings, write_config, tmp_path, capsys) -> None:
    settings["database"]["simulator"] = {"engine_version": "4.1.1"}
    settings["database"]["box"] = {"cells": 8, "length": 48}
    old = write_config(settings)
    new = write_config(edited(settings, "database.simulator.engine_version", "99"), "new.yaml")
    cli.main(["diff", str(old), str(new), "--results", str(tmp_path)])
    assert "engine_version 4.1.1 -> 99 (lightcones and what follows)" in capsys.readouterr().out


def test_a_wrong_configuration_is_one_line(settings, write_config, tmp_path, capsys) -> None:
    good = write_config(settings)
    bad = write_config(edited(settings, "database.box.lenght", 3), "bad.yaml")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["diff", str(good), str(bad)])
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out, printed.err.count("\n")) == (1, "", 1)
    assert "lenght" in printed.err
