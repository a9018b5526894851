"""The verb `lcinfer audit`: what it prints, and one clear line where nothing can be audited."""

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support import damage
from support.forgery import a_score_edited, edited_json, one_of

from lcinfer import cli
from lcinfer.audit.audit import audit
from lcinfer.audit.resimulate import TOGETHER
from lcinfer.audit.walk import Depth
from lcinfer.base.errors import UserError
from lcinfer.lightcones import store
from lcinfer.products.run import Run
from lcinfer.publish import report
from lcinfer.records.record import recorded


def verb(capsys, *arguments) -> tuple[int, str, str]:
    code = 0
    try:
        cli.main(["audit", *map(str, arguments)])
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_verb_prints_what_fails_or_all_or_json_and_exits_with_1_on_a_failure(
    run, capsys
) -> None:
    scores = one_of(run.evaluations).scores
    code, out, _ = verb(capsys, scores, "--all")
    products = sum(line[:1].isalpha() for line in out.splitlines()[:-2])
    assert (code, out.splitlines()[0]) == (0, f"evaluations/{scores.parent.name}")
    said = f"PASS: all {out.count('  PASS  ')} links of {products} products hold"
    assert out.splitlines()[-1] == f"{scores}: {said}"
    assert "code: git " in out
    code, short, _ = verb(capsys, scores)
    assert (code, short.splitlines()) == (0, out.splitlines()[-2:])
    a_score_edited(run)
    code, out, _ = verb(capsys, scores)
    assert code == 1
    assert "  FAIL  scores" in out and "average.L_X.r2 is 0.99" in out
    assert "PASS" not in out and "code: git " not in out
    assert "not a forgery" in out
    code, out, _ = verb(capsys, scores, "--all")
    assert "  FAIL  scores" in out and "  PASS  predictions" in out
    code, out, _ = verb(capsys, scores, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (1, "FAIL")
    assert found["products"][0]["settings"]["stage"] == "evaluation"
    links = {link["link"]: link["verdict"] for link in found["products"][0]["links"]}
    assert links["scores"] == links["files"] == "FAIL"
    assert links["predictions"] == "PASS"


def test_a_configuration_stands_for_its_run_once_that_is_finished(run, capsys, tmp_path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text(json.dumps(run.config.model_dump(mode="json", exclude_unset=True)))
    code, out, _ = verb(capsys, config, "--results", run.root)
    assert (code, out.splitlines()[-1].split(":")[0]) == (0, str(run.summary.directory))
    code, _, said = verb(capsys, config, "--results", tmp_path / "none")
    assert (code, said.splitlines()) == (
        1,
        [f"lcinfer: {config}: its run is not finished: audit one of its products"],
    )


def test_files_that_are_gone_are_named_in_a_line_each(run, capsys) -> None:
    scored = one_of(run.evaluations)
    gone = [scored.scores, scored.predictions, run.summary.page, run.summary.paper_tables[0]]
    for path in gone:
        path.unlink()
    code, out, _ = verb(capsys, run.summary.directory, "--json")
    assert code == 1
    links = [link for each in json.loads(out)["products"] for link in each["links"]]
    said = [line for link in links if link["verdict"] == "FAIL" for line in link["said"]]
    for path in gone:
        assert f"{path} is missing" in said
    assert all(len(line.splitlines()) == 1 for line in said)


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


def a_made_up_table(run, tmp_path):
    path = one_of(run.evaluations).directory / "better.csv"
    path.write_text("training,R2\nall_images,0.99\n")
    return path, r"better\.csv: evaluations/.* has no record of this file"


def a_table_of_adopted_files_where_none_was_adopted(run, tmp_path):
    made_up = run.database.directory / "adopted.json"
    made_up.write_text("hi")
    return made_up, r"adopted\.json: lightcones/.* has no record of this file"


def a_made_up_figure_beside_a_link(run, tmp_path):
    figures = run.figures["all_images"]
    shutil.copy(figures.files("loss")[0], figures.directory / "recovery2.png")
    path = run.summary.directory / "figures" / "all_images" / "recovery2.png"
    return path, r"recovery2\.png: figures/all_images-.* has no record of this file"


def a_file_put_into_the_store(run, tmp_path):
    path = run.database.store / "L_X" / "notes.csv"
    path.write_text("0.99")
    return path, r"notes\.csv: lightcones/.* has no record of this file"


def a_report_that_was_not_recorded(run, tmp_path):
    run.summary.report.write_text("<html>R2 = 0.99</html>")
    return run.summary.report, r"report\.html: .* no record .*: `lcinfer report CONFIG` writes it"


@pytest.mark.parametrize(
    "make",
    [
        *(a_made_up_table, a_made_up_figure_beside_a_link, a_file_put_into_the_store),
        a_table_of_adopted_files_where_none_was_adopted,
        *(
            a_report_that_was_not_recorded,
            a_text,
            a_foreign_figure,
            a_directory,
            nothing,
            a_figure_of_an_unknown_fingerprint,
        ),
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


def said_of_the_file(out: str) -> str:
    """Verdict and reason of the link that is about the file itself."""
    (line,) = [line for line in out.splitlines() if "  given file  " in line]
    return " ".join(line.replace("given file", "").split())


def test_the_file_that_was_asked_for_is_compared_whatever_else_its_product_holds(
    run, capsys
) -> None:
    figure = run.figures["all_images"].files("recovery")[0]
    asked = run.summary.directory / "figures" / "all_images" / figure.name  # by the run's link
    code, out, _ = verb(capsys, asked, "--all")
    assert code == 0 and "given file" not in out, "it is among the files of its product"
    figure.write_bytes(figure.read_bytes() + b"edited")
    _, out, _ = verb(capsys, asked)
    assert f"{figure}: its bytes are not those that were recorded" in out
    old = figure.with_suffix(".tif")  # of a format that is no longer configured
    shutil.copy(figure, old)
    with recorded(run.figures["all_images"], "draw", [old]):
        pass
    assert said_of_the_file(verb(capsys, old, "--all")[1]).startswith("PASS it is ")
    old.write_bytes(old.read_bytes() + b"edited")
    _, out, _ = verb(capsys, old)
    assert said_of_the_file(out) == f"FAIL {old}: its bytes are not those that were recorded"


def test_files_of_a_store_that_an_audit_reads_need_no_record(untouched, capsys) -> None:
    cones, image_set = untouched.database, untouched.database_images
    journal = next(cones.journal.glob("*.jsonl"))
    for file in (
        *(cones.spec, journal, store.shard_path(cones.store, 3), cones.store / "zarr.json"),
        *(cones.store / "L_X" / "c" / "0", image_set.store / "redshift" / "zarr.json"),
        store.shard_path(image_set.store, 3, "images"),
    ):
        assert verb(capsys, file)[0] == 0, file


@pytest.fixture
def reported(run, tmp_path, monkeypatch):
    """The run with a report, by a Snakemake that writes a page and nothing else."""

    def write_page(command, **options):
        Path(command[-1]).write_text("<!DOCTYPE html>\n<html>R2 = 0.9</html>\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    with monkeypatch.context() as patch:
        patch.setattr(report.subprocess, "run", write_page)
        report.write(run, tmp_path / "config.yaml")
    return run


def test_a_report_is_recorded_and_found_again_wherever_it_is(reported, tmp_path, capsys) -> None:
    page = reported.summary.report
    mailed = tmp_path / "mailed.html"
    shutil.copy(page, mailed)
    assert verb(capsys, page)[0] == verb(capsys, reported.summary.directory)[0] == 0
    assert verb(capsys, mailed, "--results", reported.root)[0] == 0
    page.write_text(page.read_text().replace("0.9", "0.99"))
    code, out, _ = verb(capsys, page)
    assert code == 1 and f"{page}: its bytes are not those that were recorded" in out
    code, out, _ = verb(capsys, reported.summary.directory)
    assert code == 1 and f"{page}: its bytes are not those that were recorded" in out
    page.unlink()
    assert verb(capsys, reported.summary.directory)[0] == 0, "nobody needs it"


def test_a_report_that_is_older_than_its_run_is_told(reported, capsys) -> None:
    edited_json(reported.summary.manifest, "name", value="other")
    _, out, _ = verb(capsys, reported.summary.report)
    assert f"{reported.summary.manifest} is not what it was made from" in out


def test_a_report_comes_after_the_run_and_from_snakemake(run, monkeypatch, tmp_path) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "No such rule.\n")
    monkeypatch.setattr(report.subprocess, "run", lambda *command, **options: failed)
    with pytest.raises(UserError, match=r"makes no report, and says: No such rule\."):
        report.write(run, tmp_path / "config.yaml")
    run.summary.page.unlink()
    with pytest.raises(UserError, match=r"r2\.html is not there: the report comes after the run"):
        report.write(run, tmp_path / "config.yaml")
    assert not run.summary.report.exists()


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


def test_help_says_how_near_a_light_cone_of_a_gpu_must_be(capsys) -> None:
    code, out, _ = verb(capsys, "--help")
    assert code == 0 and f"differ by {TOGETHER:g} mK rms" in " ".join(out.split())
