"""Values that the engine on PyTorch does not take: a line each, before any job and in Python."""

import math

import pytest
from support.beside import FAINT, simulation

from lcinfer import cli
from lcinfer.base.errors import UserError
from lcinfer.torch_engine import VERSION
from lcinfer.torch_engine.ranges import mistakes, options_of


def said(options=None, **points) -> list[str]:
    """Of an option, and of a prior's two ends of a parameter with a point between."""
    settings = simulation(16, 48.0, engine="torch")
    simulator = settings.simulator.model_copy(update={"options": options or {}})
    settings = settings.model_copy(update={"simulator": simulator})
    ((name, (low, high)),) = points.items() or {"L_X": (38.0, 42.0)}.items()
    ends = (low, high, low + 0.6 * (high - low))
    tried = {"database.prior": [{**FAINT, name: value} for value in ends]}
    return [*mistakes(settings, tried)]


@pytest.mark.parametrize(
    ("name", "ends", "why"),
    [
        ("HII_EFF_FACTOR", (-10.0, 250.0), "not -10: it must be > 0"),
        ("HII_EFF_FACTOR", (-10.0, 5.0), "not -10: it must be > 0"),
        ("ION_Tvir_MIN", (1e4, 1e6), "takes its decimal logarithm, 4 to 6"),
        ("L_X", (1.0, 500.0), "not 500: the torch engine takes its decimal logarithm, 2.699"),
        ("NU_X_THRESH", (0.0, 1500.0), "not 0: it must be >= 100"),
        ("NU_X_THRESH", (0.1, 1.5), "takes it in eV; 0.1 to 1.5 keV are 100 to 1500 eV"),
        ("NU_X_THRESH", (100.0, 2000.0), "not 2000: it must be < NU_X_BAND_MAX, 2000"),
    ],
)
def test_a_prior_out_of_range_is_one_line(name, ends, why) -> None:
    (line,) = said(**{name: ends})
    assert line.startswith(f"database.prior.{name}: not ") and line.endswith(why)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("N_STEP_TS", 40.5, "not 40.5: it must be a whole number"),
        ("N_STEP_TS", 0, "not 0: it must be > 0"),
        ("R_BUBBLE_MAX", -15, "not -15: it must be > 0"),
        ("R_BUBBLE_MAX", 1.5, "not 1.5: it must be > a cell's radius, 1.86105"),
        ("R_BUBBLE_MIN", 16, "not 16: it must be < R_BUBBLE_MAX, 15"),
        ("DELTA_R_HII_FACTOR", 1.0, "not 1: it must be > 1"),
        ("NU_X_MAX", 1200, "not 1200: it must be >= NU_X_BAND_MAX, 2000"),
        ("NU_X_BAND_MAX", 2e4, "not 20000: it must be <= NU_X_MAX, 10000"),
        ("F_STAR10", 10, "not 10: the torch engine takes its decimal logarithm, 1"),
        ("Y_He", 2, "not 2: it must be < 1"),
        ("R_MAX_TS", -1, "not -1: it must be > 0"),
        ("R_MAX_TS", 0.001, "not 0.001: it must be > a cell's radius, 1.86105"),
        ("R_MAX_TS", 3000, "not 3000: it must be <= 1000"),
        ("X_RAY_SPEC_INDEX", math.nan, "not nan: it must be a finite number"),
    ],
)
def test_an_option_out_of_range_is_one_line(name, value, why) -> None:
    assert said({name: value}) == [f"database.simulator.options.{name}: {why}"]


@pytest.mark.parametrize("options", [{"X_RAY_SPEC_INDEX": -1}, {"N_STEP_TS": 40.0}, {"Y_He": 0}])
def test_what_it_can_compute_is_taken(options) -> None:
    assert said(options) == []


def test_a_threshold_is_held_to_the_bands_own_end() -> None:
    assert said({"NU_X_BAND_MAX": 3000}, NU_X_THRESH=(100.0, 2500.0)) == []
    (line,) = said({"NU_X_BAND_MAX": 400}, NU_X_THRESH=(100.0, 500.0))
    assert line == "database.prior.NU_X_THRESH: not 500: it must be < NU_X_BAND_MAX, 400"


@pytest.mark.parametrize("value", [math.nan, -10.0, 0.0])
def test_python_says_the_same(value) -> None:
    settings = simulation(16, 48.0, engine="torch")
    with pytest.raises(UserError, match=rf"^parameters\.HII_EFF_FACTOR: not {value:g}: it must"):
        options_of(settings, FAINT, {**FAINT, "HII_EFF_FACTOR": value})


def test_check_refuses_them_before_any_job(settings, write_config, capsys) -> None:
    settings["database"]["simulator"] = {"engine": "torch", "engine_version": VERSION}
    settings["database"]["simulator"]["options"] = {"F_STAR10": 10}
    settings["database"]["prior"]["HII_EFF_FACTOR"] = [-10, 250]
    with pytest.raises(SystemExit):
        cli.main(["check", str(write_config(settings))])
    first, *each = capsys.readouterr().err.splitlines()
    assert first.endswith("2 mistakes")
    assert [line.split(":")[0].strip() for line in each] == [
        "database.simulator.options.F_STAR10",
        "database.prior.HII_EFF_FACTOR",
    ]
