"""The workflow where simulations fail in a corner of the prior, with a stand-in for 21cmFAST."""

import json
from collections import Counter
from pathlib import Path

import pytest
from support.small import small_settings
from support.workflow import planned, products, run_of, snakemake

FAILED = [1, 3]  # of validation and of test; HII_EFF_FACTOR is above 200


@pytest.fixture
def corner(tmp_path, write_config, monkeypatch):
    """A function: a configuration with these settings of its database; and where to run it."""
    monkeypatch.setenv("STANDIN_MARKER", str(tmp_path / "mended"))

    def make(name: str, **changes: object) -> Path:
        settings = small_settings()
        settings["database"] |= {
            "simulator": {"engine": "support.standin:raises_above_200", "engine_version": "1"},
            "max_attempts": 1,
            **changes,
        }
        return write_config(settings, f"{name}.yaml")

    return make


def complaints(done) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("lcinfer: ")]


def test_a_run_goes_on_without_the_failed_and_their_return_makes_another_one(corner, tmp_path):
    strict, lenient = corner("strict"), corner("lenient", allowed_failures=0.2)
    stopped = snakemake(tmp_path, strict, "--keep-going")
    assert stopped.returncode != 0
    (said,) = complaints(stopped)
    assert "set aside after 1 attempt: 1, 3" in said
    run = run_of(tmp_path, strict)
    assert not run.database.sealed.exists()
    assert not run.database_images.sealed.exists()

    done = snakemake(tmp_path, lenient)
    assert done.returncode == 0, done.stdout + done.stderr
    run = run_of(tmp_path, lenient)
    manifest = json.loads(run.summary.manifest.read_text())
    expected = {"light_cones": FAILED, "validation": 1, "test": 1, "training": 0}
    assert manifest["left_out"] == {"all_images": expected}
    for seal in (run.database.sealed, run.database_images.sealed):
        assert json.loads(seal.read_text())["failed"] == FAILED
    log = (
        tmp_path
        / "results"
        / "logs"
        / run.trainings["all_images"].directory.relative_to(tmp_path / "results")
    )
    assert "light-cones 1, 3 (1 validation, 1 test, 0 training)" in Path(f"{log}.log").read_text()
    assert planned(tmp_path, lenient) == Counter()

    few = snakemake(tmp_path, corner("few", allowed_failures=0.1))
    assert few.returncode == 0, "nothing is left to do, and nothing is taken back"

    patient = corner("patient", allowed_failures=0.2, max_attempts=2)
    (tmp_path / "mended").touch()
    before = products(tmp_path)
    jobs = planned(tmp_path, patient)
    once = ("simulate", "seal_lightcones", "cut_images", "seal_images", "train", "evaluate")
    assert jobs == Counter({**dict.fromkeys((*once, "draw_training", "summarise"), 1)})
    done = snakemake(tmp_path, patient)
    assert done.returncode == 0, done.stdout + done.stderr
    whole = run_of(tmp_path, patient)
    assert "failed" not in json.loads(whole.database_images.sealed.read_text())
    assert "left_out" not in json.loads(whole.summary.manifest.read_text())
    after = products(tmp_path)
    grown = {path for path in before if after[path] != before[path]}
    assert {path.parts[1] for path in grown} <= {"lightcones"}, "histories alone"
    assert planned(tmp_path, lenient) == planned(tmp_path, patient) == Counter()


def test_more_failures_than_allowed_stop_the_workflow(corner, tmp_path):
    done = snakemake(tmp_path, corner("few", allowed_failures=0.1), "--keep-going")
    assert done.returncode != 0
    (said,) = complaints(done)
    assert "2 are set aside, and database.allowed_failures 0.1 lets 1 of 12 be left out" in said
    assert not (tmp_path / "results" / "trainings").exists()
