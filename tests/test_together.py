"""Trainings of posteriors: light-cones with a random number of their images, by the same loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.filling import whole_run
from support.small import small_settings
from support.toy_images import IDENTITY, SPLIT, toy_images, toy_training

from lcinfer import config
from lcinfer.audit.audit import audit
from lcinfer.audit.walk import Depth
from lcinfer.base.errors import UserError
from lcinfer.base.fingerprint import content
from lcinfer.evaluation.posteriors import read_posteriors, write_posteriors
from lcinfer.images.dataset import fit
from lcinfer.images.sets import divide
from lcinfer.training import checkpoint as checkpoints
from lcinfer.training.batches import Batches
from lcinfer.training.learner import apply_together
from lcinfer.training.loop import train
from lcinfer.training.processes import World

PRIOR = {"depth": (20.0, 200.0), "edge": (4.0, 20.0)}
HEAD = {"kind": "posterior", "transforms": 1, "hidden": [16]}
BANK = {"architecture": "filter_bank", "slices": 4}


class StoppedError(Exception):
    """Stands for whatever ends a training between two epochs."""


@pytest.fixture(autouse=True)
def one_thread():
    """Bits depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def labelled():
    return replace(toy_images(images=4), prior=PRIOR)


def run(labelled, directory, **settings):
    network = {**toy_training().network.model_dump(), "head": HEAD, **settings.pop("network", {})}
    training = toy_training(network=network, **settings)
    return train(training, SPLIT, labelled, directory, IDENTITY, show=False)


def batches(labelled, **settings):
    """Of images that are told apart by their first cell."""
    labelled.images[:, :, 0, 0] = np.arange(labelled.images[:, :, 0, 0].size).reshape(-1, 4)
    training = divide(SPLIT, labelled.light_cones).training
    normalisation, _ = fit(labelled, training, 4)
    given = {"world": World(torch.device("cpu")), "host_bytes": 2**30, "together": True, **settings}
    some = Batches(labelled, training, 4, 8, normalisation, **given)

    def numbers(pixels):
        cells = pixels[:, 0, 0, 0].double() * normalisation.image_std + normalisation.image_mean
        return cells.round().int()

    return some, numbers


@pytest.mark.parametrize("host_bytes", [2**30, 0], ids=["staged", "streamed"])
def test_a_batch_has_light_cones_with_as_many_images_each_and_an_epoch_every_image_once(
    labelled, host_bytes
):
    some, numbers = batches(labelled, host_bytes=host_bytes)
    generator = torch.Generator().manual_seed(1)
    sizes = set()
    for _ in range(8):
        seen = []
        for batch in some.epoch(generator):
            own = numbers(batch.pixels).view(-1, batch.together)
            assert len(own) == len(batch.targets) == batch.whole // batch.together
            assert batch.whole <= 8 + 1
            cones = own // 4
            assert (cones == cones[:, :1]).all(), "of one light-cone"
            assert len(set(cones[:, 0].tolist())) == len(cones)
            expected = labelled.parameters[cones[:, 0]]
            assert torch.equal(batch.targets, some._normalisation.parameters(expected))
            sizes.add(batch.together)
            seen += own.flatten().tolist()
        assert sorted(seen) == list(range(16 * 4, 60 * 4))
    assert sizes == {1, 2, 4}, "one image and all of them"


def test_the_parts_of_two_processes_are_the_batch_of_one(labelled):
    drawn = []
    for worlds in ([(0, 1)], [(0, 2), (1, 2)]):
        own = []
        for rank, size in worlds:
            world = World(torch.device("cpu"), rank=rank, size=size)
            some, numbers = batches(labelled, world=world)
            epoch = some.epoch(torch.Generator().manual_seed(2), last=True)
            own.append([(numbers(it.pixels).tolist(), it.whole, it.together) for it in epoch])
        drawn.append(own)
    (alone,), (first, second) = drawn
    assert [
        (a + b, whole, k) for (a, whole, k), (b, *_) in zip(first, second, strict=True)
    ] == alone


@pytest.mark.parametrize("head", [HEAD, {"kind": "gaussian_dropout", "hidden": 8}])
def test_a_training_stopped_after_an_epoch_goes_on_to_the_same_numbers(
    labelled, tmp_path, monkeypatch, head
):
    whole = run(labelled, tmp_path / "whole", network={"head": head}, epochs=4)
    save = checkpoints.save

    def save_and_stop(checkpoint, path):
        save(checkpoint, path)
        if len(checkpoint.history) == 2:
            raise StoppedError

    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(checkpoints, "save", save_and_stop)
        run(labelled, tmp_path / "stopped", network={"head": head}, epochs=4)
    stopped = run(labelled, tmp_path / "stopped", network={"head": head}, epochs=4)
    assert stopped.history == whole.history
    for name, weights in whole.model.items():
        assert torch.equal(stopped.model[name], weights), name


