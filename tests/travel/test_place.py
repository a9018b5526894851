"""Where a database lies is a matter of how it is run: all works behind a link, read-only too."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from support import damage
from support.filling import complete
from support.parts import Killed, markers, run_in, voxels

from lcinfer import cli
from lcinfer.base import durable
from lcinfer.base.errors import UserError
from lcinfer.stages import images, lightcones
from lcinfer.travel import place
from lcinfer.travel.place import attach, begin, move
from lcinfer.upkeep.verify import verify

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def archive(cones, tmp_path) -> Path:
    """A root of databases with the sealed one in it, from which it was taken away."""
    (tmp_path / "archive").mkdir()
    shutil.move(cones.directory, tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def path(settings, write_config):
    return write_config(settings)


def refused(capsys, *arguments) -> str:
    """The one line of a verb that cannot do its work."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out) == (1, "")
    assert printed.err.startswith("lcinfer: ")
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("whole", [True, False], ids=["directory", "root"])
def test_an_attached_database_is_the_one_among_the_results(cones, archive, whole) -> None:
    before = damage.content(archive)
    attach(cones, archive / cones.directory.name if whole else archive)
    assert cones.directory.is_symlink()
    assert cones.directory.readlink().is_absolute()
    assert verify(cones).findings == []
    attach(cones, archive)  # again: nothing new
    assert damage.content(archive) == before


def test_the_verb_attaches_all_that_a_root_holds(cones, archive, path, settings, capsys) -> None:
    complete(run_in(settings, archive / "made").mocks["FAINT"])
    shutil.move(next((archive / "made" / "lightcones").iterdir()), archive)
    cli.main(["attach", str(path), "--database", str(archive), "--results", str(cones.root)])
    said = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[-1] for line in said] == ["12 light-cones", "2 light-cones"]
    cli.main(["verify", str(path), "--results", str(cones.root)])


def test_a_database_can_be_begun_in_a_root(settings, path, tmp_path) -> None:
    results, root = tmp_path / "results", tmp_path / "scratch"
    arguments = ["--database", str(root), "--new", "--results", str(results)]
    cli.main(["attach", str(path), "cones", *arguments])
    cones = run_in(settings, results).database
    complete(cones)
    assert (root / cones.directory.name / cones.sealed.name).exists()
    with pytest.raises(UserError, match="it has been begun"):
        begin(cones, root)


def test_the_whole_of_lightcones_can_be_a_link(settings, tmp_path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "lightcones").symlink_to(tmp_path / "scratch")
    cones = run_in(settings, tmp_path / "results").database
    complete(cones)
    assert (tmp_path / "scratch" / cones.directory.name).is_dir()
    assert verify(cones).findings == []


def test_a_disk_that_is_not_mounted_is_one_line_and_no_order_to_make_it_again(
    cones, archive, path, capsys
) -> None:
    attach(cones, archive)
    archive.rename(archive.with_name("unmounted"))
    for verb in ("design", "images", "verify"):
        line = refused(capsys, verb, path, "cones", "--results", cones.root)
        assert f"leads to {archive}" in line
        assert "lcinfer attach" in line
    here = ["--database", str(archive.with_name("unmounted")), "--results", str(cones.root)]
    cli.main(["attach", str(path), "cones", *here])
    assert verify(cones).findings == []


def test_a_database_that_is_here_too_is_not_hidden(cones, sound) -> None:
    before = damage.content(cones.root)
    with pytest.raises(UserError, match="lcinfer merge"):
        attach(cones, sound / "lightcones")
    assert damage.content(cones.root) == before


def test_another_database_is_refused(cones, archive, settings, tmp_path) -> None:
    settings["database"]["seed"] += 1
    other = run_in(settings, tmp_path / "other").database
    with pytest.raises(UserError, match=r"this is the database cones-.*, another one than"):
        attach(other, archive / cones.directory.name)
    assert not other.root.exists()


def test_a_root_without_any_of_them_is_one_line(settings, path, tmp_path, capsys) -> None:
    line = refused(capsys, "attach", path, "--database", tmp_path, "--results", tmp_path / "no")
    assert "it holds none of cones-" in line


@pytest.mark.parametrize("fault", [damage.deleted_shard, damage.removed_line])
def test_a_copy_that_is_not_whole_is_refused(cones, archive, fault) -> None:
    there = place.at(cones, archive)
    fault(there)
    with pytest.raises(UserError, match=r"1 light-cone .* not there, the first is 3"):
        attach(cones, archive)
    assert not cones.directory.exists()


def test_a_moved_database_is_the_same_and_the_old_one_stays(cones, sound, settings, tmp_path):
    before = damage.content(cones.directory)
    there, old = move(cones, tmp_path / "archive")
    assert cones.directory.resolve() == tmp_path / "archive" / cones.directory.name
    assert verify(cones).findings == []
    assert markers(cones) == markers(run_in(settings, sound).database)
    assert damage.content(old) == before
    shutil.rmtree(old)
    further, older = move(cones, tmp_path / "further")  # from behind a link
    assert (older, cones.directory.resolve()) == (there.place, further.place)
    assert verify(cones).findings == []


