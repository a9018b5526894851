"""What each edit causes: every row of docs/reruns.md, by Snakemake's own dry run.

The run that is edited was made once, in this process; the workflow sees nothing but files.
"""

import copy
import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from support.filling import finish
from support.reruns import CUT, EVERYTHING, REST, edited, edits, table
from support.small import small_settings

from lcinfer import config
from lcinfer.base.fingerprint import STAGE_VERSIONS
from lcinfer.changes.diff import compare
from lcinfer.changes.work import to_make
from lcinfer.products.run import Run
from lcinfer.records.stamp import uncommented

PROJECT = Path(__file__).parents[2]
EXAMPLES = [
    pytest.param(key, value, edit.jobs, id=key)
    for edit in edits()
    for key, value in edit.examples.items()
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A finished run of the small configuration, and room for edited ones."""
    directory = tmp_path_factory.mktemp("finished")
    finish(run_of(small_settings(), directory))
    return directory


def run_of(settings, directory: Path) -> Run:
    return Run(config.parse(settings), directory / "results")


def dry_run(directory: Path, settings: dict | str, *more: str, **where: Path) -> str:
    """What ``snakemake -n`` says of a configuration; ``project``, ``package``: copies of them."""
    text = settings if isinstance(settings, str) else yaml.safe_dump(settings, sort_keys=False)
    path = directory / "config.yaml"
    path.write_text(text, encoding="utf-8")
    package = [str(where["package"])] if "package" in where else []
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--profile", "profiles/local", "--dry-run"),
            *("--directory", str(directory), "--configfile", str(path), *more),
        ],
        cwd=where.get("project", PROJECT),
        env=os.environ | {"PYTHONPATH": ":".join([*package, os.environ["PYTHONPATH"]])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def jobs(said: str) -> Counter:
    """Jobs per rule."""
    found = re.findall(r"^(\w+) +(\d+)$", said.partition("Job stats:")[2], flags=re.MULTILINE)
    return Counter({rule: int(n) for rule, n in found if rule not in ("total", "all")})


def reasons(said: str) -> list[str]:
    return re.findall(r"^Job \d+: (.*)$", said, flags=re.MULTILINE)


WORK = {
    "simulate": "simulate",
    "cut_images": "cut",
    "train": "train",
    "evaluate": "evaluate",
    "draw_training": "draw",
    "draw_examples": "draw",
    "draw_scheme": "draw",
    "compare": "compare",
    "draw_sweep": "draw",
    "summarise": "summarise",
}


def test_the_docs_have_the_table_that_is_tested_here() -> None:
    assert table() in (PROJECT / "docs" / "reruns.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("key", "value", "makes"), EXAMPLES)
def test_an_edit_causes_what_the_table_says(directory, key, value, makes) -> None:
    settings = edited(small_settings(), key, value)
    said = dry_run(directory, settings)
    assert jobs(said) == makes
    # `lcinfer diff` comes to the same without Snakemake.
    foreseen = Counter(work.product.does for work in to_make(run_of(settings, directory)))
    announced = {WORK[rule] for rule in makes if rule in WORK}
    assert set(foreseen) == announced
    for verb in ("train", "evaluate", "draw", "summarise"):
        assert foreseen[verb] == sum(n for rule, n in makes.items() if WORK.get(rule) == verb)
    # And every job says which key it is for.
    grows = key == "database.realizations"
    for reason in reasons(said):
        assert key in reason or (grows and "grows from 12 to 16" in reason), reason


@pytest.mark.parametrize(("key", "value", "makes"), EXAMPLES)
def test_what_an_edit_makes_is_beside_the_old(directory, key, value, makes) -> None:
    old, new = (
        run_of(small_settings(), directory),
        run_of(edited(small_settings(), key, value), directory),
    )
    made = {work.product.directory for work in to_make(new)}
    have = {product.directory for product in (*old.by_directory.values(), old.summary)}
    grown = {old.database.directory, old.database_images.directory}
    assert made & have == (grown if key == "database.realizations" else set())
    assert to_make(old) == []


def test_as_it_was_there_is_nothing_to_do(directory) -> None:
    assert jobs(dry_run(directory, small_settings())) == Counter()


def test_a_deleted_snakemake_directory_causes_nothing(directory) -> None:
    dry_run(directory, small_settings())
    shutil.rmtree(directory / ".snakemake")
    assert jobs(dry_run(directory, small_settings())) == Counter()


def test_ranks_partition_memory_and_log_level_cause_nothing(directory) -> None:
    said = dry_run(
        directory,
        small_settings(),
        *("--set-resources", "simulate:tasks=7", "simulate:mem_mb_per_cpu=9999"),
        *("--default-resources", "slurm_partition='other'", "mem_mb=123"),
        *("--set-threads", "train=2", "--verbose"),
    )
    assert jobs(said) == Counter()


def test_comments_order_and_spelling_of_numbers_cause_nothing(directory) -> None:
    def turned(value):
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return float(value) if type(value) is int else value

    text = "# a comment\n" + yaml.safe_dump(turned(small_settings()), sort_keys=False)
    assert "length: 48.0" in text
    assert jobs(dry_run(directory, text)) == Counter()


def copied(into: Path) -> Path:
    """The project as of a fresh clone: every file's time is now."""
    into.mkdir()
    for name in ("workflow", "profiles", "config"):
        shutil.copytree(PROJECT / name, into / name, copy_function=shutil.copy)
    shutil.copy(PROJECT / "Snakefile", into)
    return into


def test_a_fresh_clone_a_checkout_and_touch_cause_nothing(directory, tmp_path) -> None:
    clone = copied(tmp_path / "clone")
    assert jobs(dry_run(directory, small_settings(), project=clone)) == Counter()
    files = sorted(path for path in (directory / "results").rglob("*") if path.is_file())
    for number, path in enumerate(reversed(files)):  # the oldest are now the newest
        os.utime(path, (2e9 + number, 2e9 + number))
    assert jobs(dry_run(directory, small_settings(), project=clone)) == Counter()
    # A checkout over results of other days: all that is tracked is older than they, or newer.
    for path in clone.rglob("*"):
        os.utime(path, (1e9, 1e9))
    assert jobs(dry_run(directory, small_settings(), project=clone)) == Counter()


def test_a_caption_causes_nothing_and_is_in_the_next_report(directory, tmp_path) -> None:
    clone = copied(tmp_path / "clone")
    caption = clone / "workflow" / "report" / "recovery.rst"
    caption.write_text("Words that nobody wrote before.\n", encoding="utf-8")
    assert jobs(dry_run(directory, small_settings(), project=clone)) == Counter()
    report = tmp_path / "report.html"
    path = directory / "config.yaml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--profile", "profiles/local"),
            *("--directory", str(directory), "--configfile", str(path), "--report", str(report)),
        ],
        cwd=clone,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Words that nobody wrote before." in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("stage", "makes"),
    [
        ("lightcones", EVERYTHING),
        ("images", CUT + REST),
        ("training", REST),
        ("evaluation", REST - Counter(train=1)),
        ("figures", Counter(draw_training=1, draw_examples=1, draw_scheme=1, summarise=1)),
    ],
)
def test_a_raised_stage_version_makes_that_stage_and_what_follows(
    directory, tmp_path, stage, makes
) -> None:
    package = tmp_path / "package"
    shutil.copytree(PROJECT / "src" / "lcinfer", package / "lcinfer")
    code = package / "lcinfer" / "base" / "fingerprint.py"
    text = code.read_text(encoding="utf-8")
    now = f'"{stage}": {STAGE_VERSIONS[stage]},'
    assert now in text
    code.write_text(text.replace(now, f'"{stage}": 99,'), encoding="utf-8")
    said = dry_run(directory, small_settings(), package=package)
    assert jobs(said) == makes
    assert all("lcinfer makes it in another way since run small-" in it for it in reasons(said))