@pytest.mark.parametrize(
    "settings",
    [{}, {"precision": "bfloat16"}, {"network": {"architecture": "filter_bank", "slices": 4}}],
)
def test_one_image_and_all_are_answered_by_a_checkpoint_alone(labelled, tmp_path, settings):
    optimiser = {"learning_rate": 5e-3, "schedule": "cosine"}
    trained = run(labelled, tmp_path, epochs=30, optimiser=optimiser, **settings)
    last = trained.history[-1]["validation_loss"]
    assert last < -1, "denser than the prior, in nats"
    loaded = checkpoints.load(tmp_path / "checkpoint.pt")
    state = torch.get_rng_state()
    model = loaded.trained_network(torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), state)
    normalisation = loaded.fitted_normalisation()
    ends = normalisation.physical(model.head.box)
    assert pytest.approx(np.array([*PRIOR.values()]), rel=1e-5) == ends.T
    images = normalisation.images(labelled.images[:4])
    targets = normalisation.parameters(labelled.parameters[:4])
    features = apply_together(model.trunk, images)
    with torch.inference_mode():
        assert model.head.errors(features, targets).mean().item() == pytest.approx(last, rel=1e-4)
        assert model.head.samples(features[:, :1], 7).shape == (4, 7, 2)
        alone = model.head(features[:, 0])
    assert torch.allclose(alone, model.head(features[:, :1]))


def test_a_posterior_without_a_prior_is_refused(tmp_path):
    with pytest.raises(UserError, match="needs the prior"):
        run(toy_images(), tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run with a posterior."""
    settings = small_settings()
    settings["trainings"]["all_images"]["network"]["head"] = HEAD
    settings["evaluation"]["samples"] = 40
    return whole_run(settings, tmp_path_factory.mktemp("posterior") / "results")


def test_an_evaluation_keeps_samples_of_the_test_set_and_the_mocks_and_is_audited(finished):
    evaluation = finished.evaluations["all_images"]
    for path, light_cones in (
        (evaluation.posterior, [2, 3, 4]),
        (evaluation.mock_posterior("FAINT"), [0, 1]),
    ):
        assert path in evaluation.outputs
        found = read_posteriors(path)
        assert found.light_cones.tolist() == light_cones
        assert found.samples.shape == (len(light_cones), 40, 4)
        assert np.isfinite(found.log_density).all()
        assert np.isfinite(found.reference).all()
    assert audit(evaluation.posterior, finished.root, Depth(repredict=True)).holds


def test_an_audit_finds_posteriors_that_leave_the_prior_or_give_other_scores(finished):
    evaluation = finished.evaluations["all_images"]
    found = read_posteriors(evaluation.posterior)
    kept = evaluation.posterior.read_bytes()
    forged = {
        "samples lie outside the prior": replace(found, samples=found.samples + 1000),
        "log_density.mean": replace(found, log_density=found.log_density + 1),
        "its true values are not the design's": replace(found, truth=found.truth + 1e-3),
        "other light-cones": replace(found, light_cones=found.light_cones + 1),
    }
    try:
        for said, posteriors in forged.items():
            write_posteriors(posteriors, evaluation.posterior)
            report = audit(evaluation.directory, finished.root, Depth())
            assert not report.holds
            assert said in report.text()
    finally:
        evaluation.posterior.write_bytes(kept)


def test_a_posterior_changes_no_other_fingerprint_and_its_mistakes_are_one_line():
    def parsed(**training):
        settings = small_settings()
        settings["trainings"]["all_images"] |= training
        return config.parse(settings)

    plain = {"convolutions": [{"filters": 4, "kernel": 3}], "dense": [8]}
    regression = parsed(network={**plain, "head": {"kind": "regression"}}, batch=2)
    assert "head" not in repr(content(regression.trainings["all_images"].network))
    with pytest.raises(UserError, match=r"batch 2 is less than the 4 images of a light-cone"):
        parsed(network={**plain, "head": {"kind": "posterior"}}, batch=2)
    with pytest.raises(UserError, match=r"head\.bin: unknown key \(did you mean bins\?\)"):
        parsed(network={**plain, "head": {"kind": "posterior", "bin": 4}})
