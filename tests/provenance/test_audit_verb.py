"""The verb `lcinfer audit`: what it prints, and one clear line where nothing can be audited."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import damage
import pytest
from forgery import a_score_edited, edited_json, one_of

from lcinfer import cli
from lcinfer.errors import UserError
from lcinfer.provenance.audit import Depth, audit
from lcinfer.run import Run


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


@pytest.mark.parametrize("what", ["checkpoint.pt", "provenance", "spec.json", "journal"])
def test_files_without_permission_are_one_line(untouched, capsys, what) -> None:
    with TemporaryDirectory() as public:
        Path(public).chmod(0o755)
        root = shutil.copytree(untouched.root, Path(public) / "results", symlinks=True)
        root.chmod(0o755)
        run = Run(untouched.config, root)
        training = one_of(run.trainings)
        locked = (run.database if what == "journal" else training).directory / what
        locked.chmod(0)
        with damage.as_another_user():
            code, out, error = verb(capsys, training.directory)
        assert (code, out) == (1, "")
        assert error.splitlines()[-1] == f"lcinfer: {locked}: Permission denied"


def test_numbers_that_make_no_sense_are_one_line(untouched, capsys) -> None:
    for wrong in (("--resimulate", -1), ("--seed", -1), ("--tolerance", -0.1)):
        code, out, error = verb(capsys, untouched.summary.directory, *wrong)
        assert (code, out) == (1, "") and "cannot be negative" in error
