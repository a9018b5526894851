"""``lcinfer infer``: parameters out of a file, the same as the pipeline's, or one clear line."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from lcinfer import cli
from lcinfer.evaluation.evaluate import read_predictions
from lcinfer.infer import recover
from lcinfer.stages.train import train_network
from lcinfer.training import checkpoint as checkpoints

TESTED = 3


def said(capsys, *arguments):
    cli.main(["infer", *map(str, arguments)])
    return capsys.readouterr().out


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["infer", *map(str, arguments)])
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out) == (1, "")
    assert printed.err.startswith("lcinfer: ")
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.fixture
def cone(run):
    """A test light-cone of the database."""
    return f"{run.database.store}:{TESTED}"


@pytest.fixture
def edited(checkpoint, tmp_path):
    """Writes a checkpoint that differs from the trained one, and gives its path."""

    def write(**changes):
        content = {**vars(checkpoints.load(checkpoint)), **changes}
        path = tmp_path / "checkpoint.pt"
        torch.save({key: value for key, value in content.items() if value is not None}, path)
        return path

    return write


def test_the_predictions_are_those_of_the_evaluation(run, checkpoint, cone, capsys, tmp_path):
    out = tmp_path / "recovered.csv"
    printed = said(capsys, cone, "--checkpoint", checkpoint, "--out", out)
    rows = list(csv.DictReader(out.open()))
    known = read_predictions(run.evaluations["all_images"].predictions)
    values = known.predicted[known.light_cones.tolist().index(TESTED)]
    expected = [*values.ravel(), *values.mean(axis=0)]
    assert [float(row["predicted"]) for row in rows] == pytest.approx(expected, rel=1e-6)
    assert [row["image"] for row in rows[::4]] == ["0", "1", "2", "3", "average"]
    assert {row["parameter"] for row in rows} == set(run.config.database.prior)
    assert all(float(row["low"]) <= float(row["high"]) for row in rows)
    assert {row["light_cones"] for row in rows} == {"6"}
    assert "lightcones.zarr:3: 4 images of 8x40 cells, z = 6.00 to" in printed
    assert "residuals of the 6 test light-cones with the nearest predictions, of 6" in printed
    assert "E_0 [keV]" in printed


def test_a_configuration_and_a_training_name_the_same_network(
    run, checkpoint, cone, capsys, tmp_path
):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(run.config.model_dump(mode="json")))
    named = ["--results", run.root, path, "all_images", cone]
    assert said(capsys, *named) == said(capsys, cone, "--checkpoint", checkpoint)
    assert "no training nobody" in refused(capsys, *named[:3], "nobody", cone)
    elsewhere = ["--results", tmp_path, *named[2:]]
    assert "this training is not finished" in refused(capsys, *elsewhere)


def test_a_file_alone_names_no_network(cone, capsys):
    assert "CONFIG TRAINING FILE..., or --checkpoint" in refused(capsys, cone)


def test_json_says_what_it_rests_on(run, checkpoint, capsys, tmp_path):
    out = tmp_path / "recovered.json"
    said(capsys, run.database.store, "--checkpoint", checkpoint, "--out", out)
    content = json.loads(out.read_text())
    assert content["training"] == run.trainings["all_images"].fingerprint
    assert content["test_light_cones"] == 6
    assert len(content["recovered"]) == 24 * 5 * 4
    assert {row["observation"] for row in content["recovered"]} == {
        f"lightcones.zarr:{index}" for index in range(24)
    }


def test_without_an_evaluation_it_says_that_there_is_no_uncertainty(
    checkpoint, cone, capsys, tmp_path
):
    alone = shutil.copy(checkpoint, tmp_path)
    printed = said(capsys, cone, "--checkpoint", alone, "--out", tmp_path / "recovered.csv")
    assert "no uncertainty: the evaluation of this network was not found" in printed
    assert "68% from" not in printed
    rows = list(csv.DictReader((tmp_path / "recovered.csv").open()))
    assert {row["low"] for row in rows} == {""}


def test_predictions_beyond_the_test_set_are_named(run, checkpoint, cone, capsys, monkeypatch):
    find = recover.find_tested

    def far(*args):
        found = find(*args)
        return replace(found, predicted=found.predicted + np.array([1e3, 0, 0, 1e5]))

    monkeypatch.setattr(recover, "find_tested", far)
    printed = said(capsys, cone, "--checkpoint", checkpoint)
    line = next(line for line in printed.splitlines() if line.startswith("beyond"))
    assert "zeta" in line
    assert "E_0" in line


def test_nothing_is_overwritten(checkpoint, cone, capsys, tmp_path):
    out = tmp_path / "recovered.csv"
    out.write_text("mine")
    assert "is not overwritten" in refused(capsys, cone, "--checkpoint", checkpoint, "--out", out)
    assert out.read_text() == "mine"
    assert "should end in .csv or .json" in refused(
        capsys, cone, "--checkpoint", checkpoint, "--out", tmp_path / "recovered.txt"
    )


def test_nothing_is_written_when_one_of_the_files_does_not_fit(
    run, checkpoint, cone, cube, redshift, capsys, tmp_path
):
    np.save(tmp_path / "z.npy", redshift)
    np.save(tmp_path / "cone.npy", cube / 1000)
    arguments = ["--checkpoint", checkpoint, "--out", tmp_path / "recovered.csv"]
    arguments += ["--redshifts", tmp_path / "z.npy", "--cell-size", 6]
    assert "kelvin" in refused(capsys, tmp_path / "cone.npy", *arguments)
    assert not (tmp_path / "recovered.csv").exists()


def test_a_gpu_that_is_not_there_is_one_line(checkpoint, cone, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = refused(capsys, cone, "--checkpoint", checkpoint, "--device", "cuda")
    assert "device cuda: PyTorch" in line
    assert "sees no GPU here" in line


def test_out_of_memory_names_a_batch_that_fits(checkpoint, cone, capsys, monkeypatch):
    apply = recover.apply

    def apply_at_most_one(model, images, together):
        if together > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")
        return apply(model, images, together=together)

    monkeypatch.setattr(recover, "apply", apply_at_most_one)
    line = refused(capsys, cone, "--checkpoint", checkpoint, "--batch", 4)
    assert "out of memory with batch 4: 1 would fit" in line
    said(capsys, cone, "--checkpoint", checkpoint, "--batch", 1)


def test_a_checkpoint_that_does_not_say_how_images_were_cut_is_completed_by_train(
    run, checkpoint, cone, capsys, edited
):
    old = edited(geometry=None, version=None)  # as 0.1 wrote it
    line = refused(capsys, cone, "--checkpoint", old)
    assert (
        "of an earlier lcinfer, does not say how its images were cut: `lcinfer stage train`" in line
    )
    kept = checkpoint.read_bytes()
    try:
        shutil.copy(old, checkpoint)
        train_network(run.trainings["all_images"], threads=1)
        again = checkpoints.load(checkpoint)
        assert again.geometry["redshift"]
        assert all(map(torch.equal, again.model.values(), checkpoints.load(old).model.values()))
        said(capsys, cone, "--checkpoint", checkpoint)
    finally:
        checkpoint.write_bytes(kept)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "9.0", "attention": {}}, "written by lcinfer 9.0"),
        ({"normalisation": None}, "written by lcinfer"),
        ({"model": None}, "not a checkpoint of lcinfer"),
        ({"epochs": 9}, "only 2 of 9 epochs are done"),
        ({"network": {"transformers": 3}}, "its weights do not fit the network here"),
        ({"network": {"dense": [9]}}, "its weights do not fit the network here"),
        ({"revision": 2}, "its gillet2019 is of revision 2, the one here of 1"),
        ({"geometry": {"box": {}}}, "it describes its images otherwise"),
    ],
)
def test_a_checkpoint_of_another_version_is_one_line(cone, capsys, edited, changes, message):
    assert message in refused(capsys, cone, "--checkpoint", edited(**changes))


def test_images_that_another_version_cut_are_told(checkpoint, cone, capsys, edited):
    geometry = {**checkpoints.load(checkpoint).geometry, "version": 99}
    line = refused(capsys, cone, "--checkpoint", edited(geometry=geometry))
    assert "images were cut otherwise then" in line


def test_a_network_of_another_image_shape_says_what_differs(cone, capsys, edited, checkpoint):
    geometry = checkpoints.load(checkpoint).geometry
    other = {**geometry, "box": {"cells": 16, "length": 96}}
    line = refused(capsys, cone, "--checkpoint", edited(geometry=other))
    assert "its face has 8x8 cells, the network's 16x16" in line


@pytest.mark.parametrize("arguments", [["--batch", "0"], ["--confidence", "1"]])
def test_impossible_options_are_refused(checkpoint, cone, capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["infer", cone, "--checkpoint", str(checkpoint), *arguments])
    assert stopped.value.code == 2


@pytest.fixture
def inferred(checkpoint, redshift, capsys, tmp_path):
    """What is said of a cube, and its rows; by another checkpoint if one is named."""

    def infer(cube, *options, by=checkpoint):
        evaluation = checkpoint.parents[2] / "evaluations"
        (directory,) = evaluation.iterdir()
        np.save(tmp_path / "z.npy", redshift)
        np.save(tmp_path / "cone.npy", cube)
        out = tmp_path / "recovered.csv"
        out.unlink(missing_ok=True)
        arguments = ["--redshifts", tmp_path / "z.npy", "--cell-size", 6, "--out", out]
        arguments += ["--checkpoint", by, "--evaluation", directory, *options]
        printed = said(capsys, tmp_path / "cone.npy", *arguments)
        return printed, list(csv.DictReader(out.open()))

    return infer


def test_a_light_cone_like_the_training_set_has_no_warning(inferred, cube):
    printed, rows = inferred(cube)
    assert "WARNING" not in printed
    assert {row["unlike"] for row in rows} == {"False"}


@pytest.mark.parametrize(
    ("spoil", "said_of_it"),
    [
        (
            lambda cube, random: cube - cube.mean(axis=(0, 1)),
            "variation of the mean",
        ),
        (lambda cube, random: random.normal(0, 50, cube.shape), "spread across the line of sight"),
        (lambda cube, random: np.where(np.arange(40) < 20, 0, cube), "too low at z = 6.00 to "),
        (
            lambda cube, random: np.where(random.random(cube.shape) < 0.02, -999, cube),
            "spread across the line of sight too high at z = ",
        ),
    ],
    ids=["mean subtracted", "noise alone", "half empty", "missing as -999"],
)
def test_a_light_cone_unlike_the_training_set_is_answered_with_a_warning(
    inferred, cube, spoil, said_of_it
):
    printed, rows = inferred(spoil(cube, np.random.default_rng(1)).astype(np.float32))
    assert "WARNING: unlike each of the 16 light-cones that the network was trained on" in printed
    assert said_of_it in printed.split("WARNING")[1]
    assert {row["unlike"] for row in rows} == {"True"}


def test_a_checkpoint_without_its_training_set_s_range_says_that_it_was_not_checked(
    inferred, cube, edited
):
    printed, rows = inferred(cube, by=edited(envelope=None, prior=None))  # as 0.1 wrote it
    assert "not checked whether it is like the training set: an earlier lcinfer" in printed
    assert {row["unlike"] for row in rows} == {""}
    assert all(float(row["low"]) < float(row["high"]) for row in rows)


def test_intervals_stay_inside_the_prior(run, checkpoint, inferred, cube, edited):
    prior = {name: list(ends) for name, ends in run.config.database.prior.items()}
    assert checkpoints.load(checkpoint).prior == prior
    loaded = checkpoints.load(checkpoint)
    far = [10 * mean for mean in loaded.normalisation["parameter_mean"]]
    by = edited(normalisation={**loaded.normalisation, "parameter_mean": far})
    _, rows = inferred(cube, by=by)
    for row in rows:
        low, high = prior[row["parameter"]]
        assert float(row["predicted"]) > high
        assert low <= float(row["low"]) < float(row["high"]) <= high


def test_a_parameter_without_skill_is_named_beside_its_number(
    checkpoint, cone, capsys, monkeypatch, tmp_path
):
    find = recover.find_tested

    def of_one_skill(*args):
        found = find(*args)
        true = found.true[:, None]
        nothing = true.mean(axis=0, keepdims=True) + 0.1 * (true - true[::-1])
        told = np.concatenate([true[..., :1], nothing[..., 1:].repeat(len(true), 0)[:6]], axis=2)
        return replace(found, predicted=np.repeat(told, found.predicted.shape[1], axis=1))

    monkeypatch.setattr(recover, "find_tested", of_one_skill)
    out = tmp_path / "recovered.csv"
    printed = said(capsys, cone, "--checkpoint", checkpoint, "--out", out)
    (line,) = (line for line in printed.splitlines() if "test set's R2" in line)
    assert line.split("R2")[1].split()[0] == "1.00"
    assert line.count("no skill") == 3
    (line,) = (line for line in printed.splitlines() if line.startswith("no skill"))
    assert "zeta" not in line
    assert "E_0" in line
    for row in csv.DictReader(out.open()):
        assert (float(row["r2"]) > 0) == (row["parameter"] == "HII_EFF_FACTOR")


@pytest.mark.parametrize(
    ("tested", "confidence", "told"),
    [
        (2, "0.68", "no interval: one of 68% takes 6 test light-cones, and there are 2"),
        (6, "0.95", "no interval: one of 95% takes 39 test light-cones, and there are 6"),
    ],
)
def test_too_few_test_light_cones_give_no_interval(
    checkpoint, cone, capsys, monkeypatch, tmp_path, tested, confidence, told
):
    find = recover.find_tested

    def few(*args):
        found = find(*args)
        some = {name: getattr(found, name)[:tested] for name in ("light_cones", "true")}
        return replace(found, predicted=found.predicted[:tested], **some)

    monkeypatch.setattr(recover, "find_tested", few)
    out = tmp_path / "recovered.csv"
    arguments = ["--checkpoint", checkpoint, "--confidence", confidence, "--out", out]
    printed = said(capsys, cone, *arguments)
    assert told in printed
    assert "none" in next(line for line in printed.splitlines() if "% from" in line)
    assert {(row["low"], row["high"]) for row in csv.DictReader(out.open())} == {("", "")}


def test_a_training_s_folder_stands_for_its_checkpoint(checkpoint, cone, capsys):
    of_folder = said(capsys, cone, "--checkpoint", checkpoint.parent)
    assert of_folder == said(capsys, cone, "--checkpoint", checkpoint)
    assert "% from" in of_folder


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda path: path.mkdir(), "a folder without a checkpoint.pt"),
        (
            lambda path: (path / "checkpoint.pt").mkdir(parents=True),
            "a folder, where a file should",
        ),
        (lambda path: path.write_text("x = 1"), "is damaged, or is none of lcinfer"),
        (lambda path: torch.save(torch.nn.Linear(2, 2), path), "is damaged, or is none of lcinfer"),
        (lambda path: torch.save({"model": {}}, path), "not a checkpoint of lcinfer"),
    ],
    ids=["folder", "folder of its name", "text", "a whole model", "somebody's weights"],
)
def test_what_may_be_somebody_s_is_never_advised_to_be_removed(cone, capsys, tmp_path, made, told):
    made(tmp_path / "theirs")
    line = refused(capsys, cone, "--checkpoint", tmp_path / "theirs")
    assert told in line
    assert "remove" not in line


def test_a_checkpoint_that_is_not_there_is_told_with_its_neighbours(checkpoint, cone, capsys):
    line = refused(capsys, cone, "--checkpoint", checkpoint.with_name("chekpoint.pt"))
    assert line.endswith("chekpoint.pt: no such file; there is checkpoint.pt\n")


def test_what_to_know_of_the_numbers_stands_above_them(
    checkpoint, cube, redshift, capsys, tmp_path
):
    np.save(tmp_path / "cone.npy", np.random.default_rng(1).normal(0, 50, cube.shape))
    np.savetxt(tmp_path / "z.txt", redshift)
    where = ["--redshifts", tmp_path / "z.txt", "--cell-size", 6]
    out = ["--out", tmp_path / "recovered.csv"]
    said_of_it = said(capsys, tmp_path / "cone.npy", "--checkpoint", checkpoint, *where, *out)
    head, remark, warning, *_ = lines = said_of_it.splitlines()
    assert "images of" in head
    assert remark == "nothing tells how peculiar velocities were treated in it"
    assert warning.startswith("WARNING: unlike each of the 16 light-cones")
    numbers = next(at for at, line in enumerate(lines) if line.lstrip().startswith("image "))
    assert all("no skill, R2 not above" not in line for line in lines[numbers:])
    units = {row["parameter"]: row["unit"] for row in csv.DictReader(out[1].open())}
    assert (units["NU_X_THRESH"], units["HII_EFF_FACTOR"]) == ("eV", "")
