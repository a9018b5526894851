"""Faults injected into a campaign: the same bytes in the end, and no finished work done again."""

import os
import signal
import subprocess
import time
from collections import Counter

import psutil
import pytest
from filling import complete
from ranks import attempts, cones_of, shards, simulate, wait_until

from lcinfer import config, durable, journal, store
from lcinfer.products import LightCones, Run
from lcinfer.stopping import END_OF_JOB
from lcinfer.upkeep.verify import verify


@pytest.fixture
def campaign(settings, write_config, tmp_path):
    """Begins a campaign with an engine in place of the stand-in; gives database and process."""
    begun = []

    def begin(engine: str = "slow", ranks: int = 2, **more):
        settings["database"]["simulator"]["engine"] = f"standin:{engine}"
        settings["database"].update(more.pop("database", {}))
        path = write_config(settings, f"{engine}.yaml")
        cones = cones_of(path, tmp_path)
        job = subprocess.Popen(
            simulate(path, tmp_path, ranks),
            env=os.environ | {"STANDIN_MARKER": str(tmp_path / "marker")} | more,
            start_new_session=True,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(job)
        return cones, job

    yield begin
    for job in begun:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()


@pytest.fixture
def expected(settings, write_config, tmp_path) -> dict[str, bytes]:
    """The bytes of a database without a fault."""
    undisturbed = Run(config.load(write_config(settings)), tmp_path / "undisturbed").database
    complete(undisturbed)
    return shards(undisturbed)


def ranks_of(job: subprocess.Popen) -> list[psutil.Process]:
    """A job's ranks, rank 0 first."""
    below = psutil.Process(job.pid).children(recursive=True)
    found = [one for one in below if "simulate" in one.cmdline() and "lcinfer" in one.cmdline()]
    mine = [one for one in found if "PMI_RANK" in one.environ()]
    return sorted(mine, key=lambda one: int(one.environ()["PMI_RANK"]))


def simulating(rank: psutil.Process) -> list[psutil.Process]:
    """The child in which a rank simulates, if it has one now."""
    return [one for one in rank.children() if "spawn_main" in " ".join(one.cmdline())]


def some_are_done(cones: LightCones, number: int = 2):
    """Whether a few light-cones are finished, but not all."""
    return lambda: number <= len(journal.finished(cones.journal)) < cones.realizations


def ended(job: subprocess.Popen) -> str:
    """What a job says on stderr until it ends."""
    _, said = job.communicate(timeout=90)
    return said


def check_the_rest(cones, job_of, expected, failed: int = 0) -> None:
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


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_rank_ends_the_job_and_the_next_goes_on(campaign, expected, victim):
    cones, job = campaign()
    wait_until(some_are_done(cones))
    ranks_of(job)[victim].kill()
    ended(job)
    assert job.returncode != 0
    assert not cones.done((0, 12)).exists()
    assert len(journal.finished(cones.journal)) < cones.realizations
    check_the_rest(cones, campaign, expected)


def test_a_killed_child_costs_one_attempt_of_one_light_cone(campaign, expected):
    cones, job = campaign()
    wait_until(lambda: any(line["rank"] == 1 for line in journal.records(cones.journal)))
    time.sleep(0.2)  # it is in the middle of its next half second
    simulating(ranks_of(job)[1])[0].kill()
    said = ended(job)
    assert job.returncode == 1
    assert "1 of them failed" in said
    assert "SIGKILL" in journal.failures(cones.journal)[0]["error"]
    assert len(journal.finished(cones.journal)) == cones.realizations - 1
    check_the_rest(cones, campaign, expected, failed=1)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("raises", "RuntimeError: no such universe"),
        ("returns_nan", "voxels are NaN"),
        ("returns_constant", "every voxel is 0 mK"),
        ("exits", "exit status 3"),
        ("segfaults", "signal SIGSEGV"),
        ("sleeps", "longer than the limit of 3 s"),
    ],
)
def test_a_fault_costs_one_attempt_of_one_light_cone(campaign, expected, fault, error):
    limit = {"limit_minutes": 0.05} if fault == "sleeps" else {}
    cones, job = campaign(f"{fault}_once", database=limit)
    said = ended(job)
    assert job.returncode == 1
    assert error in said
    assert len(journal.finished(cones.journal)) == cones.realizations - 1
    assert len(journal.failures(cones.journal)) == 1
    check_the_rest(cones, lambda: campaign(f"{fault}_once", database=limit), expected, failed=1)


