"""Several realisations at once: each is what it would be by itself, whatever becomes of others."""

import os
import time
from contextlib import closing

import pytest
from support import standin, together
from support.beside import FAINT, simulation
from support.ranks import attempts, cones_of, run, shards, simulate

from lcinfer import cli
from lcinfer.config import load
from lcinfer.engines import engine_of
from lcinfer.lightcones import journal
from lcinfer.lightcones.aside import realization
from lcinfer.lightcones.child import Simulating
from lcinfer.stages import simulate as stage
from lcinfer.torch_engine import VERSION


@pytest.fixture(autouse=True)
def _noted(tmp_path, monkeypatch) -> None:
    (tmp_path / "batches").touch()
    monkeypatch.setenv(standin.MARKER, str(tmp_path / "batches"))


@pytest.fixture
def campaign(settings, write_config, tmp_path):
    """A function: the light-cones of this stand-in's block of four, and what the campaign said."""

    def make(engine, *more, ranks=1, block="0-4"):
        settings["database"]["simulator"]["engine"] = f"support.together:{engine}"
        name = f"{engine}{len(list(tmp_path.iterdir()))}"
        path = write_config(settings, f"{name}.yaml")
        cones = cones_of(path, tmp_path / name)
        return cones, run(simulate(path, tmp_path / name, ranks, "--block", block, *more))

    return make


@pytest.fixture
def child(settings, write_config, tmp_path):
    """A function: a child that makes realisations 0 to 3 with this stand-in, and its records."""
    started = []

    def records(engine, limit=60.0, count=4):
        settings["database"]["simulator"]["engine"] = f"support.together:{engine}"
        cones = cones_of(write_config(settings), tmp_path / engine)
        started.append(Simulating(cones.simulation, cones.store, limit))
        started[-1].start([realization(cones, index) for index in range(count)])
        ended, patience = {}, time.monotonic() + 60
        while started[-1].busy:
            assert time.monotonic() < patience
            if record := started[-1].result(0.1):
                assert record["index"] not in ended
                ended[record["index"]] = record
        return ended

    yield records
    for each in started:
        each.close()


def failed(cones) -> list[int]:
    return sorted(line["index"] for line in journal.failures(cones.journal))


def odd(cones, count=4) -> list[int]:
    return [i for i in range(count) if realization(cones, i)["seed"] % 2]


def test_each_is_what_it_is_alone_and_says_with_whom_it_was_made(campaign) -> None:
    alone, done = campaign("simulate", block="0-12")
    assert done.returncode == 0 and together.batches() == []
    several, done = campaign("simulate", "--batch", "3", block="0-12", ranks=2)
    assert done.returncode == 0, done.stderr
    assert sorted(map(len, together.batches())) == [3, 3, 3, 3]
    assert shards(several) == shards(alone)
    assert attempts(several) == attempts(alone) == list(range(12))
    for line in journal.records(several.journal):
        assert len(line["companions"]) == 2 and line["index"] not in line["companions"]
    assert not any("companions" in line for line in journal.records(alone.journal))


def test_an_engine_that_makes_one_at_a_time_is_given_a_batch_and_does_so(campaign) -> None:
    cones, done = campaign("alone", "--batch", "4")
    assert done.returncode == 0, done.stderr
    assert attempts(cones) == [0, 1, 2, 3]
    assert not any("companions" in line for line in journal.records(cones.journal))


@pytest.mark.parametrize("engine", ["raises", "returns_nan", "segfaults"])
def test_only_what_fails_alone_too_loses_an_attempt(campaign, engine) -> None:
    cones, done = campaign(engine, "--batch", "4")
    assert done.returncode == 1
    assert "of a batch failed and will be made alone" in done.stderr
    assert attempts(cones) == [0, 1, 2, 3]  # each ended once
    assert failed(cones) == odd(cones) != []
    assert [len(seeds) for seeds in together.batches()] == [4]


@pytest.mark.parametrize("engine", ["bad_company", "dies_in_company", "short"])
def test_what_does_well_alone_loses_nothing_by_its_companions(campaign, engine) -> None:
    cones, done = campaign(engine, "--batch", "4")
    assert done.returncode == 0, done.stderr
    assert "light-cones of a batch failed and will be made alone: " in done.stderr
    assert attempts(cones) == [0, 1, 2, 3] and failed(cones) == []


def test_a_batch_may_take_the_limit_of_each_and_is_then_repeated_one_by_one(child, capsys) -> None:
    assert all("digest" in record for record in child("slow", limit=1.5).values())
    assert capsys.readouterr().err == ""  # 2 s of 6 s
    assert all("digest" in record for record in child("hangs_in_company", limit=1.5).values())
    assert "4 light-cones of a batch failed" in capsys.readouterr().err


