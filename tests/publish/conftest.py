"""A whole small run to publish: one for reading, and copies of it to be damaged."""

import shutil

import pytest
from support.filling import whole_run
from support.small import small_settings

from lcinfer.products.run import Run


@pytest.fixture(scope="session")
def published(tmp_path_factory) -> Run:
    """Every product of a small configuration; not to be changed."""
    settings = small_settings()
    settings["database"]["simulator"]["options"] = {"N_POISSON": -1}
    study = {"training": "all_images", "vary": {"optimiser.learning_rate": [0.001, 0.01]}}
    settings["sweeps"] = {"rates": study}
    return whole_run(settings, tmp_path_factory.mktemp("published") / "results")


@pytest.fixture
def copied(published, tmp_path) -> Run:
    """A copy of the test's own."""
    shutil.copytree(published.root, tmp_path / "results", symlinks=True)
    return Run(published.config, tmp_path / "results")
