"""Networks as trunk and head: another head and images of another rank need no other loop."""

import math

import numpy as np
import pytest
import torch
from support.toy_images import IDENTITY, SPLIT, toy_images, toy_training
from torch import nn

from lcinfer.base.errors import UserError
from lcinfer.config import networks
from lcinfer.config.sections import Training
from lcinfer.evaluation.predict import predict
from lcinfer.images.dataset import LabelledImages
from lcinfer.training.loop import train
from lcinfer.training.networks import gillet2019, heads
from lcinfer.training.networks.architectures import build
from lcinfer.training.networks.heads import Head, Regression

SMALL = {"convolutions": [{"filters": 3, "kernel": 3}], "dense": [5, 4]}
BANK = {**SMALL, "architecture": "filter_bank", "slices": 4, "line_of_sight": [{"filters": 2}]}
# Weights that seed 1 draws, and what the generator draws next, as lcinfer 0.1 did.
DRAWN = {
    "gillet2019": (SMALL, "convolution_1", 0.127596, -0.660286, 0.495183, 0.5053),
    "filter_bank": (BANK, "filter_bank.convolution_1", 0.171754, 0.080106, 0.062814, 0.6085),
}


class Gaussian(Head):
    """A head of a mean and a width for each parameter: an error for each image, and samples."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__()
        self.both = nn.Linear(features, 2 * outputs)

    def forward(self, features):
        return self.both(features).chunk(2, -1)[0]

    def errors(self, features, targets):
        mean, width = self.both(features).float().chunk(2, -1)
        return (width + ((targets - mean) / width.exp()).square() / 2).sum(1)

    def samples(self, features, count):
        mean, width = self.both(features).chunk(2, -1)
        return torch.distributions.Normal(mean, width.exp()).sample((count,)).transpose(0, 1)


def run(directory, labelled, **settings):
    return train(toy_training(**settings), SPLIT, labelled, directory, IDENTITY, show=False)


@pytest.mark.parametrize("architecture", DRAWN)
def test_the_weights_that_a_seed_draws_are_those_of_earlier_versions(architecture) -> None:
    section, first, *drawn, following = DRAWN[architecture]
    torch.manual_seed(1)
    model = build(networks.recorded({"architecture": architecture, **section}), (8, 24), 2)
    state = model.state_dict()
    for name, value in zip((first, "dense_2", "output"), drawn, strict=True):
        assert state[f"{name}.weight"].flatten()[0].item() == pytest.approx(value, abs=1e-6)
    assert torch.rand(1).item() == pytest.approx(following, abs=1e-4)


@pytest.mark.parametrize("section", [SMALL, BANK], ids=["gillet2019", "filter_bank"])
def test_a_network_is_its_head_behind_its_trunk(section) -> None:
    network = Training.model_validate({"network": section}).network
    model = build(network, (8, 24), 2).eval()
    images = torch.randn(3, 1, 8, 24)
    features = model.trunk(images)
    assert features.shape == (3, network.dense[-1])
    assert isinstance(model.head, Regression)
    assert torch.equal(model(images), model.head(features))
    assert model.head.samples(features, 10) is None, "a best guess alone"
    own = {id(weights) for part in (model.trunk, model.head) for weights in part.parameters()}
    assert own == {id(weights) for weights in model.parameters()}


def test_regression_s_errors_are_squares_in_single_precision_and_of_validation_in_double() -> None:
    head, features, targets = Regression(4, 3), torch.randn(7, 4), torch.randn(7, 3)
    for training, kind in ((True, torch.float32), (False, torch.float64)):
        errors = head.train(training).errors(features, targets)
        assert errors.dtype == kind
        assert torch.equal(errors, (head(features) - targets).to(kind).square())


@pytest.mark.parametrize("network", [{}, {"architecture": "filter_bank", "slices": 4}])
def test_another_head_is_trained_kept_and_predicts_with_any_trunk(
    network, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(heads.HEADS, "regression", lambda *sizes: Gaussian(*sizes[:2]))
    labelled = toy_images()
    section = {**toy_training().network.model_dump(), **network}
    trained = run(tmp_path, labelled, network=section, epochs=40, optimiser={"learning_rate": 3e-3})
    last = trained.history[-1]["validation_loss"]
    assert last < 0 < trained.history[0]["validation_loss"], "a density, no square"
    assert {"output.both.weight", "output.both.bias"} <= trained.model.keys()
    model = trained.trained_network(torch.device("cpu"))
    normalisation = trained.fitted_normalisation()
    images = normalisation.images(labelled.images[:4, 0])[:, None]
    targets = normalisation.parameters(labelled.parameters[:4])
    errors = model.head.errors(model.trunk(images), targets)
    assert last == pytest.approx(errors.mean().item(), rel=1e-5)
    found = predict(trained, labelled, range(4, 16))
    assert found.predicted.shape == (12, 3, 2)
    misses = np.abs(found.predicted - found.true[:, None]) / labelled.parameters.std(axis=0)
    assert misses.mean() < 0.5
    drawn = model.head.samples(model.trunk(images), 500)
    assert drawn.shape == (4, 500, 2)
    assert torch.allclose(drawn.mean(1), model(images), atol=0.3)


@pytest.mark.parametrize("shape", [(192,), (2, 4, 24)])
def test_images_of_another_rank_are_read_mirrored_learnt_and_predicted(
    shape, tmp_path, monkeypatch
) -> None:
    def trunk(network, image_shape):
        model = nn.Sequential(nn.Flatten())
        model.add_module("dense", nn.Linear(math.prod(image_shape), network.dense[-1]))
        return model

    monkeypatch.setattr(gillet2019, "trunk", trunk)
    monkeypatch.setattr(networks.Gillet2019, "bytes_of_step", lambda *_: 4 * 192)
    flat = toy_images()
    labelled = LabelledImages(
        flat.images.reshape(60, 3, *shape), flat.parameters, flat.names, failed=(20,)
    )
    assert (labelled.image_shape, labelled.image_bytes) == (shape, 4 * 192)
    mirrored = len(shape) > 1
    trained = run(
        tmp_path, labelled, epochs=20, augment=mirrored, optimiser={"learning_rate": 1e-3}
    )
    assert trained.image_shape == list(shape)
    losses = [row["validation_loss"] for row in trained.history]
    assert losses[-1] < losses[0] / 2
    assert predict(trained, labelled, [5]).predicted.shape == (1, 3, 2)
    labelled.images[3, 1].flat[7] = math.nan
    with pytest.raises(UserError, match="light-cone 3 hold NaN"):
        labelled.read([2, 3], 2)


def test_a_network_of_before_architectures_had_their_own_keys_is_read_and_of_a_later_one_refused():
    kept = {**SMALL, "architecture": "gillet2019", "slices": 20, "moments": [2], "dropout": 0.1}
    network = networks.recorded(kept)
    assert network == networks.Gillet2019.model_validate({**SMALL, "dropout": 0.1})
    with pytest.raises(ValueError, match="depth"):
        networks.recorded({**kept, "depth": 3})
