"""How far a database is: told from the journal, while jobs run, quickly."""

import json
import os
import platform
import subprocess
import time

import pytest
from support.filling import complete, fill

from lcinfer import cli, config
from lcinfer.lightcones import journal
from lcinfer.products.run import Run
from lcinfer.stages import lightcones
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.status import status
from lcinfer.upkeep.verify import verify

NOW = 1_800_000_000.0
POINT = {"HII_EFF_FACTOR": 100.0, "ION_Tvir_MIN": 5.0, "L_X": 40.0, "NU_X_THRESH": 500.0}


@pytest.fixture
def run(settings, tmp_path):
    settings["database"]["realizations"] = 100
    settings["database"]["block"] = 10
    return Run(config.parse(settings), tmp_path / "results")


@pytest.fixture
def cones(run):
    return run.database


@pytest.fixture
def write(cones):
    """A function: journals attempts (index, minutes from its begin to NOW, minutes, error)."""

    def write(writer, *attempts):
        lines = journal.Journal(cones.journal, writer)
        for index, before, minutes, *error in attempts:
            outcome = {"error": error[0], "traceback": "..."} if error else {"digest": f"{index}"}
            times = {"began": NOW - 60 * before, "seconds": 60.0 * minutes}
            point = {**POINT, "L_X": 38 + index / 50}
            record = {"index": index, "parameters": point, "peak_bytes": 10**9 + index}
            lines.append({**record, **outcome, **times})
        lines.close()

    return write


@pytest.fixture
def hold(cones):
    """A function: a lease with its last heartbeat so many seconds before NOW."""

    def hold(start, stop, seconds, ranks=4, host="elsewhere", process=17):
        path = cones.lease((start, stop))
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = {"host": host, "process": process, "job": "123", "ranks": ranks}
        path.write_text(json.dumps(holder))
        os.utime(path, (NOW - seconds, NOW - seconds))

    return hold


def test_done_running_set_aside_and_waiting_add_up(cones, write, hold) -> None:
    write("a", (0, 30, 10), (1, 20, 10), (2, 10, 10))
    write("b", (3, 30, 10), (4, 20, 10, "RuntimeError: no such universe"))
    write("c", *((5, 10 - minute, 1, "died") for minute in range(3)))
    hold(0, 10, seconds=1)
    found = status(cones, NOW)
    assert (found.done, found.running, len(found.set_aside), found.waiting) == (4, 4, 1, 91)
    assert [it.index for it in found.failed] == [4], "one of those that wait"
    assert found.light_cones == 100
    assert "waiting    91, 1 failed before" in str(found)


def test_set_aside_are_told_apart_from_those_to_be_tried_again(cones, write) -> None:
    write("a", *((9, 30 - minute, 1, f"try {minute}") for minute in range(3)))
    write("b", (2, 30, 1, "died"), (8, 20, 1))
    found = status(cones, NOW)
    assert [(it.index, it.attempts, it.error) for it in found.set_aside] == [(9, 3, "try 2")]
    assert [it.index for it in found.failed] == [2]
    printed = str(found)
    assert "set aside  light-cone 9, 3 attempts: try 2 (HII_EFF_FACTOR 100," in printed
    assert "failed     light-cone 2, 1 attempt: died (HII_EFF_FACTOR 100," in printed
    assert found.as_json()["set_aside"][0]["parameters"]["L_X"] == pytest.approx(38.18)


def test_who_is_at_work_is_told_with_host_job_and_last_heartbeat(cones, hold) -> None:
    hold(0, 10, seconds=1)
    hold(10, 20, seconds=7200)
    found = status(cones, NOW)
    assert [(it.host, it.job, it.alive) for it in found.leases] == [
        ("elsewhere", "123", True),
        ("elsewhere", "123", False),
    ]
    printed = str(found)
    alive = "light-cones 0 to 9: 4 ranks, host elsewhere, job 123, last heartbeat 0:00:01 ago"
    assert f"at work    {alive}" in printed
    assert "silent     light-cones 10 to 19: 4 ranks, host elsewhere, job 123, last" in printed
    assert found.as_json()["leases"][1]["seconds"] == pytest.approx(7200)