def test_a_light_cone_that_always_fails_is_set_aside_across_jobs(campaign):
    limited = {"max_attempts": 2}
    for _ in range(2):
        cones, job = campaign("raises_for_odd_seeds", database=limited)
        ended(job)
    odd = [index for index, seed in enumerate(cones.design.seeds(0, 12)) if seed % 2]
    tried = Counter(attempts(cones))
    assert tried == Counter({index: 2 if index in odd else 1 for index in range(12)})
    _, job = campaign("raises_for_odd_seeds", database=limited)
    said = ended(job)
    assert job.returncode == 1
    assert f"set aside after 2 attempts: {', '.join(map(str, odd))}" in said
    assert Counter(attempts(cones)) == tried  # nothing was tried a third time


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_stops_the_handing_out_and_the_next_job_goes_on(campaign, expected, number):
    cones, job = campaign()
    wait_until(some_are_done(cones))
    for rank in ranks_of(job):
        rank.send_signal(number)
    said = ended(job)
    assert job.returncode != 0
    assert f"stopped by signal {number.name}" in said
    assert len(journal.finished(cones.journal)) < cones.realizations
    assert journal.failures(cones.journal) == []
    check_the_rest(cones, campaign, expected)


def test_a_job_that_is_about_to_end_begins_nothing(campaign, expected):
    cones, job = campaign()
    wait_until(some_are_done(cones))
    os.killpg(job.pid, signal.SIGKILL)
    ended(job)
    before = attempts(cones)
    _, job = campaign(**{END_OF_JOB: str(int(time.time()))})
    said = ended(job)
    assert job.returncode == 1
    assert "stopped by the job ends in 0 s" in said
    assert attempts(cones) == before
    check_the_rest(cones, campaign, expected)


def test_a_second_job_for_a_block_is_refused_while_the_first_works(campaign, expected):
    cones, first = campaign("slow", ranks=1)
    wait_until(some_are_done(cones, 1))
    _, second = campaign("slow", ranks=2)
    said = ended(second)
    assert second.returncode == 1
    assert "is at work on this block" in said
    assert "Traceback" not in said
    assert ended(first) is not None
    assert first.returncode == 0
    assert attempts(cones) == list(range(cones.realizations))
    assert shards(cones) == expected


@pytest.mark.parametrize("place", ["rename", "journals_line"])
def test_a_rank_killed_between_two_steps_of_a_write_leaves_nothing_half_done(
    campaign, expected, place
):
    engine = f"rank_dies_before_the_{place}_once"
    cones, job = campaign(engine)
    ended(job)
    assert job.returncode != 0
    aside = list(cones.store.rglob(f"*{durable.SUFFIX}"))
    there = {int(shard.parts[-4]) for shard in cones.store.rglob("c/*/0/0/0")}
    without_a_line = there - set(journal.finished(cones.journal))
    assert (len(aside), len(without_a_line)) == ((1, 0) if place == "rename" else (0, 1))
    check_the_rest(cones, lambda: campaign(engine), expected)
    assert verify(cones).findings == []


def test_data_without_a_journal_line_are_made_again(
    campaign, expected, settings, write_config, tmp_path
):
    settings["database"]["simulator"]["engine"] = "standin:slow"
    cones = cones_of(write_config(settings), tmp_path)
    torn = store.shard_path(cones.store, 3)
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"what a killed writer left")
    check_the_rest(cones, campaign, expected)


@pytest.fixture
def small_disk(tmp_path):
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


def resize(disk, kilobytes: int) -> None:
    """Make a tmpfs smaller or larger."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", str(disk)], check=True)


def test_a_full_disk_stops_the_job_and_one_with_room_goes_on(
    campaign, expected, settings, write_config, tmp_path, small_disk
):
    settings["database"]["simulator"]["engine"] = "standin:simulate"
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
