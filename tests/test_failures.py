"""Failed light-cones: left out where that is allowed, named, and held against the prior."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.filling import complete, complete_without, fail, fill

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.images import cutting
from lcinfer.lightcones import failures, journal, store
from lcinfer.products.run import Run
from lcinfer.stages import images, lightcones, scored, summarise
from lcinfer.stages.evaluate import evaluate_network
from lcinfer.stages.simulate import to_do
from lcinfer.stages.train import train_network
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.verify import verify

FAILED = (1, 3, 9)  # one of validation, of test, of training


@pytest.fixture
def run(settings, tmp_path):
    """A function: the run of twelve light-cones that allows this share of failures."""

    def make(allowed=0.25, **changes):
        section = {**settings["database"], "allowed_failures": allowed, **changes}
        return Run(config.parse({**settings, "database": section}), tmp_path)

    return make


def told(path) -> dict:
    return json.loads(path.read_text())


def test_markers_name_the_failed_and_hold_the_digests_of_the_others(run, capsys) -> None:
    cones = run().database
    complete_without(cones, *FAILED)
    assert told(cones.done((0, 4)))["failed"] == [1, 3]
    assert list(told(cones.done((0, 4)))["digests"]) == ["0", "2"]
    assert "failed" not in told(cones.done((4, 8)))
    sealed = told(cones.sealed)
    assert sealed["failed"] == list(FAILED)
    have = journal.finished(cones.journal)
    assert sealed["root_digest"] == store.root_digest([have[i]["digest"] for i in sorted(have)])
    assert (
        "left out, since their simulations failed: light-cones 1, 3, 9" in capsys.readouterr().err
    )


def test_without_a_failure_the_content_of_every_marker_is_the_old_one(run, tmp_path) -> None:
    strict, lenient = run(0).database, run().database
    complete(strict)
    before = {marker.name: told(marker) for marker in strict.directory.rglob("*.json")}
    lightcones.seal(lenient)
    assert told(lenient.sealed) == before[strict.sealed.name]
    assert [lenient.done(span) for span in lenient.spans] == [
        strict.done(span) for span in strict.spans
    ], "blocks that are complete count as they are"


def test_more_failures_than_allowed_stop_in_one_line(run) -> None:
    cones = run(0.2).database
    with pytest.raises(UserError) as refused:
        complete_without(cones, *FAILED)
    line = str(refused.value)
    assert "set aside after 3 attempts: 1, 3" in line
    assert "light-cone 1: RuntimeError: no such universe at HII_EFF_FACTOR 225.1" in line
    assert "3 are set aside, and database.allowed_failures 0.2 lets 2 of 12 be left out" in line
    assert "\n" not in line
    assert not cones.sealed.exists()
    assert not cones.done((0, 4)).exists()


def test_none_may_fail_by_default_nor_of_a_mock(run, settings) -> None:
    for cones in (Run(config.parse(settings), run().root).database, run().mocks["FAINT"]):
        assert (cones.may_fail, cones.given_up) == (0, "")
        with pytest.raises(UserError, match=r"set aside after 3 attempts: 1$"):
            complete_without(cones, 1)


def test_what_will_be_tried_again_is_not_left_out(run) -> None:
    cones = run().database
    lightcones.prepare(cones)
    fill(cones, 0, 1, 2)
    fail(cones, 3, attempts=2)
    with pytest.raises(UserError, match="1 of light-cones 0 to 3 are not finished"):
        lightcones.finish_block(cones, (0, 4))
    assert to_do(cones, (0, 4)) == [3]


@pytest.mark.parametrize(
    ("share", "realizations", "may"), [(0.29, 100, 29), (0.001, 999, 0), (0.07, 100, 7), (0, 50, 0)]
)
def test_the_allowed_share_is_counted_as_it_is_written(run, share, realizations, may) -> None:
    assert run(share, realizations=realizations).database.may_fail == may


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, "many"])
def test_a_share_that_is_none_is_refused(run, share) -> None:
    with pytest.raises(UserError, match=r"database\.allowed_failures"):
        run(share)


def test_images_of_failed_light_cones_are_never_made_nor_read(run, monkeypatch) -> None:
    made = run()
    complete_without(made.database, *FAILED)
    images.make(made.database_images)
    labelled = cutting.open_labelled(made.database_images)
    assert labelled.failed == FAILED
    missing = np.isnan(labelled.images[:]).all(axis=(1, 2, 3))
    assert np.flatnonzero(missing).tolist() == list(FAILED)
    read, asked = type(labelled).read, set()

    def noted(self, lightcones, count):
        asked.update(lightcones)
        return read(self, lightcones, count)

    monkeypatch.setattr(type(labelled), "read", noted)
    train_network(made.trainings["all_images"])
    assert asked == set(range(12)) - set(FAILED) - {2, 4}, "validation and training"


def test_training_scores_and_tables_say_what_was_left_out(run, capsys) -> None:
    made = run()
    complete_without(made.database, *FAILED)
    complete(made.mocks["FAINT"])
    for image_set in made.images.values():
        images.make(image_set)
    train_network(made.trainings["all_images"])
    said = "light-cones 1, 3, 9 (1 validation, 1 test, 1 training)"
    assert said in capsys.readouterr().out
    evaluation = made.evaluations["all_images"]
    evaluate_network(evaluation)
    assert said in capsys.readouterr().out
    expected = {"light_cones": [1, 3, 9], "validation": 1, "test": 1, "training": 1}
    assert told(evaluation.scores)["left_out"] == expected
    assert told(evaluation.scores)["light_cones"] == 2
    summarise.write(made)
    assert told(made.summary.manifest)["left_out"] == {"all_images": expected}
    _, head, first, *_ = made.summary.table.read_text().splitlines()
    assert head.endswith("left_out_of_validation,left_out_of_test,left_out_of_training")
    assert first.endswith(",2,1,6,1,1,1")
    assert "all_images was made without 3 light-cones" in scored.for_terminal(made)


def test_a_test_set_that_is_left_too_small_is_refused(run) -> None:
    made = run()
    complete_without(made.database, 2, 3)
    images.make(made.database_images)
    with pytest.raises(UserError, match="the test set has 1, and needs 2 at least"):
        train_network(made.trainings["all_images"])


def places(run: Run) -> dict[str, Path]:
    """Where the database, its seal and what is learnt from it are."""
    return {
        "light-cones": run.database.directory,
        "seal": run.database.sealed,
        "training": run.trainings["all_images"].directory,
        "evaluation": run.evaluations["all_images"].directory,
    }


def moved(before: Run, after: Run) -> set[str]:
    return {what for what, path in places(before).items() if places(after)[what] != path}


def test_a_database_with_gaps_and_a_whole_one_never_share_what_follows(run) -> None:
    lenient = run()
    complete_without(lenient.database, *FAILED)
    for other in (run(0), run(max_attempts=5)):
        assert moved(lenient, other) == {"seal", "training", "evaluation"}
        assert not other.database.sealed.exists()
        assert not other.database.done((0, 4)).exists()
        assert other.database.done((4, 8)).exists(), "a complete block is done for all"
    assert moved(lenient, run(0.9)) == set()


def test_a_failed_light_cone_that_is_made_later_is_cut_and_learnt_elsewhere(run) -> None:
    lenient, patient = run(), run(max_attempts=4)
    complete_without(lenient.database, *FAILED)
    images.make(lenient.database_images)
    train_network(lenient.trainings["all_images"])
    before = lenient.trainings["all_images"].checkpoint.read_bytes()
    assert to_do(patient.database, (0, 4)) == [1, 3]
    fill(patient.database, *FAILED)
    for span in patient.database.spans:
        lightcones.finish_block(patient.database, span)
    lightcones.seal(patient.database)
    images.make(patient.database_images)
    assert verify(patient.database).findings == []
    assert cutting.open_labelled(patient.database_images).failed == ()
    train_network(patient.trainings["all_images"])
    assert cutting.open_labelled(lenient.database_images).failed == FAILED
    assert lenient.trainings["all_images"].checkpoint.read_bytes() == before
    assert patient.trainings["all_images"].checkpoint.read_bytes() != before


def test_what_a_block_left_out_stays_left_out_of_its_seal(run) -> None:
    cones = run().database
    lightcones.prepare(cones)
    fill(cones, *(index for index in range(12) if index != 3))
    fail(cones, 3)
    for span in cones.spans:
        lightcones.finish_block(cones, span)
    fill(cones, 3)  # by a job with more attempts
    lightcones.seal(cones)
    assert told(cones.sealed)["failed"] == [3]
    assert verify(cones).findings == []


def test_a_training_of_other_light_cones_is_neither_continued_nor_scored(run) -> None:
    made = run()
    complete_without(made.database, *FAILED)
    complete(made.mocks["FAINT"])
    for image_set in made.images.values():
        images.make(image_set)
    train_network(made.trainings["all_images"])
    fill(made.database, 9)
    for marker in [*made.database.directory.rglob("*-after-3-*")]:
        marker.unlink()  # as if lost: they are written again, of what is there now
    for span in made.database.spans:
        lightcones.finish_block(made.database, span)
    lightcones.seal(made.database)
    for marker in [*made.database_images.directory.rglob("*-after-3-*")]:
        marker.unlink()
    images.make(made.database_images)
    for stage in (
        lambda: train_network(made.trainings["all_images"]),
        lambda: evaluate_network(made.evaluations["all_images"]),
    ):
        with pytest.raises(UserError, match="differs in failed_light_cones"):
            stage()


def test_what_was_allowed_once_is_refused_when_it_no_longer_is(run) -> None:
    complete_without(run().database, *FAILED)
    images.make(run().database_images)
    with pytest.raises(UserError, match=r"allowed_failures 0\.1 lets 1 of 12"):
        train_network(run(0.1).trainings["all_images"])


def test_a_light_cone_that_is_lost_and_fails_again_is_left_out_of_the_images_too(run) -> None:
    made = run()
    complete_without(made.database, 9)
    images.make(made.database_images)
    store.shard_path(made.database.store, 5).unlink()
    repair(made.database, verify(made.database).findings)
    fail(made.database, 5)
    for span in made.database.spans:
        lightcones.finish_block(made.database, span)
    lightcones.seal(made.database)
    made.database_images.sealed.unlink()
    images.seal(made.database_images)
    assert cutting.open_labelled(made.database_images).failed == (5, 9)


def test_a_damaged_marker_is_one_line(run) -> None:
    made = run()
    complete_without(made.database, *FAILED)
    made.database.done((0, 4)).write_text("{")
    images.prepare(made.database_images)
    with pytest.raises(UserError, match="is damaged: `lcinfer verify` says"):
        images.cut_block(made.database_images, (0, 4))


# Failures against the prior.


def points(run, places) -> list[dict[str, float]]:
    """Parameters at quantiles (failure, parameter) of the prior."""
    design = run().database.design
    low, high = np.array([design.database.prior[name] for name in design.names]).T
    return [dict(zip(design.names, row, strict=True)) for row in low + places * (high - low)]


def test_failures_in_a_corner_are_told_with_the_parameter(run) -> None:
    places = np.random.default_rng(1).random((8, 4))
    places[:, 1] = [0.1, *np.linspace(0.85, 0.99, 7)]
    (found,) = failures.unevenness(run().database, points(run, places))
    assert (found.parameter, found.crowded, found.failed, found.above) == (
        "ION_Tvir_MIN",
        7,
        8,
        True,
    )
    assert found.p < 0.001
    assert found.limit == pytest.approx(5.7)
    assert str(found) == (
        "failures are not spread evenly over the prior: ION_Tvir_MIN "
        f"(p = {found.p:.1g}), 7 of 8 above 5.7"
    )


def test_the_lower_end_of_a_prior_is_told_as_such(run) -> None:
    places = np.random.default_rng(1).random((9, 4))
    places[:, 2] *= 0.1
    (found,) = failures.unevenness(run().database, points(run, places))
    assert (found.parameter, found.crowded, found.above) == ("L_X", 9, False)
    assert 38 < found.limit < 38.4


def test_failures_that_are_spread_evenly_warn_as_seldom_as_they_should(run) -> None:
    random, cones = np.random.default_rng(7), run().database
    several = [points(run, random.random((count, 4))) for count in (3, 8, 40) for _ in range(200)]
    warned = sum(bool(failures.unevenness(cones, them)) for them in several)
    assert 0 < warned < 2 * failures.SIGNIFICANCE * len(several)


def test_three_close_together_are_enough_and_two_are_not(run) -> None:
    places = np.random.default_rng(1).random((3, 4))
    places[:, 0] = [0.97, 0.98, 0.99]
    cones = run().database
    assert [found.parameter for found in failures.unevenness(cones, points(run, places))] == [
        "HII_EFF_FACTOR"
    ]
    assert failures.unevenness(cones, points(run, places[:2])) == []


def test_the_correction_is_holms(run) -> None:
    from scipy.stats import ks_1samp, uniform

    places = np.random.default_rng(3).random((6, 4)) ** [6, 6, 1, 1]
    found = {it.parameter: it.p for it in failures.unevenness(run().database, points(run, places))}
    alone = sorted(ks_1samp(column, uniform.cdf).pvalue for column in places.T)
    assert sorted(found.values()) == pytest.approx([4 * alone[0], max(4 * alone[0], 3 * alone[1])])


def test_a_mock_and_failures_without_parameters_have_no_answer(run) -> None:
    place = points(run, np.full((5, 4), 0.99))
    assert failures.unevenness(run().mocks["FAINT"], place) == []
    assert failures.unevenness(run().database, [{}] * 5) == []


def in_a_corner(cones, count=4) -> list[int]:
    return np.argsort(cones.design.parameters(0, 60)[:, 1])[-count:].tolist()


def test_sealing_and_its_refusal_warn_of_a_corner(run, capsys) -> None:
    cones = run(0.1, realizations=60).database
    failed = in_a_corner(cones)
    complete_without(cones, *failed)
    warning = "failures are not spread evenly over the prior: ION_Tvir_MIN"
    assert warning in capsys.readouterr().err
    with pytest.raises(UserError, match=warning) as refused:
        lightcones.seal(run(0, realizations=60).database)
    assert "\n" not in str(refused.value)


def test_sealing_does_not_warn_of_failures_here_and_there(run, capsys) -> None:
    cones = run(0.1, realizations=60).database
    complete_without(cones, 7, 20, 33, 50)
    assert "not spread evenly" not in capsys.readouterr().err
    with pytest.raises(UserError) as refused:
        lightcones.seal(run(0, realizations=60).database)
    assert "not spread evenly" not in str(refused.value)
