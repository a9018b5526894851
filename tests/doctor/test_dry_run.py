"""The dry run that the doctor makes: what it plans, and what stops it."""

from pathlib import Path

import pytest
import yaml

from lcinfer.doctor import ranks, workflow

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def planned(site, settings, tmp_path, monkeypatch):
    """A site in the project's folder, whose configuration and profile stand in files."""
    monkeypatch.chdir(PROJECT)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    made = site(results=tmp_path / "results")
    made.profile.path.write_text("cores: 2\n")
    return made


def test_snakemake_itself_plans_the_run_and_says_how_many_jobs_there_are(planned):
    (line,) = workflow.check_workflow(planned)
    assert (line.level, line.check) == ("PASS", "workflow")
    assert line.what.startswith("snakemake -n, in ")
    assert line.what.endswith(" 23 jobs to run")
    assert not planned.results.exists()


@pytest.mark.parametrize(
    ("text", "says"), [("name: [", "not YAML"), ("name: small", "key is required")]
)
def test_what_stops_snakemake_is_told(planned, text, says):
    planned.file.write_text(text)
    (line,) = workflow.check_workflow(planned)
    assert line.level == "FAIL"
    assert says in line.what
    assert "--dry-run" in line.do


def test_a_home_that_cannot_be_written_to_fails_with_what_to_set(planned, tmp_path, monkeypatch):
    (tmp_path / "file").touch()  # which root cannot write below, unlike a directory without rights
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    (line,) = workflow.check_workflow(planned)
    assert line.level == "FAIL"
    assert str(tmp_path / "file" / "cache") in line.what
    assert "export XDG_CACHE_HOME=" in line.do


def test_ranks_tell_of_a_home_that_cannot_be_written_to_on_their_nodes(site):
    members = [{"cache": ""}, {"cache": "/home/me/.cache/snakemake: Read-only file system"}]
    slurm = site({"executor": "slurm"})
    (line,) = ranks._cache(slurm, {"members": members})
    assert (line.level, "Read-only file system" in line.what) == ("FAIL", True)
    assert "XDG_CACHE_HOME" in line.do
    assert list(ranks._cache(slurm, {"members": members[:1]})) == []
    assert list(ranks._cache(site(), {"members": members})) == []  # no job elsewhere


def test_elsewhere_than_in_the_projects_folder_nothing_is_vouched_for(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (line,) = workflow.check_workflow(site())
    assert (line.level, "not tried" in line.what) == ("WARN", True)
