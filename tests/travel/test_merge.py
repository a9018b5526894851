"""Parts that were made at different sites become one database, every digest checked."""

import json
import os
from pathlib import Path

import pytest
from support import damage
from support.filling import fill
from support.parts import Killed, made_by_another_build, markers, part, run_in, voxels

from lcinfer import cli
from lcinfer.base.errors import UserError
from lcinfer.base.lease import Lease
from lcinfer.lightcones import journal, store
from lcinfer.stages import lightcones
from lcinfer.stages.simulate import to_do
from lcinfer.travel import carry
from lcinfer.travel.merge import merge
from lcinfer.upkeep.repair import repair
from lcinfer.upkeep.verify import verify


@pytest.fixture
def parts(settings, tmp_path):
    """Two parts with a block and a half each, of which one light-cone is in both."""
    here = part(settings, tmp_path / "here", 0, 1, 2, 3, 4, 5, 6)
    return here, part(settings, tmp_path / "there", 6, 7, 8, 9, 10, 11)


def untouched(cones, before) -> bool:
    return damage.content(cones.directory) == before


def test_two_parts_become_what_one_site_would_have_made(parts, sound, settings) -> None:
    here, there = parts
    before = damage.content(there.directory)
    (found,) = merge(here, [there.directory])
    whole = run_in(settings, sound).database
    assert (found.brought, found.same, found.other, found.damaged) == (5, 1, [], [])
    assert voxels(here) == voxels(whole)
    assert markers(here) == markers(whole)
    assert verify(here).findings == []
    assert untouched(there, before)


def test_a_root_of_databases_will_do_and_a_database_that_is_not_begun(
    parts, sound, settings, tmp_path
) -> None:
    into = run_in(settings, tmp_path / "new").database
    merge(into, [cones.root / "lightcones" for cones in parts])
    assert voxels(into) == voxels(run_in(settings, sound).database)
    assert verify(into).findings == []


def test_lines_of_the_journal_keep_what_they_say_and_say_where_they_came_from(parts) -> None:
    here, there = parts
    merge(here, [there.directory])
    theirs, ours = (journal.finished(cones.journal) for cones in (there, here))
    for index in (7, 11):
        carried = ours[index].pop("carried")
        assert ours[index] == theirs[index]
        assert carried["from"] == str(there.directory)
    assert "carried" not in ours[6]
    (file,) = here.journal.glob("carried-*.jsonl")
    assert [json.loads(line)["index"] for line in file.read_text().splitlines()] == [*range(7, 12)]


def test_a_second_merge_writes_nothing(parts) -> None:
    here, there = parts
    merge(here, [there.directory])
    before = damage.content(here.directory)
    (found,) = merge(here, [there.directory])
    assert (found.brought, found.same) == (0, 6)
    assert untouched(here, before)


STEPS = [
    (store, "put"),
    (carry.Carrier, "_append"),
    (lightcones, "finish_block"),
    (lightcones, "seal"),
]


@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_merge_that_was_killed_is_done_by_the_next(
    parts, sound, settings, monkeypatch, where, step, when
) -> None:
    here, there = parts
    calls = []
    original = getattr(where, step)

    def killed(*args, **options):
        calls.append(step)
        last = len(calls) == (1 if step == "seal" else 2)
        if when == "after" or not last:
            original(*args, **options)
        if last:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(Killed):
            merge(here, [there.directory])
    merge(here, [there.directory])
    whole = run_in(settings, sound).database
    assert voxels(here) == voxels(whole)
    assert markers(here) == markers(whole)
    assert verify(here).findings == []
    assert len(list(journal.records(here.journal))) == 12  # nothing was brought twice


def test_a_light_cone_of_another_build_stays_as_it_is_here(parts) -> None:
    here, there = parts
    made_by_another_build(there, 6)
    before = voxels(here, 6)
    (found,) = merge(here, [there.directory])
    assert (found.other, found.same, found.brought) == ([6], 0, 5)
    assert "1 were there with other voxels, as another build makes them" in str(found)
    assert voxels(here, 6) == before
    assert verify(here).findings == []


@pytest.mark.parametrize("threads", [1, 3])
def test_a_light_cone_that_does_not_hold_is_named_and_left(parts, threads) -> None:
    here, there = parts
    damage.shard(there, 7).write_bytes(damage.shard(there, 8).read_bytes())
    damage.shard(there, 9).unlink()
    damage.shard(there, 10).write_bytes(damage.shard(there, 10).read_bytes()[:-100])
    (found,) = merge(here, [there.directory], threads)
    assert [line.split(":")[0] for line in found.damaged] == [
        f"light-cone {index}" for index in (7, 9, 10)
    ]
    assert sorted(journal.finished(here.journal)) == [0, 1, 2, 3, 4, 5, 6, 8, 11]
    assert not here.done((4, 8)).exists()
    assert not here.sealed.exists()
    assert verify(here).findings == []


def test_what_was_withdrawn_here_can_be_brought_from_elsewhere_many_times(cones, sound, settings):
    there = run_in(settings, sound).database
    for _ in range(2):
        damage.flipped_bit(cones)
        repair(cones, verify(cones).findings)
        (found,) = merge(cones, [there.directory])
        assert found.brought == 1
        assert verify(cones).findings == []
    assert voxels(cones) == voxels(there)
    assert markers(cones) == markers(there)


