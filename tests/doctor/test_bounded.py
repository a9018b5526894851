"""Checks and commands end in time, and one that fails costs its own line alone."""

import os
import signal
import time

import psutil

from lcinfer.doctor.bounded import NOT_FOUND, ask, lines_of
from lcinfer.doctor.site import passed


def says_two(site):
    yield passed("one", "first")
    yield passed("two", "second")


def raises(site):
    yield passed("one", "before")
    raise RuntimeError("no such\nthing")


def dies(site):
    yield passed("one", "before")
    os.kill(os.getpid(), signal.SIGSEGV)


def hangs(site):
    yield passed("one", str(os.getpid()))
    ask(["sleep", "61"], 60)


def left(*command: str) -> list[psutil.Process]:
    """Processes with this command line that do not end in the moment that a kill takes."""
    found = psutil.process_iter(["cmdline"])
    same = [process for process in found if process.info["cmdline"] == list(command)]
    return psutil.wait_procs(same, timeout=5)[1]


def said(check, site, seconds: float = 30) -> list[str]:
    return [str(line) for line in lines_of("name", check, site, seconds)]


def test_what_a_check_says_comes_through(site):
    assert said(says_two, site()) == ["PASS  one         first", "PASS  two         second"]


def test_a_check_that_fails_or_dies_ends_in_a_line_of_its_own(site):
    before, failed = said(raises, site())
    assert "before" in before
    assert failed.startswith("FAIL  name        RuntimeError: no such thing -> ")
    before, died = said(dies, site())
    assert "before" in before
    assert died.startswith("FAIL  name        the check died: signal SIGSEGV -> ")


def test_a_check_that_hangs_is_ended_with_all_that_it_started(site):
    began = time.monotonic()
    first, line = list(lines_of("name", hangs, site(), 5))
    assert time.monotonic() - began < 15
    assert (line.level, line.what) == ("FAIL", "no answer within 5 s")
    assert not psutil.pid_exists(int(first.what))
    assert not left("sleep", "61")


def test_a_command_says_its_last_words():
    answer = ask("echo first; echo last >&2; exit 3", 10)
    assert (answer.status, answer.said) == (3, "last")
    assert ask(["true"], 10).said == "without a word"
    assert ask("echo $GIVEN", 10, GIVEN="here").out == "here\n"


def test_a_command_that_is_not_there_has_a_shells_status():
    assert ask(["/nowhere/srun"], 10).status == NOT_FOUND
    assert ask("/nowhere/srun -n 2", 10).status == NOT_FOUND


def test_a_command_that_takes_too_long_is_ended_with_its_children_and_is_heard():
    began = time.monotonic()
    answer = ask("echo queued >&2; sleep 62 & sleep 62", 0.5)
    assert time.monotonic() - began < 8
    assert (answer.status, answer.said) == (None, "queued")
    assert not left("sleep", "62")
