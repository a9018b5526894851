"""What these tests share: a sealed database of twelve light-cones, and copies of it."""

import shutil
from pathlib import Path

import pytest
from support.filling import complete
from support.parts import run_in
from support.small import small_settings


@pytest.fixture(scope="session")
def sound(tmp_path_factory) -> Path:
    """Results that are not to be touched."""
    root = tmp_path_factory.mktemp("sound")
    complete(run_in(small_settings(), root).database)
    return root


@pytest.fixture
def cones(sound, tmp_path, settings):
    """A copy of the database, for a test to do with as it likes."""
    shutil.copytree(sound, tmp_path / "results", symlinks=True)
    return run_in(settings, tmp_path / "results").database
