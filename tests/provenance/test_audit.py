"""An audit passes on an untouched run, and fails on whatever was changed."""

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import damage
import numpy as np
import pytest
import zarr
from filling import fill, whole_run
from small import small_settings

from lcinfer import cli, config, database, images, journal, store
from lcinfer.errors import UserError
from lcinfer.evaluate import read_predictions
from lcinfer.products import TABLE_FORMATS
from lcinfer.provenance.audit import Depth, audit
from lcinfer.run import Run
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.verify import verify


@pytest.fixture
def run(untouched, tmp_path):
    """A copy of the whole run, to be changed."""
    shutil.copytree(untouched.root, tmp_path / "results")
    return Run(untouched.config, tmp_path / "results")


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
    assert str(report).splitlines()[-1].endswith("links hold")


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg", "csv", "json", "pt"])
def test_a_file_that_was_mailed_is_found_again(untouched, tmp_path, suffix) -> None:
    (evaluation,), (training,) = untouched.evaluations.values(), untouched.trainings.values()
    sources = {"csv": evaluation.predictions, "json": evaluation.scores, "pt": training.checkpoint}
    figure = untouched.figures["all_images"].stem("recovery").with_suffix(f".{suffix}")
    mailed = tmp_path / f"mailed.{suffix}"
    shutil.copy(sources.get(suffix, figure), mailed)
    report = audit(mailed, untouched.root, Depth())
    assert report.holds
    (link,) = [link for link in report.steps[0].links if link.what == "given file"]
    assert "it is " in link.said[0] and sources.get(suffix, figure).name in link.said[0]


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edited_json(path: Path, *keys: str, value) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def one_of(products):
    (one,) = products.values()
    return one


def a_predicted_value_edited(run) -> None:
    """So little that only scores and digests can tell."""
    path = one_of(run.evaluations).predictions
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[-1] = repr(float(cells[-1]) * 1.001)
    path.write_text("\n".join([*lines[:2], ",".join(cells), *lines[3:]]) + "\n")


def a_true_value_edited(run) -> None:
    path = one_of(run.evaluations).predictions
    value = read_predictions(path).true[0, 0].item()
    path.write_text(path.read_text().replace(repr(value), repr(value * 1.001)))


def a_score_edited(run) -> None:
    edited_json(one_of(run.evaluations).scores, "average", "L_X", "r2", value=0.99)


def a_table_edited(run) -> None:
    lines = run.summary.table.read_text().splitlines()
    lines[2] = lines[2].replace(lines[2].split(",")[3], "0.9900")
    run.summary.table.write_text("\n".join(lines) + "\n")


def a_paper_table_edited(run) -> None:
    edited(run.summary.paper_table("table2", "tex"), "one image", "two images")


def two_shards_swapped(run) -> None:
    damage.swapped_shards(run.database)


def a_voxel_changed_and_its_image_cut_again(run) -> None:
    cubes = zarr.open_array(run.database.store, path="brightness_temp", mode="r+")
    cubes[4, 0, 0, 0] = 1.0


def an_image_edited(run) -> None:
    stored = zarr.open_array(run.database_images.store, path=images.IMAGES, mode="r+")
    stored[4, 1, 2, 3] += np.float32(0.5)


def images_swapped(run) -> None:
    stored = zarr.open_array(run.database_images.store, path=images.IMAGES, mode="r+")
    one, other = stored[4], stored[9]
    stored[4], stored[9] = other, one


def a_label_edited(run) -> None:
    zarr.open_group(run.database_images.store, mode="r+")["L_X"][4] = 39.0


def a_checkpoint_replaced(run) -> None:
    """By one of another seed, which says that it is this training's."""
    import torch

    path = one_of(run.trainings).checkpoint
    content = torch.load(path, weights_only=True)
    content["model"] = {name: value + 1 for name, value in content["model"].items()}
    torch.save(content, path)


def a_history_edited(run) -> None:
    path = one_of(run.trainings).history
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


def a_seed_in_the_journal_changed(run) -> None:
    damage.set_in_line(run.database, 4, lambda record: record.update(seed=record["seed"] + 1))


