"""Which profile `snakemake --profile slurm` is. No SLURM is needed to ask."""

import subprocess
from pathlib import Path

import pytest
from support.projects import Project
from support.small import small_settings

OURS = "srun --mpi=pmi2 --kill-on-bad-exit=1 -n 16"
THEIRS = "executor: local\ncores: 1\nset-resources:\n  simulate:\n    mpi: somebody's\n"


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path / "project", small_settings())


@pytest.fixture
def theirs(project) -> Path:
    """A profile `slurm` of the user's own."""
    file = project.path / "home" / "snakemake" / "slurm" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(THEIRS)
    return file


def planned(project: Project, directory: Path, *more: str) -> subprocess.CompletedProcess:
    """A dry run from a directory."""
    configuration = str(project.path / "run.yaml")
    return subprocess.run(
        [
            *("snakemake", "--profile", "slurm", "--configfile", configuration),
            *("--dry-run", "--printshellcmds", *more),
        ],
        cwd=directory,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_in_the_projects_folder_it_is_the_projects_and_no_home_is_written_to(project):
    done = planned(project, project.path)
    assert done.returncode == 0, done.stderr
    assert OURS in done.stdout + done.stderr
    assert list((project.path / "home").rglob("config.yaml")) == []


def test_a_profile_of_the_users_own_stays_as_it_is_and_does_not_get_in_the_way(project, theirs):
    done = planned(project, project.path)
    assert done.returncode == 0, done.stderr
    assert OURS in done.stdout + done.stderr
    assert "somebody" not in done.stdout + done.stderr
    assert theirs.read_text() == THEIRS


def test_elsewhere_the_users_own_profile_is_theirs(project, theirs, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = planned(project, elsewhere, "--snakefile", str(project.path / "Snakefile"))
    assert done.returncode == 0, done.stderr
    assert "somebody's" in done.stdout + done.stderr
    assert theirs.read_text() == THEIRS
