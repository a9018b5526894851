"""An audit passes on an untouched run, and fails on whatever was changed."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from support import damage
from support.filling import fill, whole_run
from support.forgery import FAULTS, a_checkpoint_replaced, one_of, two_shards_swapped
from support.small import small_settings

from lcinfer import config
from lcinfer.audit.audit import audit
from lcinfer.audit.resimulate import resimulate
from lcinfer.audit.walk import Depth
from lcinfer.lightcones import store
from lcinfer.products.run import Run
from lcinfer.products.shown import TABLE_FORMATS
from lcinfer.records.record import sha256
from lcinfer.stages import lightcones, scored
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.verify import verify


def asked(run, **depth):
    """The audit of the run's own directory."""
    return audit(run.summary.directory, run.root, Depth(**depth))


def failed(report) -> set[str]:
    """Kinds of products with the links that do not hold."""
    return {
        f"{step.product.partition('/')[0]}: {link.what}"
        for step in report.steps
        for link in step.links
        if not link.holds
    }


def results(run) -> dict[str, Path]:
    """One of everything that can be asked."""
    (evaluation,), (training,) = run.evaluations.values(), run.trainings.values()
    figures = run.figures["all_images"]
    return {
        "run": run.summary.directory,
        "table": run.summary.table,
        **{f"table 2.{kind}": run.summary.paper_table("table2", kind) for kind in TABLE_FORMATS},
        "figures": figures.directory,
        "figure": figures.files("recovery")[1],
        "figure by its link": run.summary.directory / "figures" / "all_images" / "recovery.png",
        "examples": run.figures["examples"].files("examples")[0],
        "slicing": run.figures["scheme"].files("slicing")[0],
        **{name: figures.files(name)[0] for name in figures.figures},
        "evaluation": evaluation.directory,
        "scores": evaluation.scores,
        "predictions": evaluation.predictions,
        "training": training.directory,
        "checkpoint": training.checkpoint,
        "images": run.database_images.directory,
        "images' store": run.database_images.store,
        "light-cones": run.database.directory,
        "a mock's seal": run.mocks["FAINT"].sealed,
    }


KINDS = {
    "run": {"runs", "figures", "evaluations", "trainings", "images", "lightcones"},
    "figure": {"figures", "evaluations", "trainings", "images", "lightcones"},
    "scores": {"evaluations", "trainings", "images", "lightcones"},
    "checkpoint": {"trainings", "images", "lightcones"},
    "examples": {"figures", "images", "lightcones"},
    "responses": {"figures", "evaluations", "trainings", "images", "lightcones"},
    "slicing": {"figures"},
    "images": {"images", "lightcones"},
    "light-cones": {"lightcones"},
}


def test_every_result_of_an_untouched_run_passes(untouched) -> None:
    before = damage.content(untouched.root)
    for name, result in results(untouched).items():
        report = audit(result, Path("nowhere"), Depth(threads=2))
        assert failed(report) == set(), name
        if name in KINDS:
            assert {it.product.partition("/")[0] for it in report.steps} == KINDS[name], name
    assert damage.content(untouched.root) == before, "nothing is written"


def test_all_products_of_a_run_are_seen_once_and_say_who_made_them(untouched) -> None:
    report = asked(untouched)
    seen = [step.product for step in report.steps]
    assert len(seen) == len(set(seen)) == len(untouched.by_directory) + 1
    for step in report.steps:
        assert step.made["code"] and step.made["hosts"] and step.made["commands"]
        assert step.made["wall_seconds"] > 0 and "cpu_seconds" in step.made
    assert "links of" in report.text().splitlines()[-1] and report.holds


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg", "csv", "json", "pt"])
def test_a_file_that_was_mailed_is_found_again(untouched, tmp_path, suffix) -> None:
    (evaluation,), (training,) = untouched.evaluations.values(), untouched.trainings.values()
    sources = {"csv": evaluation.predictions, "json": evaluation.scores, "pt": training.checkpoint}
    figure = untouched.figures["all_images"].directory / f"recovery.{suffix}"
    mailed = tmp_path / f"mailed.{suffix}"
    shutil.copy(sources.get(suffix, figure), mailed)
    report = audit(mailed, untouched.root, Depth())
    assert report.holds
    (link,) = [link for link in report.steps[0].links if link.what == "given file"]
    assert "it is " in link.said[0] and sources.get(suffix, figure).name in link.said[0]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_an_audit_fails_on_what_was_changed(run, fault) -> None:
    fault(run)
    before = damage.content(run.root)
    report = asked(run)
    assert failed(report) == FAULTS[fault]
    assert "FAIL: " in report.text().splitlines()[-1]
    assert damage.content(run.root) == before, "nothing is written"


