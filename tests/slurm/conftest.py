"""A SLURM cluster of two nodes for the tests of this folder.

Where it cannot run they are skipped with the reason; under continuous integration (the
environment variable CI is set) they fail instead.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from support import cluster as tool


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """The tool whose cluster is up; one that was up before the tests stays up."""
    try:
        tool.check()
    except tool.ClusterError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    with tool.alone():
        before = tool.is_up()
        command = [sys.executable, tool.__file__]
        started = subprocess.run([*command, "up"], capture_output=True, text=True, timeout=180)
        assert started.returncode == 0, started.stderr
        yield tool
        if not before:
            subprocess.run([*command, "down"], check=True, timeout=180)
            assert not tool.CONF.exists()
            assert not tool.STATE.exists()
