"""The journal: what a line means, whoever wrote it and however its writer ended."""

import json
import os

import pytest

from lcinfer.lightcones import journal
from lcinfer.lightcones.journal import Journal


def write(directory, writer, *records) -> None:
    lines = Journal(directory, writer)
    for record in records:
        lines.append(record)
    lines.close()


def test_what_was_appended_is_read_back(tmp_path) -> None:
    done = {"index": 3, "digest": "aa", "parameters": {"L_X": 40.25}, "host": "n1"}
    write(tmp_path / "journal", "job-0", done)
    assert journal.finished(tmp_path / "journal") == {3: done}
    assert journal.failures(tmp_path / "journal") == []


def test_a_journal_that_was_never_begun_is_empty(tmp_path) -> None:
    assert journal.finished(tmp_path / "journal") == {}
    assert list(journal.records(tmp_path)) == []


@pytest.mark.parametrize("kept", [1, 10, -2])
def test_a_torn_last_line_is_passed_over(tmp_path, kept) -> None:
    write(tmp_path, "job-0", {"index": 0, "digest": "aa"}, {"index": 1, "digest": "bb"})
    path = tmp_path / "job-0.jsonl"
    first, second, _ = path.read_bytes().split(b"\n")
    path.write_bytes(first + b"\n" + second[:kept])
    assert set(journal.finished(tmp_path)) == {0}


def test_a_last_line_without_its_newline_does_not_count(tmp_path) -> None:
    write(tmp_path, "job-0", {"index": 0, "digest": "aa"})
    path = tmp_path / "job-0.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert journal.finished(tmp_path) == {}


def test_lines_that_are_no_records_are_passed_over(tmp_path) -> None:
    write(tmp_path, "job-0", {"index": 0, "digest": "aa"})
    with (tmp_path / "job-0.jsonl").open("ab") as file:
        file.write(b'\xff\xfe\n\n17\n"text"\n{"no": "index"}\n{"index": 1, "digest": "bb"}\n')
    assert set(journal.finished(tmp_path)) == {0, 1}


def test_the_lines_of_all_writers_count(tmp_path) -> None:
    for rank in range(3):
        write(tmp_path, f"job-{rank}", *({"index": i, "digest": "d"} for i in (rank, rank + 3)))
    assert sorted(journal.finished(tmp_path)) == [0, 1, 2, 3, 4, 5]
    assert len(list(tmp_path.iterdir())) == 3, "one file per writer"


def test_two_writers_cannot_share_a_file(tmp_path) -> None:
    write(tmp_path, "job-0", {"index": 0})
    with pytest.raises(FileExistsError):
        write(tmp_path, "job-0", {"index": 1})


@pytest.mark.parametrize("first", ["failed", "done"])
def test_a_realisation_that_both_failed_and_succeeded_is_finished_and_its_failure_kept(
    tmp_path, first
) -> None:
    failed = {"index": 4, "error": "died", "parameters": {"L_X": 41.0}}
    done = {"index": 4, "digest": "aa"}
    records = [failed, done] if first == "failed" else [done, failed]
    for job, record in enumerate(records):
        write(tmp_path, f"job{job}-0", record)
    assert journal.finished(tmp_path) == {4: done}
    assert journal.failures(tmp_path) == [failed]


def test_a_failure_alone_is_not_finished(tmp_path) -> None:
    write(tmp_path, "job-0", {"index": 4, "error": "died"})
    assert journal.finished(tmp_path) == {}


def test_every_line_is_on_the_disk_before_the_next(tmp_path, monkeypatch) -> None:
    calls = []
    write_, sync = os.write, os.fsync
    monkeypatch.setattr(os, "write", lambda *args: calls.append("write") or write_(*args))
    monkeypatch.setattr(os, "fsync", lambda *args: calls.append("sync") or sync(*args))
    write(tmp_path, "job-0", {"index": 0}, {"index": 1})
    assert calls == ["sync", "write", "sync", "write", "sync"], "first the directory's entry"


def test_an_append_that_the_disk_cuts_short_raises(tmp_path, monkeypatch) -> None:
    lines = Journal(tmp_path, "job-0")
    write_ = os.write
    monkeypatch.setattr(os, "write", lambda file, line: write_(file, line[:5]))
    with pytest.raises(OSError, match="cut short"):
        lines.append({"index": 0, "digest": "aa"})
    lines.close()
    assert journal.finished(tmp_path) == {}


def test_an_append_to_a_full_disk_raises(tmp_path) -> None:
    lines = Journal(tmp_path, "job-0")
    lines.append({"index": 1, "digest": "bb"})
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, lines._descriptor)
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        lines.append({"index": 0, "digest": "aa"})
    lines.close()


def test_what_json_cannot_hold_raises_and_leaves_no_line(tmp_path) -> None:
    lines = Journal(tmp_path, "job-0")
    for record in ({"index": 0, "seconds": float("nan")}, {"index": object()}):
        with pytest.raises((ValueError, TypeError)):
            lines.append(record)
    lines.append({"index": 1, "error": "two\nlines"})
    lines.close()
    text = (tmp_path / "job-0.jsonl").read_text()
    assert json.loads(text) == {"index": 1, "error": "two\nlines"}
    assert text.count("\n") == 1
