"""What the layers of a trained network make of an image."""

import numpy as np
import pytest
import torch
from support.toy_images import IDENTITY, SPLIT, toy_images, toy_training
from torch.nn.functional import conv2d, relu

from lcinfer.evaluation.predict import load_trained, predict
from lcinfer.evaluation.responses import filters, reach, responses
from lcinfer.training.loop import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("trained")
    train(toy_training(epochs=2), SPLIT, toy_images(), directory, IDENTITY, show=False)
    return load_trained(directory / "checkpoint.pt")


@pytest.fixture
def images():
    return toy_images().images[5, :2]


def test_the_first_response_is_the_rectified_convolution_with_the_filters(trained, images) -> None:
    first = responses(trained, images)["convolution_1"]
    normalised = trained.fitted_normalisation().images(images)[:, None]
    weights = torch.from_numpy(filters(trained))[:, None].float()
    expected = relu(conv2d(normalised, weights, trained.model["convolution_1.bias"]))
    np.testing.assert_allclose(first, expected, atol=1e-5)
    assert first.min() == 0.0 < first.max()


def test_the_reach_of_a_filter_is_its_window_along_the_line_of_sight(trained, images) -> None:
    covered, apart = reach(trained)
    assert (covered, apart) == (filters(trained).shape[2], 1)
    outputs = responses(trained, images)["convolution_1"].shape[3]
    assert covered + apart * (outputs - 1) == images.shape[2]


def test_every_hidden_layer_is_heard_in_its_order_and_the_output_is_not(trained, images) -> None:
    heard = responses(trained, images)
    network = trained.network
    convolutions = [f"convolution_{n + 1}" for n in range(len(network["convolutions"]))]
    dense = [f"dense_{n + 1}" for n in range(len(network["dense"]))]
    assert list(heard) == [*convolutions, *dense]
    for name, neurons in zip(dense, network["dense"], strict=True):
        assert heard[name].shape == (2, neurons)


def test_listening_changes_no_prediction(trained, images) -> None:
    before = predict(trained, toy_images(), [5]).predicted
    responses(trained, images)
    np.testing.assert_array_equal(predict(trained, toy_images(), [5]).predicted, before)


def test_images_of_another_shape_are_refused(trained, images) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        responses(trained, images[:, :-1])


def test_a_filter_bank_is_heard_behind_its_own_activation(tmp_path, images) -> None:
    network = {
        **toy_training().network.model_dump(),
        "architecture": "filter_bank",
        "slices": 4,
        "line_of_sight": [{"filters": 6, "kernel": 3}],
        "activation": "silu",
    }
    train(toy_training(epochs=2, network=network), SPLIT, toy_images(), tmp_path, IDENTITY, False)
    heard = responses(load_trained(tmp_path / "checkpoint.pt"), images)
    assert list(heard) == ["convolution_1", "dense_1", "dense_2"]
    assert heard["convolution_1"].min() == 0.0
    assert -0.3 < heard["dense_1"].min() < 0.0  # a SiLU goes down to -0.28
