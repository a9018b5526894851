"""Noise of a training: new in every epoch, the same whenever the training is made."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.toy_images import IDENTITY, SPLIT, toy_images, toy_training

from lcinfer.config.instruments import Instrument
from lcinfer.config.sections import Simulation
from lcinfer.images.dataset import fit
from lcinfer.images.noise import Noise
from lcinfer.images.sets import divide
from lcinfer.instrument.noise import Channels
from lcinfer.instrument.response import Response
from lcinfer.training import loop
from lcinfer.training.batches import Batches
from lcinfer.training.checkpoint import load
from lcinfer.training.noise import NoiseBank
from lcinfer.training.processes import World

CPU = torch.device("cpu")
ALONE = World(CPU)
CELLS, ALONG = 8, 24
SIMULATION = Simulation.model_validate(
    {
        "box": {"cells": CELLS, "length": 48},
        "lightcone": {"cells": ALONG},
        "simulator": {"engine": "support.standin:simulate", "engine_version": "1"},
    }
)
# Image 0 is the plane x = 0, image 1 the plane y = 0, image 2 the plane y = 5.
FACE = np.arange(CELLS**2).reshape(CELLS, CELLS)
IMAGES = np.stack([FACE[0], FACE[:, 0], FACE[:, 5]])


@pytest.fixture(scope="module")
def noise():
    instrument = Instrument(layout="AA*", track=0.5, longest_baseline=1.5, hours=100)
    response = Response.of(instrument, Channels.of(SIMULATION, ALONG))
    return Noise(response, np.arange(1000, 1060), IMAGES, {"name": "ska"})


@pytest.fixture
def labelled(noise):
    return replace(toy_images(), noise=noise)


def batches(labelled, world=ALONE, **settings):
    training = divide(SPLIT, labelled.light_cones).training
    normalisation, _ = fit(labelled, training, 3)
    bank = NoiseBank(labelled.noise, 1, normalisation.image_std, CPU)
    kept = {"host_bytes": 2**30, **settings}
    return Batches(labelled, training, 3, 16, normalisation, world, noise=bank, **kept)


def epoch(some, number):
    """An epoch's images, in the order of the light-cones."""
    taken = list(some.epoch(torch.Generator().manual_seed(5), True, number))
    return torch.cat([batch.pixels for batch in taken])


def test_noise_is_new_in_every_epoch_and_the_same_in_the_same_one(labelled):
    one, other, again = (epoch(batches(labelled), number) for number in (1, 2, 1))
    assert torch.equal(one, again)
    scale = labelled.noise.response.rms.mean() / fit(labelled, range(16, 60), 3)[0].image_std
    assert (one - other).std() == pytest.approx(np.sqrt(2) * scale, rel=0.1)


def test_several_processes_and_streamed_blocks_take_the_same_noise(labelled, monkeypatch):
    worlds = (ALONE, World(CPU, 0, 2), World(CPU, 1, 2))
    generators = (torch.Generator().manual_seed(5) for _ in worlds)
    drawn = (
        batches(labelled, world).epoch(generator, True, 3)
        for world, generator in zip(worlds, generators, strict=True)
    )
    for batch, *halves in zip(*drawn, strict=True):
        assert torch.equal(batch.pixels, torch.cat([half.pixels for half in halves]))
    assert torch.equal(epoch(batches(labelled, host_bytes=0), 3), epoch(batches(labelled), 3))


def test_images_of_a_light_cone_are_cut_from_one_field_of_noise(noise):
    bank = NoiseBank(noise, 1, 1.0, CPU)
    for number in range(4):
        given = bank.epoch(number, np.array([7, 7, 7]))
        first, second, third = bank.rows[bank.places(given, torch.tensor([0, 1, 2]))]
        assert torch.equal(first[0], second[0]), "planes x = 0 and y = 0 meet at (0, 0)"
        assert torch.equal(first[5], third[0]), "planes x = 0 and y = 5 meet at (0, 5)"


def test_what_the_bank_gives_is_noise_of_the_instrument(noise):
    bank = NoiseBank(noise, 1, 1.0, CPU)
    field = replace(noise, cells=FACE)
    bank._x, bank._y = (torch.from_numpy(each) for each in np.divmod(field.cells, CELLS))
    modes = []
    for number in range(300):
        given = bank.epoch(number, np.full(CELLS, 3))
        rows = bank.places(given, torch.arange(CELLS))
        modes.append(np.abs(np.fft.rfft2(bank.rows[rows].numpy(), axes=(0, 1))) ** 2)
    measured, power = np.moveaxis(np.mean(modes, axis=0), -1, 0), noise.response.power
    assert measured[power == 0].max() < 1e-6 * power.max()
    measured, power = measured.sum(axis=0), power.sum(axis=0)
    there = power > 0
    assert measured[there] == pytest.approx(power[there], rel=0.15)


def test_a_training_that_goes_on_has_the_weights_of_one_that_was_not_stopped(
    labelled, tmp_path, monkeypatch
):
    training = toy_training(epochs=4, augment=True)
    loop.train(training, SPLIT, labelled, tmp_path / "whole", IDENTITY, show=False)
    validate, calls = loop.Learner.validate, []

    def stopped(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return validate(self, *arguments)

    monkeypatch.setattr(loop.Learner, "validate", stopped)
    with pytest.raises(KeyboardInterrupt):
        loop.train(training, SPLIT, labelled, tmp_path / "stopped", IDENTITY, show=False)
    loop.train(training, SPLIT, labelled, tmp_path / "stopped", IDENTITY, show=False)
    whole, went_on = (load(tmp_path / name / "checkpoint.pt") for name in ("whole", "stopped"))
    assert went_on.history == whole.history
    for name, weights in whole.model.items():
        assert torch.equal(weights, went_on.model[name])
    assert whole.instrument == {"name": "ska"}


def test_validation_sees_the_same_noise_in_every_epoch(labelled, tmp_path, monkeypatch):
    seen = []
    validate = loop.Learner.validate

    def kept(self, images, targets):
        seen.append(images.clone())
        return validate(self, images, targets)

    monkeypatch.setattr(loop.Learner, "validate", kept)
    done = loop.train(toy_training(epochs=2), SPLIT, labelled, tmp_path, IDENTITY, show=False)
    expected = done.fitted_normalisation().images(labelled.read(range(4), 1)[:, 0])
    assert torch.equal(seen[0], expected)
    assert torch.equal(seen[1], expected)
    assert not torch.equal(expected, done.fitted_normalisation().images(labelled.images[:4, 0]))
