"""``lcinfer infer`` with a network that gives a posterior, and its samples in Python."""

import csv
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import lcinfer
from lcinfer import cli, config
from lcinfer.base.errors import UserError
from lcinfer.config.instruments import Instrument
from lcinfer.evaluation.evaluate import read_predictions
from lcinfer.evaluation.predict import sampled
from lcinfer.infer.posterior import PosteriorSamples
from lcinfer.products.run import Run
from lcinfer.stages.evaluate import evaluate_network
from lcinfer.stages.train import train_network
from lcinfer.training import checkpoint as checkpoints

TESTED = 3


@pytest.fixture(scope="module")
def posterior_run(run, tmp_path_factory):
    """The same light-cones and images, a network with a posterior, and its evaluation."""
    root = tmp_path_factory.mktemp("posterior") / "results"
    shutil.copytree(run.root, root, symlinks=True)
    settings = run.config.model_dump(mode="json")
    settings["trainings"]["all_images"]["network"]["head"] = {"kind": "posterior"}
    finished = Run(config.parse(settings), root)
    train_network(finished.trainings["all_images"], threads=1)
    evaluate_network(finished.evaluations["all_images"], threads=1)
    return finished


@pytest.fixture(scope="module")
def gives(posterior_run):
    """Its checkpoint."""
    return posterior_run.trainings["all_images"].checkpoint


def test_mean_intervals_and_samples_are_told_and_written_and_never_leave_the_prior(
    posterior_run, gives, capsys, tmp_path
):
    cone = f"{posterior_run.database.store}:{TESTED}"
    out, samples, arrays = (tmp_path / name for name in ("out.csv", "samples.csv", "samples.npz"))
    options = ["--checkpoint", str(gives), "--out", str(out)]
    cli.main(["infer", cone, *options, "--samples", str(samples)])
    told = capsys.readouterr().out
    for word in ("all images", "68% from", "68% to", "95% from", "95% to"):
        assert f"\n{word:>10}  " in told
    assert "10000 samples, all inside the prior" in told
    rows = list(csv.DictReader(out.open()))
    assert [row["image"] for row in rows[::4]] == ["0", "1", "2", "3", "average"]
    for row in rows:
        ends = [float(row[key]) for key in ("low_95", "low_68", "high_68", "high_95")]
        low, high = posterior_run.config.database.prior[row["parameter"]]
        assert low <= ends[0] < ends[1] < ends[2] < ends[3] <= high
        assert ends[0] < float(row["predicted"]) < ends[3]
        assert float(row["spread"]) > 0
    known = read_predictions(posterior_run.evaluations["all_images"].predictions)
    values = known.predicted[known.light_cones.tolist().index(TESTED)]
    assert [float(row["predicted"]) for row in rows[:16]] == pytest.approx(values.ravel(), rel=1e-5)

    drawn = list(csv.DictReader(samples.open()))
    assert len(drawn) == 10_000
    names = tuple(posterior_run.config.database.prior)
    of_file = np.array([[float(row[name]) for name in names] for row in drawn])
    mean = [float(row["predicted"]) for row in rows[16:]]
    assert of_file.mean(axis=0) == pytest.approx(mean)
    cli.main(["infer", cone, "--checkpoint", str(gives), "--samples", str(arrays)])
    kept = np.load(arrays)
    assert kept["samples"].shape == (1, 10_000, 4)
    assert kept["samples"][0] == pytest.approx(of_file)
    assert tuple(kept["parameter"]) == names

    zipped = tmp_path / "samples.zarr.zip"
    files = [f"{posterior_run.database.store}:{index}" for index in (TESTED, TESTED + 1)]
    cli.main(["infer", *files, "--checkpoint", str(gives), "--samples", str(zipped)])
    opened = xr.open_zarr(f"zip::{zipped}").load()
    assert opened["samples"].dims == ("observation", "sample", "parameter")
    assert opened["observation"].to_numpy().tolist() == [Path(file).name for file in files]
    assert tuple(opened["parameter"].to_numpy()) == names
    first, second = opened["samples"].to_numpy()
    assert first == pytest.approx(of_file)
    assert not np.array_equal(first, second)

    network = lcinfer.load_network(gives)
    again = network.sample(cone)
    assert list(again.columns) == ["observation", *names]
    assert again[list(names)].to_numpy() == pytest.approx(of_file)
    assert len(network.sample(cone, count=7, seed=1)) == 7
    table = network.predict(cone)
    assert table["predicted"].tolist() == pytest.approx(mean)
    assert set(table["image"]) == {"average"}


