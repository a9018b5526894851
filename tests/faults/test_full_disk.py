"""A file system without room: the job stops, and goes on where there is some."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ranks import cones_of
from support.victims import check_the_rest, ended

from lcinfer.lightcones import journal


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of its own for the database; root may make it smaller and larger."""
    place = tmp_path / "lightcones"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def resize(disk: Path, kilobytes: int) -> None:
    """Make a tmpfs smaller or larger."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(disk)], check=True)


def test_a_full_disk_stops_the_job_and_one_with_room_goes_on(
    campaign, expected, settings, write_config, tmp_path, small_disk
):
    settings["database"]["simulator"]["engine"] = "support.standin:simulate"
    cones_of(write_config(settings), tmp_path)
    used = os.statvfs(small_disk)
    resize(small_disk, (used.f_blocks - used.f_bfree) * used.f_bsize // 1024 + 100)
    cones, job = campaign("simulate")
    said = ended(job)
    assert job.returncode != 0
    assert "No space left on device" in said
    assert 0 < len(journal.finished(cones.journal)) < cones.realizations
    resize(small_disk, 50_000)
    check_the_rest(cones, lambda: campaign("simulate"), expected)
