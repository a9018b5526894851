import csv
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.toy_images import IDENTITY, SPLIT, toy_images, toy_training

from lcinfer.base.errors import UserError
from lcinfer.images.dataset import LabelledImages
from lcinfer.training import checkpoint as checkpoints
from lcinfer.training import memory
from lcinfer.training.loop import train


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def labelled():
    return toy_images()


@pytest.fixture
def trained(labelled, tmp_path):
    """A finished training's directory."""
    run(labelled, tmp_path / "undisturbed")
    return tmp_path / "undisturbed"


def run(labelled, directory, identity=IDENTITY, show=False, **settings):
    return train(toy_training(**settings), SPLIT, labelled, directory, identity, show)


def history(directory):
    return (directory / "history.csv").read_text()


def same(one, other):
    """Whether two states hold the same tensors and numbers."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_a_network_learns_what_the_images_show(labelled, tmp_path):
    losses = [row["validation_loss"] for row in run(labelled, tmp_path, epochs=40).history]
    assert losses[0] > 0.3
    assert losses[-1] < 0.1


def test_the_same_seed_gives_the_same_losses_and_another_seed_gives_others(
    labelled, trained, tmp_path
):
    run(labelled, tmp_path / "again")
    run(labelled, tmp_path / "other", seed=2)
    assert history(tmp_path / "again") == history(trained)
    assert history(tmp_path / "other") != history(trained)


def test_training_leaves_the_caller_s_random_numbers_alone(labelled, tmp_path):
    torch.manual_seed(9)
    before = torch.get_rng_state()
    run(labelled, tmp_path, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


class StoppedError(Exception):
    """Stands for whatever ends a training between two epochs."""


def stopping_after(epoch):
    """What saves checkpoints, and stops the training behind one of them."""
    save = checkpoints.save

    def save_and_stop(checkpoint, path):
        save(checkpoint, path)
        if len(checkpoint.history) == epoch:
            raise StoppedError

    return save_and_stop


@pytest.mark.parametrize("epoch", range(1, 6))
def test_a_training_stopped_after_any_epoch_goes_on_to_the_same_numbers(
    labelled, trained, tmp_path, monkeypatch, epoch
):
    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(checkpoints, "save", stopping_after(epoch))
        run(labelled, tmp_path / "stopped")
    run(labelled, tmp_path / "stopped")
    assert history(tmp_path / "stopped") == history(trained)
    one, other = (
        checkpoints.load(directory / "checkpoint.pt")
        for directory in (tmp_path / "stopped", trained)
    )
    assert same(vars(one), vars(other))


@pytest.mark.parametrize("setting", [{"augment": True}, {"frozen_batch_norm": 0.6}])
def test_with_mirrored_images_or_frozen_statistics_it_goes_on_to_the_same_numbers(
    labelled, trained, tmp_path, monkeypatch, setting
):
    run(labelled, tmp_path / "undisturbed_too", **setting)
    assert history(tmp_path / "undisturbed_too") != history(trained)
    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(checkpoints, "save", stopping_after(3))
        run(labelled, tmp_path / "stopped", **setting)
    half = checkpoints.load(tmp_path / "stopped" / "checkpoint.pt").model
    run(labelled, tmp_path / "stopped", **setting)
    assert history(tmp_path / "stopped") == history(tmp_path / "undisturbed_too")
    whole = checkpoints.load(tmp_path / "stopped" / "checkpoint.pt").model
    kept = {name for name in half if torch.equal(half[name], whole[name])}
    statistics = {name for name in half if "running" in name or "tracked" in name}
    assert statistics and kept == (statistics if "frozen_batch_norm" in setting else set())


def test_a_training_begun_before_there_were_envelopes_goes_on_to_the_same_numbers_and_has_one(
    labelled, trained, tmp_path, monkeypatch
):
    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(checkpoints, "save", stopping_after(3))
        run(labelled, tmp_path)
    path = tmp_path / "checkpoint.pt"
    began = {key: value for key, value in vars(checkpoints.load(path)).items() if key != "envelope"}
    began["normalisation"]["image_mean"] += 1e-9  # an earlier lcinfer may have rounded otherwise
    torch.save(began, path)
    run(labelled, tmp_path)
    now, whole = checkpoints.load(path), checkpoints.load(trained / "checkpoint.pt")
    assert now.envelope == whole.envelope
    assert now.normalisation == began["normalisation"]
    assert history(tmp_path).splitlines()[:4] == history(trained).splitlines()[:4]


def test_a_finished_training_without_an_envelope_stays_as_it_is(labelled, trained):
    path = trained / "checkpoint.pt"
    old = {key: value for key, value in vars(checkpoints.load(path)).items() if key != "envelope"}
    torch.save(old, path)
    before = path.read_bytes()
    run(labelled, trained)
    assert path.read_bytes() == before, "what was made from it names its digest"


def test_out_of_memory_names_a_batch_that_fits_and_writes_nothing(labelled, tmp_path, monkeypatch):
    forward = torch.nn.Conv2d.forward

    def with_little_memory(layer, pixels):
        if len(pixels) > 5 and layer.training:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return forward(layer, pixels)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", with_little_memory)
    with pytest.raises(UserError, match=r"out of memory with trainings.*batch 16: 4 would fit"):
        run(labelled, tmp_path / "large")
    assert not (tmp_path / "large" / "checkpoint.pt").exists()


def test_a_batch_larger_than_the_machine_is_refused_before_the_first_step(
    labelled, tmp_path, monkeypatch
):
    monkeypatch.setattr(memory, "available", lambda: 20_000)
    with pytest.raises(UserError, match=r"batch 16: a step needs at least .* would fit"):
        run(labelled, tmp_path)
    assert not list(tmp_path.iterdir())


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
import torch
from support.toy_images import IDENTITY, SPLIT, toy_images, toy_training
from lcinfer.training.loop import train

torch.set_num_threads(1)
save = torch.save

def save_half(content, file):
    save(content, file)
    if len(content["history"]) == 4:
        file.truncate(file.tell() // 2)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

torch.save = save_half
train(toy_training(), SPLIT, toy_images(), Path(sys.argv[1]), IDENTITY, show=False)
"""


