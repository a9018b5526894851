"""One tiny light-cone, and how it fails."""

from pathlib import Path

import pytest

from lcinfer import config
from lcinfer.doctor import trial
from lcinfer.products.run import Run

CONFIGS = Path(__file__).parents[2] / "config"


def with_engine(settings, engine: str) -> None:
    settings["database"]["simulator"]["engine"] = f"support.standin:{engine}"


def test_a_light_cone_is_made_written_and_read_back(site):
    (line,) = trial.check_simulation(site())
    assert (line.level, line.check) == ("PASS", "simulation")
    assert line.what.startswith("8 x 8 x 40 cells in ")
    assert "written and read back" in line.what


@pytest.mark.parametrize(
    ("engine", "says"), [("raises", "no such universe"), ("segfaults", "signal SIGSEGV")]
)
def test_an_engine_that_fails_is_told_with_its_reason(site, settings, engine, says):
    with_engine(settings, engine)
    (line,) = trial.check_simulation(site())
    assert line.level == "FAIL"
    assert says in line.what


def test_an_engine_that_takes_too_long_is_ended(site, settings):
    with_engine(settings, "sleeps")
    (line,) = trial.check_simulation(site(limit=3.0))
    assert line.level == "FAIL"
    assert "longer than 3 s" in line.what


def test_data_that_read_back_as_others_fail(site, monkeypatch):
    monkeypatch.setattr(trial.store, "digest", lambda *_: "another")
    (line,) = trial.check_simulation(site())
    assert (line.level, "reads back other" in line.what) == ("FAIL", True)


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml"])
def test_it_is_tiny_and_has_the_configurations_physics_and_room_for_its_bubbles(name):
    given = config.load(CONFIGS / name)
    made = Run(trial.tiny(given)).database.simulation
    assert made.box.cells <= trial.CELLS
    assert made.box.length >= 45
    assert made.lightcone.cells <= trial.ALONG
    assert made.cosmology == given.database.cosmology
    assert made.simulator.options == given.database.simulator.options
    assert type(made).model_validate(made.model_dump()) == made
