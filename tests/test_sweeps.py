"""Sweeps: which trainings they are, and one clear line for each mistake."""

import pytest

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.config.networks import FilterBank, Gillet2019
from lcinfer.config.sections import Training
from lcinfer.config.sweeps import Sweep, repeats, trials
from lcinfer.products.run import Run


def sweep(**settings) -> Sweep:
    return Sweep.model_validate({"training": "all_images", **settings})


def run_with(settings, **sweeps) -> Run:
    return Run(config.parse({**settings, "sweeps": sweeps}))


def test_a_grid_has_every_combination() -> None:
    varied = sweep(vary={"batch": [4, 8], "optimiser.learning_rate": [0.1, 0.01, 0.001]})
    found = trials(varied, Training())
    assert len(found) == 6
    assert {(it.training.batch, it.training.optimiser.learning_rate) for it in found} == {
        (batch, rate) for batch in (4, 8) for rate in (0.1, 0.01, 0.001)
    }


def test_a_part_of_the_network_is_varied_by_its_place() -> None:
    varied = sweep(vary={"network.convolutions.1.filters": [32], "network.dense": [[5], [6, 7]]})
    networks = [it.training.network for it in trials(varied, Training())]
    assert [network.convolutions[1].filters for network in networks] == [32, 32]
    assert [network.convolutions[0].filters for network in networks] == [8, 8]
    assert [network.dense for network in networks] == [(5,), (6, 7)]


def test_an_architecture_that_is_varied_brings_its_own_keys_and_keeps_those_of_both() -> None:
    varied = sweep(vary={"network.architecture": ["filter_bank", "gillet2019"]})
    bank = {"architecture": "filter_bank", "slices": 8, "dense": [5]}
    for base in ({"network": bank}, {"network": {"dense": [5]}}):
        found = [it.training.network for it in trials(varied, Training.model_validate(base))]
        assert [type(network) for network in found] == [FilterBank, Gillet2019]
        assert [network.dense for network in found] == [(5,), (5,)]
    varied = sweep(vary={"network.architecture": ["filter_bank"], "network.slices": [6]})
    (only,) = trials(varied, Training())
    assert only.training.network.slices == 6


RANDOM = {
    "optimiser.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    "batch": {"low": 2, "high": 64, "whole": True},
    "network.dropout": [0.0, 0.5],
}


def test_random_trials_lie_in_their_ranges() -> None:
    found = [it.training for it in trials(sweep(vary=RANDOM, trials=200), Training())]
    rates = sorted(it.optimiser.learning_rate for it in found)
    assert rates[0] >= 1e-4 and rates[-1] <= 1e-2
    assert 7e-4 < rates[100] < 1.5e-3  # the middle of the logarithm, not of the value
    assert {it.batch for it in found} <= set(range(2, 65))
    assert {it.network.dropout for it in found} == {0.0, 0.5}


def test_more_random_trials_keep_the_earlier_ones() -> None:
    few, many = (sweep(vary=RANDOM, trials=count, seed=3).points for count in (5, 20))
    assert many[:5] == few
    assert sweep(vary=RANDOM, trials=5, seed=4).points != few


def test_the_order_of_keys_changes_no_trial(settings) -> None:
    found = [
        run_with(settings, it={"training": "all_images", "vary": vary, "trials": 3}).sweeps["it"]
        for vary in (RANDOM, dict(reversed(RANDOM.items())))
    ]
    assert found[0].directory == found[1].directory


def test_repeats_differ_in_the_seed_alone() -> None:
    training = Training(seed=7, repeats=3, epochs=5)
    found = repeats(training)
    assert [it.seed for it in found] == [7, 8, 9]
    assert {it.model_copy(update={"seed": 7}) for it in found} == {
        training.model_copy(update={"repeats": 1})
    }


