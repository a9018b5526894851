"""The workflow as a user runs it, with a stand-in for 21cmFAST."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml
from support.small import small_settings
from support.workflow import planned, products, run_of, snakemake

from lcinfer import cli, config
from lcinfer.audit.audit import audit
from lcinfer.audit.walk import Depth
from lcinfer.lightcones import store
from lcinfer.planning.approval import approve
from lcinfer.planning.plan import plan
from lcinfer.products.run import Run
from lcinfer.simulator import installation
from lcinfer.torch_engine import VERSION
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.verify import verify

PROJECT = Path(__file__).parents[2]
SHIPPED = [
    *(f"config/{name}.yaml" for name in ("config", "demo", "small", "ten_thousand", "beyond")),
    *(f"{name}.yaml" for name in ("config/hours", "docs/ten_thousand/run")),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole run of the small configuration, whose folder and file have spaces in their names."""
    directory = tmp_path_factory.mktemp("run") / "of mine"
    directory.mkdir()
    path = directory / "my own.yaml"
    path.write_text(yaml.safe_dump(small_settings()), encoding="utf-8")
    done = snakemake(directory, path)
    assert done.returncode == 0, done.stdout + done.stderr
    return directory, path


def test_a_run_of_the_workflow_can_be_audited(finished) -> None:
    report = audit(run_of(*finished).summary.directory, Path("results"), Depth())
    assert report.holds, report
    commands = [command for step in report.steps for command in step.made["commands"]]
    for verb in ("design", "simulate", "seal", "images", "train", "evaluate", "figures", "summary"):
        assert any(f" {verb} " in command for command in commands), verb


def test_a_run_makes_every_product_of_its_configuration(finished):
    directory, path = finished
    run = run_of(directory, path)
    for product in run.by_directory.values():
        assert product.directory.is_dir()
    for file in (*run.figure_files, run.summary.table, run.summary.manifest):
        assert file.stat().st_size > 0


def test_what_macos_and_nfs_put_beside_files_changes_nothing(finished, capsys):
    directory, path = finished
    run = run_of(directory, path)
    before = products(directory)
    foreign = [file.with_name(f"._{file.name}") for file in (directory / "results").rglob("[!.]*")]
    foreign += [run.database.journal / ".nfs0001", run.database.directory.parent / ".DS_Store"]
    for file in foreign:
        file.write_bytes(b"\0\5\26\7\0\xb0")  # as an AppleDouble file begins, and no UTF-8
    try:
        assert verify(run.database).findings == []
        assert audit(run.summary.directory, Path("results"), Depth()).holds
        for verb in ("seal", "images"):
            cli.main([verb, str(path), "cones", "--results", str(run.root)])
        for verb in ("status", "plan", "diff", "scores", "methods", "gc"):
            cli.main([verb, str(path), "--results", str(run.root)])
        assert "0 unused" in capsys.readouterr().out
        assert planned(directory, path) == Counter()
    finally:
        for file in foreign:
            file.unlink(missing_ok=True)  # a seal writes arrays anew
    assert products(directory).keys() == before.keys()


def test_every_word_of_a_rules_command_is_quoted():
    for file in (PROJECT / "workflow" / "rules").glob("*.smk"):
        text = file.read_text(encoding="utf-8")
        assert not re.findall(r"\{(?:params\.config|log)\}", text), file


def test_a_second_run_has_nothing_to_do(finished):
    directory, path = finished
    assert planned(directory, path) == Counter()
    done = snakemake(directory, path)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_repaired_light_cone_is_made_again_and_nothing_after_it(finished):
    directory, path = finished
    run = run_of(directory, path)
    store.shard_path(run.database.store, 3).unlink()
    before = products(directory)
    repair(run.database, verify(run.database).findings)
    marker = run.database.sealed.relative_to(directory).as_posix()
    done = snakemake(directory, path, "--", marker)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", done.stdout + done.stderr)
    assert jobs == ["simulate", "seal_lightcones"]
    after = products(directory)
    shard = store.shard_path(run.database.store, 3).relative_to(directory)
    assert after.keys() - before.keys() == {shard}
    assert {name: after[name] for name in before} == before
    assert verify(run.database).findings == []
    assert planned(directory, path) == Counter()


