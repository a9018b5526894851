"""What all tests share: a small configuration with a stand-in for 21cmFAST."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.small import Settings, small_settings

from lcinfer.products.databases import LightCones

TESTS = Path(__file__).parent
# For the MPI ranks and Snakemake jobs that they start.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(TESTS), os.environ.get("PYTHONPATH", "")])
)
# Networks of a few weights gain nothing from threads, which only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Folders and files whose tests start MPI, SLURM or 21cmFAST, or audit whole runs, longest first.
LONG = (
    *("slurm", "dag", "physics", "faults", "torch_engine", "provenance", "doctor", "releases"),
    *("test_campaign_batches.py", "test_processes.py", "mpi", "test_database.py"),
)


def folder_of(nodeid: str) -> str:
    """The folder of a test, or its file: what shares fixtures of a session."""
    return nodeid.partition("::")[0].split("/")[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test as long or quick, and brings the longest folders to the front."""
    for item in items:
        item.add_marker(pytest.mark.long if folder_of(item.nodeid) in LONG else pytest.mark.quick)
    order = {folder: place for place, folder in enumerate(LONG)}
    items.sort(key=lambda item: order.get(folder_of(item.nodeid), len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several processes (``-n 2``) a folder's tests share one."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return folder_of(nodeid)

    config.option.loadscopereorder = False
    return ByFolder(config, log)


@pytest.fixture
def settings() -> Settings:
    """A small valid configuration of the test's own, which it may change."""
    return small_settings()


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[[Settings], Path]:
    """Writes settings to a file and gives its path."""

    def write(settings: Settings, name: str = "config.yaml") -> Path:
        path = tmp_path / name
        path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        return path

    return write


@pytest.fixture
def undisturbed(settings, write_config, tmp_path: Path) -> LightCones:
    """A database made by one rank, without a fault."""
    from support.ranks import cones_of, run, simulate

    path = write_config(settings)
    cones = cones_of(path, tmp_path / "undisturbed")
    assert run(simulate(path, tmp_path / "undisturbed", 1)).returncode == 0
    return cones