def two_light_cones_with_one_seed(run) -> None:
    seed = journal.finished(run.database.journal)[2]["seed"]
    damage.set_in_line(run.database, 9, lambda record: record.update(seed=seed))


def a_mock_with_a_seed_of_the_database(run) -> None:
    seed = journal.finished(run.database.journal)[9]["seed"]
    damage.set_in_line(run.mocks["FAINT"], 1, lambda record: record.update(seed=seed))


def the_databases_seed_changed(run) -> None:
    edited_json(run.database.spec, "design", "seed", value=6)


def the_stores_seeds_changed(run) -> None:
    zarr.open_group(run.database.store, mode="r+")["random_seed"][4] += 1


def the_prior_widened_in_the_manifest(run) -> None:
    edited_json(run.summary.manifest, "configuration", "database", "prior", "L_X", value=[38, 43])


def the_epochs_changed_in_the_specification(run) -> None:
    edited_json(one_of(run.trainings).spec, "made_of", "training", "epochs", value=200)


def the_split_changed_in_the_manifest(run) -> None:
    edited_json(run.summary.manifest, "configuration", "split", "test", value=4)


def the_style_changed_in_the_specification(run) -> None:
    edited_json(run.figures["examples"].spec, "made_of", "style", "dpi", value=51)


def the_slices_changed_in_the_specification(run) -> None:
    edited_json(run.database_images.spec, "made_of", "images", "slices", value=1)


def a_line_of_the_journal_removed(run) -> None:
    damage.removed_line(run.database)


def a_figure_redrawn_by_hand(run) -> None:
    from PIL import Image

    path = run.figures["all_images"].files("recovery")[0]
    with Image.open(path) as image:
        image.load()
    image.putpixel((5, 5), (255, 0, 0))
    image.save(path)


def a_seal_edited(run) -> None:
    edited_json(run.database.sealed, "root_digest", value="0" * 64)


def a_blocks_digest_edited(run) -> None:
    edited_json(run.database_images.done((4, 8)), "images", "5", value="0" * 64)


def a_record_edited(run) -> None:
    (path,) = (one_of(run.trainings).directory / "provenance").iterdir()
    path.write_text(path.read_text()[:-10])


def the_records_removed(run) -> None:
    shutil.rmtree(one_of(run.evaluations).directory / "provenance")


