"""The interval of a prediction holds the true value as often as it says."""

import json
import shutil

import numpy as np
import pytest

from lcinfer.base.errors import UserError
from lcinfer.evaluation.evaluate import Predictions
from lcinfer.infer.uncertainty import Residuals, find_tested
from lcinfer.training import checkpoint as checkpoints


def some_tested(light_cones=400, images=3, seed=1):
    """Predictions that are too high by 5, with an error that grows with the true value."""
    random = np.random.default_rng(seed)
    true = random.uniform(10, 250, (light_cones, 1))
    error = random.normal(5, 0.02 * true[:, None], (light_cones, images, 1))
    return Predictions(("zeta",), np.arange(light_cones), true, true[:, None] + error)


@pytest.mark.parametrize("confidence", [0.5, 0.68, 0.9])
@pytest.mark.parametrize("of", [Residuals.of_images, Residuals.of_averages])
def test_an_interval_holds_the_true_value_as_often_as_it_says(of, confidence):
    known, new = of(some_tested()), some_tested(1500, seed=2)
    predicted = of(new).predicted[:, 0, 0]
    found = [known.interval(0, value, confidence) for value in predicted]
    inside = [
        each.low <= true <= each.high for each, true in zip(found, new.true[:, 0], strict=True)
    ]
    assert np.mean(inside) == pytest.approx(confidence, abs=0.05)


def test_an_interval_is_of_the_residuals_near_the_prediction():
    known = Residuals.of_images(some_tested())
    near, far = known.interval(0, 30.0, 0.68), known.interval(0, 220.0, 0.68)
    assert near.spread < 0.3 * far.spread
    assert near.bias == pytest.approx(5, abs=0.5)
    assert near.near[0] < 30 < near.near[1]
    assert near.near[1] - near.near[0] < 60
    assert 40 <= near.light_cones < 80  # 120 images of them


def test_averages_count_a_light_cone_once():
    assert Residuals.of_averages(some_tested()).interval(0, 100.0, 0.68).light_cones == 40


def test_few_test_light_cones_are_all_used():
    assert Residuals.of_averages(some_tested(7)).interval(0, 100.0, 0.68).light_cones == 7


def test_a_prediction_that_no_test_light_cone_came_near_is_said_to_be_beyond():
    known = Residuals.of_images(some_tested())
    assert known.interval(0, 400.0, 0.68).beyond
    assert known.interval(0, -3.0, 0.68).beyond
    assert not known.interval(0, 100.0, 0.68).beyond
    ends = known.predicted[..., 0].min(), known.predicted[..., 0].max()
    for end in ends:  # as another processor rounds it
        for other in (end * (1 - 1e-7), end * (1 + 1e-7)):
            assert not known.interval(0, float(other), 0.68).beyond


def test_the_evaluation_of_a_checkpoint_is_found_beside_it(run, checkpoint):
    found = find_tested(checkpoints.load(checkpoint), checkpoint)
    assert found is not None
    assert found.light_cones.tolist() == [2, 3, 4, 5, 6, 7]


def test_an_evaluation_that_lies_elsewhere_is_given(run, checkpoint, tmp_path):
    loaded = checkpoints.load(checkpoint)
    moved = shutil.copy(checkpoint, tmp_path)
    assert find_tested(loaded, tmp_path / "checkpoint.pt") is None
    directory = run.evaluations["all_images"].directory
    assert find_tested(loaded, moved, directory) is not None


def test_the_evaluation_of_another_network_is_refused(run, checkpoint, tmp_path):
    shutil.copytree(run.evaluations["all_images"].directory, tmp_path / "other")
    spec = tmp_path / "other" / "spec.json"
    spec.write_text(json.dumps({"made_of": {"training": "another"}}))
    with pytest.raises(UserError, match="not the evaluation of this checkpoint's network"):
        find_tested(checkpoints.load(checkpoint), checkpoint, tmp_path / "other")
    with pytest.raises(UserError, match="not the evaluation"):
        find_tested(checkpoints.load(checkpoint), checkpoint, tmp_path / "absent")
