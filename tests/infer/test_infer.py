"""``lcinfer infer``: parameters out of a file, the same as the pipeline's, or one clear line."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from lcinfer import checkpoint as checkpoints
from lcinfer import cli, stages
from lcinfer.evaluate import read_predictions
from lcinfer.infer import recover

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
    assert "--device cuda: PyTorch" in line
    assert "sees no GPU here" in line


def test_out_of_memory_names_a_batch_that_fits(checkpoint, cone, capsys, monkeypatch):
    apply = recover.apply

    def apply_at_most_one(model, images, together):
        if together > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")
        return apply(model, images, together)

    monkeypatch.setattr(recover, "apply", apply_at_most_one)
    line = refused(capsys, cone, "--checkpoint", checkpoint, "--batch", 4)
    assert "out of memory with --batch 4: 1 would fit" in line
    said(capsys, cone, "--checkpoint", checkpoint, "--batch", 1)


def test_a_checkpoint_that_does_not_say_how_images_were_cut_is_completed_by_train(
    run, checkpoint, cone, capsys, edited
):
    old = edited(geometry=None, version=None)  # as 0.1 wrote it
    line = refused(capsys, cone, "--checkpoint", old)
    assert "of an earlier lcinfer, does not say how its images were cut: `lcinfer train`" in line
    kept = checkpoint.read_bytes()
    try:
        shutil.copy(old, checkpoint)
        stages.train_network(run.trainings["all_images"], threads=1)
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