def test_touched_files_and_a_lost_snakemake_directory_cause_nothing(finished):
    directory, path = finished
    for marker in (directory / "results" / "lightcones").rglob("*.json"):
        marker.touch()
    (directory / ".snakemake").rename(directory / "lost")
    assert planned(directory, path) == Counter()


def test_growing_the_database_makes_only_the_new_light_cones(finished, settings, write_config):
    directory, path = finished
    before = run_of(directory, path).database
    grown = {**settings, "database": {**settings["database"], "realizations": 16}}
    larger = write_config(grown)
    jobs = planned(directory, larger)
    assert jobs["simulate"] == 1
    assert jobs["cut_images"] == 1
    assert jobs["train"] == jobs["evaluate"] == 1
    shards = {path: path.stat().st_mtime_ns for path in before.store.rglob("c/*/0/0/0")}
    assert len(shards) == 12
    done = snakemake(directory, larger)
    assert done.returncode == 0, done.stdout + done.stderr
    for shard, written in shards.items():
        assert shard.stat().st_mtime_ns == written
    assert planned(directory, path) == Counter()  # the smaller one is complete as it was


def test_a_change_of_a_training_trains_it_alone(finished, settings, write_config):
    directory, _ = finished
    name, training = next(iter(settings["trainings"].items()))
    trainings = {name: training, "longer": {**training, "epochs": training["epochs"] + 1}}
    jobs = planned(directory, write_config({**settings, "trainings": trainings}))
    assert jobs == Counter(train=1, evaluate=1, draw_training=1, summarise=1)


def test_the_papers_ten_thousand_light_cones_are_few_jobs(tmp_path):
    jobs = planned(tmp_path, PROJECT / "config" / "config.yaml")
    assert jobs["simulate"] == 100 + len(config.load(PROJECT / "config/config.yaml").mocks)
    assert jobs["train"] == 2
    assert sum(jobs.values()) < 300


@pytest.mark.parametrize("name", SHIPPED)
def test_jobs_are_as_many_as_planned_before(tmp_path, name):
    run = Run(config.load(PROJECT / name), tmp_path / "results")
    assert plan(run).jobs == sum(planned(tmp_path, PROJECT / name).values())


def complaints(done: subprocess.CompletedProcess) -> list[str]:
    """What lcinfer itself says of a run."""
    return [line for line in done.stderr.splitlines() if line.startswith("lcinfer: ")]


def test_a_large_campaign_begins_no_job_before_it_is_approved(tmp_path, settings, write_config):
    settings["database"]["approval_above"] = {"core_hours": 0.001}
    path = write_config(settings)
    warned, refused = snakemake(tmp_path, path, "--dry-run"), snakemake(tmp_path, path)
    assert (warned.returncode, refused.returncode) == (0, 1)
    (line,) = complaints(refused)
    assert complaints(warned) == [line]
    assert f"lcinfer plan {path} --approve" in line
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "results").exists()
    run = run_of(tmp_path, path)
    approve(run, plan(run))
    marker = run.database.prepared.relative_to(tmp_path).as_posix()
    done = snakemake(tmp_path, path, "--", marker)
    assert done.returncode == 0, done.stdout + done.stderr
    assert complaints(done) == complaints(snakemake(tmp_path, path, "--dry-run")) == []


