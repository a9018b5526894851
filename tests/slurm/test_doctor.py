"""The doctor on a SLURM cluster of two nodes."""

import json
import subprocess

import pytest
import yaml
from support.projects import Project
from support.small import small_settings


@pytest.fixture
def project(cluster, tmp_path) -> Project:
    return Project(tmp_path / "project", small_settings())


def examined(project: Project) -> tuple[int, dict[str, dict]]:
    """Exit status, and the lines by their checks."""
    done = subprocess.run(
        ["lcinfer", "doctor", "run.yaml", "--profile", "slurm", "--json"],
        cwd=project.path,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=400,
    )
    lines = json.loads(done.stdout)["lines"]
    return done.returncode, {line["check"]: line for line in lines}


def test_the_profile_as_it_is_passes_with_ranks_on_both_nodes(project):
    status, lines = examined(project)
    assert status == 0, lines
    assert "one world of 4: 2 on n1, 2 on n2" in lines["ranks"]["what"]
    for check in ("partition", "status", "flavour", "job", "shared", "simulation"):
        assert lines[check]["level"] == "PASS", lines[check]
    assert not list(project.path.glob("**/doctor-*"))


def test_worlds_of_one_and_a_job_that_slurm_refuses_fail(project):
    path = project.path / "profiles" / "slurm" / "config.yaml"
    profile = yaml.safe_load(path.read_text())
    profile["set-resources"]["simulate"] |= {"mpi": "srun --mpi=none", "tasks": 1000}
    path.write_text(yaml.safe_dump(profile))
    status, lines = examined(project)
    assert status == 1
    assert "4 worlds of 1 instead of one of 4" in lines["ranks"]["what"]
    assert "SLURM would refuse 1000 ranks" in lines["job"]["what"]