def test_growing_keeps_what_validates_and_tests_and_the_smaller_run(tmp_path) -> None:
    small, large = small_settings(), edited(small_settings(), "database.realizations", 15)
    old, new = run_of(small, tmp_path), run_of(large, tmp_path)
    finish(old)
    before = contents(tmp_path / "results")
    assert [(work.product.does, work.light_cones) for work in to_make(new)][:2] == [
        ("simulate", 3),
        ("cut", 3),
    ]
    finish(new)
    assert to_make(new) == to_make(old) == []
    after = contents(tmp_path / "results")
    # Only the metadata of arrays that got longer, and their parameters and histories, are other.
    assert {path for path in before if after[path] != before[path] and "/c/" not in path} <= {
        path for path in before if path.endswith("zarr.json")
    }
    cubes = [path for path in before if "/brightness_temp/c/" in path or "/images/c/" in path]
    assert len(cubes) == 2 * (12 + 2)
    assert all(after[path] == before[path] for path in cubes)
    assert truth(old) == truth(new)
    assert len(truth(new)) == 3


def truth(run: Run) -> set[tuple]:
    """Test light-cones with their true parameters."""
    with run.evaluations["all_images"].predictions.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(uncommented(file)))
    assert rows
    return {tuple(value for key, value in row.items() if _is_truth(key)) for row in rows}


def _is_truth(column: str) -> bool:
    return "light_cone" in column or "true" in column


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_there_and_back_finds_the_old_complete(tmp_path) -> None:
    old = run_of(small_settings(), tmp_path)
    finish(old)
    before = contents(tmp_path / "results")
    other = edited(copy.deepcopy(small_settings()), "database.box.length", 24)
    finish(run_of(other, tmp_path))
    after = contents(tmp_path / "results")
    assert {path: after[path] for path in before} == before
    assert to_make(old) == []
    assert jobs(dry_run(tmp_path, small_settings())) == Counter()
    difference = compare(run_of(other, tmp_path), old)
    assert all(effect.there for effect in difference.effects)
    json.dumps(difference.as_json())
