import json
import math

import numpy as np
import pytest
import torch
from support.toy_images import IDENTITY, SPLIT, toy_images, toy_training

from lcinfer.base.errors import UserError
from lcinfer.config.sections import Evaluation
from lcinfer.evaluation.evaluate import (
    Predictions,
    r2,
    read_predictions,
    scores_from,
    write_predictions,
)
from lcinfer.evaluation.predict import load_trained, predict
from lcinfer.images.dataset import LabelledImages
from lcinfer.training.loop import train

EVALUATION = Evaluation(bootstrap=500)
TEST = range(4, 16)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The checkpoint of a network that has learnt the toy images."""
    directory = tmp_path_factory.mktemp("trained")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train(toy_training(epochs=40), SPLIT, toy_images(), directory, IDENTITY, show=False)
    torch.set_num_threads(threads)
    return directory / "checkpoint.pt"


@pytest.fixture
def labelled():
    return toy_images()


def predictions(light_cones=40, images=3, error=0.5, seed=0):
    random = np.random.default_rng(seed)
    true = random.normal([5, 40], [0.6, 1.2], (light_cones, 2))
    noise = random.normal(0, error, (light_cones, images, 2))
    return Predictions(("a", "b"), np.arange(8, 8 + light_cones), true, true[:, None] + noise)


def slow_r2(true, predicted):
    mean = sum(true) / len(true)
    residual = sum((t - p) ** 2 for t, p in zip(true, predicted, strict=True))
    return 1 - residual / sum((t - mean) ** 2 for t in true)


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [([1, 2, 3, 4], 1), ([2.5] * 4, 0), ([4, 3, 2, 1], -3), ([1, 2, 3, 5], 0.8)],
    ids=["perfect", "the mean", "worse than the mean", "good"],
)
def test_r2_is_one_minus_residual_over_total(predicted, expected):
    true = np.array([[1.0], [2], [3], [4]])
    assert r2(true, np.array(predicted)[:, None]) == pytest.approx([expected])


def test_scores_agree_with_the_formula_written_out():
    some = predictions(error=1.5)
    scores = scores_from(some, EVALUATION)
    for i, name in enumerate(some.names):
        one = slow_r2(some.true[:, i].tolist(), some.predicted[:, 0, i].tolist())
        mean = slow_r2(some.true[:, i].tolist(), some.predicted[:, :, i].mean(axis=1).tolist())
        assert scores["one_image"][name]["r2"] == pytest.approx(one)
        assert scores["average"][name]["r2"] == pytest.approx(mean)
        assert mean > one
    assert scores["one_image"]["a"]["r2"] < 0  # an error larger than the spread
    assert (scores["light_cones"], scores["images"]) == (40, 3)


def test_an_interval_holds_its_score_and_narrows_with_more_light_cones():
    widths = []
    for light_cones in (20, 2000):
        score = scores_from(predictions(light_cones), EVALUATION)["average"]["a"]
        assert score["low"] < score["r2"] < score["high"] <= 1
        widths.append(score["high"] - score["low"])
    assert widths[1] < widths[0] / 4


def test_an_interval_is_that_of_light_cones_drawn_one_by_one():
    some = predictions(15, images=1)
    found = scores_from(some, Evaluation(bootstrap=4000, confidence=0.9))["one_image"]["b"]
    random = np.random.default_rng(5)
    draws = [random.integers(0, 15, 15) for _ in range(4000)]
    slow = [slow_r2(some.true[draw, 1], some.predicted[draw, 0, 1]) for draw in draws]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(slow, [0.05, 0.95]), abs=0.03)


def test_more_images_of_the_same_light_cones_do_not_feign_precision():
    some = predictions(30, images=1)
    copied = Predictions(
        some.names, some.light_cones, some.true, np.repeat(some.predicted, 50, axis=1)
    )
    one, many = (scores_from(each, EVALUATION)["average"]["a"] for each in (some, copied))
    assert many == pytest.approx(one)


def test_the_seed_decides_the_interval():
    some = predictions()
    assert scores_from(some, EVALUATION) == scores_from(some, EVALUATION)
    assert scores_from(some, EVALUATION) != scores_from(some, Evaluation(bootstrap=500, seed=1))


def test_an_interval_can_be_had_from_two_light_cones():
    score = scores_from(predictions(2), EVALUATION)["average"]["a"]
    assert all(map(math.isfinite, score.values()))


def test_a_parameter_that_does_not_vary_has_no_score():
    some = predictions()
    some.true[:, 1] = 3.0
    with pytest.raises(UserError, match="R2 of b is not defined"):
        scores_from(some, EVALUATION)


def test_a_learnt_network_predicts_in_physical_units(trained, labelled):
    found = predict(load_trained(trained), labelled, TEST)
    assert found.predicted.shape == (12, 3, 2)
    assert found.light_cones.tolist() == list(TEST)
    assert np.array_equal(found.true, labelled.parameters[4:16])
    error = np.abs(found.predicted.mean(axis=1) - found.true).mean(axis=0)
    assert error[0] < 20
    assert error[1] < 2


def test_the_scores_follow_from_the_predictions_file_alone(trained, labelled, tmp_path):
    found = predict(load_trained(trained), labelled, TEST)
    scores = scores_from(found, EVALUATION)
    write_predictions(found, tmp_path / "predictions.csv")
    again = scores_from(read_predictions(tmp_path / "predictions.csv"), EVALUATION)
    assert json.dumps(again, allow_nan=False) == json.dumps(scores)
    assert scores["average"]["depth"]["r2"] > 0.8
    assert scores["light_cones"] == 12


def test_the_predictions_file_has_a_line_per_image(trained, labelled, tmp_path):
    write_predictions(predict(load_trained(trained), labelled, TEST), tmp_path / "predictions.csv")
    header, *lines = (tmp_path / "predictions.csv").read_text().splitlines()
    assert header == "light_cone,image,true_depth,true_edge,predicted_depth,predicted_edge"
    assert [line.split(",")[:2] for line in lines[:4]] == [
        ["4", "0"],
        ["4", "1"],
        ["4", "2"],
        ["5", "0"],
    ]
    assert len(lines) == 36


def test_a_test_image_with_nan_names_its_light_cone(trained, labelled):
    labelled.images[9, 1, 2, 3] = math.nan
    with pytest.raises(UserError, match="light-cone 9 hold NaN"):
        predict(load_trained(trained), labelled, TEST)


def test_images_of_another_shape_are_refused_in_one_line(trained, labelled):
    other = LabelledImages(labelled.images[..., :20], labelled.parameters, labelled.names)
    with pytest.raises(UserError, match="trained on images of 8x24 cells, and these have 8x20"):
        predict(load_trained(trained), other, TEST)


def test_other_parameters_are_refused(trained, labelled):
    other = LabelledImages(labelled.images, labelled.parameters, ("edge", "depth"))
    with pytest.raises(UserError, match=r"trained for depth, edge, and .* labelled with edge"):
        predict(load_trained(trained), other, TEST)


def test_a_training_that_is_missing_or_unfinished_is_not_scored(trained, tmp_path):
    with pytest.raises(UserError, match="there is no checkpoint"):
        load_trained(tmp_path / "checkpoint.pt")
    content = torch.load(trained, weights_only=True)
    content["history"].pop()
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="only 39 of 40 epochs are done"):
        load_trained(tmp_path / "checkpoint.pt")


def test_a_damaged_predictions_file_is_refused(tmp_path):
    (tmp_path / "predictions.csv").write_text("light_cone,image,true_a,predicted_a\n1,0,2\n")
    with pytest.raises(UserError, match=r"predictions\.csv: not a table of predictions"):
        read_predictions(tmp_path / "predictions.csv")