def test_predictions_of_another_network_are_found_by_predicting_again(run) -> None:
    assert asked(run, repredict=True).holds
    a_checkpoint_replaced(run)
    assert "evaluations: network" in failed(asked(run, repredict=True))


def test_a_normalisation_that_other_light_cones_had_a_part_in_is_found(run) -> None:
    import torch

    path = one_of(run.trainings).checkpoint
    content = torch.load(path, weights_only=True)
    content["normalisation"]["image_mean"] *= 1 + 1e-6
    torch.save(content, path)
    assert "trainings: normalisation" in failed(asked(run, repredict=True))


def test_an_envelope_of_other_light_cones_is_found_and_one_that_was_not_kept_is_no_fault(
    run,
) -> None:
    import torch

    path = one_of(run.trainings).checkpoint
    content = torch.load(path, weights_only=True)
    content["envelope"]["least"][0][0] -= 1
    torch.save(content, path)
    assert "trainings: normalisation" in failed(asked(run, repredict=True))
    del content["envelope"]  # as an earlier lcinfer wrote it
    torch.save(content, path)
    assert "trainings: normalisation" not in failed(asked(run, repredict=True))


def test_light_cones_are_simulated_again(run) -> None:
    report = asked(run, resimulate=3, seed=4)
    again = [
        (step.product.partition("-")[0], link)
        for step in report.steps
        for link in step.links
        if "again" in link.what
    ]
    assert len(again) == 3 and report.holds
    assert {link.said for _, link in again} == {("IDENTICAL",)}
    other = asked(run, resimulate=99)
    assert sum("again" in link.what for step in other.steps for link in step.links) == 14


@pytest.mark.parametrize("shift", [1e-3, 1.0], ids=["a little", "much"])
@pytest.mark.parametrize("build", ["same", "another"])
def test_what_is_simulated_again_may_differ_a_little_on_another_build_alone(
    untouched, tmp_path, shift, build
) -> None:
    made = Run(untouched.config, tmp_path / "results")
    shutil.copytree(untouched.database.directory, made.database.directory)
    cones = made.database
    cubes = zarr.open_array(cones.store, path="brightness_temp", mode="r+")
    cube = store.read(cones.store, 3) + np.float32(shift)
    cubes[3] = cube
    digest = store.digest(3, cube)

    def other(record) -> None:
        record["digest"] = digest
        if build == "another":
            record["cpu"] = "of another make"

    damage.set_in_line(cones, 3, other)
    report = audit(cones.directory, made.root, Depth(resimulate=12))
    (link,) = [it for it in report.steps[0].links if it.what == "light-cone 3 again"]
    verdict = "CLOSE" if (shift, build) == (1e-3, "another") else "FAIL"
    allowed = "0.01 mK" if build == "another" else "0 mK"
    assert link.said[0].startswith(f"{verdict}: differs by ")
    assert f"where {allowed} are allowed" in link.said[0]
    assert link.holds == (verdict == "CLOSE")


@pytest.mark.parametrize(("shift", "verdict"), [(0.05, "CLOSE"), (1.0, "FAIL")])
@pytest.mark.parametrize("how", [{"gpu": "NVIDIA H200"}, {"companions": [1, 2]}], ids=str)
def test_what_was_made_on_a_gpu_or_in_a_batch_must_be_close(
    untouched, tmp_path, shift, verdict, how
) -> None:
    made = Run(untouched.config, tmp_path / "results")
    shutil.copytree(untouched.database.directory, made.database.directory)
    cones = made.database
    cubes = zarr.open_array(cones.store, path="brightness_temp", mode="r+")
    cube = store.read(cones.store, 3) + np.float32(shift)
    cubes[3] = cube
    line = how | {"digest": store.digest(3, cube)}
    damage.set_in_line(cones, 3, lambda record: record.update(line))
    again = resimulate(cones, 3, tolerance=0.01)
    assert again.holds == (verdict == "CLOSE")
    assert str(again).startswith(f"{verdict}: differs by {shift:.3g} mK rms from one that was made")