def test_no_more_run_than_a_block_lacks_and_none_of_a_job_that_is_gone(cones, write, hold) -> None:
    write("a", *((index, 30, 1) for index in range(8)))
    hold(0, 10, seconds=1)
    hold(10, 20, seconds=1, ranks=3)
    ended = subprocess.Popen(["true"])
    ended.wait()
    hold(20, 30, seconds=1, host=platform.node(), process=ended.pid)
    hold(30, 40, seconds=60)
    found = status(cones, NOW)
    assert found.running == 2 + 3
    assert [it.alive for it in found.leases] == [True, True, False, False]


def test_a_lease_that_cannot_be_understood_does_no_harm(cones, hold) -> None:
    hold(0, 10, seconds=1)
    cones.lease((0, 10)).write_text("{")
    os.utime(cones.lease((0, 10)), (NOW, NOW))
    assert status(cones, NOW).running == 1


@pytest.mark.parametrize("corner", [True, False], ids=["in a corner", "here and there"])
def test_failures_are_held_against_the_prior(cones, write, corner) -> None:
    spread = [3, 22, 41, 60, 79, 98]
    failed = range(94, 100) if corner else spread
    write("a", *((index, 30, 1, "died") for index in failed))
    path = cones.journal / "a.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for number, record in enumerate(records):
        place = (number + 0.5) / len(records)
        record["parameters"] |= {
            name: low + place * (high - low)
            for name, (low, high) in cones.design.database.prior.items()
            if name != "L_X"
        }
        record["parameters"]["L_X"] = 38 + record["index"] / 25
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    found = status(cones, NOW)
    assert [it.parameter for it in found.uneven] == (["L_X"] if corner else [])
    warning = "warning    failures are not spread evenly over the prior: L_X (p = "
    assert (warning in str(found)) == corner
    assert bool(found.as_json()["uneven"]) == corner


def test_a_failure_is_told_with_error_parameters_and_attempts(cones, write) -> None:
    write("a", (7, 30, 1, "first"), (7, 20, 1, "second"), (8, 10, 1))
    (failed,) = status(cones, NOW).failed
    assert (failed.index, failed.error, failed.attempts) == (7, "second", 2)
    assert failed.parameters["L_X"] == pytest.approx(38.14)
    printed = str(status(cones, NOW))
    assert "light-cone 7, 2 attempts: second (HII_EFF_FACTOR 100," in printed


@pytest.mark.parametrize("order", [1, -1])
def test_a_failure_that_succeeded_before_or_later_is_done(cones, write, order) -> None:
    for writer, attempt in enumerate([(7, 30, 1, "died"), (7, 20, 1)][::order]):
        write(str(writer), attempt)
    found = status(cones, NOW)
    assert (found.done, found.failed) == (1, [])


def test_the_rate_is_that_of_the_last_hour_of_activity(cones, write) -> None:
    early = [(index, 1000 - index, 1) for index in range(10)]
    late = [(10 + index, 600 - 2 * index, 2) for index in range(40)]  # 30 per hour
    write("a", *early, *late)
    found = status(cones, NOW)
    assert found.per_hour == pytest.approx(30)
    assert found.seconds_left == pytest.approx(50 / 30 * 3600)
    assert found.seconds_since == pytest.approx(60 * 520)


def test_the_rate_of_a_campaign_that_has_just_begun_is_over_its_own_time(cones, write) -> None:
    write("a", (0, 12, 6), (1, 6, 6))
    write("b", (2, 12, 6), (3, 6, 6))
    assert status(cones, NOW).per_hour == pytest.approx(4 / 0.2)


def test_long_simulations_that_end_together_do_not_double_the_rate(cones, write) -> None:
    for writer in range(5):  # five an hour, all at the hour
        write(str(writer), *((10 * writer + hour, 60 * (9 - hour), 60) for hour in range(9)))
    assert status(cones, NOW).per_hour == pytest.approx(5)


def test_the_slowest_come_first_with_their_parameters(cones, write) -> None:
    write("a", *((index, 500 - 10 * index, 1 + index % 7) for index in range(14)))
    found = status(cones, NOW)
    assert [each.index for each in found.slowest] == [6, 13, 5, 12, 4]
    assert found.slowest[0].seconds == 420
    assert found.seconds == {"mean": 240, "min": 60, "max": 420}
    assert found.peak_bytes == 10**9 + 13
    assert "slowest    light-cone 6, 0:07:00 (HII_EFF_FACTOR 100," in str(found)


