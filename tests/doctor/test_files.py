"""The results' file system: each promise, and how it fails."""

import os
from collections import namedtuple

import pytest
from support.filling import complete

from lcinfer.doctor import files
from lcinfer.products.run import Run


def test_an_ordinary_directory_passes_and_only_its_own_directory_is_written_to(site, tmp_path):
    lines = list(files.check_files(site()))
    wanted = ["results", "rename", "journal", "write", "room"]
    assert [line.check for line in lines] == wanted
    assert {line.level for line in lines[1:]} <= {"PASS", "WARN"}
    assert [path.name for path in tmp_path.iterdir()] == ["doctor-test"]


def test_a_place_that_cannot_be_written_to_is_one_line(site, tmp_path):
    (tmp_path / "file").touch()
    (line,) = files.check_files(site(scratch=tmp_path / "file" / "below"))
    assert line.level == "FAIL"
    assert "Not a directory" in line.what
    assert "--results" in line.do


def test_a_full_disk_fails_with_its_reason_and_is_known_to_be_in_memory(site, small_disk):
    lines = list(files.check_files(site(results=small_disk, scratch=small_disk / "doctor-test")))
    by_check = {(line.level, line.check): line.what for line in lines}
    assert "on tmpfs" in by_check["WARN", "results"]
    assert "No space left on device" in by_check["FAIL", "results"]
    assert ("PASS", "journal") in by_check


@pytest.mark.parametrize(
    ("call", "fault", "check"),
    [
        ("open", lambda *_: os.dup(0), "rename"),  # O_EXCL that is not exclusive
        ("replace", lambda path, other: None, "rename"),
    ],
)
def test_a_file_system_that_does_not_keep_its_promises_fails(
    tmp_path, monkeypatch, call, fault, check
):
    if call == "replace":
        monkeypatch.setattr(files.Path, "replace", fault)
    else:
        monkeypatch.setattr(files.durable, "sync", lambda path: None)
        monkeypatch.setattr(files.os, "open", fault)
    line = files._semantics(tmp_path)
    assert (line.level, line.check) == ("FAIL", check)


def test_slow_files_are_warned_of(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SLOW_APPEND", 0.0)
    monkeypatch.setattr(files, "SLOW_WRITE", 1e15)
    monkeypatch.setattr(files, "APPENDING_SECONDS", 0.01)
    monkeypatch.setattr(files, "WRITTEN", 2**22)
    assert files._appends(tmp_path).level == "WARN"
    assert files._write(tmp_path).level == "WARN"


def test_what_is_needed_is_every_light_cone_that_is_not_there_yet(site, tmp_path):
    made = Run(site().config, tmp_path)
    size = 8 * 8 * 40 * 4
    assert files.need(made) == (14 * size, 14 * files.INODES)
    complete(made.database)
    assert files.need(made) == (2 * size, 2 * files.INODES)
    shards = list((made.database.store / "brightness_temp").rglob("*"))
    assert len(shards) <= files.INODES * made.database.realizations + 2  # zarr.json, c


Disk = namedtuple("Disk", "f_bavail f_frsize f_files f_favail")


@pytest.mark.parametrize(
    ("disk", "level", "says"),
    [
        (Disk(1, 4096, 100, 1000), "FAIL", "GB free"),
        (Disk(36, 4096, 100, 1000), "WARN", "GB free"),
        (Disk(1000, 4096, 100, 10), "FAIL", "10 files can be made"),
        (Disk(1000, 4096, 0, 0), "PASS", "GB free"),
        (Disk(1000, 4096, 100, 1000), "PASS", "1,000 files can be made"),
    ],
)
def test_room_is_bytes_and_files(site, monkeypatch, disk, level, says):
    monkeypatch.setattr(files.os, "statvfs", lambda path: disk)
    line = files._room(site())
    assert (line.level, line.check) == (level, "room")
    assert says in line.what


def test_the_kind_of_a_file_system_is_that_of_its_nearest_mount(small_disk, tmp_path):
    assert files.kind_of(small_disk / "some" / "where") == (str(small_disk), "tmpfs")
    assert files.kind_of(tmp_path)[0] != str(small_disk)
