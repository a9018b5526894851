"""Verbs that only read small files load none of the libraries that take long to load."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.filling import complete
from support.small import small_settings

from lcinfer import config
from lcinfer.products.run import Run

# Each takes longer to load than such a verb takes.
HEAVY = {
    "torch",
    "py21cmfast",
    "astropy",
    "matplotlib",
    "pandas",
    "scipy",
    "xarray",
    "zarr",
    "dask",
}
# Reads command lines, and answers each with what is loaded of them when its verb ends.
RUNS = f"""
import json, os, sys, traceback
from lcinfer import cli
for line in sys.stdin:
    if process := os.fork():
        os.waitpid(process, 0)
        continue
    answer = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        cli.main(json.loads(line))
    except SystemExit:
        pass  # its mistakes are told
    except BaseException:
        traceback.print_exc()
    said = " ".join(sorted({HEAVY} & set(sys.modules)))
    os.write(answer, (said + chr(10)).encode())
    os._exit(0)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A function: what a verb has loaded of them when it ends."""
    errors = tmp_path_factory.mktemp("loaded") / "errors"

    def ask(*arguments) -> str:
        print(json.dumps([*map(str, arguments)]), file=process.stdin, flush=True)
        said = process.stdout.readline()
        assert "Traceback" not in errors.read_text()
        return said.rstrip("\n")

    with (
        errors.open("w") as file,
        subprocess.Popen(
            [sys.executable, "-c", RUNS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        ) as process,
    ):
        yield ask


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A configuration whose light-cones are there, and a table of its scores."""
    settings, folder = small_settings(), tmp_path_factory.mktemp("made")
    run = Run(config.parse(settings), folder / "results")
    for cones in run.lightcones.values():
        complete(cones)
    run.summary.directory.mkdir(parents=True)
    run.summary.table.write_text("training,prediction,parameter,R2,from,to\na,average,E0,1,0,1\n")
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path, run.root


@pytest.mark.parametrize("verb", ["scores", "where", "status", "diff", "gc", "network"])
def test_a_verb_that_reads_tables_loads_no_heavy_library(loaded, made, verb):
    path, root = made
    assert loaded(verb, path, "--results", root) == ""


@pytest.mark.parametrize(
    "arguments",
    [[], ["schema"], ["--help"], ["--version"], ["doctor", "--help"], ["stage", "train", "--help"]],
)
def test_nor_does_what_reads_nothing(loaded, arguments):
    assert loaded(*arguments) == ""


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_what_looks_ahead_loads_what_distances_need_alone(loaded, made, verb):
    path, root = made
    heavy = set(loaded(verb, path, "--results", root).split())
    assert heavy <= {"check": {"astropy", "scipy"}, "plan": {"astropy", "scipy", "zarr"}}[verb]


@pytest.mark.parametrize("style", ["--latex", "--bibtex"])
def test_a_methods_section_is_written_without_what_trains_simulates_and_draws(
    loaded, style, tmp_path
):
    shutil.unpack_archive(Path(__file__).parent / "releases" / "0.1" / "results.tar.xz", tmp_path)
    (run,) = (tmp_path / "results" / "runs").glob("whole-*")
    heavy = set(loaded("methods", run, "--scores", style).split())
    assert "zarr" in heavy, "it was written"
    assert not heavy & {"torch", "py21cmfast", "matplotlib", "pandas", "xarray", "dask"}


@pytest.mark.parametrize("verb", ["check", "scores", "network"])
def test_a_mistake_in_a_configuration_is_told_before_anything_is_loaded(loaded, verb, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("name: wrong\n")
    assert loaded(verb, path) == ""
