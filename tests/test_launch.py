"""What starts a training, from what a profile asks for."""

import os
import subprocess
import sys

import pytest

from lcinfer.training.launch import device, gpus, lcinfer


def words(command, **environment):
    """The words of a command as a shell sees them."""
    told = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {command}"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.splitlines()


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        ({}, 0),
        ({"mem_mb": 64000, "gres": ""}, 0),
        ({"gres": "gpu:1"}, 1),
        ({"gres": "gpu"}, 1),
        ({"gres": "gpu:4"}, 4),
        ({"gres": "gpu:h100:4"}, 4),
        ({"gres": "gpu:a100:2,gpu:v100:1"}, 3),
        ({"gres": "craynetwork:4"}, 0),
        ({"gres": "craynetwork:4,gpu:2(S:0-1)"}, 2),
        ({"gpu": 4}, 4),
        ({"gpus": "h100:2"}, 2),
        ({"gpus": "h100"}, 1),
    ],
)
def test_the_gpus_of_a_job_are_counted_as_its_batch_system_reads_them(resources, count) -> None:
    assert gpus(resources) == count


def test_simulations_are_on_a_gpu_where_their_job_asks_for_one() -> None:
    assert device({"tasks": 4, "gpu": 4}) == "cuda"
    assert device({"tasks": 16, "gres": ""}) == "cpu"


def test_an_interpreter_below_a_folder_with_spaces_is_one_word(monkeypatch) -> None:
    monkeypatch.setattr(sys, "executable", "/my project/.venv/bin/python")
    for resources in ({}, {"gpus": 2}):
        assert words(lcinfer(resources))[0] == "/my project/.venv/bin/python"


def test_a_container_names_the_interpreter_itself() -> None:
    assert words(lcinfer(mpi=True), LCINFER_PYTHON="python9") == [
        *("python9", "-m", "mpi4py", "-m", "lcinfer")
    ]


def test_torchrun_starts_a_process_for_each_of_several_gpus_and_nothing_for_one() -> None:
    assert lcinfer({"gpu": 1}).endswith(" -m lcinfer")
    assert "torch" not in lcinfer({"gpu": 1})
    started = words(lcinfer({"gres": "gpu:h200:4"}))
    assert started[1:] == [
        *("-m", "lcinfer.training.torchrun", "--standalone", "--nproc-per-node", "4"),
        *("-m", "lcinfer"),
    ]
