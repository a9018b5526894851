"""The verb: whole examinations, what they leave behind, and mistakes in what they are given."""

import json
from pathlib import Path

import pytest
import yaml
from support.ranks import MPIEXEC

from lcinfer import cli
from lcinfer.base.errors import UserError
from lcinfer.doctor import profile

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def results(tmp_path) -> Path:
    path = tmp_path / "results"
    path.mkdir()
    (path / "somebody's").touch()
    return path


def examined(capsys, *arguments) -> tuple[int, str]:
    """Exit status and output of the verb."""
    status = 0
    try:
        cli.main(["doctor", *map(str, arguments)])
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    return status, capsys.readouterr().out


def local(tmp_path, **simulate) -> Path:
    """The profile `local` of the project, with other resources of the rule `simulate`."""
    settings = yaml.safe_load((PROJECT / "profiles/local/config.yaml").read_text())
    settings["set-resources"]["simulate"] |= {"mpi": MPIEXEC, **simulate}
    path = tmp_path / "profile" / "config.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(settings))
    return path.parent


def test_a_machine_where_all_is_well_passes_and_nothing_is_left(
    settings, write_config, results, capsys, tmp_path
):
    given = ["--results", results, "--profile", local(tmp_path), "--ranks", 2]
    status, said = examined(capsys, write_config(settings), *given)
    *lines, last = said.splitlines()
    assert status == 0, said
    assert {line.split()[0] for line in lines} <= {"PASS", "WARN"}
    checks = {line.split()[1] for line in lines}
    assert {"python", "libraries", "engine", "mpi4py", "memory", "cpus", "gpu"} <= checks
    assert {"results", "rename", "journal", "write", "room"} <= checks
    assert {"ranks", "shared", "simulation"} <= checks
    assert f"0 FAIL: ready for snakemake --profile {tmp_path / 'profile'} --configfile" in last
    assert [path.name for path in results.iterdir()] == ["somebody's"]


def test_several_faults_are_all_told_in_json_with_what_to_do_and_status_1(
    settings, write_config, results, capsys, tmp_path
):
    settings["database"]["simulator"]["engine"] = "support.standin:segfaults"
    given = ["--results", results, "--profile", local(tmp_path, mpi="/nowhere/mpiexec"), "--json"]
    status, said = examined(capsys, write_config(settings), *given)
    told = json.loads(said)
    wrong = {line["check"] for line in told["lines"] if line["level"] == "FAIL"}
    assert (status, wrong, told["FAIL"]) == (1, {"ranks", "simulation"}, 2)
    assert all(line["do"] for line in told["lines"] if line["level"] != "PASS")
    assert [path.name for path in results.iterdir()] == ["somebody's"]


def test_results_that_are_not_there_yet_are_not_made(
    settings, write_config, capsys, tmp_path, monkeypatch
):
    from lcinfer.doctor import files

    given = ["--results", tmp_path / "not" / "yet", "--profile", local(tmp_path)]
    monkeypatch.setattr(  # in this process: see below
        "lcinfer.cli.doctor.lines_of",
        lambda name, check, site, seconds: check(site) if name == "results" else (),
    )
    status, said = examined(capsys, write_config(settings), *given)
    assert status == 0, said
    assert files.kind_of(tmp_path)[1] in said
    assert not (tmp_path / "not").exists()
    assert not list(tmp_path.glob("doctor-*"))


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        (["--profile", "nosuch"], 1, "there is no such profile"),
        (["--ranks", "0"], 2, "above 0"),
        (["--limit", "-1"], 2, "above 0"),
    ],
)
def test_a_mistake_in_what_is_asked_is_one_line(settings, write_config, capsys, wrong, code, says):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["doctor", str(write_config(settings)), *wrong])
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out, printed.err.count("\n")) == (code, "", 1)
    assert says in printed.err


def test_the_projects_profiles_are_read_as_snakemake_finds_them(monkeypatch):
    monkeypatch.chdir(PROJECT)
    for name in ("slurm", "profiles/slurm", "profiles/slurm/config.yaml"):
        found = profile.load(name)
        assert found.launcher == "srun --mpi=pmi2 --kill-on-bad-exit=1"
        assert (found.tasks, found.uses_slurm, found.launches_by_srun) == (16, True, True)
    found = profile.load("profiles/local")
    assert (found.launcher, found.tasks, found.uses_slurm) == ("mpiexec -launcher fork", 2, False)
    assert found.threads("simulate", 7) == 2


@pytest.mark.parametrize("text", ["- a list", "set-resources: [simulate:tasks=2]", "a: [", ""])
def test_a_profile_that_cannot_be_read_is_one_line(text, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        profile.load(str(path))
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)
