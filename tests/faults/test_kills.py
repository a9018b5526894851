"""Ranks and children killed, and jobs told to stop."""

import os
import signal
import time

import pytest
from support.ranks import attempts, cones_of
from support.victims import (
    FINISHED,
    UNDER_WAY,
    check_the_rest,
    ended,
    ranks_of,
    simulating,
    wait_until_held_up,
)

from lcinfer.base import durable
from lcinfer.lightcones import journal, store
from lcinfer.lightcones.stopping import END_OF_JOB


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_rank_ends_the_job_and_the_next_goes_on(campaign, expected, gate, victim):
    cones, job = campaign()
    wait_until_held_up(cones, gate)
    ranks_of(job)[victim].kill()
    ended(job)
    assert job.returncode != 0
    assert not cones.done((0, 12)).exists()
    assert attempts(cones) == FINISHED
    gate.touch()
    check_the_rest(cones, campaign, expected)


def test_a_killed_child_costs_one_attempt_of_one_light_cone(campaign, expected, gate):
    cones, job = campaign()
    wait_until_held_up(cones, gate)
    simulating(ranks_of(job)[1]).kill()
    gate.touch()
    said = ended(job)
    assert job.returncode == 1
    assert "1 of them failed" in said
    (failure,) = journal.failures(cones.journal)
    assert failure["index"] == UNDER_WAY[1]
    assert "SIGKILL" in failure["error"]
    assert attempts(cones) == list(range(cones.realizations))  # the failed one is among them
    check_the_rest(cones, campaign, expected, failed=1)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_stops_the_handing_out_and_the_next_job_goes_on(campaign, expected, gate, number):
    cones, job = campaign()
    wait_until_held_up(cones, gate)
    for rank in ranks_of(job):
        rank.send_signal(number)
    if number == signal.SIGUSR1:  # lets what is under way end
        gate.touch()
    said = ended(job)
    assert job.returncode != 0
    assert f"stopped by signal {number.name}" in said
    under_way = UNDER_WAY if number == signal.SIGUSR1 else []
    assert attempts(cones) == sorted(FINISHED + under_way)
    assert journal.failures(cones.journal) == []
    gate.touch()
    check_the_rest(cones, campaign, expected)


def test_a_job_that_is_about_to_end_begins_nothing(campaign, expected, gate):
    cones, job = campaign()
    wait_until_held_up(cones, gate)
    os.killpg(job.pid, signal.SIGKILL)
    ended(job)
    gate.touch()
    _, job = campaign(**{END_OF_JOB: str(int(time.time()))})
    said = ended(job)
    assert job.returncode == 1
    assert "stopped by the job ends in 0 s" in said
    assert attempts(cones) == FINISHED
    check_the_rest(cones, campaign, expected)


@pytest.mark.parametrize("place", ["rename", "journals_line"])
def test_a_rank_killed_between_two_steps_of_a_write_leaves_nothing_half_done(
    campaign, expected, place
):
    engine = f"rank_dies_before_the_{place}_once"
    cones, job = campaign(engine, ranks=1)
    ended(job)
    assert job.returncode != 0
    assert attempts(cones) == [0]  # before 1, whose seed is odd
    aside = list(cones.store.rglob(f"*{durable.SUFFIX}"))
    there = {int(shard.parts[-4]) for shard in cones.store.rglob("c/*/0/0/0")}
    without_a_line = there - set(journal.finished(cones.journal))
    assert (len(aside), len(without_a_line)) == ((1, 0) if place == "rename" else (0, 1))
    check_the_rest(cones, lambda: campaign(engine), expected)


def test_data_without_a_journal_line_are_made_again(
    campaign, expected, settings, write_config, tmp_path
):
    settings["database"]["simulator"]["engine"] = "support.standin:simulate"
    cones = cones_of(write_config(settings), tmp_path)
    torn = store.shard_path(cones.store, 3)
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"what a killed writer left")
    check_the_rest(cones, lambda: campaign("simulate"), expected)
