import pytest
import torch
from torch import nn

from lcinfer.config.networks import Gillet2019
from lcinfer.training.networks.architectures import build
from lcinfer.training.networks.heads import Regression
from lcinfer.training.networks.layers import layers

PAPER = (100, 2200)
SMALL = Gillet2019.model_validate(
    {"convolutions": [{"filters": 3, "kernel": [2, 4], "pool": [2, 3]}], "dense": [5, 4]}
)


def test_the_paper_s_network_has_10023604_weights():
    with torch.device("meta"):
        model = build(Gillet2019(), PAPER, 4)
    assert sum(parameter.numel() for parameter in model.parameters()) == 10_023_604


def test_its_layers_are_the_rows_of_table_1():
    rows = layers(Gillet2019(), PAPER, 4)
    assert [(row.order, row.shape, row.weights) for row in rows] == [
        (1, (100, 2200), 0),
        (2, (8, 91, 2191), 808),
        (3, (8, 45, 1095), 0),
        (4, (16, 36, 1086), 12_816),
        (5, (16, 18, 543), 0),
        (6, (156_384,), 0),
        (7, (156_384,), 0),
        (8, (64,), 10_008_640),
        (9, (64,), 128),
        (10, (16,), 1_040),
        (11, (8,), 136),
        (12, (4,), 36),
    ]
    assert [row.step.split(" (")[0] for row in rows] == [
        "Input",
        "2D Convolution",
        "Max Pooling",
        "2D Convolution",
        "Max Pooling",
        "Flattening",
        "Dropout",
        "Fully connected",
        "Batch Normalization",
        "Fully connected",
        "Fully connected",
        "Fully connected Out",
    ]
    assert rows[1].step == "2D Convolution (10x10)"
    assert rows[2].step == "Max Pooling (2x2)"
    assert rows[6].step.startswith("Dropout (20%")


def test_rectifiers_follow_hidden_layers_only_and_dropout_comes_before_the_first_dense_one():
    kinds = [type(layer) for layer in build(SMALL, (8, 20), 2)]
    assert kinds == [
        nn.Conv2d,
        nn.MaxPool2d,
        nn.ReLU,
        nn.Flatten,
        nn.Dropout,
        nn.Linear,
        nn.ReLU,
        nn.BatchNorm1d,
        nn.Linear,
        nn.ReLU,
        Regression,
    ]


def test_a_network_starts_as_keras_would_start_it():
    torch.manual_seed(0)
    model = build(Gillet2019(dense=(64, 16)), (40, 60), 4)
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            window = layer.weight[0, 0].numel()
            limit = (6 / (window * sum(layer.weight.shape[:2]))) ** 0.5
            assert layer.weight.abs().max() <= limit
            assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.3)
            assert not layer.bias.any()
    assert model.batch_normalisation.eps == 1e-3
    assert model.batch_normalisation.momentum == 0.01
    assert model.dropout.p == 0.2


def test_every_row_s_data_are_what_really_comes_out_of_an_odd_network():
    torch.manual_seed(0)
    model = build(SMALL, (9, 21), 2).eval()
    data = torch.zeros(1, 1, 9, 21)
    shapes = []
    for layer in model:
        data = layer(data)
        if not isinstance(layer, nn.ReLU):
            shapes.append(tuple(data.shape[1:]))
    rows = layers(SMALL, (9, 21), 2)
    assert [row.shape for row in rows[1:]] == shapes
    assert sum(row.weights for row in rows) == sum(p.numel() for p in model.parameters())


def test_an_image_too_small_for_the_network_is_refused():
    with pytest.raises(ValueError, match="convolution 2"):
        build(Gillet2019(), (20, 40), 4)


def test_rectifying_behind_the_pooling_changes_no_bit_of_outputs_and_gradients():
    torch.manual_seed(0)
    fast = build(SMALL, (9, 21), 2).eval()
    layers_of = dict(fast.named_children())
    order = ["convolution_1", "convolution_relu_1", "pooling_1"]
    literal = nn.Sequential(*(layers_of.pop(name) for name in order), *layers_of.values())
    literal[1] = nn.ReLU()
    images = torch.randn(5, 1, 9, 21)
    found = []
    for model in (literal, fast):
        model.zero_grad()
        outputs = model(images)
        outputs.square().sum().backward()
        found.append([outputs, *(each.grad.clone() for each in fast.parameters())])
    assert any(gradient.any() for gradient in found[0][1:])
    assert all(map(torch.equal, *found))
