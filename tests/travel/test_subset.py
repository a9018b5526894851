"""A part of a database is a database: of the first N a smaller run, of others a part to merge."""

import threading

import pytest
from support import damage
from support.parts import Killed, markers, part, run_in, voxels

from lcinfer import cli
from lcinfer.base.counting import counted
from lcinfer.base.errors import UserError
from lcinfer.images import cutting
from lcinfer.lightcones import journal, store
from lcinfer.stages import images
from lcinfer.travel import carry, place
from lcinfer.travel.merge import merge
from lcinfer.travel.subset import subset
from lcinfer.upkeep.verify import verify


@pytest.mark.parametrize("link", [False, True])
def test_the_first_n_are_what_a_smaller_run_makes(cones, settings, tmp_path, link) -> None:
    settings["database"]["realizations"] = 6
    smaller = part(settings, tmp_path / "smaller")
    damage.go_on(smaller)
    before = damage.content(cones.directory)
    made = subset(cones, range(6), tmp_path / "cut", link)
    assert made.directory == tmp_path / "cut" / cones.directory.name
    assert voxels(made) == voxels(smaller)
    assert markers(made) == markers(smaller)
    assert made.spec.read_bytes() == cones.spec.read_bytes()
    assert verify(made).findings == []
    assert damage.content(cones.directory) == before
    assert damage.shard(made, 5).samefile(damage.shard(cones, 5)) == link


def test_any_light_cones_make_a_part_that_merges(cones, sound, settings, tmp_path) -> None:
    one = subset(cones, [*range(5), 9], tmp_path / "one")
    other = subset(cones, [*range(4, 9), 10, 11], tmp_path / "other")
    assert sorted(journal.finished(one.journal)) == [*range(5), 9]
    assert not one.sealed.exists()
    assert set(markers(other)) == {"prepared-000012.json", "blocks/000004-000008.json"}
    assert verify(one).findings == verify(other).findings == []
    into = run_in(settings, tmp_path / "again").database
    merge(into, [one.directory, other.directory])
    assert markers(into) == markers(cones)
    assert voxels(into) == voxels(cones)
    assert verify(into).findings == []


def test_a_subset_feeds_the_images(cones, settings, tmp_path) -> None:
    subset(cones, range(6), tmp_path / "results2" / "lightcones")
    settings["database"]["realizations"] = 6
    cut = run_in(settings, tmp_path / "results2").database_images
    images.make(cut)
    assert cutting.open_labelled(cut).light_cones == 6


@pytest.mark.parametrize(("where", "step"), [(store, "put"), (carry.Carrier, "_append")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_subset_that_was_killed_is_made_by_the_next(
    cones, tmp_path, monkeypatch, where, step, when
) -> None:
    calls = []
    original = getattr(where, step)

    def killed(*args):
        calls.append(step)
        if when == "after" or len(calls) < 3:
            original(*args)
        if len(calls) == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(Killed):
            subset(cones, range(12), tmp_path / "cut")
    made = subset(cones, range(12), tmp_path / "cut")
    assert markers(made) == markers(cones)
    assert verify(made).findings == []
    assert len(list(journal.records(made.journal))) == 12


def test_a_subset_can_be_asked_for_more(cones, tmp_path) -> None:
    subset(cones, range(4), tmp_path / "cut")
    made = subset(cones, range(12), tmp_path / "cut")
    assert verify(made).findings == []
    assert markers(cones).items() <= markers(made).items()


def test_the_chunks_are_the_databases_whatever_the_configuration_says_now(
    cones, settings, tmp_path
) -> None:
    settings["database"]["storage"] = {"chunk_cells": 4}
    edited = run_in(settings, cones.root).database
    made = subset(edited, range(4), tmp_path / "cut", link=True)
    assert store.encoding(made.store) == store.encoding(cones.store)
    assert verify(made).findings == []


def test_a_light_cone_that_does_not_hold_is_named_and_the_threads_end(cones, tmp_path) -> None:
    damage.swapped_shards(cones)
    before = threading.active_count()
    with pytest.raises(store.DamagedStore, match=r"light-cone 3: .*not those of the journal's"):
        subset(cones, range(12), tmp_path / "cut", threads=2)
    assert threading.active_count() == before


def test_light_cones_that_are_not_finished_are_refused_and_nothing_is_written(
    settings, tmp_path
) -> None:
    cones = part(settings, tmp_path / "part", 0, 1, 2)
    with pytest.raises(UserError, match="2 of these light-cones are not finished, the first is 3"):
        subset(cones, range(5), tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


def test_a_disk_without_room_is_one_line(cones, tmp_path, monkeypatch) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(place.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match=r"GB are needed, 0\.0 are free"):
        subset(cones, range(5), tmp_path / "cut")


def test_the_databases_own_root_is_refused(cones) -> None:
    with pytest.raises(UserError, match="this is the database itself"):
        subset(cones, range(4), cones.root / "lightcones")


def test_another_database_of_that_name_is_refused(cones, tmp_path) -> None:
    there = tmp_path / "cut" / cones.directory.name
    there.mkdir(parents=True)
    (there / "spec.json").write_text('{"fingerprint": "0", "block": 4, "name": "it"}')
    with pytest.raises(UserError, match="this is the database it-0, another one"):
        subset(cones, range(4), tmp_path / "cut")


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        (["--realizations", "3"], [0, 1, 2]),
        (["--indices", "1"], [1]),
        (["--indices", "8-10,2,9-11"], [2, 8, 9, 10]),
    ],
)
def test_the_verb_takes_the_first_n_or_ranges(
    cones, settings, write_config, capsys, tmp_path, asked, there
) -> None:
    arguments = ["subset", str(write_config(settings)), "cones", "--to", str(tmp_path / "cut")]
    cli.main([*arguments, *asked, "--results", str(cones.root)])
    made = place.at(cones, tmp_path / "cut")
    assert sorted(journal.finished(made.journal)) == there
    assert f"{counted(len(there), 'light-cone')} checked, all hold" in capsys.readouterr().out


@pytest.mark.parametrize(
    "asked",
    [[], ["--realizations", "0"], ["--realizations", "x"], ["--indices", "4-4"]]
    + [["--indices", text] for text in ("a", "1,", "-3", "5-2")]
    + [["--realizations", "2", "--indices", "3"]],
)
def test_what_is_no_choice_of_light_cones_is_a_usage_error(
    settings, write_config, capsys, tmp_path, asked
) -> None:
    arguments = ["subset", str(write_config(settings)), "cones", "--to", str(tmp_path / "cut")]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, *asked])
    assert stopped.value.code == 2
    assert not (tmp_path / "cut").exists()
