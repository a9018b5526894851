"""Ranks through a launcher: one world is told from several, and from none."""

import time

import pytest
from support.ranks import MPIEXEC

from lcinfer.doctor import ranks
from lcinfer.engines import engine_of

WORLDS_OF_ONE = """import subprocess, sys
count = int(sys.argv[sys.argv.index("-n") + 1])
command = sys.argv[sys.argv.index(sys.executable):]
children = [subprocess.Popen(command) for _ in range(count)]
sys.exit(max(child.wait() for child in children))"""
HANGS = """import subprocess, sys, time
print("job 7 queued and waiting for resources", file=sys.stderr, flush=True)
subprocess.Popen(["sleep", "60"])
time.sleep(60)"""


def launched_by(launcher) -> dict:
    return {"set-resources": {"simulate": {"mpi": str(launcher)}}}


def test_ranks_in_one_world_are_told_with_their_nodes_and_see_one_anothers_files(site):
    one, shared = ranks.check_ranks(site(launched_by(MPIEXEC), ranks=3))
    assert (one.level, one.check) == ("PASS", "ranks")
    assert "one world of 3: 3 on " in one.what
    assert "a message went round" in one.what
    assert (shared.level, shared.check) == ("PASS", "shared")


@pytest.mark.parametrize(
    ("name", "hint"), [("srun", "try srun --mpi=pmi2"), ("mpirun", "use the mpiexec that belongs")]
)
def test_a_launcher_that_starts_worlds_of_one_fails_with_what_to_try(site, program, name, hint):
    (line,) = ranks.check_ranks(site(launched_by(program(name, WORLDS_OF_ONE))))
    assert line.level == "FAIL"
    assert "2 worlds of 1 instead of one of 2" in line.what
    assert hint in line.do


def test_a_launcher_that_hangs_is_ended_in_time_with_what_it_said_last(site, program):
    began = time.monotonic()
    (line,) = ranks.check_ranks(site(launched_by(program("hangs", HANGS)), limit=1.0))
    assert time.monotonic() - began < 15
    assert line.level == "FAIL"
    assert "2 ranks did not meet within 1 s (job 7 queued and waiting" in line.what
    assert "--limit" in line.do


def test_a_launcher_that_hangs_in_a_shell_of_slurm_is_told_to_fork(site, program, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    (line,) = ranks.check_ranks(site(launched_by(program("mpiexec", HANGS)), limit=1.0))
    assert "mpiexec -launcher fork" in line.do


def test_a_launcher_that_is_not_there_is_told_from_one_that_fails(site, say):
    (absent,) = ranks.check_ranks(site(launched_by("/nowhere/mpiexec")))
    assert (absent.level, "not found" in absent.what) == ("FAIL", True)
    (fails,) = ranks.check_ranks(site(launched_by(say("mpiexec", "no slots", status=3))))
    assert fails.level == "FAIL"
    assert "exit status 3: no slots" in fails.what


def test_ranks_that_cannot_write_say_so_beside_their_world(site, tmp_path):
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "below"
    world, shared = ranks.check_ranks(site(launched_by(MPIEXEC), scratch=below))
    assert world.level == "PASS"
    assert shared.level == "FAIL"
    assert "2 ranks cannot write" in shared.what


def world(**more) -> dict:
    """A world of two ranks on two nodes, as rank 0 tells it."""
    members = [{"node": node, "cpu": "one"} for node in ("n1", "n2")]
    told = {"size": 2, "went_round": True, "seconds": 0.1, "library": "MPICH", "members": members}
    return {**told, "files_seen_after": 0.0, **more}


def test_a_file_that_rank_0_or_this_machine_does_not_see_fails(site, tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "SEEN_WITHIN", 0.0)
    by_rank_0 = world(files_seen_after=None, members=[])
    by_this_machine = world(members=[{"file": str(tmp_path / "elsewhere")}])
    for told, who in ((by_rank_0, "rank 0"), (by_this_machine, "this machine")):
        line = ranks._shared_files(site(), told)
        assert line.level == "FAIL"
        assert f"{who} does not see every rank's file" in line.what


def test_nodes_with_different_cpus_are_warned_of():
    assert list(ranks._same_cpus(world())) == []
    mixed = [{"node": "n1", "cpu": "one"}, {"node": "n2", "cpu": "other"}]
    (line,) = ranks._same_cpus(world(members=mixed))
    assert (line.level, "one, other" in line.what) == ("WARN", True)


def test_srun_is_told_what_the_site_wants_and_a_rank_needs_unless_in_an_allocation(
    site, tmp_path, monkeypatch
):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    slurm = {
        "executor": "slurm",
        "default-resources": {"slurm_partition": "gold", "slurm_account": "mine"},
        "set-resources": {"simulate": {"mpi": "srun --mpi=pmi2", "slurm_partition": "silver"}},
    }
    asked = ranks.command(site(slurm), tmp_path)
    assert asked.startswith(
        "srun --mpi=pmi2 -n 2 --partition=silver --account=mine --nodes=2 --ntasks-per-node=1"
    )
    database = site().config.database
    memory = engine_of(database).memory_mb(database)
    assert f"--cpus-per-task=1 --mem-per-cpu={memory}" in asked
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert "partition" not in ranks.command(site(slurm), tmp_path)


def test_another_launcher_under_slurm_is_warned_of_outside_an_allocation(site, say, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    slurm = {"executor": "slurm", **launched_by(say("mpirun"))}
    first, _ = ranks.check_ranks(site(slurm))
    assert (first.level, "salloc" in first.do) == ("WARN", True)
