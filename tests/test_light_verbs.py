"""Verbs that only read small files load none of the libraries that take long to load."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.filling import complete

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
SAYS = f"""
import sys
from lcinfer import cli
try:
    cli.main(sys.argv[1:])
finally:
    print("loaded:", *sorted({HEAVY} & set(sys.modules)), file=sys.stderr)
"""


def loaded(*arguments) -> str:
    """What a verb has loaded of them when it ends."""
    command = [sys.executable, "-c", SAYS, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1].removeprefix("loaded:")


@pytest.fixture
def made(settings, write_config, tmp_path):
    """A configuration whose light-cones are there, and a table of its scores."""
    run = Run(config.parse(settings), tmp_path / "results")
    for cones in run.lightcones.values():
        complete(cones)
    run.summary.directory.mkdir(parents=True)
    run.summary.table.write_text("training,prediction,parameter,R2,from,to\na,average,E0,1,0,1\n")
    return write_config(settings), run.root


@pytest.mark.parametrize("verb", ["scores", "where", "status", "diff", "gc", "network"])
def test_a_verb_that_reads_tables_loads_no_heavy_library(made, verb):
    path, root = made
    assert loaded(verb, path, "--results", root) == ""


@pytest.mark.parametrize(
    "arguments",
    [[], ["schema"], ["--help"], ["--version"], ["doctor", "--help"], ["stage", "train", "--help"]],
)
def test_nor_does_what_reads_nothing(arguments):
    assert loaded(*arguments) == ""


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_what_looks_ahead_loads_what_distances_need_alone(made, verb):
    path, root = made
    heavy = set(loaded(verb, path, "--results", root).split())
    assert heavy <= {"check": {"astropy", "scipy"}, "plan": {"astropy", "scipy", "zarr"}}[verb]


@pytest.mark.parametrize("style", ["--latex", "--bibtex"])
def test_a_methods_section_is_written_without_what_trains_simulates_and_draws(style, tmp_path):
    shutil.unpack_archive(Path(__file__).parent / "releases" / "0.1" / "results.tar.xz", tmp_path)
    (run,) = (tmp_path / "results" / "runs").glob("whole-*")
    heavy = set(loaded("methods", run, "--scores", style).split())
    assert "zarr" in heavy, "it was written"
    assert not heavy & {"torch", "py21cmfast", "matplotlib", "pandas", "xarray", "dask"}


@pytest.mark.parametrize("verb", ["check", "scores", "network"])
def test_a_mistake_in_a_configuration_is_told_before_anything_is_loaded(verb, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("name: wrong\n")
    assert loaded(verb, path) == ""
