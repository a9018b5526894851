"""Trainings by several processes: the curve of one, a checkpoint that goes on, one writer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.toy_images import IDENTITY, SPLIT, toy_images, toy_training
from torch import nn

from lcinfer.base.errors import UserError
from lcinfer.training import checkpoint as checkpoints
from lcinfer.training import learner, processes
from lcinfer.training.batches import Batch, Batches
from lcinfer.training.loop import train
from lcinfer.training.processes import World, joined

EXACT = {
    "network": {**toy_training().network.model_dump(), "dropout": 0},
    "optimiser": {"learning_rate": 1e-3},
}
BANK = {
    **EXACT,
    "network": {
        **EXACT["network"],
        "architecture": "filter_bank",
        "slices": 4,
        "line_of_sight": [{"filters": 6, "kernel": 3}],
        "activation": "silu",
    },
}
TORCHRUN = ("--standalone", "--nproc-per-node")
# What each process does; the trainings are told apart by their directories.
SCRIPT = """
import sys
from pathlib import Path
import torch
from test_folding import fold
from test_processes import BANK, EXACT, IDENTITY, SPLIT, in_double, toy_images, toy_training
from lcinfer.training import learner
from lcinfer.base.errors import UserError
from lcinfer.training.learner import Learner
from lcinfer.training.processes import World, joined
from lcinfer.training.loop import train

torch.set_num_threads(1)
directory, wanted = Path(sys.argv[1]), sys.argv[2:]
labelled = toy_images()

def run(name, world, **settings):
    train(toy_training(**settings), SPLIT, labelled, directory / name, IDENTITY, False, world=world)

def run_and_alone(name, **settings):
    run(name, world, **settings)
    if world.first:
        run(f"{name}_alone", World(world.device), **settings)

with joined("cpu") as world:
    if "exact" in wanted:
        run_and_alone("exact", **EXACT)
    if "dropout" in wanted:
        run("undisturbed", world)
        epoch, left = Learner.epoch, iter(range(3))
        def three_epochs(*arguments):
            if next(left, None) is None:
                raise InterruptedError
            return epoch(*arguments)
        Learner.epoch = three_epochs
        try:
            run("stopped", world)
        except InterruptedError:
            Learner.epoch = epoch
        run("stopped", world)
        forward = torch.nn.Conv2d.forward
        def with_little_memory(layer, pixels):
            if len(pixels) > 3 and layer.training:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return forward(layer, pixels)
        torch.nn.Conv2d.forward = with_little_memory
        try:
            run("large", world)
        except UserError as error:
            (directory / f"large-{world.rank}.txt").write_text(str(error))
            torch.nn.Conv2d.forward = forward
    in_double()
    for name, settings in (("paper", EXACT), ("bank", BANK)):
        run_and_alone(name, **settings, batch=65)
    learner.in_steps = fold
    run("folded", world, **EXACT, batch=65)
"""


POSTERIOR = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
from test_processes import EXACT, IDENTITY, SPLIT, toy_images, toy_training
from lcinfer.training.processes import World, joined
from lcinfer.training.loop import train

torch.set_num_threads(1)
labelled = replace(toy_images(40, 4), prior={"depth": (20.0, 200.0), "edge": (4.0, 20.0)})
head = {"kind": "posterior", "transforms": 1, "hidden": [8]}
posterior = {"network": {**EXACT["network"], "head": head}, "epochs": 3, "frozen_batch_norm": 0.4}
training = toy_training(**EXACT | posterior)
with joined("cpu") as world:
    for name, each in (("together", world), ("alone", World(world.device))):
        if each is world or world.first:
            directory = Path(sys.argv[1]) / name
            train(training, SPLIT, labelled, directory, IDENTITY, False, world=each)
"""


def in_double():
    """From now on, this process trains in double precision."""
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    draw, apply = Batches._draw, learner.apply

    def drawn(*arguments):
        for batch in draw(*arguments):
            yield Batch(batch.pixels.double(), batch.targets.double(), batch.whole)

    Batches._draw = drawn
    learner.apply = lambda model, *given: apply(model, *(each.double() for each in given))


