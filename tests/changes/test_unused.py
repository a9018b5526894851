"""What nothing points to is listed, and removed only when told to, and never what is in use."""

import json
import os
import platform
from pathlib import Path

import pytest
from support.filling import complete
from support.reruns import edited

from lcinfer import cli, config
from lcinfer.base import durable
from lcinfer.changes import unused
from lcinfer.products.run import Run
from lcinfer.stages import images, summarise

HOUR = 3600.0


@pytest.fixture
def root(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def old(settings, root):
    """A run with a database, images and a training, as of yesterday."""
    run = Run(config.parse(settings), root)
    complete(run.database)
    images.make(run.database_images)
    training = run.trainings["all_images"]
    durable.write_text(training.checkpoint, "weights")
    durable.write_json(training.trained, {})
    log = root / "logs" / "trainings" / f"{training.directory.name}.log"
    durable.write_text(log, "epoch 1")
    age(root, 24 * HOUR)
    return run


def age(path: Path, seconds: float) -> None:
    for each in (path, *path.rglob("*")):
        when = each.stat().st_mtime - seconds
        os.utime(each, (when, when))


@pytest.fixture
def gc(root, capsys):
    """The verb."""

    def gc(*arguments) -> str:
        cli.main(["gc", *map(str, arguments), "--results", str(root)])
        return capsys.readouterr().out

    return gc


@pytest.fixture
def refused(root, capsys):
    def refused(*arguments) -> str:
        with pytest.raises(SystemExit) as stopped:
            cli.main(["gc", *map(str, arguments), "--results", str(root)])
        printed = capsys.readouterr()
        assert stopped.value.code == 1
        assert printed.err.count("\n") == 1
        return printed.err

    return refused


def files(root) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


def test_what_a_configuration_points_to_is_not_listed(old, settings, write_config, gc, root):
    before = files(root)
    assert gc(write_config(settings), "--delete", "--lightcones").startswith("0 unused")
    assert files(root) == before


def test_what_none_points_to_is_listed_with_its_size_and_stays(
    old, settings, write_config, gc, root
) -> None:
    other = write_config(edited(settings, "images.slices", 1))
    before = files(root)
    printed = gc(other)
    assert str(old.database_images.directory) in printed
    assert str(old.trainings["all_images"].directory) in printed
    assert str(old.database.directory) not in printed
    assert files(root) == before
    told = {each["path"]: each for each in json.loads(gc(other, "--json"))["unused"]}
    size = told[str(old.database_images.directory)]["bytes"]
    assert size == sum(
        512 * path.lstat().st_blocks for path in old.database_images.directory.rglob("*")
    )
    assert size > 0
    # Several configurations keep what any of them points to.
    assert gc(other, write_config(settings, "first.yaml")).startswith("0 unused")


def test_delete_removes_products_with_their_logs_and_never_light_cones(
    old, settings, write_config, gc, root
) -> None:
    other = write_config(edited(settings, "database.seed", 6))
    database = files(old.database.directory)
    printed = gc(other, "--delete")
    assert f"removed: {old.database_images.directory}" in printed
    assert f"kept, with what was simulated: {old.database.directory}" in printed
    assert files(root) == database
    printed = gc(other, "--delete", "--lightcones")
    assert f"removed: {old.database.directory}" in printed
    assert files(root) == set()


def test_a_run_is_removed_with_its_links_and_not_what_they_lead_to(
    old, settings, write_config, gc, root
) -> None:
    durable.write_json(old.summary.manifest, {})
    for link, product in summarise.links(old).items():
        durable.write_link(link, product.directory)
    shared = files(old.database_images.directory)
    other = write_config(edited(settings, "figures.dpi", 60))
    told = {each["path"]: each for each in json.loads(gc(other, "--json"))["unused"]}
    assert told[str(old.summary.directory)]["bytes"] < 10**5
    assert f"removed: {old.summary.directory}" in gc(other, "--delete")
    assert files(old.database_images.directory) == shared


@pytest.mark.parametrize("realizations", [8, 16])
def test_another_number_of_realizations_shares_the_database_and_its_images(
    old, settings, write_config, gc, realizations
) -> None:
    printed = gc(write_config(edited(settings, "database.realizations", realizations)))
    assert str(old.trainings["all_images"].directory) in printed
    assert "1 unused" in printed


def test_a_live_lease_keeps_a_database(old, settings, write_config, gc) -> None:
    other = write_config(edited(settings, "database.seed", 6))
    lease = old.database.lease((0, 4))
    here = {"host": platform.node(), "process": os.getpid(), "job": "77"}
    durable.write_json(lease, here)
    age(lease, 24 * HOUR)  # silent for long, but its process is there
    printed = gc(other, "--delete", "--lightcones")
    assert f"kept, in use: {old.database.directory}" in printed
    assert "job 77" in printed
    assert old.database.store.exists()
    durable.write_json(lease, {**here, "host": "elsewhere"})
    assert "kept, in use" in gc(other, "--delete", "--lightcones")
    age(lease, HOUR)  # another host's, silent
    assert f"removed: {old.database.directory}" in gc(other, "--delete", "--lightcones")


def test_a_lease_taken_between_listing_and_removing_keeps_it(old, settings, root) -> None:
    found = unused.find([Run(config.parse(edited(settings, "database.seed", 6)), root)], root)
    here = {"host": platform.node(), "process": os.getpid(), "job": "77"}
    durable.write_json(old.database.lease((0, 4)), here)
    before = files(old.database.directory)
    said = list(unused.remove(found, lightcones=True))
    assert any(line.startswith(f"kept, in use: {old.database.directory}") for line in said)
    assert files(old.database.directory) == before


def test_an_unfinished_training_that_is_written_to_is_kept(old, settings, write_config, gc) -> None:
    training = old.trainings["all_images"]
    training.trained.unlink()
    training.checkpoint.write_text("the next epoch")
    other = write_config(edited(settings, "trainings.all_images.epochs", 3))
    assert "not finished, and written to 0 minutes ago" in gc(other, "--delete")
    assert training.checkpoint.exists()
    age(training.directory, 2 * HOUR)
    gc(other, "--delete")
    assert not training.directory.exists()


def test_nothing_is_removed_while_snakemake_is_at_work(
    old, settings, write_config, refused, root
) -> None:
    locks = root.parent / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("")
    before = files(root)
    assert "snakemake --unlock" in refused(
        write_config(edited(settings, "images.slices", 1)), "--delete"
    )
    assert files(root) == before


def test_a_configuration_that_cannot_be_read_removes_nothing(
    old, settings, write_config, refused, root, tmp_path
) -> None:
    other = write_config(edited(settings, "images.slices", 1))
    bad = write_config(edited(settings, "database.box.lenght", 3), "bad.yaml")
    before = files(root)
    assert "lenght" in refused(other, bad, "--delete")
    assert "missing.yaml" in refused(other, tmp_path / "missing.yaml", "--delete")
    assert files(root) == before


def test_what_is_not_lcinfers_is_named_and_left_alone(
    old, settings, write_config, gc, root, tmp_path
) -> None:
    mine = root / "mine" / "notes.txt"
    durable.write_text(mine, "mine")
    beside = root / "images" / "my images" / "a.png"
    durable.write_text(beside, "mine")
    alike = root / "lightcones" / "cones-0123456789" / "data"  # no spec.json says what it is
    durable.write_text(alike, "mine")
    elsewhere = tmp_path / "elsewhere"
    durable.write_text(elsewhere / "trained.json", "{}")
    link = root / "trainings" / "linked-0123456789"
    link.symlink_to(elsewhere)
    (root / "README.md").write_text("tracked")
    printed = gc(write_config(edited(settings, "database.seed", 6)), "--delete", "--lightcones")
    for path in (mine.parent, beside.parent, alike.parent, link):
        assert f"left alone, not lcinfer's: {path}" in printed
    assert all(path.exists() for path in (mine, beside, alike, link, elsewhere / "trained.json"))
    assert "README" not in printed


def test_partial_files_and_quarantines_of_what_is_kept(old, settings, write_config, gc) -> None:
    database = old.database.directory
    partial = database / f"spec.json.elsewhere.1{durable.SUFFIX}"
    partial.write_text("half")
    shard = database / "quarantine" / "light-cone-000003-1"
    durable.write_text(shard, "bad")
    path = write_config(settings)
    assert str(partial) not in gc(path), "somebody may be writing it"
    age(partial, HOUR)
    printed = gc(path, "--delete")
    assert f"removed: {partial}" in printed
    assert "--lightcones removes it too" in printed
    assert shard.exists()
    gc(path, "--delete", "--lightcones")
    assert not shard.exists()
    assert old.database.sealed.exists()


def test_a_removal_that_was_killed_is_finished_by_the_next(
    old, settings, write_config, gc, monkeypatch
) -> None:
    other = write_config(edited(settings, "images.slices", 1))
    with monkeypatch.context() as patch:
        patch.setattr(unused.shutil, "rmtree", lambda path: (_ for _ in ()).throw(OSError(5)))
        with pytest.raises(OSError, match="5"):
            gc(other, "--delete")
    left = [path.name for path in old.database_images.directory.parent.iterdir()]
    assert left == [f".removing-{old.database_images.directory.name}"]
    gc(other, "--delete")
    assert list(old.database_images.directory.parent.iterdir()) == []


def test_no_results_are_one_line(settings, write_config, refused) -> None:
    assert "no results here" in refused(write_config(settings))
