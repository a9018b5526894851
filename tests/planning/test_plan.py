"""What is left of a run, and what that costs."""

import json
import os

import pytest
from support.filling import complete, fill

from lcinfer import cli, config
from lcinfer.lightcones import journal
from lcinfer.planning import timing
from lcinfer.planning.comparison import compare
from lcinfer.planning.plan import Ranks, here, number, plan, size, span
from lcinfer.planning.timing import Timed, Timing, kind
from lcinfer.products.run import Run
from lcinfer.stages import images, lightcones


@pytest.fixture
def run(settings, tmp_path) -> Run:
    settings["database"]["simulator"]["threads"] = 2
    return Run(config.parse(settings), tmp_path / "results")


def finish(run: Run) -> None:
    """Light-cones of a run, and what is made of them."""
    for cones in run.lightcones.values():
        complete(cones)
    for inputs in run.inputs:
        images.make(inputs)


def journaled(run: Run, *minutes: float) -> None:
    """As if light-cones 0, 1, ... had taken so long."""
    lines = journal.Journal(run.database.journal, "a")
    for index, each in enumerate(minutes):
        times = {"began": 0.0, "seconds": 60.0 * each, "peak_bytes": 10**9 * (index + 1)}
        lines.append({"index": index, "digest": f"{index}", **times})
    lines.close()


def time_them(run: Run, seconds: float) -> None:
    simulation = run.database.simulation
    made = Timing(
        fingerprint=kind(simulation),
        host="node7",
        cpu="a CPU",
        at_once=1,
        date="2026-01-01",
        versions={},
        runs=(Timed(8, seconds, 2 * seconds, 5 * 10**9),),
    )
    timing.keep(run.root, made)


def test_the_journal_comes_before_a_timing_and_that_before_the_scaling(run) -> None:
    assert "scaling" in plan(run).cost.source
    assert "nothing is known of support.standin:simulate" in plan(run).cost.doubt
    time_them(run, 50)
    assert (plan(run).cost.seconds, plan(run).cost.peak_bytes) == (pytest.approx(50), 5 * 10**9)
    assert "node7" in plan(run).cost.source
    journaled(run, 1, 2, 6)
    found = plan(run).cost
    assert (found.seconds, found.peak_bytes) == (pytest.approx(180), 3 * 10**9)
    assert found.doubt == "they took 0.33 to 2.00 of their mean"


