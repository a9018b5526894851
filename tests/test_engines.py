"""Engines by their names: what a configuration may ask of each, and what is recorded of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import standin
from support.beside import FAINT, simulation

from lcinfer import cli, config
from lcinfer.audit import databases
from lcinfer.base.errors import UserError
from lcinfer.cli.arguments import ask_engine, check_engine, check_settings
from lcinfer.config.sections import ENGINES, Simulator
from lcinfer.engines import REGISTERED, engine_of
from lcinfer.lightcones import store
from lcinfer.lightcones.child import realize
from lcinfer.products.run import Run
from lcinfer.torch_engine import VERSION, simulate
from lcinfer.torch_engine.engine import simulate as simulate_on_torch

TORCH = {"engine": "torch", "engine_version": VERSION, "z_step_factor": 1.6}


@pytest.fixture
def on_torch(settings):
    """A configuration that the engine on PyTorch takes."""
    settings["database"]["simulator"] = dict(TORCH)
    return settings


def checked(settings, root) -> Run:
    """As when a workflow is read."""
    run = Run(config.parse(settings), root)
    check_settings(run, Path("my.yaml"))
    check_engine(run)
    return run


def vary(settings, name) -> None:
    settings["database"]["prior"][name] = [0.2, 0.4]
    settings["mocks"]["FAINT"]["parameters"][name] = 0.3


@pytest.mark.parametrize("name", ENGINES)
def test_a_short_name_is_recorded_as_what_stays(name) -> None:
    engines = {Simulator(engine=it, engine_version="1").engine for it in (name, ENGINES[name])}
    assert engines == {ENGINES[name]}
    engine = engine_of(simulation(16, 48.0, engine=name))
    assert engine is REGISTERED[ENGINES[name]] and engine.name == name


def test_light_cones_are_21cmfasts_where_no_engine_is_named() -> None:
    assert Simulator(engine_version="1").engine == "lcinfer.simulate:simulate"


def test_a_name_that_is_none_is_one_line_with_those_that_are(settings, write_config, capsys):
    settings["database"]["simulator"]["engine"] = "pytorch"
    with pytest.raises(SystemExit):
        cli.main(["check", str(write_config(settings))])
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert (
        "database.simulator.engine" in line
        and "21cmfast, torch or module:function" in line
        and "'pytorch'" in line
    )


def test_each_makes_light_cones_with_its_own_function() -> None:
    assert engine_of(simulation(16, 48.0, engine="torch")).load() is simulate is simulate_on_torch
    own = simulation(16, 48.0, engine="support.standin:simulate")
    assert engine_of(own).load() is standin.simulate


@pytest.mark.parametrize("name", ["no_such_module:simulate", "support.standin:no_such_function"])
def test_a_function_that_is_not_there_is_refused_before_any_job(settings, tmp_path, name) -> None:
    settings["database"]["simulator"]["engine"] = name
    run = checked(settings, tmp_path)
    with pytest.raises(UserError, match=rf"database\.simulator\.engine {name}: .*no_such"):
        ask_engine(run, Path("my.yaml"))


@pytest.mark.parametrize(
    "name",
    ["DIM", "HIRES_TO_LOWRES_FACTOR", "Z_HEAT_MAX", "ZPRIME_STEP_FACTOR", "N_THREADS", "wl", "A_s"],
)
def test_what_21cmfast_has_once_for_all_light_cones_is_not_varied_with_it(
    settings, name, tmp_path
) -> None:
    vary(settings, name)
    checked(settings, tmp_path)  # another engine may call anything so
    settings["database"]["simulator"]["engine"] = "21cmfast"
    with pytest.raises(UserError, match=rf"database\.prior: {name} cannot be varied"):
        checked(settings, tmp_path)


@pytest.mark.parametrize("name", ["OMk", "OMn", "OMr", "OMtot", "wl", "LOWRES_CELL_SIZE_MPC"])
def test_nor_is_it_set_as_an_option_of_21cmfast(settings, name, tmp_path) -> None:
    settings["database"]["simulator"]["engine"] = "21cmfast"
    settings["database"]["simulator"]["options"] = {name: 0.1}
    with pytest.raises(UserError, match=rf"database\.simulator\.options: {name} cannot be set"):
        checked(settings, tmp_path)


@pytest.mark.parametrize(
    ("says", "made"),
    [
        ("__version__ = '2.1'", "2.1"),
        ("__version__ = '2.1'\ndef version(): return 3", "3"),
        ("from importlib.metadata import version", None),
    ],
)
def test_what_a_users_module_says_its_version_is_must_be_the_configured_one(
    settings, tmp_path, monkeypatch, says, made
) -> None:
    (tmp_path / "universe.py").write_text(f"from support.standin import simulate\n{says}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "universe", raising=False)
    settings["database"]["simulator"]["engine"] = "universe:simulate"
    run = checked(settings, tmp_path)
    if made is None:
        ask_engine(run, Path("my.yaml"))  # its word is taken
        return
    with pytest.raises(UserError, match=f"is 1, but universe:simulate here is {made}"):
        ask_engine(run, Path("my.yaml"))
    settings["database"]["simulator"]["engine_version"] = made
    ask_engine(checked(settings, tmp_path), tmp_path)


def test_a_light_cones_record_has_the_version_that_made_it(settings, on_torch, tmp_path) -> None:
    run = Run(config.parse(on_torch), tmp_path)
    store.prepare(run.database)
    record = realize(run.database.simulation, run.database.store, 0, dict(FAINT), 3)
    assert "error" not in record
    assert record["engine_version"] == VERSION and "torch" in record["versions"]


def test_an_audit_names_light_cones_of_another_version(settings, on_torch, tmp_path) -> None:
    cones = Run(config.parse(on_torch), tmp_path).database
    lines = {0: {"engine_version": "0.9"}, 1: {"engine_version": VERSION}, 2: {}}
    assert [*databases.engine(cones, lines)] == [
        f"light-cone 0 was made by torch 0.9, not {VERSION}"
    ]
    assert databases.engine_named(cones) == f"torch {VERSION}"


def test_another_version_of_the_engine_on_pytorch_is_refused(on_torch, tmp_path) -> None:
    on_torch["database"]["simulator"]["engine_version"] = "0"
    with pytest.raises(UserError, match=rf"is 0, but torch here is {re.escape(VERSION)}") as error:
        checked(on_torch, tmp_path)
    assert "\n" not in str(error.value)


def test_what_the_engine_on_pytorch_does_not_have_is_refused_before_any_job(
    on_torch, write_config
) -> None:
    checking = [sys.executable, "-X", "importtime", "-m", "lcinfer", "where"]
    vary(on_torch, "F_STAR10")
    on_torch["database"]["simulator"] |= {"threads": 2, "options": {"INHOMO_RECO": True}}
    said = subprocess.run([*checking, str(write_config(on_torch))], capture_output=True, text=True)
    assert said.returncode == 1 and said.stdout == ""
    first, *each = said.stderr[said.stderr.index("lcinfer: /") :].splitlines()
    assert first.endswith("config.yaml: 3 mistakes")
    for line, part in zip(each, ("threads 2", "INHOMO_RECO True", "F_STAR10 is none"), strict=True):
        assert part in line
    assert " torch\n" not in said.stderr


def test_it_takes_what_it_has(on_torch, tmp_path) -> None:
    ask_engine(checked(on_torch, tmp_path), tmp_path)
