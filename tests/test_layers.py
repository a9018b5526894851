"""Rows of Table 1, which come from the settings, are what the networks are."""

import pytest
import torch
from torch import nn

from lcinfer.config.networks import ARCHITECTURES
from lcinfer.training.networks.architectures import build
from lcinfer.training.networks.layers import layers

SHAPE, OUTPUTS = (20, 60), 4
CONVOLUTIONS = [
    {"filters": 3, "kernel": [2, 4], "pool": [2, 3]},
    {"filters": 2, "kernel": 3, "pool": 1},
]
BANK = {"architecture": "filter_bank", "convolutions": CONVOLUTIONS, "slices": 6}
NETWORKS = {
    "the paper's layers": {"convolutions": CONVOLUTIONS, "dense": [5, 4]},
    "one dense layer": {"convolutions": CONVOLUTIONS[:1], "dense": [7], "dropout": 0},
    "dense": {"architecture": "dense", "dense": [8, 4]},
    "power": BANK | {"dense": [8, 4]},
    "moments": BANK | {"moments": [1, 2, 4], "activation": "silu"},
    "a flow": BANK
    | {"dense": [5], "head": {"kind": "posterior", "transforms": 2, "hidden": [7, 6]}},
    "dropout": BANK | {"dense": [5], "head": {"kind": "gaussian_dropout", "hidden": 7}},
    "along the line of sight": BANK
    | {"line_of_sight": [{"filters": 5, "kernel": 3, "pool": 2}, {"filters": 2, "pool": 3}]},
}
# What a step of Table 1 begins with.
WORDS = {
    nn.Conv2d: "2D Convolution",
    nn.MaxPool2d: "Max Pooling",
    nn.Conv1d: "1D Convolution",
    nn.AvgPool1d: "Mean Pooling",
    nn.Flatten: "Flattening",
    nn.Dropout: "Dropout",
    nn.BatchNorm1d: "Batch Normalization",
    nn.Linear: "Fully connected",
}


@pytest.mark.parametrize("settings", NETWORKS.values(), ids=NETWORKS)
def test_names_shapes_and_weights_are_those_of_the_network(settings):
    network = ARCHITECTURES[settings.get("architecture", "gillet2019")].model_validate(settings)
    rows = layers(network, SHAPE, OUTPUTS)
    assert [row.order for row in rows] == [*range(1, len(rows) + 1)]
    assert rows[0][1:] == ("input", "Input", SHAPE, 0)
    by_name = {row.name: row for row in rows[1:]}
    with torch.no_grad():
        model = build(network, SHAPE, OUTPUTS).eval()
        data = torch.zeros(1, 1, *SHAPE)
        for name, layer in model.named_children():
            data = layer(data)
            if not isinstance(layer, nn.ReLU | nn.SiLU):
                row = by_name.pop(name)
                assert row.shape == data.shape[1:], name
                assert row.weights == sum(it.numel() for it in layer.parameters()), name
                assert row.step.startswith(WORDS.get(type(layer), row.step)), name
    assert not by_name, "and no other layers"
    assert sum(row.weights for row in rows) == sum(it.numel() for it in model.parameters())


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="convolution 1"):
        layers(ARCHITECTURES["gillet2019"](), (5, 5), OUTPUTS)
