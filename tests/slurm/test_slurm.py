"""The workflow on a SLURM cluster of two nodes: `snakemake --profile slurm`.

The stand-in holds every fourth light-cone up until a file is there: what is finished and what
is under way when a fault comes is the same in every run.
"""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from support.projects import Project
from support.ranks import attempts, cones_of, run, shards, simulate, wait_until
from support.small import small_settings
from support.standin import waiting

from lcinfer.lightcones import child as supervise
from lcinfer.lightcones import journal
from lcinfer.products.databases import LightCones
from lcinfer.simulator.gm18 import version as engine_version
from lcinfer.stages import lightcones

HELD_UP = "support.standin:waits_for_fourth_seeds"
PATIENCE = 400  # seconds: a busy machine takes its time
SECONDS_TO_LOAD = 4.0  # of CPU, and more: until py21cmfast is there


def settings_held_up() -> dict:
    settings = small_settings()
    del settings["mocks"]
    settings["database"] |= {"block": 12}
    settings["database"]["simulator"]["engine"] = HELD_UP
    return settings


@pytest.fixture(scope="module")
def gate(tmp_path_factory) -> Path:
    """The file that the stand-in waits for; it is there."""
    file = tmp_path_factory.mktemp("gate") / "open"
    file.touch()
    return file


@pytest.fixture(scope="module")
def local(tmp_path_factory, gate) -> LightCones:
    """The database, made by one rank without SLURM."""
    project = Project(tmp_path_factory.mktemp("local") / "project", settings_held_up())
    path = project.path / "run.yaml"
    cones = cones_of(path, project.path / "results")
    done = run(simulate(path, project.path / "results", 1), STANDIN_MARKER=str(gate))
    assert done.returncode == 0, done.stderr
    for span in cones.spans:
        lightcones.finish_block(cones, span)
    lightcones.seal(cones)
    return cones


@pytest.fixture(scope="module")
def whole(cluster, tmp_path_factory, gate) -> tuple[Project, str]:
    """A whole run on the cluster, from the literal command, and what it said."""
    project = Project(tmp_path_factory.mktemp("whole") / "project", settings_held_up())
    done = project.snakemake(STANDIN_MARKER=str(gate))
    assert done.returncode == 0, done.stdout + done.stderr
    return project, done.stdout + done.stderr


@pytest.fixture
def project(cluster, tmp_path) -> Iterator[Project]:
    """A project of the test's own; the machine is as it was when the test ends."""
    made = Project(tmp_path / "project", settings_held_up())
    yield made
    made.stop()
    node_is_there = output("sinfo", "--noheader", "--nodes=n2", "--format=%t").strip()
    if node_is_there.startswith("down"):
        node("n2", "resume")
    wait_until(lambda: not output("squeue", "--noheader"))
    made.end_leftovers()


def held_up(cones: LightCones) -> list[int]:
    """The indices that the stand-in holds up."""
    seeds = cones.design.seeds(0, cones.realizations)
    return [index for index, seed in enumerate(seeds) if seed % 4 == 0]


def assert_same(cones: LightCones, other: LightCones) -> None:
    """The same bytes, in the shards and in all that Snakemake sees."""
    assert len(shards(cones)) > cones.realizations
    assert shards(cones) == shards(other)
    for span in cones.spans:
        assert cones.done(span).read_bytes() == other.done(span).read_bytes()
    assert cones.sealed.read_bytes() == other.sealed.read_bytes()


def test_the_literal_command_makes_every_product_of_a_run(whole):
    project, said = whole
    run = project.run
    for file in (*run.figure_files, run.summary.table, run.summary.manifest):
        assert file.stat().st_size > 0
    submitted = re.findall(r"has been submitted with SLURM jobid (\d+)", said)
    assert len(set(submitted)) == 6  # simulate, cut, train, evaluate, draw twice
    for job in submitted:  # SLURM's own word, and its logs are kept
        assert "JobState=COMPLETED" in about(job)
        assert len(list((project.path / "results/logs/slurm").rglob(f"{job}.log"))) == 1


def test_the_ranks_of_a_job_are_one_world_on_both_nodes(whole):
    project, _ = whole
    assert "16 ranks: 8 on n1, 8 on n2" in log_of(project)
    records = list(journal.records(project.cones.journal))
    assert len(records) == project.cones.realizations
    for record in records:
        assert record["node"] == ("n1" if record["rank"] < 8 else "n2")


def test_the_bytes_are_those_of_a_local_run(whole, local):
    assert_same(whole[0].cones, local)


def test_a_second_run_has_nothing_to_do(whole, gate):
    project, _ = whole
    done = project.snakemake(STANDIN_MARKER=str(gate))
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr
    assert len(attempts(project.cones)) == project.cones.realizations