FAULTS = {
    a_predicted_value_edited: {
        *("evaluations: files", "evaluations: scores", "figures: made from"),
        *("runs: made from", "runs: paper's tables"),
    },
    a_true_value_edited: {
        *("evaluations: files", "evaluations: scores", "evaluations: predictions"),
        *("figures: made from", "runs: made from", "runs: paper's tables"),
    },
    a_score_edited: {
        *("evaluations: files", "evaluations: scores", "figures: made from", "runs: made from"),
        "runs: table",
    },
    a_table_edited: {"runs: files", "runs: table"},
    a_paper_table_edited: {"runs: files", "runs: paper's tables"},
    two_shards_swapped: {"lightcones: voxels", "images: recut"},
    a_voxel_changed_and_its_image_cut_again: {"lightcones: voxels", "images: recut"},
    an_image_edited: {"images: recut"},
    images_swapped: {"images: recut"},
    a_label_edited: {"images: labels"},
    a_checkpoint_replaced: {
        *("trainings: files", "evaluations: made from", "figures: made from"),
    },
    a_history_edited: {
        *("trainings: files", "trainings: checkpoint", "runs: made from", "runs: paper's tables"),
    },
    a_seed_in_the_journal_changed: {
        *("lightcones: voxels", "trainings: split", "evaluations: mocks"),
    },
    two_light_cones_with_one_seed: {
        *("lightcones: voxels", "trainings: split", "evaluations: mocks"),
    },
    a_mock_with_a_seed_of_the_database: {"lightcones: voxels", "evaluations: mocks"},
    the_databases_seed_changed: {
        *("lightcones: fingerprint", "images: made from", "trainings: made from"),
        "evaluations: made from",
    },
    the_stores_seeds_changed: {"lightcones: design"},
    the_prior_widened_in_the_manifest: {"runs: files", "runs: configuration"},
    the_epochs_changed_in_the_specification: {
        *("trainings: fingerprint", "evaluations: made from"),
    },
    the_split_changed_in_the_manifest: {"runs: files", "runs: configuration"},
    the_style_changed_in_the_specification: {"figures: fingerprint"},
    the_slices_changed_in_the_specification: {
        *("images: fingerprint", "trainings: made from", "evaluations: made from"),
    },
    a_line_of_the_journal_removed: {"lightcones: voxels", "images: recut"},
    a_figure_redrawn_by_hand: {"figures: files", "figures: stamps"},
    a_seal_edited: {"lightcones: files", "lightcones: markers"},
    a_blocks_digest_edited: {"images: files", "images: made from", "images: recut"},
    a_record_edited: {"trainings: records", "trainings: files"},
    the_records_removed: {"evaluations: files"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_an_audit_fails_on_what_was_changed(run, fault) -> None:
    fault(run)
    before = damage.content(run.root)
    report = asked(run)
    assert failed(report) == FAULTS[fault]
    assert "FAIL: " in str(report).splitlines()[-1]
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


def verb(capsys, *arguments) -> tuple[int, str, str]:
    code = 0
    try:
        cli.main(["audit", *map(str, arguments)])
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_verb_prints_a_table_or_json_and_exits_with_1_on_a_failure(run, capsys) -> None:
    scores = one_of(run.evaluations).scores
    code, out, _ = verb(capsys, scores)
    assert (code, out.splitlines()[0]) == (0, f"evaluations/{scores.parent.name}")
    assert out.splitlines()[-1] == f"{scores}: PASS: all {out.count('  PASS  ')} links hold"
    a_score_edited(run)
    code, out, _ = verb(capsys, scores)
    assert code == 1
    assert "  FAIL  scores" in out and "average.L_X.r2 is 0.99" in out
    assert "not a forgery" in out
    code, out, _ = verb(capsys, scores, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (1, "FAIL")
    assert found["products"][0]["settings"]["stage"] == "evaluation"
    links = {link["link"]: link["verdict"] for link in found["products"][0]["links"]}
    assert links["scores"] == links["files"] == "FAIL"
    assert links["predictions"] == "PASS"


def a_text(run, tmp_path):
    (tmp_path / "notes.txt").write_text("R2 = 0.9")
    return tmp_path / "notes.txt", "does not say that lcinfer made it"


def a_foreign_figure(run, tmp_path):
    from PIL import Image

    Image.new("RGB", (2, 2)).save(tmp_path / "foreign.png")
    return tmp_path / "foreign.png", "does not say that lcinfer made it"


def a_directory(run, tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty", "not a result of lcinfer"


def nothing(run, tmp_path):
    return tmp_path / "nothing.png", "no such file"


def a_figure_of_an_unknown_fingerprint(run, tmp_path):
    figures = run.figures["all_images"]
    shutil.copy(figures.files("loss")[0], tmp_path / "mailed.png")
    shutil.rmtree(figures.directory)
    return tmp_path / "mailed.png", "which is not in .*: give the results .* with --results"


def a_result_of_before(run, tmp_path):
    run.summary.spec.unlink()
    return run.summary.directory, "is not finished, or was made before"


def a_manifest_of_before(run, tmp_path):
    settings = json.loads(run.summary.manifest.read_text())["configuration"]
    del settings["database"]["realizations"]
    edited_json(run.summary.manifest, "configuration", value=settings)
    return run.summary.directory, r"manifest\.json: database\.realizations"


def a_result_of_another_stage_version(run, tmp_path):
    edited_json(one_of(run.trainings).spec, "made_of", "version", value=0)
    return one_of(run.trainings).directory, "version 0 of the stage training"


def a_training_that_is_not_finished(run, tmp_path):
    training = one_of(run.trainings)
    shutil.rmtree(training.directory / "provenance")
    training.trained.unlink()
    return training.directory, r"is not finished: it has no trained\.json"


def a_database_that_is_not_sealed(run, tmp_path):
    run.database.sealed.unlink()
    return run.database.directory, "is not finished: it has no seal"


def a_missing_database(run, tmp_path):
    shutil.rmtree(run.database.directory)
    return one_of(run.evaluations).scores, "nothing with the fingerprint .* is made from"


def all_databases_missing(run, tmp_path):
    shutil.rmtree(run.root / "lightcones")
    return run.summary.directory, "nothing with the fingerprint .* is made from"


def a_damaged_specification(run, tmp_path):
    run.summary.spec.write_text("{")
    return run.summary.directory, r"spec\.json is damaged"


def a_damaged_manifest(run, tmp_path):
    run.summary.manifest.write_text("[]")
    return run.summary.directory, r"manifest\.json is damaged"


@pytest.mark.parametrize(
    "make",
    [
        *(a_text, a_foreign_figure, a_directory, nothing, a_figure_of_an_unknown_fingerprint),
        *(a_result_of_before, a_manifest_of_before, a_result_of_another_stage_version),
        *(a_training_that_is_not_finished, a_database_that_is_not_sealed, a_missing_database),
        *(all_databases_missing, a_damaged_specification, a_damaged_manifest),
    ],
    ids=lambda make: make.__name__,
)
def test_what_cannot_be_audited_is_one_clear_line(run, tmp_path, capsys, make) -> None:
    result, message = make(run, tmp_path)
    before = damage.content(tmp_path)
    with pytest.raises(UserError, match=message) as told:
        audit(result, run.root, Depth())
    assert "\n" not in str(told.value)
    code, out, error = verb(capsys, result, "--results", run.root)
    assert (code, out) == (1, "")
    assert error.splitlines()[-1] == f"lcinfer: {told.value}"
    assert damage.content(tmp_path) == before


def test_a_mailed_figure_with_other_bytes_fails(untouched, tmp_path) -> None:
    figure = untouched.figures["all_images"].files("recovery")[2]
    mailed = tmp_path / "mailed.svg"
    mailed.write_text(figure.read_text().replace("#12508f", "#ff0000"))
    report = audit(mailed, untouched.root, Depth())
    assert failed(report) == {"figures: given file"}


@contextmanager
def as_another_user():
    """This process as one that file permissions hold for."""
    if os.getuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(os.getuid())


@pytest.mark.parametrize("what", ["checkpoint.pt", "provenance", "spec.json", "journal"])
def test_files_without_permission_are_one_line(untouched, capsys, what) -> None:
    with TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        root = shutil.copytree(untouched.root, Path(public) / "results")
        root.chmod(0o755)
        run = Run(untouched.config, root)
        training = one_of(run.trainings)
        locked = (run.database if what == "journal" else training).directory / what
        locked.chmod(0)
        with as_another_user():
            code, out, error = verb(capsys, training.directory)
        assert (code, out) == (1, "")
        assert error.splitlines()[-1] == f"lcinfer: {locked}: Permission denied"


def test_light_cones_beyond_those_of_a_result_do_not_concern_it(run, settings) -> None:
    settings["database"]["realizations"] = 14
    larger = Run(config.parse(settings), run.root).database
    database.prepare(larger)
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
        database.finish_block(cones, span)
    database.seal(cones)
    assert asked(run).holds


def test_a_run_and_the_larger_one_that_grew_from_it_both_pass(run, settings) -> None:
    settings["database"]["realizations"] = 15
    grown = whole_run(settings, run.root)
    assert asked(grown).holds and asked(run).holds
    assert len(list((run.root / "lightcones").iterdir())) == 2, "the same database"


def test_numbers_that_make_no_sense_are_one_line(untouched, capsys) -> None:
    for wrong in (("--resimulate", -1), ("--seed", -1), ("--tolerance", -0.1)):
        code, out, error = verb(capsys, untouched.summary.directory, *wrong)
        assert (code, out) == (1, "") and "cannot be negative" in error