def test_the_interval_that_is_asked_for_stands_beside_those_that_are_tested(
    posterior_run, gives, capsys, tmp_path
):
    cone, out = f"{posterior_run.database.store}:{TESTED}", tmp_path / "out.csv"
    options = ["--checkpoint", str(gives), "--out", str(out), "--confidence", "0.9"]
    cli.main(["infer", cone, *options])
    told = capsys.readouterr().out
    at = [told.index(f"\n{end:>10}  ") for end in ("68% to", "90% from", "90% to", "95% from")]
    assert at == sorted(at)
    row = next(csv.DictReader(out.open()))
    order = [float(row[key]) for key in ("low_95", "low_90", "low_68", "high_68", "high_90")]
    assert order == sorted(order)
    table = lcinfer.load_network(gives, confidence=0.9).predict(cone)
    assert {"low_68", "low_90", "low_95"} <= {*table.columns}
    for wrong in (90, "0.9", 0):
        with pytest.raises(UserError, match=r"confidence=.*should lie between 0 and 1"):
            lcinfer.load_network(gives, confidence=wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"count": count} for count in (0, -5, 2.5, "many", True)),
        *({"seed": seed} for seed in ("x", 1.5, None, 2**70, -1)),
    ],
)
def test_a_count_and_a_seed_that_are_no_such_numbers_are_one_line(posterior_run, gives, wrong):
    cone, ((argument, value),) = f"{posterior_run.database.store}:{TESTED}", wrong.items()
    with pytest.raises(UserError, match=rf"^{argument}={value!r}: should be a whole number from"):
        lcinfer.load_network(gives).sample(cone, **wrong)


def test_samples_of_each_image_alone_are_drawn_where_they_are_asked_for(
    posterior_run, gives, monkeypatch
):
    cone, drawn = f"{posterior_run.database.store}:{TESTED}", []
    monkeypatch.setattr(
        "lcinfer.infer.posterior.sampled", lambda *args: drawn.append(args) or sampled(*args)
    )
    network = lcinfer.load_network(gives)
    network.predict(cone)
    cli.main(["infer", cone, "--checkpoint", str(gives)])
    assert [count for *_, count, _ in drawn] == [10_000, 10_000]
    assert len(network.predict(cone, each_image=True)) == 20
    assert [count for *_, count, _ in drawn[2:]] == [10_000, 1_000]


def test_samples_are_of_what_the_network_s_instrument_has_seen(posterior_run, gives):
    cone = f"{posterior_run.database.store}:{TESTED}"
    inference = lcinfer.load_network(gives).inference
    ska = {"name": "ska", **Instrument().model_dump()}
    trained = replace(inference.checkpoint, instrument=ska)
    network = lcinfer.Network(replace(inference, checkpoint=trained))
    with pytest.raises(
        UserError, match=r"are of the instrument ska.*: if it has, say instrument=ska;"
    ):
        network.sample(cone)
    assert len(network.sample(cone, count=7, instrument="ska")) == 7


def test_observations_of_one_name_keep_a_posterior_each(posterior_run, gives, tmp_path):
    cone, samples = f"{posterior_run.database.store}:{TESTED}", tmp_path / "samples.csv"
    cli.main(["infer", cone, cone, "--checkpoint", str(gives), "--samples", str(samples)])
    assert len(samples.read_text().splitlines()) == 1 + 2 * 10_000


def test_a_best_guess_alone_has_no_samples(run, checkpoint, capsys, tmp_path):
    cone = f"{run.database.store}:{TESTED}"
    network = lcinfer.load_network(checkpoint)
    with pytest.raises(UserError, match=r"no posterior: train one whose network\.head\.kind"):
        network.sample(cone)
    for option, said in (("samples.csv", "no posterior"), ("samples.txt", "should end in .csv or")):
        with pytest.raises(SystemExit):
            path = tmp_path / option
            cli.main(["infer", cone, "--checkpoint", str(checkpoint), "--samples", str(path)])
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_samples_end_inside_the_prior_where_single_precision_would_round_beyond(gives):
    """The largest of a network far off, of a prior whose ends single precision does not have."""
    trained = checkpoints.load(gives)
    trained.prior.update(ION_Tvir_MIN=[4.1, 5.9])
    model = trained.trained_network(torch.device("cpu"))
    torch.manual_seed(1)
    for weights in model.head.parameters():
        torch.nn.init.normal_(weights, std=1)
    drawn = PosteriorSamples.of(
        trained, model, torch.randn(3, trained.network["dense"][-1])
    ).samples
    low, high = np.array([trained.prior[name] for name in trained.names]).T
    assert ((low <= drawn) & (drawn <= high)).all()


def test_ten_thousand_samples_take_less_than_a_second(gives):
    """Of processor time, on one thread: whatever the machine does."""
    trained = checkpoints.load(gives)
    model = trained.trained_network(torch.device("cpu"))
    features = torch.zeros(4, trained.network["dense"][-1])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = []
        for _ in range(3):
            begun = time.process_time()
            PosteriorSamples.of(trained, model, features)
            taken.append(time.process_time() - begun)
    finally:
        torch.set_num_threads(threads)
    assert min(taken) < 1