def test_a_launcher_that_starts_worlds_of_one_is_refused_in_one_line(project, gate):
    cones = cones_of(project.path / "run.yaml", project.path / "results")
    alone = ["srun", "--mpi=none", "--kill-on-bad-exit=1", "--nodes=2", "--ntasks=2"]
    command = simulate(project.path / "run.yaml", project.path / "results", 2)[3:]
    done = subprocess.run(
        [*alone, *command],
        env=project.environment(STANDIN_MARKER=str(gate)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    complaints = [line for line in done.stderr.splitlines() if "lcinfer" in line]
    assert len(complaints) == 1
    assert "asked for 2 ranks, but MPI sees 1" in complaints[0]
    assert "Traceback" not in done.stderr
    assert attempts(cones) == []


def test_a_cancelled_job_goes_on_in_the_next_run(project, local, tmp_path):
    gate = tmp_path / "gate"
    snakemake, job, finished = until_only_held_up_are_left(project, gate, "--retries", "0")
    subprocess.run(["scancel", job], check=True, timeout=30)
    said, _ = snakemake.communicate(timeout=PATIENCE)
    assert snakemake.returncode == 1, said
    assert "JobState=CANCELLED" in about(job)
    assert attempts(project.cones) == finished
    gate.touch()
    finish(project, gate)
    assert attempts(project.cones) == list(range(project.cones.realizations))
    assert_same(project.cones, local)


def test_a_requeued_job_goes_on_where_it_was(project, local, tmp_path):
    gate = tmp_path / "gate"
    snakemake, job, finished = until_only_held_up_are_left(project, gate)
    subprocess.run(["scontrol", "requeue", job], check=True, timeout=30)
    wait_until(lambda: "Restarts=1" in about(job))
    gate.touch()
    said, _ = snakemake.communicate(timeout=PATIENCE)
    assert snakemake.returncode == 0, said
    once = Counter(attempts(project.cones))
    assert set(once) == set(range(project.cones.realizations))
    assert all(once[index] == 1 for index in finished)
    assert_same(project.cones, local)


def test_a_killed_snakemake_leaves_its_job_at_work_and_a_restart_does_nothing_twice(
    project, local, tmp_path
):
    gate = tmp_path / "gate"
    snakemake, job, finished = until_only_held_up_are_left(project, gate)
    snakemake.kill()
    snakemake.communicate(timeout=PATIENCE)
    assert "JobState=RUNNING" in about(job)
    second = restart(project, gate, "--retries", "0")
    said, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert re.search(rf"job {job}, process \d+ is at work on this block", said)
    assert attempts(project.cones) == finished
    gate.touch()
    wait_until(lambda: "JobState=COMPLETED" in about(job))
    third = restart(project, gate)
    said, _ = third.communicate(timeout=PATIENCE)
    assert third.returncode == 0, said
    assert attempts(project.cones) == list(range(project.cones.realizations))
    assert_same(project.cones, local)


def test_a_warning_before_the_limit_lets_what_is_under_way_end_and_the_retry_does_the_rest(
    project, local, tmp_path
):
    gate = tmp_path / "gate"
    snakemake = project.start(ranks=3, STANDIN_MARKER=str(gate))  # each comes to one held up
    wait_until(lambda: len(list(tmp_path.glob(waiting(gate).name))) == 3)
    (job,) = running()
    under_way, finished = held_up(project.cones), attempts(project.cones)
    assert len(finished) == 6
    subprocess.run(["scancel", "--signal=USR1", f"{job}.0"], check=True, timeout=30)
    # Children block the signal, so it can be seen that it has come: it is pending for them.
    wait_until(lambda: all(map(usr1_is_pending, simulating(project))))
    gate.touch()
    wait_until(lambda: "JobState=FAILED" in about(job))
    assert attempts(project.cones)[:9] == sorted(finished + under_way)
    said, _ = snakemake.communicate(timeout=PATIENCE)
    assert snakemake.returncode == 0, said
    assert "stopped by signal SIGUSR1; 3 of light-cones 0 to 11 are left" in said
    assert attempts(project.cones) == list(range(project.cones.realizations))
    assert_same(project.cones, local)


def test_a_job_that_loses_a_node_is_started_again_when_there_are_enough(project, local, tmp_path):
    gate = tmp_path / "gate"
    snakemake, job, finished = until_only_held_up_are_left(project, gate)
    node("n2", "down")
    wait_until(lambda: "JobState=RUNNING" not in about(job))
    assert attempts(project.cones) == finished
    node("n2", "resume")
    wait_until(lambda: "JobState=RUNNING" in about(job))
    gate.touch()
    said, _ = snakemake.communicate(timeout=PATIENCE)
    assert snakemake.returncode == 0, said
    assert "Restarts=1" in about(job)
    assert set(finished) < set(attempts(project.cones))
    once = Counter(attempts(project.cones))
    assert all(once[index] == 1 for index in finished)
    assert_same(project.cones, local)


@pytest.mark.real
def test_21cmfast_itself_goes_through_the_whole_workflow_although_a_simulation_is_killed(
    project, tmp_path
):
    settings = settings_held_up()
    settings["database"] |= {
        "realizations": 5,
        "box": {"cells": 32, "length": 96},
        "lightcone": {"z_min": 6, "cells": 100},
        "simulator": {"engine_version": engine_version(), "z_step_factor": 1.3},
    }
    settings["split"] = {"validation": 1, "test": 2}
    project.write(settings)
    snakemake = project.start(whole=True)
    victims: list[psutil.Process] = []
    wait_until(lambda: victims.extend(filter(is_in_21cmfast, simulating(project))) or victims)
    victims[0].kill()
    said, _ = snakemake.communicate(timeout=PATIENCE)
    assert snakemake.returncode == 0, said
    (failure,) = journal.failures(project.cones.journal)
    assert "SIGKILL" in failure["error"]
    made = {
        line["index"]: line for line in journal.records(project.cones.journal) if "digest" in line
    }
    assert attempts(project.cones) == sorted([*made, failure["index"]])
    assert sorted(made) == list(range(5))
    assert {record["versions"]["21cmfast"] for record in made.values()} == {engine_version()}
    assert re.search(r"4 ranks: \d on n1, \d on n2", log_of(project))
    run = project.run
    for file in (*run.figure_files, run.summary.table, run.summary.manifest):
        assert file.stat().st_size > 0
    cones = cones_of(project.path / "run.yaml", tmp_path / "again")
    again = (
        cones.simulation,
        cones.store,
        failure["index"],
        failure["parameters"],
        failure["seed"],
    )
    assert supervise.realize(*again)["digest"] == made[failure["index"]]["digest"]


def until_only_held_up_are_left(project: Project, gate: Path, *more: str):
    """Start a run; give it, its job, and what is finished when all else is held up."""
    snakemake = project.start(*more, STANDIN_MARKER=str(gate))
    cones = project.cones
    finished = sorted(set(range(cones.realizations)) - set(held_up(cones)))
    assert len(finished) == 9
    wait_until(lambda: attempts(cones) == finished)
    wait_until(lambda: len(list(gate.parent.glob(waiting(gate).name))) == 3)
    (job,) = running()
    return snakemake, job, finished


def finish(project: Project, gate: Path) -> None:
    snakemake = project.start(STANDIN_MARKER=str(gate))
    said, _ = snakemake.communicate(timeout=PATIENCE)
    assert snakemake.returncode == 0, said


def restart(project: Project, gate: Path, *more: str) -> subprocess.Popen:
    """As a user does after Snakemake was killed: its lock is still there."""
    unlocked = project.snakemake("--unlock")
    assert unlocked.returncode == 0, unlocked.stderr
    return project.start(*more, STANDIN_MARKER=str(gate))


def log_of(project: Project) -> str:
    """What the ranks of the database's only block said."""
    logs = project.path / "results/logs/lightcones" / project.cones.directory.name
    return next(logs.glob("000000-*.log")).read_text()


def running() -> list[str]:
    """The numbers of the jobs that run."""
    return output("squeue", "--noheader", "--states=R", "--format=%i").split()


def simulating(project: Project) -> list[psutil.Process]:
    """The children in which a project's ranks simulate now."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.NoSuchProcess):
            words, rank = process.info["cmdline"] or [], process.parent()
            if (
                "spawn_main" in " ".join(words)
                and rank
                and str(project.path) in rank.environ().get("PWD", "")
            ):
                found.append(process)
    return found


def usr1_is_pending(process: psutil.Process) -> bool:
    """Whether a process that blocks SIGUSR1 has been sent it."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    pending = int(re.findall(r"^ShdPnd:\t(\w+)$", status, flags=re.MULTILINE)[0], 16)
    return bool(pending >> (signal.SIGUSR1 - 1) & 1)


def is_in_21cmfast(process: psutil.Process) -> bool:
    """Whether a process computes: some seconds after Python was there."""
    with suppress(psutil.NoSuchProcess):
        loaded = any("py21cmfast" in part.path for part in process.memory_maps())
        return loaded and sum(process.cpu_times()[:2]) > SECONDS_TO_LOAD
    return False


def about(job: str) -> str:
    """What SLURM knows of a job."""
    return output("scontrol", "show", "job", job)


def node(name: str, state: str) -> None:
    output("scontrol", "update", f"nodename={name}", f"state={state}", "reason=test")


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
