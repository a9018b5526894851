"""Versions against what lcinfer needs, and libraries that are there but do not load."""

import pytest

from lcinfer.base.errors import UserError
from lcinfer.doctor import libraries, trial
from lcinfer.doctor.bounded import Answer
from lcinfer.engines.function import Function
from lcinfer.simulator import installation

NEEDED = ["21cmfast>=4.1.1", "numpy>=2", "mpich; extra == 'mpi'", "snakemake; extra == 'workflow'"]
INSTALLED = {"21cmfast": "4.1.1", "numpy": "2.4.6", "snakemake": "9.27.0"}


@pytest.fixture
def installed(monkeypatch) -> dict[str, str]:
    """Installed versions, which the test may change."""
    found = dict(INSTALLED)

    def version(name: str) -> str:
        if name not in found:
            raise libraries.metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(libraries.metadata, "requires", lambda _: NEEDED)
    monkeypatch.setattr(libraries.metadata, "version", version)
    return found


def test_all_that_are_needed_are_one_line_and_a_wheel_of_mpi_is_not_among_them(installed):
    (line,) = libraries.versions()
    assert (line.level, line.what) == ("PASS", "all 3 that lcinfer needs are there")


def test_each_missing_or_old_one_is_named_with_what_is_needed(installed):
    installed["numpy"] = "1.26.4"
    del installed["snakemake"]
    old, missing = libraries.versions()
    assert (old.level, missing.level) == ("FAIL", "FAIL")
    assert old.what == "numpy is 1.26.4; lcinfer needs numpy>=2"
    assert "snakemake is missing" in missing.what
    assert "make env" in old.do


def test_another_21cmfast_than_the_configuration_names_fails(site, settings):
    assert libraries._engine(site()).level == "PASS"
    settings["database"]["box"]["length"] = 96
    settings["database"]["simulator"] = {"engine_version": "3.0"}
    line = libraries._engine(site())
    assert line.level == "FAIL"
    assert "engine_version is 3.0" in line.what
    assert "make env ENGINE=3.0" in line.do


def test_no_engine_is_asked_for_where_every_light_cone_is_there(site, settings, monkeypatch):
    settings["database"]["box"]["length"] = 96
    settings["database"]["simulator"] = {"engine_version": "3.0"}
    for cones in site().run.lightcones.values():
        cones.sealed.parent.mkdir(parents=True)
        cones.sealed.touch()
    assert libraries._engine(site()).what == "not needed: every light-cone is there"
    (line,) = trial.check_simulation(site())
    assert (line.level, line.what) == ("PASS", "not needed: every light-cone is there")
    monkeypatch.setattr(libraries, "LOADED", ())
    monkeypatch.setattr(libraries, "ask", lambda command, _: Answer(1, "", " ".join(command)))
    said = [line for line in libraries.check_libraries(site()) if line.check == "libraries"]
    assert not [line for line in said if "py21cmfast" in line.what]


def test_what_is_wrong_with_the_engine_is_told_apart_from_what_to_do(site, monkeypatch):
    def refuse(*_):
        raise UserError("21cmFAST fails: ImportError: libgsl.so.25", "`make env` builds it again")

    monkeypatch.setattr(Function, "check_version", refuse)
    line = libraries._engine(site())
    assert line.what == "21cmFAST fails: ImportError: libgsl.so.25"
    assert line.do == "`make env` builds it again"


def test_physics_that_the_engine_does_not_take_is_listed(site, settings, monkeypatch):
    settings["database"]["box"]["length"] = 96
    settings["database"]["simulator"] = {"engine_version": installation.installed()}
    monkeypatch.setattr(installation, "check_library", lambda _: None)
    monkeypatch.setattr(installation, "_once", lambda *_: ["L_X: no", "ZETA: unknown"])
    line = libraries._engine(site())
    assert (line.level, line.what) == ("FAIL", "L_X: no; ZETA: unknown")
    assert "config.yaml" in line.do


def test_an_old_python_fails(monkeypatch):
    assert libraries._python().level == "PASS"
    monkeypatch.setattr(libraries.platform, "python_version", lambda: "3.10.2")
    assert libraries._python().level == "FAIL"


def test_a_library_that_crashes_or_hangs_when_it_is_imported_costs_its_line(
    site, monkeypatch, tmp_path
):
    (tmp_path / "crashes.py").write_text("import os\nos.abort()\n")
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(libraries, "LOADED", ("crashes", "json", "hangs"))
    monkeypatch.setattr(libraries, "IMPORT_SECONDS", 5.0)
    monkeypatch.setattr(libraries, "versions", lambda: iter(()))
    wrong = [line for line in libraries.check_libraries(site()) if line.check == "libraries"]
    assert [line.level for line in wrong] == ["FAIL", "FAIL"]
    assert "`import crashes` fails" in wrong[0].what
    assert "`import hangs` hangs" in wrong[1].what


def test_mpi4pys_library_is_named_and_one_that_is_missing_fails(monkeypatch):
    line = libraries._mpi()
    assert line.level == "PASS"
    assert "MPI" in line.what
    monkeypatch.setattr(libraries, "MPI", "raise RuntimeError('cannot load MPI library')")
    line = libraries._mpi()
    assert (line.level, "cannot load MPI library" in line.what) == ("FAIL", True)