def test_a_gpu_that_is_not_here_is_one_line_and_starts_nothing(
    tmp_path, settings, write_config, monkeypatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    settings["database"]["box"] = {"cells": 16, "length": 48}
    settings["database"]["simulator"] = {"engine": "torch", "engine_version": VERSION}
    path = write_config(settings)
    marker = run_of(tmp_path, path).database.prepared.relative_to(tmp_path).as_posix()
    done = snakemake(tmp_path, path, "--set-resources", "simulate:gpu=1", "--", marker)
    assert done.returncode == 1
    (line,) = complaints(done)
    assert line.startswith("lcinfer: the profile gives `simulate` a GPU: device cuda: PyTorch ")
    assert not (tmp_path / "results").exists()
    assert snakemake(tmp_path, path, "--", marker).returncode == 0


def test_a_wrong_configuration_is_one_line_and_starts_nothing(tmp_path, settings, write_config):
    wrong = {**settings, "split": {"validation": 6, "test": 6}}
    done = snakemake(tmp_path, write_config(wrong))
    assert done.returncode == 1
    complaint = [line for line in done.stderr.splitlines() if "lcinfer:" in line]
    assert len(complaint) == 1
    assert "split" in complaint[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_physics_that_py21cmfast_does_not_know_starts_no_job_and_keeps_no_dry_run_waiting(
    tmp_path, settings, write_config, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    misspelt = {"engine_version": installation.installed(), "options": {"USE_TS_FLUC": True}}
    settings["database"]["simulator"] = misspelt
    path = write_config(settings)
    dry = snakemake(tmp_path, path, "--dry-run")
    assert (dry.returncode, complaints(dry)) == (0, [])
    assert not (tmp_path / "cache" / "lcinfer").exists(), "nothing was asked"
    done = snakemake(tmp_path, path)
    assert done.returncode == 1
    (line,) = complaints(done)
    assert "options.USE_TS_FLUC: py21cmfast has no such input (did you mean USE_TS_FLUCT?)" in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_mock_outside_the_prior_is_warned_of_by_a_dry_run(tmp_path, settings, write_config):
    settings["mocks"]["FAINT"]["parameters"]["L_X"] = 43
    dry = snakemake(tmp_path, write_config(settings), "--dry-run")
    assert dry.returncode == 0
    (line,) = complaints(dry)
    assert line.startswith("lcinfer: warning: mocks.FAINT.parameters.L_X: 43 is outside")


def test_an_override_on_the_command_line_is_refused(tmp_path, settings, write_config):
    done = snakemake(tmp_path, write_config(settings), "--config", "name=other")
    assert done.returncode == 1
    assert "edit the file" in done.stderr


def test_the_report_holds_figures_and_scores(finished):
    directory, path = finished
    report = directory / "report.html"
    done = snakemake(directory, path, "--report", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    text = report.read_text()
    for word in (
        *("recovery.png", "loss.png", "examples.png", "slicing.png", "architecture.png"),
        *("residuals.png", "filters.png", "responses.png", "activations.png"),
        *("r2.html", "table1.html", "table2.html", "claims.html"),
    ):
        assert word in text
    first_page = re.search(r"var workflow_desc = (.*);$", text, flags=re.MULTILINE)
    table = run_of(directory, path).summary.page.read_text()
    assert table[table.index("<table>") : table.index("</table>")] in json.loads(first_page[1])


def test_the_report_shows_no_parameters_of_jobs(finished):
    directory, path = finished
    report = directory / "report.html"
    snakemake(directory, path, "--report", str(report))
    assert set(re.findall(r'"params": ("[^"]*")', report.read_text())) == {'""'}


def test_links_lead_from_a_runs_directory_to_all_that_it_made(finished):
    run = run_of(*finished)
    led = {path.resolve() for path in run.summary.directory.glob("*/*") if path.is_symlink()}
    assert led == {product.directory.resolve() for product in run.by_directory.values()}
    figures = run.summary.directory / "figures"
    assert (figures / "all_images" / "recovery.png").stat().st_size > 0
    for link in figures.iterdir():
        assert not link.readlink().is_absolute()
