"""A small finished run, made once, in a folder as a user has it."""

from pathlib import Path

import pytest
import yaml
from support.filling import whole_run
from support.small import small_settings


@pytest.fixture(scope="session")
def workplace(tmp_path_factory) -> Path:
    """A folder with ``config/demo.yaml`` and its results; only to be read."""
    folder = tmp_path_factory.mktemp("workplace")
    settings = small_settings()
    settings["database"]["realizations"] = 24
    settings["split"]["test"] = 6  # the fewest that an interval of 68 % takes
    (folder / "config").mkdir()
    (folder / "config" / "demo.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    whole_run(settings, folder / "results")
    return folder


@pytest.fixture
def here(workplace, monkeypatch) -> Path:
    """The same as the current folder."""
    monkeypatch.chdir(workplace)
    return workplace
