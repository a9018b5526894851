"""A campaign under attack: its processes, what it has done, and how it must end.

The stand-in `waits_for_fourth_seeds` holds every fourth light-cone up until a file is there.
What is finished and what is under way when a fault comes is then the same in every run, on a
busy machine too.
"""

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

from lcinfer.lightcones import journal
from lcinfer.products.databases import LightCones
from lcinfer.upkeep.verify import verify
from support.ranks import attempts, shards, wait_until
from support.standin import waiting

HELD_UP = "waits_for_fourth_seeds"
# Of twelve light-cones on two ranks, when each rank has come to one that is held up.
UNDER_WAY, FINISHED = [0, 4], [1, 2, 3]

Campaign = Callable[..., tuple[LightCones, subprocess.Popen]]


def wait_until_held_up(cones: LightCones, gate: Path) -> None:
    """Wait until two ranks can go no further: 0 is rank 0's, which began it before all else."""
    wait_until(lambda: len(held_up(gate)) == len(UNDER_WAY))
    assert attempts(cones) == FINISHED


def held_up(gate: Path) -> list[Path]:
    """What the simulations that wait for the gate have left."""
    return list(gate.parent.glob(waiting(gate).name))


def ranks_of(job: subprocess.Popen) -> list[psutil.Process]:
    """A job's ranks, rank 0 first."""
    below = psutil.Process(job.pid).children(recursive=True)
    found = [one for one in below if "simulate" in one.cmdline() and "lcinfer" in one.cmdline()]
    mine = [one for one in found if "PMI_RANK" in one.environ()]
    return sorted(mine, key=lambda one: int(one.environ()["PMI_RANK"]))


def simulating(rank: psutil.Process) -> psutil.Process:
    """The child in which a rank simulates now."""
    (child,) = (one for one in rank.children() if "spawn_main" in " ".join(one.cmdline()))
    return child


def ended(job: subprocess.Popen) -> str:
    """What a job says on stderr until it ends."""
    _, said = job.communicate(timeout=300)
    return said


def check_the_rest(
    cones: LightCones, job_of: Campaign, expected: dict[str, bytes], failed: int = 0
) -> None:
    """A further job ends well, with the same bytes, and made only what was missing."""
    before = Counter(journal.finished(cones.journal))
    _, job = job_of()
    said = ended(job)
    assert job.returncode == 0, said
    made = Counter(line["index"] for line in journal.records(cones.journal) if "digest" in line)
    assert made == Counter(range(cones.realizations))
    assert all(made[index] == 1 for index in before)
    assert len(journal.failures(cones.journal)) == failed
    assert shards(cones) == expected
    assert verify(cones).findings == []
