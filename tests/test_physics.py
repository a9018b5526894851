"""Physics that py21cmfast would not take is refused before anything is simulated."""

import json
import subprocess
import sys

import pytest
from astropy import constants
from py21cmfast.wrapper import inputs

from lcinfer import cli, config
from lcinfer.base.errors import UserError
from lcinfer.cli import arguments
from lcinfer.products.run import Run
from lcinfer.simulator import installation, physics


@pytest.fixture
def physical(settings):
    """Settings of a simulation with 21cmFAST that nothing is wrong with."""
    settings["database"]["box"] = {"cells": 8, "length": 48}
    simulator = {"engine_version": installation.installed(), "z_step_factor": 1.4, "z_heat_max": 12}
    settings["database"]["simulator"] = simulator
    return settings


def vary(settings, **ranges):
    """Vary these too, or over these ranges; mocks are in the middle."""
    settings["database"]["prior"] |= ranges
    for name, (low, high) in ranges.items():
        settings["mocks"]["FAINT"]["parameters"][name] = (low + high) / 2


def found(settings, tmp_path) -> list[str]:
    """What is said of them."""
    run = Run(config.parse(settings), tmp_path)
    tried = {"database.prior": run.database.design.tried}
    tried["mocks.FAINT.parameters"] = run.mocks["FAINT"].design.tried
    return physics.mistakes(run.database.simulation, tried)


def test_nothing_is_said_of_what_py21cmfast_takes(physical, tmp_path):
    vary(physical, SIGMA_8=[0.7, 0.9])
    physical["database"]["simulator"]["options"] = {"POP2_ION": "4e3", "INHOMO_RECO": True}
    assert found(physical, tmp_path) == []


def test_misspelt_names_are_listed_before_all_else_with_what_was_meant(physical, tmp_path):
    vary(physical, NU_X_THRESH=[0.1, 1.5], LX=[38, 42])
    physical["database"]["simulator"]["options"] = {"USE_TS_FLUC": True, "HMF": "STT"}
    assert [line.partition(": ")[0] for line in found(physical, tmp_path)] == [
        "database.simulator.options.USE_TS_FLUC",
        "database.prior.LX",
        "database.simulator.options.HMF",
        "database.prior.NU_X_THRESH",
        "mocks.FAINT.parameters.NU_X_THRESH",
    ]
    first = found(physical, tmp_path)[0]
    assert "py21cmfast has no such input (did you mean USE_TS_FLUCT?)" in first


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("use_ts_fluct", "USE_TS_FLUCT"),
        ("zeta", "HII_EFF_FACTOR"),
        ("Tvir", "ION_Tvir_MIN"),
        ("LX", "L_X"),
        ("E0", "NU_X_THRESH"),
        ("R_mfp", "R_BUBBLE_MAX"),
    ],
)
def test_names_of_papers_and_of_other_spelling_are_understood(physical, tmp_path, name, meant):
    physical["database"]["simulator"]["options"] = {name: 1}
    assert f"(did you mean {meant}?)" in found(physical, tmp_path)[0]