def started(number, *arguments):
    """What becomes of so many processes, as torchrun starts them."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    torchrun = [sys.executable, "-m", "lcinfer.training.torchrun", *TORCHRUN]
    return subprocess.run(
        [*torchrun, str(number), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def run_together(number, directory, *wanted):
    """Run the script in so many processes."""
    script = directory / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = started(number, script, directory, *wanted)
    assert done.returncode == 0, done.stderr[-3000:]


def losses(directory):
    kept = checkpoints.load(directory / "checkpoint.pt").history
    return np.array([[row["training_loss"], row["validation_loss"]] for row in kept])


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Trainings by two processes."""
    directory = tmp_path_factory.mktemp("two")
    run_together(2, directory, "exact", "dropout")
    return directory


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Trainings by three; of 132 images in batches of 65, 65 and 2 the third has none at last."""
    directory = tmp_path_factory.mktemp("three")
    run_together(3, directory)
    return directory


def test_two_processes_have_the_curve_of_one(two):
    """Within rounding, which is not the same for both losses.

    Batch normalisation undoes a shift of what comes before it, so that the gradient of such a
    bias is rounding alone; RMSprop divides it by its own size and moves the bias all the same.
    The training loss does not see it. The validation loss does a little, by the running mean.
    """
    training, validation = losses(two / "exact").T
    assert training == pytest.approx(losses(two / "exact_alone")[:, 0], rel=1e-5)
    assert validation == pytest.approx(losses(two / "exact_alone")[:, 1], rel=5e-3)


@pytest.mark.parametrize("name", ["paper", "bank"])
@pytest.mark.parametrize("number", ["two", "three"])
def test_in_double_precision_they_have_it_to_many_digits_for_every_network(number, name, request):
    directory = request.getfixturevalue(number)
    assert losses(directory / name) == pytest.approx(losses(directory / f"{name}_alone"), rel=1e-6)
    one, other = (
        checkpoints.load(directory / each / "checkpoint.pt").model
        for each in (name, f"{name}_alone")
    )
    assert one.keys() == other.keys()
    kept = [key for key in one if "weight" in key]
    assert all(torch.allclose(one[key], other[key], rtol=1e-4, atol=1e-6) for key in kept)


def test_a_posterior_by_two_processes_has_the_curve_of_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(POSTERIOR, encoding="utf-8")
    done = started(2, script, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    curve, alone = losses(tmp_path / "together"), losses(tmp_path / "alone")
    assert curve == pytest.approx(alone, rel=1e-3, abs=1e-3)
    assert len(np.unique(curve)) == 6


@pytest.mark.parametrize("number", ["two", "three"])
def test_with_the_folded_network_of_gpus_the_curve_is_the_same(number, request):
    directory = request.getfixturevalue(number)
    assert losses(directory / "folded") == pytest.approx(losses(directory / "paper"), rel=1e-6)


def test_a_training_by_two_processes_goes_on_to_the_same_numbers(two):
    assert np.array_equal(losses(two / "stopped"), losses(two / "undisturbed"))
    kept = checkpoints.load(two / "stopped" / "checkpoint.pt")
    own, (other,) = kept.random["torch"], kept.random["others"]
    assert not torch.equal(own, other["torch"]), "each draws dropout of its own"


def test_the_envelope_does_not_depend_on_the_number_of_processes(two, tmp_path):
    together = checkpoints.load(two / "exact" / "checkpoint.pt")
    alone = train(toy_training(**EXACT), SPLIT, toy_images(), tmp_path, IDENTITY, show=False)
    assert together.envelope == alone.envelope


def test_a_training_by_two_processes_can_be_finished_by_one(two, tmp_path):
    path = tmp_path / "checkpoint.pt"
    whole = checkpoints.load(two / "exact" / "checkpoint.pt")
    content = vars(whole) | {"epochs": 8}
    checkpoints.save(checkpoints.Checkpoint(**content), path)
    settings = toy_training(**EXACT, epochs=8)
    train(settings, SPLIT, toy_images(), tmp_path, IDENTITY, show=False)
    assert np.array_equal(losses(tmp_path)[:6], losses(two / "exact"))
    assert len(losses(tmp_path)) == 8


def test_out_of_memory_in_one_of_two_processes_names_a_batch_of_both_that_fits(two):
    for rank in range(2):
        said = (two / f"large-{rank}.txt").read_text()
        assert said == "out of memory with trainings.*.batch 16: 4 would fit"
    assert not (two / "large" / "checkpoint.pt").exists()


def test_normalisation_over_all_processes_is_pytorch_s_where_there_is_one(monkeypatch):
    monkeypatch.setattr(processes.dist, "all_reduce", lambda summed: None)
    torch.manual_seed(2)
    plain = nn.BatchNorm1d(5, eps=1e-3, momentum=0.01)
    nn.init.normal_(plain.weight)
    whole = processes.WholeBatchNorm(plain)
    features = (3 + 2 * torch.randn(7, 5)).requires_grad_()
    for _ in range(2):
        found = []
        for layer in (plain, whole):
            features.grad = None
            layer(features).pow(3).sum().backward()
            found.append([layer(features).detach(), features.grad.clone()])
        for one, other in zip(*found, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
    for name, value in plain.state_dict().items():
        assert torch.allclose(whole.state_dict()[name].double(), value.double(), rtol=1e-6), name
    assert torch.equal(whole.eval()(features), plain.eval()(features)) or torch.allclose(
        whole(features), plain(features)
    )


def test_parts_are_disjoint_and_whole_and_differ_by_one_at_most():
    rows = torch.arange(11)
    parts = [World(torch.device("cpu"), rank, 4).part(rows) for rank in range(4)]
    assert torch.equal(torch.cat(parts), rows)
    assert sorted(map(len, parts)) == [2, 3, 3, 3]


@pytest.mark.parametrize(("rank", "says"), [(0, "^no room$"), (1, "^process 1 of 2: no room$")])
def test_the_first_process_speaks_for_all_and_another_where_it_is_silent(
    rank, says, monkeypatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setattr(processes.dist, "init_process_group", lambda *_, **__: None)
    slept = []
    monkeypatch.setattr(processes.time, "sleep", slept.append)
    with pytest.raises(UserError, match=says), joined("cpu") as world:
        assert (world.rank, world.size) == (rank, 2)
        raise UserError("no room")
    assert slept == [processes.FIRST_SPEAKS_SECONDS] * rank


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ("raise SystemExit('lcinfer: no room' if rank == 0 else 1)", "lcinfer: no room\n"),
        ("os.kill(os.getpid(), 9 if rank == 0 else 0)", "lcinfer: process 0 ended with -9\n"),
    ],
    ids=["a mistake of the user's", "killed"],
)
def test_processes_that_fail_are_told_in_one_line(ends, says, tmp_path):
    script = tmp_path / "ends.py"
    wait = "time.sleep(0 if rank == 0 else 60)"
    lines = ("import os, time", 'rank = int(os.environ["RANK"])', wait, ends)
    script.write_text("\n".join(lines), encoding="utf-8")
    done = started(2, script)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", says)
