"""What the stages record beside their products, and stamp into them."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

import lcinfer
from lcinfer.audit.stamped import stamp_of
from lcinfer.base.errors import UserError
from lcinfer.base.fingerprint import digest
from lcinfer.evaluation.evaluate import read_predictions
from lcinfer.lightcones import journal
from lcinfer.records import record, stamp

STAGES = {
    "lightcones": {"prepare": 1, "simulate": 3, "seal": 1},
    "images": {"prepare": 1, "cut": 3, "seal": 1},
    "trainings": {"train": 1},
    "evaluations": {"evaluate": 1},
    "figures": {"draw": 1},
    "runs": {"summarise": 1},
}


def directories(run, kind=""):
    products = [*run.by_directory.values(), run.summary]
    return [product for product in products if kind in ("", product.kind)]


@pytest.mark.parametrize("kind", STAGES)
def test_every_run_of_a_stage_is_recorded_beside_its_product(untouched, kind) -> None:
    product = directories(untouched, kind)[0]
    found = record.records(product.directory)
    stages = [each["stage"] for each in found]
    assert {stage: stages.count(stage) for stage in stages} == STAGES[kind]
    for each in found:
        assert each["fingerprint"] == product.fingerprint
        assert each["seconds"] > 0 and each["cpu_seconds"] >= 0
        assert each["host"] and each["python"] and each["command"][0] == sys.executable
        assert each["versions"]["numpy"] == np.__version__
        assert each["code"] == record.code_version()
        for path, recorded in {**each["outputs"], **each["inputs"]}.items():
            content = (untouched.root / path).read_bytes()
            assert hashlib.sha256(content).hexdigest() == recorded, path


def test_all_that_an_evaluation_was_made_from_is_recorded_by_digest(untouched) -> None:
    (evaluation,) = untouched.evaluations.values()
    (made,) = record.records(evaluation.directory)
    inputs = [evaluation.training.checkpoint, evaluation.training.inputs.sealed]
    inputs += [mock.sealed for mock in evaluation.mocks]
    assert set(made["inputs"]) == {it.relative_to(untouched.root).as_posix() for it in inputs}
    assert len(made["outputs"]) == 3


def test_every_directory_says_what_its_fingerprint_is_the_digest_of(untouched) -> None:
    for product in directories(untouched):
        spec = json.loads(product.spec.read_text())
        assert spec["fingerprint"] == product.fingerprint
        if product.kind != "lightcones":
            assert digest(spec["made_of"]) == product.fingerprint
            assert spec["name"] == product.name


def test_what_snakemake_sees_has_no_times_and_no_host(untouched) -> None:
    beside = (record.DIRECTORY, "journal", "lightcones.zarr", "images.zarr")
    for path in untouched.root.rglob("*.json"):
        if not set(beside) & set(path.parts):
            text = path.read_text()
            assert not re.search(r'"(began|seconds|host|job|command)"', text), path


def files(run):
    (evaluation,), (training,) = run.evaluations.values(), run.trainings.values()
    yield from (
        (file, run.figures["examples"]) for file in run.figures["examples"].files("examples")
    )
    yield from ((file, evaluation) for file in (evaluation.predictions, evaluation.scores))
    yield evaluation.mock_predictions("FAINT"), evaluation
    yield from ((file, training) for file in (training.checkpoint, training.history))
    yield from ((file, run.summary) for file in run.summary.outputs)


def test_every_file_of_a_result_says_which_product_it_belongs_to(untouched) -> None:
    for path, product in files(untouched):
        assert stamp_of(path) == stamp.stamp(product), path
    assert stamp.stamp(product) == {
        "product": f"runs/{product.directory.name}",
        "fingerprint": product.fingerprint,
        "lcinfer": lcinfer.__version__,
        "code": record.code_version(),
    }
    for product in (untouched.database, untouched.database_images):
        attributes = zarr.open_group(product.store, mode="r").attrs
        assert attributes["provenance"] == stamp.stamp(product)


def test_tables_are_read_as_before(untouched) -> None:
    (evaluation,) = untouched.evaluations.values()
    assert read_predictions(evaluation.predictions).light_cones.tolist() == [2, 3, 4]
    lines = untouched.summary.table.read_text().splitlines()
    assert lines[0].startswith("# lcinfer: {")
    assert lines[1].startswith("training,prediction,parameter,r2,")
    assert sum(line.startswith("#") for line in lines) == 1


def test_the_journal_says_with_which_code_a_light_cone_was_made(untouched) -> None:
    for each in journal.finished(untouched.database.journal).values():
        assert each["code"] == record.code_version()
        assert each["cpu"] == record.processor()


def test_a_stage_that_fails_is_not_recorded(untouched, tmp_path) -> None:
    product = untouched.summary.__class__("x", {"stage": "summary"}, tmp_path)
    with pytest.raises(RuntimeError), record.recorded(product, "summarise", []):
        raise RuntimeError
    assert not product.directory.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"began": "now", "seconds": 1}'])
def test_a_damaged_record_is_named(tmp_path, content) -> None:
    (tmp_path / record.DIRECTORY).mkdir()
    (tmp_path / record.DIRECTORY / "train-1.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"train-1\.json: this record is damaged"):
        record.records(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".csv", ".json", ".pt", ".txt", ""])
@pytest.mark.parametrize("content", [b"", b"{}", b"a,b\n1,2\n", b"\x89PNG\r\n\x1a\n"])
def test_a_file_of_something_else_is_one_line(tmp_path, suffix, content) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match="does not say that lcinfer made it") as told:
        stamp_of(path)
    assert "\n" not in str(told.value)


SCRIPT = "from lcinfer.records.record import code_version; print(code_version())"


def version_of(package: Path) -> str:
    """As a fresh interpreter finds it."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": str(package.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip() or done.stderr


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    done = subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_code_is_a_commit_and_whether_it_was_edited_or_a_release(tmp_path) -> None:
    here = Path(lcinfer.__file__).parent
    package = tmp_path / "project" / "lcinfer"
    shutil.copytree(here, package, ignore=shutil.ignore_patterns("__pycache__"))
    assert version_of(package) == f"release {lcinfer.__version__}"
    project = package.parent
    (project / ".gitignore").write_text("__pycache__/\nlcinfer/\n")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "another project's")
    assert version_of(package) == f"release {lcinfer.__version__}", "it is not of this project"
    (project / ".gitignore").write_text("__pycache__/\n")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "with the package")
    commit = git(project, "rev-parse", "HEAD")
    assert version_of(package) == f"git {commit}"
    (project / "notes.txt").write_text("no code")
    assert version_of(package) == f"git {commit}"
    with (package / "design.py").open("a") as file:
        file.write("\n")
    assert version_of(package) == f"git {commit}, edited"