@pytest.mark.parametrize(
    ("name", "ends", "hint"),
    [
        ("ION_Tvir_MIN", [1e4, 1e6], "not 10000 to 1e+06: py21cmfast takes its decimal logarithm"),
        ("L_X", [1e38, 1e42], "decimal logarithm, 38 to 42"),
        ("L_X", [40, 4000], "not 4000: py21cmfast takes its decimal logarithm, 3.602"),
        ("F_STAR10", [0.01, 0.5], "decimal logarithm, -2 to -0.301"),
        ("NU_X_THRESH", [0.1, 1.5], "takes it in eV; 0.1 to 1.5 keV are 100 to 1500 eV"),
        ("NU_X_THRESH", [100, 2500], "not 2500: py21cmfast refuses it: Chosen NU_X_THRESH > 2000"),
        ("N_STEP_TS", [20, 40], "py21cmfast would make 32 of it"),
    ],
)
def test_values_in_another_unit_are_refused_with_the_unit(physical, tmp_path, name, ends, hint):
    vary(physical, **{name: ends})
    said = [line for line in found(physical, tmp_path) if line.startswith("database.prior")]
    assert len(said) == 1
    assert said[0].startswith(f"database.prior.{name}: ")
    assert hint in said[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"POP2_ION": "many"}, "POP2_ION: not 'many'"),
        ({"INHOMO_RECO": "no"}, "INHOMO_RECO: not 'no': py21cmfast would make True of it"),
        (
            {"USE_EXP_FILTER": True, "CELL_RECOMB": False, "HII_FILTER": "spherical-tophat"},
            "USE_EXP_FILTER: not True: py21cmfast refuses it: USE_EXP_FILTER is True but",
        ),
    ],
)
def test_options_that_py21cmfast_does_not_take_as_they_are_are_named(
    physical, tmp_path, options, says
):
    physical["database"]["simulator"]["options"] = options
    (line,) = found(physical, tmp_path)
    assert says in line


def test_values_that_are_refused_together_alone_are_told_as_a_point(physical, tmp_path):
    vary(physical, NU_X_THRESH=[1000, 1900], NU_X_BAND_MAX=[1500, 3000])
    assert "database.prior: py21cmfast refuses" in found(physical, tmp_path)[0]
    vary(physical, NU_X_THRESH=[1000, 2500], NU_X_BAND_MAX=[2600, 3000])
    assert found(physical, tmp_path) == [], "above the band's usual end, and not above its own"


def test_an_unknown_template_is_told_with_those_that_there_are(physical, tmp_path):
    physical["database"]["simulator"] |= {"template": "const-zta", "options": {"HMFF": "ST"}}
    vary(physical, NU_X_THRESH=[0.1, 1.5])
    template, option, energy, mock = found(physical, tmp_path)
    assert "no template const-zta (did you mean const-zeta?); it has " in template
    assert "options.HMFF" in option
    assert "takes it in eV" in energy and "takes it in eV" in mock


def test_check_says_it_once_py21cmfast_was_asked_in_a_process_of_its_own(
    physical, write_config, capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(installation, "QUIET_SECONDS", 300)
    physical["database"]["simulator"]["options"] = {"USE_TS_FLUC": True, "HMF": "STT"}
    path = write_config(physical)
    for _ in range(2):
        with pytest.raises(SystemExit):
            cli.main(["check", str(path)])
        first, *each = capsys.readouterr().err.splitlines()
        assert first == f"lcinfer: {path}: 2 mistakes"
        assert [line.split(":")[0].split(".")[-1] for line in each] == ["USE_TS_FLUC", "HMF"]
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("asked again"))


def test_mistakes_of_physics_and_of_other_sections_are_listed_together(
    physical, write_config, capsys, tmp_path, monkeypatch
):
    monkeypatch.setattr(installation, "check_library", lambda _: None)
    monkeypatch.setattr(installation, "_once", lambda *_: ["database.prior.L_X: no"])
    physical["split"]["tset"] = 4
    path = write_config(physical)
    with pytest.raises(SystemExit):
        cli.main(["check", str(path)])
    first, *each = capsys.readouterr().err.splitlines()
    assert first == f"lcinfer: {path}: 2 mistakes"
    assert each == ["  split.tset: unknown key (did you mean test?)", "  database.prior.L_X: no"]
    physical["database"]["seeed"] = 4
    with pytest.raises(SystemExit):
        cli.main(["check", str(write_config(physical))])
    assert "L_X" not in capsys.readouterr().err, "what is no simulation is asked about by nobody"