def test_an_old_one_is_nowhere_advised_to_be_removed(cones, tmp_path) -> None:
    kept = cones.directory.with_name(f"{cones.directory.name}.old")
    kept.mkdir()  # of an earlier move, or somebody's
    with pytest.raises(UserError, match="move it elsewhere first"):
        move(cones, tmp_path / "archive")
    assert kept.is_dir()


STEPS = [(durable, "sync_up"), (place, "verify"), (Path, "rename"), (Path, "symlink_to")]


@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_move_that_was_killed_is_done_by_the_next(
    cones, sound, settings, tmp_path, monkeypatch, where, step, when
) -> None:
    original = getattr(where, step)

    def killed(*args, **options):
        if when == "after":
            original(*args, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, step, killed)
        with pytest.raises(Killed):
            move(cones, tmp_path / "archive")
    _, old = move(run_in(settings, cones.root).database, tmp_path / "archive")
    assert cones.directory.is_symlink()
    assert verify(cones).findings == []
    assert voxels(cones) == voxels(run_in(settings, sound).database)
    assert markers(place.at(cones, old)) == markers(cones)


@pytest.mark.parametrize("fault", [damage.flipped_bit, damage.removed_line])
def test_a_copy_that_does_not_hold_moves_nothing(cones, tmp_path, fault) -> None:
    fault(cones)
    before = damage.content(cones.root)
    with pytest.raises(UserError, match="the copy does not hold, nothing was moved: light-cone 3"):
        move(cones, tmp_path / "archive")
    assert damage.content(cones.root) == before


def test_a_database_is_not_moved_into_itself_nor_to_where_it_is(cones, tmp_path) -> None:
    for root in (cones.directory.parent, cones.directory, cones.directory / "deep"):
        with pytest.raises(UserError, match="this is where it is"):
            move(cones, root)


def test_a_database_at_which_a_job_is_at_work_is_not_moved(cones, tmp_path, monkeypatch) -> None:
    lease = cones.lease((0, 4))
    lease.parent.mkdir()
    lease.write_text('{"host": "elsewhere", "process": 1, "job": "17"}')
    monkeypatch.setattr(place.Lease, "_time", lambda lease: os.times().elapsed)  # its heart beats
    before = damage.content(cones.root)
    with pytest.raises(UserError, match="host elsewhere, job 17"):
        move(cones, tmp_path / "archive")
    assert damage.content(cones.root) == before
    assert not (tmp_path / "archive").exists()


def test_the_verb_says_where_the_new_one_and_the_old_one_are(cones, path, tmp_path, capsys) -> None:
    root = tmp_path / "archive"
    cli.main(["move", str(path), "cones", "--to", str(root), "--results", str(cones.root)])
    new, old = capsys.readouterr().out.splitlines()
    assert str(root / cones.directory.name) in new
    assert f"{cones.directory}.old" in old


@contextmanager
def read_only(settings, sound) -> Iterator[tuple[Path, Path]]:
    """Results whose database cannot be written, as its user; what it holds stays the same."""
    with TemporaryDirectory() as public:
        Path(public).chmod(0o777)
        results, archive = Path(public) / "results", Path(public) / "archive"
        shutil.copytree(sound / "lightcones", archive)
        for file in archive.rglob("*"):
            file.chmod(0o555 if file.is_dir() else 0o444)
        archive.chmod(0o555)
        before = damage.content(archive)
        with damage.as_another_user():
            results.mkdir()
            attach(run_in(settings, results).database, archive)
            yield results, Path(public)
        assert damage.content(archive) == before


def test_images_are_cut_from_a_read_only_database(sound, settings) -> None:
    with read_only(settings, sound) as (results, _):
        run = run_in(settings, results)
        cut = run.database_images
        lightcones.prepare(run.database)  # all is there: nothing to write
        images.make(cut)
        assert cut.sealed.exists()
        assert verify(run.database).findings == []


@pytest.mark.parametrize(("verb", "realizations"), [("design", 16), ("seal", 12), ("merge", 12)])
def test_what_would_write_into_a_read_only_database_is_one_line(
    sound, settings, capsys, verb, realizations
) -> None:
    with read_only(settings, sound) as (results, public):
        settings["database"]["realizations"] = realizations
        path = public / "config.yaml"
        path.write_text(yaml.safe_dump(settings))
        part = run_in(settings, public / "part").database
        if verb == "merge":
            settings["database"]["realizations"] = 14
            path.write_text(yaml.safe_dump(settings))
            lightcones.prepare(part)
        more = [part.directory] if verb == "merge" else []
        line = refused(capsys, verb, path, "cones", *more, "--results", results)
        assert "Permission denied" in line