def test_a_training_killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before(
    labelled, trained, tmp_path
):
    directory = tmp_path / "killed"
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, str(directory)],
        env={**os.environ, "PYTHONPATH": path},
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert list(directory.glob("*.partial"))
    assert len(checkpoints.load(directory / "checkpoint.pt").history) == 3
    run(labelled, directory)
    assert history(directory) == history(trained)
    assert {file.name for file in directory.iterdir()} == {"checkpoint.pt", "history.csv"}


def test_a_complete_training_is_not_trained_again(labelled, trained):
    before = (trained / "checkpoint.pt").stat()
    (trained / "history.csv").unlink()  # as if killed between the two files
    run(labelled, trained)
    after = (trained / "checkpoint.pt").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert len(history(trained).splitlines()) == 7


def test_another_training_s_checkpoint_is_refused_and_kept(labelled, trained):
    before = (trained / "checkpoint.pt").read_bytes()
    with pytest.raises(UserError, match=r"another training \(it differs in images\)") as refused:
        run(labelled, trained, identity={**IDENTITY, "images": "def"})
    assert "remove" not in str(refused.value)
    assert (trained / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"not a checkpoint",
        lambda content: content[:3000] + bytes([content[3000] ^ 1]) + content[3001:],
        lambda content: content[:-40] + bytes(40),
    ],
    ids=["cut off", "empty", "text", "one bit", "end lost"],
)
def test_a_damaged_checkpoint_is_refused_in_one_line(labelled, trained, damage):
    path = trained / "checkpoint.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"checkpoint\.pt: this checkpoint is damaged") as refused:
        run(labelled, trained)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith("move it aside, and the training begins anew")


