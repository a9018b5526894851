"""Small light-cones timed on this machine, and what they say of larger ones."""

from dataclasses import replace

import pytest

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.planning import timing
from lcinfer.planning.timing import Timed, Timing, kind, measure, scaled, sizes
from lcinfer.simulator import gm18 as simulate
from lcinfer.simulator.nodes import nodes

PAPER = config.load("config/config.yaml").database
DEMO = config.load("config/demo.yaml").database


def timed_as(simulation, *seconds: float, **changes) -> Timing:
    """As if boxes of 32, 48, 64 cells had taken so long, on two busy threads."""
    runs = [
        Timed(cells, each, 2 * each, 10**9)
        for cells, each in zip((32, 48, 64), seconds, strict=False)
    ]
    about = {
        "host": "node7",
        "cpu": "a CPU",
        "at_once": 1,
        "date": "2026-01-01",
        "versions": {},
    } | changes
    return Timing(fingerprint=kind(simulation), runs=tuple(runs), **about)


def test_a_cost_that_grows_with_the_cells_is_extrapolated_exactly() -> None:
    timed = timed_as(PAPER, *(10 + 1e-4 * cells**3 for cells in (32, 48, 64)))
    assert timed.seconds(PAPER) == pytest.approx(10 + 1e-4 * 200**3)
    assert "to 31 times the cells" in timed.doubt(PAPER)
    assert "tell the CPU time of the largest to +0%" in timed.doubt(PAPER)


def test_the_error_of_the_last_step_is_said() -> None:
    linear = [10 + 1e-4 * cells**3 for cells in (32, 48)]
    timed = timed_as(PAPER, *linear, 2 * (10 + 1e-4 * 64**3))
    assert "to -50%" in timed.doubt(PAPER)


def test_a_machine_that_was_not_free_is_said() -> None:
    assert "CPUs" not in timed_as(PAPER, 10, 20, 30).doubt(PAPER)
    busy = replace(timed_as(PAPER), runs=(Timed(32, 10, 10, 10**9),))
    assert "it had 1.0 of 2 CPUs" in busy.doubt(PAPER)


def test_what_else_ran_makes_a_prediction_too_large_and_never_too_small() -> None:
    free = timed_as(PAPER, 15, 35, 60)
    slowed = [replace(run, seconds=2 * run.seconds) for run in free.runs[:2]]
    disturbed = replace(free, runs=(*slowed, free.runs[-1]))
    assert disturbed.seconds(PAPER) > free.seconds(PAPER)


def test_noise_never_makes_a_larger_box_cheaper_or_a_small_one_free() -> None:
    assert timed_as(PAPER, 30, 20, 10).seconds(PAPER) > 0
    assert timed_as(PAPER, 1, 20, 100).seconds(scaled(PAPER, 30)) > 0


def test_boxes_are_small_hold_their_bubbles_and_are_not_above_the_one_asked_for(settings) -> None:
    assert sizes(PAPER) == [32, 48, 64]
    assert sizes(DEMO) == [16, 24, 32]
    assert sizes(config.parse(settings).database) == [8]
    larger = PAPER.model_copy(
        update={"simulator": PAPER.simulator.model_copy(update={"options": {"R_BUBBLE_MAX": 30.0}})}
    )
    assert sizes(larger)[0] * PAPER.box.cell_size >= 90


@pytest.mark.parametrize("cells", [32, 48])
def test_a_scaled_light_cone_has_the_same_cells_nodes_and_kind(cells) -> None:
    small = scaled(PAPER, cells)
    assert small.box.cell_size == PAPER.box.cell_size
    assert nodes(small) == nodes(PAPER)
    assert small.lightcone == PAPER.lightcone
    assert kind(small) == kind(PAPER)


MOVED = PAPER.model_copy(
    update={"simulator": PAPER.simulator.model_copy(update={"velocities": "both"})}
)


@pytest.mark.parametrize("of", [PAPER, DEMO, MOVED])
def test_nodes_are_counted_as_the_simulator_counts_them(of) -> None:
    assert nodes(of) == len(simulate.node_redshifts(of))


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("simulator", {"threads": 4}),
        ("simulator", {"z_step_factor": 1.05}),
        ("simulator", {"engine": "support.standin:simulate"}),
        ("box", {"hires_factor": 2}),
        ("box", {"length": 400.0}),
        ("lightcone", {"cells": 1100}),
    ],
)
def test_another_kind_of_light_cone_needs_another_timing(tmp_path, section, change) -> None:
    timing.keep(tmp_path, timed_as(PAPER, 10))
    other = PAPER.model_copy(update={section: getattr(PAPER, section).model_copy(update=change)})
    assert timing.find(tmp_path, PAPER) is not None
    assert timing.find(tmp_path, other) is None


def test_this_hosts_timing_counts_before_a_newer_one_of_another(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "login1")
    old, new = timed_as(PAPER, 10, host="node7"), timed_as(PAPER, 20, host="node8")
    for each in (replace(new, date="2026-02-02"), old):
        timing.keep(tmp_path, each)
    assert timing.find(tmp_path, PAPER).host == "node8"
    timing.keep(tmp_path, replace(old, host="login1"))
    assert timing.find(tmp_path, PAPER) == replace(old, host="login1")


def test_a_stand_in_engine_is_timed_like_any_other(settings) -> None:
    small = {**settings, "database": dict(settings["database"])}
    settings["database"] |= {"box": {"cells": 24, "length": 144}}
    database = config.parse(settings).database
    made = measure(database)
    assert [run.cells for run in made.runs] == [16, 24]
    assert all(run.seconds > 0 and run.peak_bytes > 10**6 for run in made.runs)
    assert made.fingerprint == kind(database)
    assert made.versions["lcinfer"]
    together = measure(config.parse(small).database, at_once=2)
    assert (together.at_once, len(together.runs)) == (2, 1)


def test_an_engine_that_fails_is_one_line(settings) -> None:
    settings["database"]["simulator"]["engine"] = "support.standin:raises"
    with pytest.raises(UserError, match=r"timing a light-cone of 8\^3 cells: .*no such"):
        measure(config.parse(settings).database)


def test_a_damaged_timing_is_named(tmp_path) -> None:
    path = timing.keep(tmp_path, timed_as(PAPER, 10))
    for text in ("", "[]", '{"runs": 3}', '{"runs": []}', '{"runs": [{"cells": 3}]}'):
        path.write_text(text)
        with pytest.raises(UserError, match=f"{path} is damaged: move it aside"):
            timing.find(tmp_path, PAPER)
