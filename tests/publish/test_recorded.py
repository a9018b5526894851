"""Which run is meant, and what of it must be there: one line for everything that is not."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from lcinfer import cli, config
from lcinfer.lightcones import journal
from lcinfer.products.run import Run
from lcinfer.publish.recorded import open_run


def only(products: dict):
    return next(iter(products.values()))


def lose_the_manifest(run: Run) -> str:
    run.summary.manifest.unlink()
    return f"{run.summary.directory} is no finished run: it has no manifest.json"


def lose_the_scores(run: Run) -> str:
    only(run.evaluations).scores.unlink()
    return "scores.json: not there: the run is not finished, or was moved"


def lose_a_figure(run: Run) -> str:
    run.figure_files[0].unlink()
    return f"{run.figure_files[0].name}: not there"


def lose_the_database(run: Run) -> str:
    shutil.rmtree(run.database.directory)
    return f"{run.database.sealed.name}: not there"


def lose_the_journal(run: Run) -> str:
    shutil.rmtree(run.database.journal)
    return "no record of 12 of 12 light-cones, of which the first is 0"


def lose_a_line_of_the_journal(run: Run) -> str:
    path = next(run.database.journal.glob("*.jsonl"))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    return "no record of 1 of 12 light-cones, of which the first is 11"


def edit_a_digest(run: Run) -> str:
    path = next(run.database.journal.glob("*.jsonl"))
    digest = journal.finished(run.database.journal)[3]["digest"]
    path.write_text(path.read_text().replace(digest, "0" * 64))
    return "its digest is not that of the light-cones in the journal"


def take_another_products_marker(run: Run) -> str:
    shutil.copy(only(run.mocks).sealed, run.database.sealed)
    return f"it is not of {run.database.directory.name}, but of another product"


def take_another_trainings_scores(run: Run) -> str:
    path = only(run.evaluations).scores
    scores = json.loads(path.read_text())
    scores["provenance"]["fingerprint"] = "0" * 64
    path.write_text(json.dumps(scores))
    return "but of another product"


def cut_a_marker(run: Run) -> str:
    path = only(run.trainings).trained
    path.write_text(path.read_text()[:-4])
    return "trained.json: damaged"


def cut_a_record(run: Run) -> str:
    path = next((only(run.trainings).directory / "provenance").iterdir())
    path.write_text(path.read_text()[:-4])
    return "this record is damaged"


def keep_an_older_manifest(run: Run) -> str:
    manifest = json.loads(run.summary.manifest.read_text())
    del manifest["configuration"]["database"]["realizations"]
    run.summary.manifest.write_text(json.dumps(manifest))
    return "manifest.json: database.realizations"


def edit_the_manifest(run: Run) -> str:
    manifest = json.loads(run.summary.manifest.read_text())
    manifest["configuration"]["database"]["seed"] += 1
    run.summary.manifest.write_text(json.dumps(manifest))
    return "the directory was renamed, or the manifest edited"


FAULTS = [
    lose_the_manifest,
    lose_the_scores,
    lose_a_figure,
    lose_the_database,
    lose_the_journal,
    lose_a_line_of_the_journal,
    edit_a_digest,
    take_another_products_marker,
    take_another_trainings_scores,
    cut_a_marker,
    cut_a_record,
    keep_an_older_manifest,
    edit_the_manifest,
]


def refused(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments])
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out) == (1, "")
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", ["crate", "methods"])
def test_what_is_not_whole_is_one_line_and_nothing_is_written(
    copied, tmp_path, monkeypatch, capsys, fault, verb
) -> None:
    says = fault(copied)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert says in refused(capsys, verb, str(copied.summary.directory))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_directory_that_is_no_run_is_one_line(tmp_path, capsys) -> None:
    assert "it has no manifest.json" in refused(capsys, "crate", str(tmp_path))


def test_a_configuration_that_was_not_run_is_one_line(
    write_config, settings, tmp_path, capsys
) -> None:
    path, results = write_config(settings), tmp_path / "none"
    line = refused(capsys, "methods", str(path), "--results", str(results))
    assert f"{results}: nothing of this configuration is here" in line
    assert not results.exists()
    run = Run(config.parse(settings), results)
    run.database.prepared.parent.mkdir(parents=True)
    run.database.prepared.touch()
    for verb in ("methods", "scores"):
        line = refused(capsys, verb, str(path), "--results", str(results))
        assert "not there: the run is not finished, or was moved" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_one_line(copied, capsys) -> None:
    only(copied.evaluations).scores.chmod(0)
    line = refused(capsys, "methods", str(copied.summary.directory))
    assert "scores.json: Permission denied" in line


def test_a_configuration_and_its_runs_directory_stand_for_the_same_run(
    published, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(published.config.model_dump(mode="json")))
    by_file = open_run(path, published.root)
    by_directory = open_run(published.summary.directory, Path("elsewhere"))
    monkeypatch.chdir(published.root.parent)
    by_relative = open_run(published.summary.directory.relative_to(Path.cwd()), Path("elsewhere"))
    for opened in (by_file, by_directory, by_relative):
        assert opened.run.summary == published.summary
        assert opened.stages == by_file.stages
        assert opened.database.root_digest == by_file.database.root_digest


def test_what_an_attempt_cost_is_told_by_its_cpu_or_else_by_its_threads(copied) -> None:
    lines = journal.Journal(copied.database.journal, "later-0")
    lines.append({"index": 3, "began": 1.0, "seconds": 7200.0, "error": "too long"})
    lines.append({"index": 4, "began": 1.0, "seconds": 9.0, "cpu_seconds": 3600.0, "error": "NaN"})
    lines.append({"index": 99, "began": 1.0, "seconds": 7200.0, "error": "of a larger database"})
    lines.close()
    made = open_run(copied.summary.directory, Path()).database
    assert [attempt["error"] for attempt in made.failed] == ["too long", "NaN"]
    assert made.core_hours(made.failed) == pytest.approx(3.0)
    assert len(made.attempts) == 14
    finished = journal.finished(copied.database.journal).values()
    good = sum(record["cpu_seconds"] for record in finished) / 3600
    assert made.core_hours(made.attempts) == pytest.approx(3.0 + good)