def test_without_a_number_of_ranks_the_time_is_that_of_this_machine(run, monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert here(run).total == 4  # of two threads each
    wall = next(line for line in str(plan(run, here(run))).splitlines() if "wall time" in line)
    assert "with 4 ranks, as many as this machine has CPUs for" in wall


def test_light_cones_that_are_there_cost_nothing_more(run) -> None:
    journaled(run, 30, 30, 30, 30, 30)
    left = plan(run)
    cones, mock = left.parts
    assert (cones.light_cones, cones.left, cones.blocks) == (12, 7, (3, 4))
    assert cones.core_hours == pytest.approx(7 * 0.5 * 2)
    assert cones.raw == 7 * 8 * 8 * 40 * 4
    assert left.core_hours == pytest.approx(9 * 0.5 * 2)
    assert mock.left == 2


def test_the_papers_database_costs_what_its_measured_light_cone_says() -> None:
    left = plan(Run(config.load("config/config.yaml")))
    assert left.cost.seconds * left.threads == pytest.approx(2691, rel=0.1)  # docs/simulator.md
    database_ = left.parts[0]
    assert database_.raw == 10_000 * 200 * 200 * 2200 * 4
    assert database_.stored == pytest.approx(0.73 * database_.raw)  # docs/measurements.md
    assert left.above_limit
    assert sum(len(part.blocks) for part in left.parts) == 104


def test_the_demo_is_far_below_the_limits() -> None:
    left = plan(Run(config.load("config/demo.yaml")))
    assert left.core_hours < 1
    assert not left.above_limit


@pytest.mark.parametrize(
    ("ranks", "rounds"),
    [
        (Ranks(1, 1), 14),
        (Ranks(2, 2), 2 * 3 + 1),
        (Ranks(3, 3), 2 * 3 + 1),
        (Ranks(16, 16), 4),
        (Ranks(8, 4), 2),
        (Ranks(16, 4), 1),
        (Ranks(1000, 4), 1),
    ],
)
def test_wall_time_is_that_of_blocks_on_the_jobs_that_fit(run, ranks, rounds) -> None:
    time_them(run, 50)
    assert plan(run, ranks).wall_seconds == pytest.approx(50 * rounds)


@pytest.fixture
def observed(settings, tmp_path) -> Run:
    """With all that can be made of light-cones."""
    settings["images"] |= {"slices": 8, "spacing": 6}
    settings["instruments"] = {"ska": {"layout": "AA*", "track": 0.5, "longest_baseline": 1.5}}
    settings["spectra"] = {"rings": {"bins": 3}, "shells": {"kind": "spherical", "mean": True}}
    (training,) = settings["trainings"].values()
    settings["trainings"]["noisy"] = {**training, "instrument": "ska"}
    return Run(config.parse(settings), tmp_path / "results")


@pytest.mark.parametrize("which", ["run", "observed"])
def test_files_and_directories_are_those_of_a_finished_campaign(which, request) -> None:
    run = request.getfixturevalue(which)
    before = plan(run, Ranks(1, 1))
    finish(run)
    files = directories = 0
    for product in (*run.lightcones.values(), *run.inputs):
        for _, below, names in os.walk(product.directory):
            files, directories = files + len(names), directories + len(below)
    journals = sum(len(part.blocks) for part in before.parts)  # filled by one writer each
    excess = journals - len(run.lightcones)
    assert sum(part.files for part in before.parts) - excess == files
    assert sum(part.directories for part in before.parts) == pytest.approx(directories, rel=0.02)


def test_what_is_not_made_of_light_cones_that_are_there_is_left(observed) -> None:
    for cones in observed.lightcones.values():
        complete(cones)
    left = plan(observed)
    cones, mock = left.parts
    numbers = 2 * 16 * 8 * 40 + 5 * 3 * 3 + 5 * (7 + 1)  # sky, ska, rings, shells with means
    assert (cones.left, cones.stored) == (0, 0)
    assert cones.images == round(12 * 4 * numbers * left.cost.compression)
    assert left.bytes == cones.images + mock.images
    finish(observed)
    assert plan(observed).bytes == 0


def test_a_finished_campaign_has_nothing_left_and_is_compared_with_what_was_foreseen(run) -> None:
    finish(run)
    left = plan(run)
    assert (left.core_hours, left.bytes, left.wall_seconds) == (0, 0, 0)
    compared = compare(run, Ranks(1, 1))
    assert compared.light_cones == 14
    rows = {row.what: row for row in compared.rows}
    assert rows["disk, light-cones and images"].measured > 100_000
    assert rows["files"].predicted == pytest.approx(rows["files"].measured, rel=0.05)
    assert rows["a light-cone"].measured == plan(run).cost.seconds
    assert "scaling" in compared.source


def test_jobs_that_are_done_are_not_counted(run) -> None:
    before = plan(run).jobs
    lightcones.prepare(run.database)
    fill(run.database, 0, 1, 2, 3)
    lightcones.finish_block(run.database, (0, 4))
    assert before - plan(run).jobs == 2


def said(capsys, *arguments) -> str:
    cli.main(["plan", *map(str, arguments)])
    return capsys.readouterr().out


def test_the_verb_times_plans_and_compares(settings, write_config, tmp_path, capsys) -> None:
    path, root = write_config(settings), tmp_path / "results"
    text = said(capsys, path, "--results", root, "--time")
    assert "8^3 cells: " in text
    assert "small ones timed on " in text
    assert "jobs          4 of simulation, 22 in the whole workflow" in text
    finish(Run(config.load(path), root))
    text = said(capsys, path, "--results", root, "--nodes", 2, "--ranks-per-node", 8)
    assert "with 16 ranks on 2 nodes: 1 job at a time" in text
    assert "14 light-cones already there" in text
    told = json.loads(said(capsys, path, "--results", root, "--json", "--ranks", 4))
    assert told["core_hours"] == 0
    assert told["check"]["rows"][0]["what"] == "a light-cone"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--nodes", "2"), "give --nodes with --ranks-per-node, or --ranks alone"),
        (("--ranks-per-node", "2"), "give --nodes with --ranks-per-node, or --ranks alone"),
        (("--nodes", "2", "--ranks-per-node", "2", "--ranks", "4"), "or --ranks alone"),
        (("--check",), "no light-cone of this configuration is there"),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    settings, write_config, tmp_path, capsys, options, says
) -> None:
    with pytest.raises(SystemExit) as stopped:
        said(capsys, write_config(settings), "--results", tmp_path, *options)
    assert stopped.value.code == 1
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("ranks", ["0", "-1", "many"])
def test_ranks_are_whole_numbers_above_0(settings, write_config, capsys, ranks) -> None:
    with pytest.raises(SystemExit) as stopped:
        said(capsys, write_config(settings), "--ranks", ranks)
    assert stopped.value.code == 2


def test_numbers_have_the_digits_of_an_estimate() -> None:
    assert [number(it) for it in (9875.4, 99.44, 0.0123456)] == ["9,875", "99.4", "0.0123"]
    assert [size(it) for it in (0, 999, 1e9, 2.64e12)] == ["0 B", "999 B", "1 GB", "2.64 TB"]
    assert [span(it) for it in (90, 121, 3 * 3600, 14.5 * 86400)] == [
        "90 s",
        "2.02 min",
        "3 h",
        "14.5 days",
    ]