def test_a_mailed_figure_with_other_bytes_fails(untouched, tmp_path) -> None:
    figure = untouched.figures["all_images"].files("recovery")[2]
    mailed = tmp_path / "mailed.svg"
    mailed.write_text(figure.read_text().replace("#ffffff", "#ff0000"))
    report = audit(mailed, untouched.root, Depth())
    assert failed(report) == {"figures: given file"}


def recut(report) -> list[str]:
    """What the audit says of each set of images."""
    links = [link for step in report.steps for link in step.links]
    return [link.said[0] for link in links if link.what == "recut"]


def test_what_is_as_it_was_written_is_compared_by_its_file_and_the_rest_anew(run) -> None:
    assert recut(asked(run)) == [
        "the files of the images of 12 light-cones, as they were cut",
        "the files of the images of 2 light-cones, as they were cut",
    ]
    assert recut(asked(run, decode=True)) == [
        "the images of 12 light-cones, bit for bit",
        "the images of 2 light-cones, bit for bit",
    ]
    for marker in (run.database_images.directory / "blocks").iterdir():  # of before
        content = json.loads(marker.read_text())
        del content["stored"]
        marker.write_text(json.dumps(content))
    report = asked(run)
    assert recut(report)[0] == "the images of 12 light-cones, bit for bit"
    assert failed(report) == {"images: files", "images: made from"}, "the markers were edited"


def test_light_cones_beyond_those_of_a_result_do_not_concern_it(run, settings) -> None:
    settings["database"]["realizations"] = 14
    larger = Run(config.parse(settings), run.root).database
    lightcones.prepare(larger)
    fill(larger, 12, 13)
    assert asked(run).holds
    damage.shard(larger, 13).unlink()
    assert asked(run).holds


def test_two_trainings_of_one_content_and_two_names_are_each_audited(tmp_path) -> None:
    settings = small_settings()
    settings["trainings"]["twin"] = settings["trainings"]["all_images"]
    run = whole_run(settings, tmp_path / "results")
    report = asked(run)
    assert report.holds
    assert len(report.steps) == len(run.by_directory) + 1


def test_a_repaired_database_passes_with_all_that_was_made_from_it(run) -> None:
    two_shards_swapped(run)
    cones = run.database
    done = repair(cones, verify(cones).findings)
    fill(cones, *done.again)
    for span in done.blocks:
        lightcones.finish_block(cones, span)
    lightcones.seal(cones)
    assert asked(run).holds


def test_a_run_and_the_larger_one_that_grew_from_it_both_pass(run, settings) -> None:
    settings["database"]["realizations"] = 15
    grown = whole_run(settings, run.root)
    assert asked(grown).holds and asked(run).holds
    assert len(list((run.root / "lightcones").iterdir())) == 2, "the same database"


def test_tables_of_an_older_lcinfer_pass_by_their_bytes_and_are_read(run) -> None:
    """Older ones had other columns, and no revision of them in their stamp."""
    older = "training,prediction,parameter,R2,95% from,95% to\nfirst,one image,zeta,0.5,0.4,0.6\n"
    tables = [*run.summary.paper_tables, run.summary.table, run.summary.page]
    for path in tables:
        stamped, _, _ = path.read_text().partition("\n")
        before, revisions = re.subn('"columns": "[0-9]+", ', "", stamped)
        assert revisions == 1
        path.write_text(f"{before}\n{older}")
    assert "runs: files" in failed(asked(run)), "their bytes are compared all the same"
    for path in (run.summary.directory / "provenance").iterdir():
        record = json.loads(path.read_text())
        record["outputs"] |= {
            file.relative_to(run.root).as_posix(): sha256(file) for file in tables
        }
        path.write_text(json.dumps(record))
    report = asked(run)
    assert failed(report) == set()
    (step,) = (step for step in report.steps if step.product.startswith("runs/"))
    for what in ("table", "paper's tables"):
        (said,) = (link.said for link in step.links if link.what == what)
        assert "older lcinfer" in said[0] and "`lcinfer stage summary CONFIG`" in said[0]
    head, row, *_ = scored.for_terminal(run).splitlines()
    assert head.split() == ["training", "prediction", "parameter", "R2", "95%", "from", "to"]
    assert row.split() == ["first", "one", "image", "zeta", "0.5", "0.4", "0.6"]
