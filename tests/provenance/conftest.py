"""A whole small run, made once per module of tests."""

import shutil

import pytest
from support.filling import whole_run
from support.small import small_settings

from lcinfer.products.run import Run


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """Every product of the small configuration, figures in every format; not to be changed."""
    settings = small_settings()
    settings["figures"]["formats"] = ["png", "pdf", "svg"]
    return whole_run(settings, tmp_path_factory.mktemp("run") / "results")


@pytest.fixture
def run(untouched, tmp_path):
    """A copy of the whole run, to be changed."""
    shutil.copytree(untouched.root, tmp_path / "results", symlinks=True)
    return Run(untouched.config, tmp_path / "results")