@pytest.mark.parametrize(("sleeps", "quiet", "told"), [(0, 60, ""), (1, 0.5, installation.SLOW)])
def test_what_takes_long_to_answer_is_not_waited_for_without_a_word(
    capsys, monkeypatch, sleeps, quiet, told
):
    run, answers = subprocess.run, f"import time; time.sleep({sleeps}); print('[]')"
    command = [sys.executable, "-c", answers]
    monkeypatch.setattr(subprocess, "run", lambda _, **how: run(command, **how))
    monkeypatch.setattr(installation, "QUIET_SECONDS", quiet)
    assert installation._asked("any") == []
    assert capsys.readouterr().err.strip() == told


def test_class_runs_once_for_a_cosmology(physical, tmp_path, asked, monkeypatch):
    physical["database"]["simulator"]["options"] = {"POWER_SPECTRUM": "CLASS"}
    arguments.ask_engine(Run(config.parse(physical), tmp_path), tmp_path)
    ran = []
    monkeypatch.setattr(inputs, "run_classy", lambda **settings: ran.append(settings))
    units = {"d_m": 1, "v_cb": constants.c}
    transfer = {kind: inputs.k_transfer.value * unit for kind, unit in units.items()}
    monkeypatch.setattr(inputs, "get_transfer_function", lambda kind, **_: transfer[kind])
    monkeypatch.setattr(inputs, "find_redshift_kinematic_decoupling", lambda _: 1000.0)
    assert physics.answer(json.dumps(asked[0])) == "[]"
    assert len(ran) == 1


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What is asked in child processes, which are none here; and the library is right."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(installation, "check_library", lambda _: None)
    questions = []
    monkeypatch.setattr(
        installation, "_asked", lambda _, text: questions.append(json.loads(text)) or []
    )
    return questions


def test_a_section_is_asked_about_once_and_an_edited_one_again(physical, tmp_path, asked):
    for options in ({}, {}, {"POP2_ION": 4000}, {}):
        physical["database"]["simulator"]["options"] = options
        arguments.ask_engine(Run(config.parse(physical), tmp_path), tmp_path)
    assert [it["simulation"]["simulator"]["options"] for it in asked] == [{}, {"POP2_ION": 4000}]


def test_corners_and_mocks_of_what_is_left_to_simulate_are_asked_about(physical, tmp_path, asked):
    run = Run(config.parse(physical), tmp_path)
    arguments.ask_engine(run, tmp_path)
    prior = run.config.database.prior
    (question,) = asked
    corners = question["tried"]["database.prior"]
    assert len({tuple(point.values()) for point in corners}) == 2 ** len(prior) + 1
    assert all(low <= it[name] <= high for it in corners for name, (low, high) in prior.items())
    assert question["tried"]["mocks.FAINT.parameters"] == [run.config.mocks["FAINT"].parameters]
    run.database.directory.mkdir(parents=True)
    run.database.sealed.write_text("{}")
    arguments.ask_engine(run, tmp_path)
    assert list(asked[1]["tried"]) == ["mocks.FAINT.parameters"]


def test_another_engine_may_have_parameters_of_any_name(settings, tmp_path, asked):
    vary(settings, bananas=[1, 2])
    arguments.ask_engine(Run(config.parse(settings), tmp_path), tmp_path)
    assert asked == []


def test_a_mock_outside_the_prior_is_a_warning(settings, write_config, capsys):
    settings["mocks"]["FAINT"]["parameters"]["L_X"] = 43
    cli.main(["check", str(write_config(settings))])
    said = capsys.readouterr()
    assert said.err == (
        "lcinfer: warning: mocks.FAINT.parameters.L_X: 43 is outside database.prior, 38 to 42, "
        "where no network learns\n"
    )
    assert said.out.startswith("run ")


def test_design_by_hand_asks_too_and_writes_nothing(physical, write_config, tmp_path, monkeypatch):
    def refuse(*_):
        raise UserError("no")

    monkeypatch.setattr(installation, "check_library", lambda _: None)
    monkeypatch.setattr(installation, "check_physics", refuse)
    path = write_config(physical)
    with pytest.raises(SystemExit):
        cli.main(["design", str(path), "cones", "--results", str(tmp_path / "results")])
    assert not (tmp_path / "results").exists()
