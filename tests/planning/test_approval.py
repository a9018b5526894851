"""Nobody begins a large campaign by accident."""

import json

import pytest
from support.filling import complete

from lcinfer import cli, config
from lcinfer.planning.approval import DIRECTORY
from lcinfer.products.run import Run


@pytest.fixture
def small_limit(settings):
    """Settings whose campaign, of 15 s and 15 kB for each of 14 light-cones, is a large one."""
    settings["database"]["approval_above"] = {"core_hours": 0.04}
    return settings


@pytest.fixture
def call(write_config, tmp_path, capsys):
    """A function: a verb on settings; what it said, or its one line if it refused."""

    def call(settings, verb, *more):
        path = write_config(settings)
        try:
            cli.main([verb, str(path), *more, "--results", str(tmp_path / "results")])
        except SystemExit as stopped:
            assert stopped.code == 1
            error = capsys.readouterr().err
            assert error.count("\n") == 1
            return error
        return capsys.readouterr().out

    return call


def run_of(settings, tmp_path) -> Run:
    return Run(config.parse(settings), tmp_path / "results")


def test_a_large_campaign_is_refused_with_cost_limit_and_command(
    small_limit, call, tmp_path
) -> None:
    line = call(small_limit, "design", "cones")
    for part in ("core-hours and ", "above the limit of 0.04 core-hours and 200 GB", "--approve"):
        assert part in line
    assert not (tmp_path / "results").exists()


def test_the_limit_of_disk_refuses_too(settings, call) -> None:
    settings["database"]["approval_above"] = {"gigabytes": 0.0001}
    assert "above the limit of 500 core-hours and 0.0001 GB" in call(settings, "design", "cones")


def test_the_mocks_count(small_limit, call) -> None:
    small_limit["database"]["approval_above"] = {"core_hours": 1}
    assert call(small_limit, "design", "cones") == ""
    small_limit["mocks"]["FAINT"]["realizations"] = 1000
    assert "above the limit" in call(small_limit, "design", "cones")


def test_an_approved_campaign_may_begin_and_says_by_whom(small_limit, call, tmp_path) -> None:
    assert "needed: above 0.04 core-hours" in call(small_limit, "plan")
    for _ in range(2):  # the second has nothing to add
        assert "approval      by " in call(small_limit, "plan", "--approve")
    assert call(small_limit, "design", "cones") == call(small_limit, "design", "FAINT") == ""
    run = run_of(small_limit, tmp_path)
    assert run.database.prepared.exists()
    (path,) = (run.database.directory / DIRECTORY).iterdir()
    record = json.loads(path.read_text())
    assert {"by", "host", "at", "core_hours", "bytes", "known_from"} < set(record)
    assert sorted(record["light_cones"].values()) == [2, 12]


def test_an_approval_covers_no_more_light_cones_than_it_says(small_limit, call) -> None:
    call(small_limit, "plan", "--approve")
    small_limit["database"]["realizations"] = 13
    assert "above the limit" in call(small_limit, "design", "cones")
    call(small_limit, "plan", "--approve")
    assert call(small_limit, "design", "cones") == ""
    small_limit["database"]["realizations"] = 10
    assert call(small_limit, "design", "cones") == ""


@pytest.mark.parametrize(("key", "value"), [("seed", 6), ("box", {"cells": 8, "length": 96})])
def test_another_database_needs_another_approval(small_limit, call, key, value) -> None:
    call(small_limit, "plan", "--approve")
    small_limit["database"][key] = value
    assert "above the limit" in call(small_limit, "design", "cones")


@pytest.mark.parametrize("name", ["FAINT", "BRIGHT"])
def test_a_new_or_another_mock_needs_another_approval(small_limit, call, name) -> None:
    call(small_limit, "plan", "--approve")
    parameters = {**small_limit["mocks"]["FAINT"]["parameters"], "L_X": 39}
    small_limit["mocks"][name] = {"parameters": parameters, "realizations": 2}
    assert "above the limit" in call(small_limit, "design", "cones")


def test_light_cones_that_turn_out_much_slower_need_another_approval(
    small_limit, call, tmp_path
) -> None:
    call(small_limit, "plan", "--approve")
    (path,) = (run_of(small_limit, tmp_path).database.directory / DIRECTORY).iterdir()
    record = json.loads(path.read_text())
    for factor, says in ((1 / 1.4, ""), (1 / 1.6, "above the limit")):
        path.write_text(json.dumps({**record, "core_hours": factor * record["core_hours"]}))
        assert says in call(small_limit, "design", "cones")


def test_a_small_campaign_needs_none_and_records_none(settings, call, tmp_path) -> None:
    assert "approval      not needed" in call(settings, "plan", "--approve")
    assert not (tmp_path / "results").exists()


def test_what_is_finished_needs_none(small_limit, call, tmp_path) -> None:
    for cones in run_of(small_limit, tmp_path).lightcones.values():
        complete(cones)
    assert call(small_limit, "design", "cones") == ""


def test_a_damaged_record_is_named(small_limit, call, tmp_path) -> None:
    call(small_limit, "plan", "--approve")
    (path,) = (run_of(small_limit, tmp_path).database.directory / DIRECTORY).iterdir()
    for text in ("", "[]", '{"light_cones": {}}', '{"light_cones": [], "core_hours": 1}'):
        path.write_text(text)
        assert f"{path} is damaged: move it aside" in call(small_limit, "design", "cones")


def test_status_and_verify_can_look_at_what_is_only_approved(small_limit, call) -> None:
    call(small_limit, "plan", "--approve")
    assert "nothing done yet" in call(small_limit, "status")
    assert "no database here; `snakemake` makes it" in call(small_limit, "verify")


def test_limits_decide_no_fingerprint(settings, small_limit) -> None:
    before = Run(config.parse({**settings, "database": dict(settings["database"])}))
    small_limit["database"]["approval_above"] = {"core_hours": 7, "gigabytes": 7}
    assert Run(config.parse(small_limit)).database.fingerprint == before.database.fingerprint
