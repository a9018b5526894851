"""The network of learned filters' power."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import BatchNorm1d, ReLU, SiLU

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.config import networks
from lcinfer.config.networks import Window
from lcinfer.config.sections import Training
from lcinfer.training.learner import SETTLED_TOGETHER, Learner
from lcinfer.training.networks import architectures
from lcinfer.training.networks.filter_bank import POWER_FLOOR, FilterBank
from lcinfer.training.networks.layers import Layer, layers
from lcinfer.training.processes import World

BANK = networks.FilterBank.model_validate(
    {
        "architecture": "filter_bank",
        "convolutions": [
            {"filters": 3, "kernel": 4, "pool": 2},
            {"filters": 2, "kernel": 4, "pool": 2},
        ],
        "slices": 5,
        "dense": [8, 4],
    }
)
SHAPE = (8, 60)


def test_its_features_are_means_and_the_log_power_of_rectified_filters_in_slices() -> None:
    image = np.random.default_rng(1).normal(size=(6, 20)).astype(np.float32)
    bank = FilterBank([Window(1, (2, 4), (1, 1))], 3)
    filters = bank.convolution_1
    weights = filters.weight.detach().numpy()[0, 0]
    at = [(row, column) for row in range(5) for column in range(0, 17, 2)]
    seen = [(image[r : r + 2, c : c + 4] * weights).sum() for r, c in at]
    response = np.maximum(np.reshape(seen, (5, 9)) + filters.bias.item(), 0)
    power = [np.log((response[:, k : k + 3] ** 2).mean() + POWER_FLOOR) for k in (0, 3, 6)]
    given = bank(torch.from_numpy(image)[None, None])[0].detach().numpy()
    assert given[:3] == pytest.approx(
        [image[:, a:b].mean() for a, b in ((0, 7), (6, 14), (13, 20))]
    )
    assert given[3:] == pytest.approx(power, rel=1e-4)


def test_its_moments_are_mean_powers_of_the_same_filters() -> None:
    image = torch.randn(1, 1, 6, 20)
    windows = [Window(2, (2, 4), (1, 1))]
    bank = FilterBank(windows, 1, (1, 2, 4))
    power = FilterBank(windows, 1)
    power.load_state_dict(bank.state_dict())
    response = torch.relu(bank.convolution_1(image)).flatten(2)
    moments = [torch.log((response**n).mean(2) + POWER_FLOOR ** (n / 2)) for n in (1, 2, 4)]
    assert torch.allclose(bank(image)[:, 1:], torch.cat(moments, 1), rtol=1e-5)
    assert torch.equal(bank(image)[:, [0, 3, 4]], power(image))


@pytest.mark.parametrize("moments", [(2,), (1,), (4,), (1, 2), (1, 2, 4)])
def test_the_gradients_of_moments_are_those_of_finite_differences(moments) -> None:
    bank = FilterBank([Window(2, (2, 4), (1, 1))], 2, moments).double()
    image = torch.randn(2, 1, 4, 12, dtype=torch.float64)

    def features(weight):
        return torch.func.functional_call(bank, {"convolution_1.weight": weight}, image)

    assert torch.autograd.gradcheck(features, bank.convolution_1.weight)


def test_a_scale_sees_the_image_averaged_over_the_pools_before_it() -> None:
    image = torch.randn(1, 1, 8, 40)
    windows = [Window(1, (2, 2), (2, 2)), Window(1, (2, 2), (2, 2))]
    two = FilterBank(windows, 4)
    alone = FilterBank(windows[1:], 4)
    alone.convolution_1.load_state_dict(two.convolution_2.state_dict())
    coarse = torch.nn.functional.avg_pool2d(image, 2)
    assert torch.equal(two(image)[:, 8:], alone(coarse)[:, 4:])


def test_its_layers_have_a_row_each_with_data_and_weights() -> None:
    rows = layers(BANK, SHAPE, 4)
    assert [(row.name, row.shape, row.weights) for row in rows] == [
        ("input", SHAPE, 0),
        ("filter_bank", (30,), 3 * 17 + 2 * 17),
        ("batch_normalisation", (30,), 60),
        ("dropout", (30,), 0),
        ("dense_1", (8,), 248),
        ("batch_normalisation_1", (8,), 16),
        ("dense_2", (4,), 36),
        ("batch_normalisation_2", (4,), 8),
        ("output", (4,), 20),
    ]
    assert rows[1].step == "Power of filters (3 of 4x4, 2 of 4x4; 5 slices)"


def test_a_network_with_more_moments_has_more_features_and_says_which() -> None:
    network = BANK.model_copy(update={"moments": (1, 2, 4)})
    assert layers(network, SHAPE, 4)[1] == Layer(
        2,
        "filter_bank",
        "Moments of filters (3 of 4x4, 2 of 4x4; 5 slices; moments 1, 2, 4)",
        (80,),
        3 * 17 + 2 * 17,
    )


ALONG = networks.FilterBank.model_validate(
    {
        **BANK.model_dump(),
        "line_of_sight": [{"filters": 7, "kernel": 3}, {"filters": 9, "pool": 1}],
        "activation": "silu",
    }
)


def test_convolutions_along_the_line_of_sight_have_rows_with_their_slices() -> None:
    rows = layers(ALONG, SHAPE, 4)
    assert [(row.step, row.shape, row.weights) for row in rows[4:12]] == [
        ("Slices of the line of sight", (6, 5), 0),
        ("1D Convolution (3)", (7, 5), 7 * (6 * 3 + 1)),
        ("Batch Normalization", (7, 5), 14),
        ("Mean Pooling (2)", (7, 2), 0),
        ("1D Convolution (5)", (9, 2), 9 * (7 * 5 + 1)),
        ("Batch Normalization", (9, 2), 18),
        ("Mean Pooling (1)", (9, 2), 0),
        ("Flattening", (18,), 0),
    ]


def test_a_filter_along_the_line_of_sight_sees_the_slices_of_each_moment() -> None:
    network = {**ALONG.model_dump(), "line_of_sight": [{"filters": 6, "kernel": 3, "pool": 1}]}
    model = architectures.build(networks.FilterBank.model_validate(network), SHAPE, 4).eval()
    following = torch.zeros(6, 6, 3)
    following[:, :, 2] = torch.eye(6)  # each filter: one moment, a slice further away
    model.line_of_sight_1.weight.data = following
    model.line_of_sight_1.bias.data.zero_()
    image = torch.randn(1, 1, *SHAPE)
    seen = model.line_of_sight_1(model.slices(model.filter_bank(image)))[0]
    bank = model.filter_bank
    assert torch.equal(seen[0], torch.cat([bank._slices(image.mean(2))[0, 1:], torch.zeros(1)]))
    power = torch.relu(bank.convolution_1(image)).square().mean(2)[:, 2]
    expected = torch.log(bank._slices(power)[0] + POWER_FLOOR)
    assert torch.allclose(seen[3], torch.cat([expected[1:], torch.zeros(1)]))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"line_of_sight": 3 * [{"filters": 2}]}, "convolution 3 pools 2 slices, and 1 of 5 reach"),
        ({"architecture": "gillet2019"}, "line_of_sight is for a filter_bank, not for gillet2019"),
        ({"line_of_sight": [{"filters": 2, "pool": 0}]}, "pool"),
        ({"activation": "tanh"}, "activation"),
    ],
)
def test_layers_along_the_line_of_sight_that_make_no_sense_are_refused(changed, message) -> None:
    with pytest.raises(ValidationError, match=message):
        Training.model_validate({"network": {**ALONG.model_dump(), **changed}})


def test_its_activation_stands_behind_all_layers_that_follow_its_rectified_filters() -> None:
    kinds = [type(layer) for layer in architectures.build(ALONG, SHAPE, 4).modules()]
    assert kinds.count(ReLU) == len(ALONG.convolutions)
    assert kinds.count(SiLU) == len(ALONG.line_of_sight) + len(ALONG.dense)


def test_its_batch_normalisation_is_that_of_the_papers_network() -> None:
    layers = [it for it in architectures.build(BANK, SHAPE, 4) if isinstance(it, BatchNorm1d)]
    assert [(layer.eps, layer.momentum) for layer in layers] == 3 * [(1e-3, 0.01)]


def test_settled_statistics_are_those_of_the_images_given_whatever_came_before() -> None:
    training = Training(network=BANK.model_copy(update={"dropout": 0.5}), epochs=1)
    learner = Learner(training, SHAPE, 4, World(torch.device("cpu")))
    layer = learner.network.batch_normalisation
    layer.running_mean.fill_(1e3)
    images = torch.randn(2 * SETTLED_TOGETHER, *SHAPE)
    learner.settle(images)
    features = learner.network.filter_bank(images[:, None]).detach()
    assert torch.allclose(layer.running_mean, features.mean(0), atol=1e-5)
    chunks = torch.stack([part.var(0) for part in features.split(SETTLED_TOGETHER)])
    assert torch.allclose(layer.running_var, chunks.mean(0), rtol=1e-4)
    assert layer.momentum == 0.01


@pytest.mark.parametrize("moments", [(), (3,), (2, 1), (2, 2)])
def test_moments_are_listed_once_each(moments) -> None:
    with pytest.raises(ValidationError, match="moments"):
        networks.FilterBank.model_validate({**BANK.model_dump(), "moments": moments})


def test_the_sizes_that_are_checked_before_a_job_are_those_of_the_network() -> None:
    model = architectures.build(BANK, SHAPE, 4)
    bank = model.filter_bank
    images = torch.zeros(1, 1, *SHAPE)
    for number, (convolved, pooled) in enumerate(BANK.sizes(SHAPE), start=1):
        assert bank.get_submodule(f"convolution_{number}")(images).shape[1:] == convolved
        images = torch.nn.functional.avg_pool2d(images, 2)
        assert images.shape[1:] == pooled


@pytest.mark.parametrize(
    ("key", "value"), [("slices", 20), ("convolutions", [{"filters": 2, "kernel": [9, 4]}])]
)
def test_an_image_that_is_too_small_is_refused_before_any_job(settings, key, value) -> None:
    network = {**BANK.model_dump(mode="json"), "convolutions": [{"filters": 2, "kernel": 4}]}
    settings["trainings"]["all_images"]["network"] = network
    config.parse(settings)
    network[key] = value
    with pytest.raises(UserError, match=r"all_images\.network is too large for its image"):
        config.parse(settings)