def test_a_repeat_is_the_training_that_has_its_seed(settings) -> None:
    alone = Run(config.parse(settings))
    settings["trainings"]["all_images"]["repeats"] = 2
    repeated = Run(config.parse(settings))
    settings["trainings"]["all_images"] |= {"repeats": 1, "seed": 2}
    other = Run(config.parse(settings))
    assert repeated.repeats == {"all_images": ("all_images", "all_images.seed2")}
    directories = [training.directory for training in repeated.trainings.values()]
    assert directories == [run.trainings["all_images"].directory for run in (alone, other)]
    assert repeated.summary.directory != alone.summary.directory


def test_a_trial_that_is_a_configured_training_is_not_made_twice(settings) -> None:
    run = run_with(settings, curve={"training": "all_images", "vary": {"seed": [1, 2]}})
    assert list(run.trainings) == ["all_images", "curve.2"]
    assert run.sweeps["curve"].trials[0][1] is run.trainings["all_images"]


def test_a_trial_in_two_sweeps_is_made_once_and_lies_under_the_first_name(settings) -> None:
    settings["trainings"]["mirrored"] = settings["trainings"]["all_images"] | {"augment": True}
    vary = {"augment": [False, True]}
    run = run_with(
        settings,
        one={"training": "all_images", "vary": vary},
        other={"training": "all_images", "vary": vary | {"seed": [1, 5]}},
    )
    assert list(run.trainings) == ["all_images", "mirrored", "other.2", "other.4"]
    assert run.sweeps["one"].trials[1][1].directory == run.trainings["mirrored"].directory
    made = {training.directory for training in run.trainings.values()}
    for swept in run.sweeps.values():
        assert {training.directory for _, training in swept.trials} <= made


def test_a_study_does_not_ask_for_the_test_set_and_a_learning_curve_does(settings) -> None:
    vary = {"seed": [1, 2, 3]}
    study = run_with(settings, it={"training": "all_images", "vary": vary})
    assert list(study.evaluations) == ["all_images"]
    curve = run_with(settings, it={"training": "all_images", "vary": vary, "scored_on": "test"})
    assert list(curve.evaluations) == ["all_images", "it.2", "it.3"]


def test_a_training_on_some_light_cones_stays_when_the_database_grows(settings) -> None:
    settings["trainings"]["few"] = settings["trainings"]["all_images"] | {"light_cones": 4}
    before = Run(config.parse(settings)).trainings
    settings["database"]["realizations"] += 8
    after = Run(config.parse(settings)).trainings
    assert before["few"].directory == after["few"].directory
    assert before["all_images"].directory != after["all_images"].directory
    assert before["few"].light_cones == 2 + 3 + 4


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"training": "none"}, "sweeps.it.training: there is no training none"),
        ({"vary": {"epoch": [1]}}, "sweeps.it.vary.epoch: a training has no such key"),
        ({"vary": {"network.dense.7": [1]}}, "sweeps.it.vary.network.dense.7: a training has no"),
        ({"vary": {"batch": [1]}}, "sweeps.it.vary: batch: should be greater than or equal to 2"),
        ({"vary": {"repeats": [2]}}, "repeats cannot be varied: vary `seed`"),
        ({"vary": {"batch": []}}, "vary.batch holds no value"),
        ({"vary": {"batch": {"low": 2, "high": 8}}}, "a grid needs a list of values, not a range"),
        (
            {"vary": {"batch": {"low": 8, "high": 2}}, "trials": 2},
            "low 8 is not below high 2",
        ),
        ({"vary": {"light_cones": [9]}}, "training.light_cones 9 exceeds the 7"),
        ({"vary": {"images": [40]}}, "training.images 40 exceeds the 4 images"),
        (
            {"vary": {"network.convolutions.0.kernel": [100]}},
            "training.network is too large for its image",
        ),
    ],
)
def test_a_mistake_in_a_sweep_is_one_line(settings, changed, said) -> None:
    settings["sweeps"] = {"it": {"training": "all_images", "vary": {"seed": [1]}, **changed}}
    with pytest.raises(UserError) as error:
        config.parse(settings)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_sweep_cannot_take_the_name_of_other_figures(settings) -> None:
    settings["sweeps"] = {"all_images": {"training": "all_images", "vary": {"seed": [1]}}}
    with pytest.raises(UserError, match="is the name of other figures"):
        config.parse(settings)
