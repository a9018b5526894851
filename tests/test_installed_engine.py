"""Which 21cmFAST there is: the version that is named, and what the library computes."""

import json

import pytest

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.cli.arguments import check_engine
from lcinfer.config.sections import Simulator
from lcinfer.lightcones import journal, store
from lcinfer.lightcones.child import Simulating
from lcinfer.products.run import Run
from lcinfer.simulator import installation
from lcinfer.simulator.probe import Probed

GM18 = Probed(growth=0.9994, dark_shell=1e-6, homogeneous=True)
RELEASED = Probed(growth=0.526, dark_shell=0.0, homogeneous=False)
PATCHED = Simulator(engine_version="4.1.1+gm18.1")
PLAIN = Simulator(engine_version="4.1.1")


@pytest.mark.parametrize(("simulator", "found"), [(PATCHED, GM18), (PLAIN, RELEASED)])
def test_the_library_that_is_asked_for_is_taken(simulator, found):
    assert installation.check_library(simulator, lambda: found) == found


@pytest.fixture(autouse=True)
def another_is_installed(monkeypatch):
    monkeypatch.setattr(installation, "installed", lambda: "4.1.0")


@pytest.mark.parametrize(
    "found",
    [
        RELEASED,
        Probed(growth=0.526, dark_shell=1e-6, homogeneous=True),
        Probed(growth=1.0, dark_shell=0.0, homogeneous=True),
        Probed(growth=1.0, dark_shell=1e-6, homogeneous=False),
    ],
)
def test_a_library_without_any_of_the_corrections_is_refused_in_one_line(found):
    with pytest.raises(UserError, match=r"make env ENGINE=4\.1\.1\+gm18\.1") as error:
        installation.check_library(PATCHED, lambda: found)
    assert "\n" not in str(error.value)
    assert f"{found.growth:.2f}" in str(error.value)


def test_the_way_to_a_library_that_is_there_by_name_alone_is_to_build_it_again(monkeypatch):
    monkeypatch.setattr(installation, "installed", lambda: "4.1.1+gm18.1")
    with pytest.raises(UserError, match=r"bash envs/21cmfast\.sh \S+ 4\.1\.1\+gm18\.1"):
        installation.check_library(PATCHED, lambda: RELEASED)


def test_a_release_that_has_the_correction_needs_no_patch():
    later = Simulator(engine_version="4.9.0")
    assert installation.check_library(later, lambda: GM18) == GM18


def test_a_corrected_library_is_refused_where_the_released_one_is_asked_for():
    with pytest.raises(UserError, match=r"make env ENGINE=4\.1\.1`"):
        installation.check_library(PLAIN, lambda: GM18)


def test_a_version_alone_is_compared_as_a_whole(monkeypatch):
    monkeypatch.setattr(installation, "installed", lambda: "4.1.1")
    installation.check_version(PLAIN)
    with pytest.raises(UserError, match=r"the installed 21cmfast is 4\.1\.1"):
        installation.check_version(PATCHED)


def test_a_database_that_is_complete_is_read_with_whatever_engine_is_installed(
    settings, write_config, tmp_path, monkeypatch
):
    settings["database"]["box"] |= {"cells": 16, "length": 48}
    settings["database"]["simulator"] = {"engine_version": "4.1.1"}
    monkeypatch.setattr(installation, "installed", lambda: "4.1.1+gm18.1")
    run = Run(config.load(write_config(settings)), tmp_path)
    with pytest.raises(UserError, match=r"make env ENGINE=4\.1\.1"):
        check_engine(run)
    for cones in run.lightcones.values():
        cones.directory.mkdir(parents=True)
        cones.sealed.write_text("{}", encoding="utf-8")
    check_engine(run)


def test_a_library_is_asked_once_and_another_one_again(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    library = tmp_path / "c_21cmfast.abi3.so"
    asked = []
    monkeypatch.setattr(installation, "library", lambda: library)
    monkeypatch.setattr(
        installation, "_in_a_child", lambda: asked.append(library.read_bytes()) or GM18
    )
    for content in (b"one", b"one", b"other", b"one"):
        library.write_bytes(content)
        assert installation.remembered() == GM18
    assert asked == [b"one", b"other"]


def test_what_was_remembered_and_is_damaged_is_asked_again(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(installation, "_in_a_child", lambda: GM18)
    installation.remembered()
    (kept,) = tmp_path.rglob("*.json")
    for damage in ("", "{", json.dumps({"growth": 1}), "[]"):
        kept.write_text(damage, encoding="utf-8")
        assert installation.remembered() == GM18


def test_a_home_that_cannot_be_written_to_only_costs_time(monkeypatch, tmp_path):
    nowhere = tmp_path / "file"
    nowhere.write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere))
    monkeypatch.setattr(installation, "_in_a_child", lambda: GM18)
    assert installation.remembered() == GM18


def test_an_engine_that_cannot_be_had_costs_no_attempt(settings, tmp_path):
    settings["database"]["simulator"] |= {"engine": "support.standin:no_such_engine"}
    cones = Run(config.parse(settings), tmp_path).database
    store.prepare(cones)
    child = Simulating(cones.simulation, cones.store, limit=60)
    try:
        child.start([{"index": 0, "parameters": {}, "seed": 1}])
        record = child.result(60)
    finally:
        child.close()
    assert "no_such_engine" in record["unfit"]
    assert "error" not in record
    assert not journal.finished(cones.journal)