def test_a_smaller_configuration_counts_its_own_light_cones_alone(cones, write, settings) -> None:
    write("a", (5, 30, 10), (50, 20, 10))
    settings["database"]["realizations"] = 20
    smaller = Run(config.parse(settings), cones.root).database
    assert status(smaller, NOW).done == 1


def test_a_withdrawn_light_cone_waits_although_it_failed_before(settings, tmp_path) -> None:
    cones = Run(config.parse(settings), tmp_path / "results").database
    lightcones.prepare(cones)
    failed = journal.Journal(cones.journal, "failed")
    failed.append({"index": 3, "error": "died", "began": 1.0, "seconds": 1.0})
    failed.close()
    fill(cones)
    (cones.store / "brightness_temp" / "c" / "3" / "0" / "0" / "0").unlink()
    repair(cones, verify(cones).findings)
    found = status(cones, time.time() + 1e6)
    assert (found.done, found.failed, found.waiting) == (11, [], 1)


def test_torn_and_strange_lines_do_no_harm(cones, write) -> None:
    write("a", (0, 30, 10))
    path = cones.journal / "a.jsonl"
    path.write_bytes(b"\xff\n[]\n" + path.read_bytes() + b'{"index": 5, "digest": "aa"')
    assert status(cones, NOW).done == 1


def test_the_verb_tells_of_the_database_and_every_mock(settings, write_config, tmp_path, capsys):
    path, root = write_config(settings), tmp_path / "results"
    run = Run(config.parse(settings), root)
    cli.main(["status", str(path), "--results", str(root)])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "cones: 12 light-cones, nothing done yet",
        "FAINT: 2 light-cones, nothing done yet",
    ]
    assert not root.exists()
    complete(run.mocks["FAINT"])
    cli.main(["status", str(path), "--results", str(root)])
    printed = capsys.readouterr().out
    assert "done       2 of 2 light-cones (1 of 1 blocks, sealed)" in printed
    assert "waiting" not in printed
    cli.main(["status", str(path), "--results", str(root), "--json"])
    database_, mock = json.loads(capsys.readouterr().out)
    assert (database_["name"], database_["done"], database_["waiting"]) == ("cones", 0, 12)
    assert (mock["name"], mock["done"], mock["sealed"]) == ("FAINT", 2, True)
    assert mock["slowest"][0]["parameters"]["NU_X_THRESH"] == 500


def test_ten_thousand_light_cones_take_less_than_two_seconds(settings, tmp_path) -> None:
    settings["database"]["realizations"] = 10_000
    settings["database"]["block"] = 100
    cones = Run(config.parse(settings), tmp_path).database
    cones.journal.mkdir(parents=True)
    history = [round(0.1234567890123456 * node, 16) for node in range(85)]
    for writer in range(200):
        lines = [
            json.dumps(
                {
                    **{"index": index, "digest": f"{index:064d}", "parameters": POINT},
                    **{"began": NOW - 9e4 + index, "seconds": 2700.0, "peak_bytes": 10**9},
                    **{"node_redshift": history, "neutral_fraction": history},
                    **{"global_brightness_temp": history, "host": "node", "python": "3.11.2"},
                },
                sort_keys=True,
            )
            for index in range(writer, 10_000, 200)
        ]
        (cones.journal / f"{writer}.jsonl").write_text("\n".join([*lines, ""]))
    took = []
    for _ in range(3):  # the best of three, of the CPU: the machine may be busy
        began = time.process_time()
        assert status(cones, NOW).done == 10_000
        took.append(time.process_time() - began)
    assert min(took) < 2


def test_histories_are_passed_over_and_nothing_else(cones) -> None:
    trap = 'KeyError: "node_redshift": [1, 2], '
    record = {"index": 1, "error": trap, "traceback": trap, "seconds": 1.0, "began": 2.0}
    histories = {"node_redshift": [2.0, 1.0], "neutral_fraction": [], "zebra": [1]}
    lines = journal.Journal(cones.journal, "a")
    lines.append({**record, **histories})
    lines.append({"index": 2, "node_redshift": [1.0]})
    lines.close()
    first, second = journal.records(cones.journal, histories=False)
    assert first == {**record, "node_redshift": [], "neutral_fraction": [], "zebra": [1]}
    assert second == {"index": 2, "node_redshift": []}
