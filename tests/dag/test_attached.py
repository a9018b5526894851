"""The workflow on a database that lies elsewhere."""

import shutil

from support import damage
from support.filling import complete
from support.parts import run_in
from support.workflow import planned, snakemake

from lcinfer.travel.place import attach


def test_the_workflow_makes_all_that_follows_from_an_attached_database_and_leaves_it_as_it_is(
    settings, write_config, tmp_path
) -> None:
    path = write_config(settings)
    complete(run_in(settings, tmp_path / "elsewhere").database)
    archive = shutil.move(tmp_path / "elsewhere" / "lightcones", tmp_path / "archive")
    before = damage.content(archive)
    run = run_in(settings, tmp_path / "results")
    attach(run.database, archive)
    sealed = str(run.database.sealed.relative_to(tmp_path))
    assert "Nothing to be done" in said(tmp_path, path, "--", sealed)
    said(tmp_path, path)
    assert run.summary.manifest.exists()
    assert damage.content(archive) == before
    assert planned(tmp_path, path) == {}
    archive.rename(tmp_path / "unmounted")
    lost = snakemake(tmp_path, path, "--dry-run")
    assert lost.returncode != 0
    (line,) = (line for line in lost.stderr.splitlines() if line.startswith("lcinfer: "))
    assert " leads to " in line and " which is not there" in line


def said(directory, path, *more: str) -> str:
    """What the workflow says, which must not fail."""
    done = snakemake(directory, path, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