def test_a_flipped_bit_is_refused_or_read_as_if_it_were_not_there(trained) -> None:
    path = trained / "checkpoint.pt"
    content = path.read_bytes()
    whole = checkpoints.load(path)
    refused = 0
    places = range(50, len(content), len(content) // 60)
    for place in places:
        path.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        try:
            read = checkpoints.load(path)
        except UserError as error:
            assert "this checkpoint is damaged" in str(error)
            refused += 1
            continue
        assert read.history == whole.history
        assert all(torch.equal(read.model[name], kept) for name, kept in whole.model.items())
    assert refused > len(places) / 3


def test_a_checkpoint_opens_without_running_code_and_says_what_it_is(labelled, trained):
    content = torch.load(trained / "checkpoint.pt", weights_only=True)
    assert content["identity"] == IDENTITY
    assert content["names"] == ["depth", "edge"]
    assert content["image_shape"] == [8, 24]
    assert content["normalisation"]["image_mean"] == pytest.approx(
        labelled.images[16:].mean(), 1e-5
    )


def test_the_history_has_a_line_per_epoch_with_all_digits(labelled, trained):
    rows = list(csv.DictReader((trained / "history.csv").open()))
    kept = checkpoints.load(trained / "checkpoint.pt").history
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [float(row["training_loss"]) for row in rows] == [row["training_loss"] for row in kept]
    assert list(rows[0]) == ["epoch", "learning_rate", "training_loss", "validation_loss"]


def test_the_learning_rate_is_halved_after_exactly_patience_epochs_without_improvement(tmp_path):
    images = toy_images(light_cones=18)
    random = np.random.default_rng(0)
    noise = LabelledImages(random.normal(size=images.images.shape), images.parameters, images.names)
    # A step so small that no epoch improves on the first by Keras' 1e-4.
    settings = {
        "network": {**toy_training().network.model_dump(), "dropout": 0},
        "optimiser": {"patience": 3, "learning_rate": 1e-12},
        "epochs": 8,
    }
    rates = [row["learning_rate"] for row in run(noise, tmp_path, **settings).history]
    # Epoch 1 is the best; epochs 2, 3 and 4 do not improve; epoch 5 is the first at half.
    assert rates == [1e-12] * 4 + [5e-13] * 3 + [2.5e-13]


def test_the_learning_rate_follows_half_a_cosine_to_zero_and_goes_on_to_the_same_numbers(
    labelled, tmp_path, monkeypatch
):
    optimiser = {"schedule": "cosine", "learning_rate": 0.01}
    run(labelled, tmp_path / "whole", optimiser=optimiser)
    rates = [
        row["learning_rate"]
        for row in checkpoints.load(tmp_path / "whole" / "checkpoint.pt").history
    ]
    expected = [0.005 * (1 + math.cos(math.pi * i / len(rates))) for i in range(len(rates))]
    assert rates == pytest.approx(expected)
    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(checkpoints, "save", stopping_after(2))
        run(labelled, tmp_path / "stopped", optimiser=optimiser)
    run(labelled, tmp_path / "stopped", optimiser=optimiser)
    assert history(tmp_path / "stopped") == history(tmp_path / "whole")


def test_a_diverging_training_says_so_in_one_line(labelled, tmp_path):
    with pytest.raises(UserError, match="the loss is not finite in epoch") as refused:
        run(labelled, tmp_path, optimiser={"learning_rate": 1e30})
    assert "\n" not in str(refused.value)
    assert "learning_rate" in str(refused.value)


def test_a_validation_image_with_nan_names_its_light_cone(labelled, tmp_path):
    labelled.images[2, 0, 0, 0] = math.nan
    with pytest.raises(UserError, match="light-cone 2 hold NaN"):
        run(labelled, tmp_path)


def test_test_light_cones_change_nothing(labelled, trained, tmp_path):
    labelled.images[4:16] = math.nan
    labelled.parameters[4:16] = math.nan
    run(labelled, tmp_path / "blind")
    assert history(tmp_path / "blind") == history(trained)


def test_fewer_images_per_light_cone_make_another_training(labelled, trained, tmp_path):
    run(labelled, tmp_path / "one", images=1)
    assert history(tmp_path / "one") != history(trained)
    with pytest.raises(UserError, match=r"training on 4 images per light-cone .* the 3 there are"):
        run(labelled, tmp_path / "four", images=4)


def test_a_training_set_of_one_image_is_refused(labelled, tmp_path):
    few = LabelledImages(labelled.images[:17], labelled.parameters[:17], labelled.names)
    with pytest.raises(UserError, match="one image is too small"):
        run(few, tmp_path, images=1)


def test_a_log_shows_at_most_about_twenty_lines(labelled, tmp_path, capsys):
    run(labelled, tmp_path, epochs=50, show=True)
    lines = capsys.readouterr().out.splitlines()
    assert 10 <= len(lines) <= 21
    assert lines[-1].startswith("epoch 50 of 50: training 0.")


def test_bfloat16_learns_what_single_precision_learns(labelled, trained, tmp_path):
    single = run(labelled, tmp_path / "single", epochs=40).history[-1]["validation_loss"]
    coarse = run(labelled, tmp_path / "coarse", epochs=40, precision="bfloat16")
    losses = [row["validation_loss"] for row in coarse.history]
    assert losses[-1] < 2 * single < 0.2
    assert losses[5] != checkpoints.load(trained / "checkpoint.pt").history[5]["validation_loss"]
    # Rounded is what a step multiplies: what is learnt and kept is in single precision.
    for each in (*coarse.model.values(), *coarse.optimiser["state"][0].values()):
        assert each.dtype in (torch.float32, torch.int64)


def test_a_training_in_bfloat16_goes_on_to_the_same_numbers(labelled, tmp_path, monkeypatch):
    run(labelled, tmp_path / "undisturbed", precision="bfloat16")
    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(checkpoints, "save", stopping_after(3))
        run(labelled, tmp_path / "stopped", precision="bfloat16")
    run(labelled, tmp_path / "stopped", precision="bfloat16")
    assert history(tmp_path / "stopped") == history(tmp_path / "undisturbed")


def test_tf32_is_single_precision_on_a_cpu(labelled, trained, tmp_path):
    run(labelled, tmp_path / "tf32", precision="tf32")
    assert history(tmp_path / "tf32") == history(trained)
