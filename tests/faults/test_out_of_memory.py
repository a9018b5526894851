"""The kernel's out-of-memory killer: it costs an attempt, or the job, and never the campaign."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ranks import attempts, wait_until
from support.victims import check_the_rest, ended

from lcinfer.lightcones import journal

MEGABYTES = 1500  # two ranks with their children take a third of it
# Where control groups are mounted, a group's limit and what it counts: version 1 and version 2.
VERSIONS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.oom_control"),
    (Path("/sys/fs/cgroup"), "memory.max", "memory.events"),
)


class LittleMemory:
    """A control group whose processes have together no more than :data:`MEGABYTES`."""

    def __init__(self) -> None:
        """Makes it, or raises OSError where that cannot be done."""
        mount, limit, self._events = next(
            version for version in VERSIONS if version[0].is_dir() or version is VERSIONS[-1]
        )
        self.path = mount / f"lcinfer-test-{os.getpid()}"
        self.path.mkdir()
        try:
            (self.path / limit).write_text(str(MEGABYTES << 20))
        except OSError:
            self.remove()
            raise

    @property
    def under(self) -> list[str]:
        """Begins a command that is to run in it."""
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    @property
    def killed(self) -> int:
        """How many processes the kernel has killed for want of memory."""
        said = (self.path / self._events).read_text()
        return int(re.findall(r"^oom_kill (\d+)$", said, flags=re.MULTILINE)[0])

    def remove(self) -> None:
        """To be called when all its processes have ended."""
        wait_until(lambda: not (self.path / "cgroup.procs").read_text().split())
        self.path.rmdir()


@pytest.fixture
def little_memory() -> Iterator[LittleMemory]:
    """A control group with little memory, where one can be made."""
    try:
        group = LittleMemory()
    except OSError as error:
        pytest.skip(f"no control group with a limit of memory can be made here: {error}")
    yield group
    group.remove()


@pytest.mark.parametrize("victim", ["child", "rank"])
def test_what_the_kernel_kills_for_want_of_memory_is_made_by_the_next_job(
    campaign, expected, little_memory, victim
):
    engine = f"eats_memory_of_the_{victim}_once"
    cones, job = campaign(engine, ranks=1, under=little_memory.under)
    said = ended(job)
    assert little_memory.killed == 1
    assert job.returncode != 0
    if victim == "child":
        assert "the simulating process died: signal SIGKILL" in said
        assert [line["index"] for line in journal.failures(cones.journal)] == [1]
        assert len(journal.finished(cones.journal)) == cones.realizations - 1
    else:
        assert journal.failures(cones.journal) == []
        assert attempts(cones) == [0]
    check_the_rest(cones, lambda: campaign(engine), expected, failed=int(victim == "child"))