def test_seconds_are_a_light_cones_share(child) -> None:
    records = child("slow").values()
    assert all(0.5 <= record["seconds"] < 1.5 for record in records)
    assert len({record["began"] for record in records}) == 4


@pytest.mark.parametrize(("batch", "done"), [("2", [0, 1, 2, 3]), ("4", [0])])
def test_a_job_about_to_end_begins_no_batch_that_would_not_end_in_time(
    settings, write_config, tmp_path, batch, done
) -> None:
    settings["database"]["simulator"]["engine"] = "support.together:simulate"
    cones = cones_of(write_config(settings), tmp_path / "results")
    command = simulate(write_config(settings), tmp_path / "results", 1, "--block")
    run([*command, "0-1"])
    before = next(iter(journal.records(cones.journal)))
    lines = journal.Journal(cones.journal, "slower")
    lines.append(before | {"began": time.time() - 900, "seconds": 900.0})
    lines.close()
    end = str(int(time.time() + 3000))  # a quarter of an hour each, and a quarter of that to spare
    said = run([*command, "0-4", "--batch", batch], SLURM_JOB_END_TIME=end)
    assert sorted(journal.finished(cones.journal)) == done, said.stderr


def test_a_batch_stopped_between_two_leaves_the_rest(campaign) -> None:
    """An engine that makes one at a time ends with the light-cone that is under way."""
    cones, done = campaign("signals", "--batch", "4")
    assert done.returncode == 1
    assert "stopped by signal SIGUSR1; 3 of light-cones 0 to 3 are left" in done.stderr
    assert attempts(cones) == [0]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_rank_takes_a_gpu_of_its_own(settings, write_config, tmp_path, monkeypatch, place):
    settings["database"]["simulator"]["engine"] = "support.standin:looks_around"
    cones = cones_of(write_config(settings), tmp_path / "results")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-7")
    child = Simulating(cones.simulation, cones.store, 60, "cuda", place)
    with closing(child):
        child.start([realization(cones, 0)])
        while child.result(1.0) is None:
            pass
    seen = (tmp_path / "batches").read_text()
    assert f'"CUDA_VISIBLE_DEVICES": "{["4", "GPU-7"][place % 2]}"' in seen
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,GPU-7"


def test_on_a_cpu_light_cones_of_the_torch_engine_do_not_depend_on_the_batch(
    settings, write_config, tmp_path
) -> None:
    database = settings["database"]
    database |= {"box": {"cells": 16, "length": 48}, "lightcone": {"z_min": 6, "cells": 1043}}
    database["simulator"] = {"engine": "torch", "engine_version": VERSION, "z_step_factor": 1.6}
    settings["mocks"]["FAINT"]["parameters"] = FAINT
    path = write_config(settings)
    made = []
    for name, *more in (("one",), ("two", "--batch", "2")):
        made.append(cones_of(path, tmp_path / name))
        done = run(simulate(path, tmp_path / name, 1, "--block", "0-2", *more))
        assert done.returncode == 0, done.stderr
    assert shards(made[0]) == shards(made[1])
    said = "--batch 2 is not used: the engine torch makes light-cones one by one on a CPU"
    assert done.stderr.count(said) == 1
    assert engine_of(load(path).database).load_batch("cpu") is None


def test_a_gpu_that_is_not_there_stops_a_rank_and_costs_no_attempt(
    settings, write_config, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    settings["database"]["box"] = {"cells": 16, "length": 48}
    settings["database"]["simulator"] = {"engine": "torch", "engine_version": VERSION}
    path = write_config(settings)
    cones = cones_of(path, tmp_path / "results")
    done = run(simulate(path, tmp_path / "results", 1, "--block", "0-4", "--device", "cuda"))
    assert done.returncode == 1
    assert "light-cone 0, which cannot be made: device cuda: PyTorch" in done.stderr
    assert attempts(cones) == []


@pytest.mark.parametrize(
    ("engine", "batch", "device", "said"),
    [
        ("21cmfast", 3, "cuda", ["device cuda", "batch 3"]),
        ("21cmfast", 1, "cuda:1", ["device cuda:1"]),
        ("21cmfast", 1, "cpu", []),
        ("torch", 3, "cpu", ["batch 3"]),
        ("torch", 3, "cuda:1", []),
        ("support.together:simulate", 3, "cpu", []),
    ],
)
def test_what_an_engine_has_no_use_for_is_said(engine, batch, device, said) -> None:
    chosen = engine_of(simulation(16, 48.0, engine=engine))
    lines = stage._unused(chosen, batch, device)
    assert [line.partition(" is not used: the engine ")[0] for line in lines] == [
        f"--{what}" for what in said
    ]


def test_a_batch_of_none_is_refused(settings, write_config, capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["stage", "simulate", str(write_config(settings)), "cones", "--batch", "0"])
    assert "argument --batch: '0' is not a whole number above 0" in capsys.readouterr().err
