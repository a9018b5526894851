from dataclasses import replace

import pytest
import torch
from support.toy_images import SPLIT, toy_images, toy_training
from torch import nn
from torch.nn.functional import max_pool2d

from lcinfer.config.networks import FilterBank, Gillet2019
from lcinfer.training import learner
from lcinfer.training.loop import train
from lcinfer.training.networks.architectures import build, in_steps
from lcinfer.training.networks.folding import Folded, largest

PAPER = Gillet2019(dropout=0.0)
DEEP = {"filters": 3, "kernel": 3, "pool": 2}
UNEVEN = [{"filters": 4, "kernel": [3, 7], "pool": [2, 4]}, {"filters": 5, "kernel": [4, 3]}]
UNPOOLED = [{"filters": 4, "kernel": 5, "pool": 1}, {"filters": 5, "kernel": 3, "pool": 3}]


def fold(trunk, network, shape, _):
    """``in_steps`` of a GPU, everywhere."""
    return Folded(trunk, network.windows, network.sizes(shape)[-1][1][1:])


def folded(network, shape):
    """A network, and the same one folded: one set of weights."""
    torch.manual_seed(1)
    plain = build(network, shape, 4).double()
    for layer in plain:  # a first bias of zero, as it is drawn, would hide mistakes
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.bias)
    return plain, nn.Sequential(fold(plain.trunk, network, shape, None), plain.head)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (PAPER, (100, 2200)),
        (PAPER, (33, 187)),
        (PAPER, (64, 202)),
        (Gillet2019(dropout=0.0, convolutions=[DEEP] * 3), (41, 60)),
        (Gillet2019(dropout=0.0, convolutions=UNEVEN), (25, 90)),
        (Gillet2019(dropout=0.0, convolutions=UNPOOLED), (23, 40)),
    ],
)
def test_a_folded_network_computes_and_learns_what_the_network_does(network, shape) -> None:
    plain, same = folded(network, shape)
    images = torch.randn(3, 1, *shape, dtype=torch.double)
    gradients = []
    for one in (plain, same):
        outputs = one(images)
        outputs.square().sum().backward()
        gradients.append((outputs, *[weights.grad.clone() for weights in plain.parameters()]))
        plain.zero_grad()
    for own, other in zip(*gradients, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-10, atol=1e-10 * own.abs().max().item())


def test_the_largest_channels_are_those_of_max_pooling_to_the_bit_of_the_gradient() -> None:
    """Also where several are equally large, where the rectifier shuts, and with NaN."""
    torch.manual_seed(2)
    cells = torch.randint(-2, 3, (2, 3, 8, 10)).double()
    cells[0, 0, 0, 0] = torch.nan
    bias = torch.tensor([0.5, -0.5, -3.0]).double()
    found = []
    for folds in (False, True):
        image, shift = cells.clone().requires_grad_(), bias.clone().requires_grad_()
        if folds:
            parts = image.unflatten(2, (4, 2)).unflatten(4, (5, 2)).permute(0, 3, 5, 1, 2, 4)
            pooled = largest(parts.reshape(2, 12, 4, 5), shift, together=4)
        else:
            pooled = max_pool2d(image + shift.view(3, 1, 1), 2).relu()
        pooled.nan_to_num().square().sum().backward()
        found.append((pooled.detach(), image.grad, shift.grad))
    for own, other in zip(*found, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    ("network", "where", "folds"),
    [
        (PAPER, "cpu", False),
        (PAPER, "cuda", True),
        (FilterBank(architecture="filter_bank"), "cuda", False),
        (Gillet2019(convolutions=[DEEP | {"kernel": 2}] * 4), "cuda", False),
    ],
)
def test_what_a_gpu_folds(network, where, folds) -> None:
    """The paper's network; not one with so many poolings that blocks are large."""
    shape = (64, 400)
    trunk = build(network, shape, 4).trunk
    steps = in_steps(trunk, network, shape, torch.device(where))
    assert isinstance(steps, Folded) == folds
    assert folds or steps is trunk


@pytest.mark.parametrize("kind", ["regression", "posterior", "gaussian_dropout"])
def test_a_training_with_a_folded_network_has_the_same_losses(kind, monkeypatch, tmp_path) -> None:
    """A GPU's, on a CPU. Batch normalisation and dropout are those of the network itself."""
    network = toy_training().network.model_dump() | {"head": {"kind": kind}}
    training = toy_training(epochs=4, optimiser={"learning_rate": 1e-3}, network=network)
    labelled = replace(toy_images(), prior={"depth": (20, 200), "edge": (4, 20)})

    def losses(name):
        trained = train(training, SPLIT, labelled, tmp_path / name, {}, show=False)
        return [row["training_loss"] for row in trained.history]

    plain = losses("plain")

    monkeypatch.setattr(learner, "in_steps", fold)
    same = losses("folded")
    assert same[0] == pytest.approx(plain[0], rel=1e-4, abs=1e-5)
    # A rounded tie of two cells may fall the other way later, and RMSprop makes a step of it.
    assert same == pytest.approx(plain, rel=0.01)
    assert plain[-1] < plain[0] - 0.2
    assert same != plain, "it was folded"