def test_other_chunks_and_codecs_do_not_matter(settings, tmp_path, sound) -> None:
    settings["database"]["storage"] = {"chunk_cells": 4, "compression_level": 3}
    other = part(settings, tmp_path / "other", 1, 2)
    del settings["database"]["storage"]
    into = part(settings, tmp_path / "into", 0)
    assert store.encoding(into.store) != store.encoding(other.store)
    merge(into, [other.directory])
    assert voxels(into, 1, 2) == voxels(run_in(settings, sound).database, 1, 2)
    assert verify(into).findings == []


def test_files_keep_their_digests_wherever_they_are_brought(settings, tmp_path, sound) -> None:
    other = part(settings, tmp_path / "other", *range(12))
    damage.set_in_line(other, 5, lambda record: record.pop("stored"))  # of before
    copied = run_in(settings, tmp_path / "copied").database
    settings["database"]["storage"] = {"chunk_cells": 4, "compression_level": 3}
    for target in (copied, run_in(settings, tmp_path / "rewritten").database):
        merge(target, [other.directory])
        report = verify(target)
        assert (report.findings, report.checked, report.decoded) == ([], 12, 0)


def test_failed_attempts_count_once_wherever_they_are_brought(parts, settings, tmp_path) -> None:
    here, there = parts
    lines = journal.Journal(there.journal, "failing")
    for index in (2, 11):
        lines.append({"index": index, "error": "no such universe", "seconds": 1.0, "began": 1.0})
    lines.close()
    third, fourth = (run_in(settings, tmp_path / name).database for name in ("third", "fourth"))
    merge(third, [there.directory])
    merge(fourth, [there.directory, third.directory])
    merge(fourth, [there.directory])
    assert sorted(record["index"] for record in journal.failures(fourth.journal)) == [2, 11]
    merge(here, [third.directory])  # has 2 already
    assert [record["index"] for record in journal.failures(here.journal)] == [11]


def test_more_than_the_configuration_asks_for_is_left(parts, settings, tmp_path) -> None:
    settings["database"]["realizations"] = 8
    into = run_in(settings, tmp_path / "smaller").database
    (found,) = merge(into, [parts[1].directory])
    assert (found.brought, found.beyond) == (2, 4)
    assert verify(into).findings == []


def test_a_part_of_another_fingerprint_is_refused_before_anything_is_written(
    parts, settings, tmp_path
) -> None:
    here, there = parts
    settings["database"]["seed"] += 1
    other = part(settings, tmp_path / "other", 7)
    before = damage.content(here.directory)
    with pytest.raises(UserError, match=r"this is the database cones-\w+, another one than"):
        merge(here, [there.directory, other.directory])
    assert untouched(here, before)


def nothing(place: Path) -> None:
    pass


def a_file(place: Path) -> None:
    place.write_text("spec")


def no_store(place: Path) -> None:
    place.mkdir()
    (place / "spec.json").write_text("{}")


@pytest.mark.parametrize(
    ("make", "code"), [(nothing, 1), (a_file, 2), (Path.mkdir, 1), (no_store, 1)]
)
def test_what_is_no_database_is_one_line(
    make, code, settings, write_config, tmp_path, capsys
) -> None:
    make(tmp_path / "elsewhere")
    arguments = ["merge", str(write_config(settings)), "cones", str(tmp_path / "elsewhere")]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, "--results", str(tmp_path / "results")])
    assert stopped.value.code == code
    printed = capsys.readouterr().err
    assert f": {tmp_path / 'elsewhere'}" in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_the_database_itself_is_no_part_of_it(cones) -> None:
    with pytest.raises(UserError, match="this is the database itself"):
        merge(cones, [cones.directory])


def test_a_block_at_which_a_job_is_at_work_is_left_to_it(parts, monkeypatch) -> None:
    here, there = parts
    path = here.lease((8, 12))
    path.parent.mkdir()
    path.write_text(json.dumps({"host": "elsewhere", "process": 1, "job": "17"}))
    monkeypatch.setattr(Lease, "_time", lambda lease: os.times().elapsed)  # its heart beats
    with pytest.raises(UserError, match="host elsewhere, job 17"):
        merge(here, [there.directory])
    assert sorted(journal.finished(here.journal)) == [*range(8)]


def test_the_verb_says_what_it_brought_and_exits_with_1_if_something_does_not_hold(
    parts, settings, write_config, capsys
) -> None:
    here, there = parts
    content = damage.shard(there, 9).read_bytes()
    damage.shard(there, 9).write_bytes(content[:-100])
    arguments = ["merge", str(write_config(settings)), "cones", str(there.directory)]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, "--results", str(here.root)])
    assert stopped.value.code == 1
    assert "4 light-cones brought, 1 were there already, 1 do not hold" in capsys.readouterr().out
    damage.shard(there, 9).write_bytes(content)
    cli.main([*arguments, "--results", str(here.root)])
    assert "12 light-cones checked, all hold" in capsys.readouterr().out


def test_a_campaign_goes_on_where_a_merge_ended(parts, sound, settings) -> None:
    here, there = parts
    damage.shard(there, 9).unlink()
    merge(here, [there.directory])
    assert to_do(here, (0, 12)) == [9]
    fill(here, 9)
    damage.go_on(here)
    assert markers(here) == markers(run_in(settings, sound).database)
