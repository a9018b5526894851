"""SLURM as its programs tell of it, here fake ones."""

import os

import pytest

from lcinfer.doctor import slurm

ROWS = "gold|4|8|32000|gpu:2|up\nsilver|2|64+|256000|(null)|up"
SETTINGS = """AccountingStorageType   = accounting_storage/{accounting}
MinJobAge               = {age}
MpiDefault              = none"""
FLAVOURS = "MPI plugin types are...\n\tnone\n\tpmi2\n\tcray_shasta"
PROFILE = {
    "executor": "slurm",
    "slurm-status-command": "squeue",
    "default-resources": {"slurm_partition": "gold"},
    "set-resources": {"simulate": {"mpi": "srun --mpi=pmi2", "tasks": 16}},
}


@pytest.fixture
def cluster(say, program, tmp_path, monkeypatch):
    """Fake programs of a cluster where all is well; those that a test writes anew differ."""
    for name in slurm.PROGRAMS:
        say(name)
    say("sinfo", ROWS)
    say("scontrol", SETTINGS.format(accounting="none", age="300 sec"))
    say("srun", FLAVOURS)
    program("sbatch", f"import sys; open({str(tmp_path / 'asked')!r}, 'w').write(str(sys.argv))")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return say


def levels(site) -> dict[str, str]:
    return {line.check: line.level for line in slurm.check_slurm(site)}


def test_a_cluster_where_all_is_well_passes_and_no_job_is_made(site, cluster, tmp_path):
    lines = {line.check: line for line in slurm.check_slurm(site(PROFILE))}
    assert list(lines) == ["partition", "status", "flavour", "job"]
    assert {line.level for line in lines.values()} == {"PASS"}
    assert lines["partition"].what == "gold: 4 nodes of 8 CPUs and 32000 MB"
    assert lines["flavour"].what == "--mpi=pmi2, of cray_shasta, none, pmi2"
    asked = (tmp_path / "asked").read_text()
    for option in ("--test-only", "--partition=gold", "--ntasks=16", "--cpus-per-task=1"):
        assert option in asked


def test_another_executor_has_no_slurm(site):
    assert list(slurm.check_slurm(site())) == []


def test_without_its_programs_it_is_one_line(site, cluster, tmp_path):
    (tmp_path / "bin" / "squeue").unlink()
    (line,) = slurm.check_slurm(site(PROFILE))
    assert (line.level, line.what) == ("FAIL", "no squeue here")


def test_a_controller_that_does_not_answer_is_one_line(site, cluster, program, monkeypatch):
    cluster("sinfo", "Unable to contact slurm controller", status=1)
    (line,) = slurm.check_slurm(site(PROFILE))
    assert (line.level, "Unable to contact" in line.what) == ("FAIL", True)
    monkeypatch.setattr(slurm, "SECONDS", 0.5)
    program("sinfo", "import time; time.sleep(60)")
    (line,) = slurm.check_slurm(site(PROFILE))
    assert (line.level, "no answer within 0.5 s" in line.what) == ("FAIL", True)


def test_a_partition_that_is_not_there_fails_with_those_that_are(site, cluster):
    wrong = PROFILE | {"default-resources": {"slurm_partition": "bronze"}}
    line = {line.check: line for line in slurm.check_slurm(site(wrong))}["partition"]
    assert line.level == "FAIL"
    assert line.what == "there is no partition bronze; there are gold, silver"


@pytest.mark.parametrize(
    ("command", "age", "accounting", "level", "do"),
    [
        ("squeue", "300 sec", "none", "PASS", ""),
        ("squeue", "2 min", "none", "PASS", ""),
        ("squeue", "60 sec", "slurmdbd", "FAIL", "slurm-status-command: sacct"),
        ("squeue", "60 sec", "none", "FAIL", "ask your site for 300 s"),
        ("sacct", "60 sec", "slurmdbd", "PASS", ""),
        ("sacct", "300 sec", "none", "FAIL", "slurm-status-command: squeue"),
    ],
)
def test_the_status_command_must_know_ended_jobs(
    site, cluster, command, age, accounting, level, do
):
    cluster("scontrol", SETTINGS.format(accounting=accounting, age=age))
    profile = PROFILE | {"slurm-status-command": command}
    line = {line.check: line for line in slurm.check_slurm(site(profile))}["status"]
    assert (line.level, line.do) == (level, do)


@pytest.mark.parametrize(("mpi", "level"), [("--mpi=pmix", "FAIL"), ("", "PASS")])
def test_a_flavour_of_mpi_that_srun_does_not_have_fails(site, cluster, mpi, level):
    profile = PROFILE | {"set-resources": {"simulate": {"mpi": f"srun {mpi}"}}}
    assert levels(site(profile))["flavour"] == level


BANNER = "Welcome to Gold\\n--> Verifying your account...OK"


@pytest.mark.parametrize(("more", "level"), [("", "PASS"), ("\\nDowntime in 2026", "FAIL")])
def test_a_banner_of_sbatch_is_told_if_snakemake_would_miss_the_jobs_number_for_it(
    site, cluster, program, monkeypatch, more, level
):
    program("sbatch", f"print('{BANNER}{more}')")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/bin:/bin")
    line = {line.check: line for line in slurm.check_slurm(site(PROFILE))}["job"]
    assert line.level == level
    assert level == "PASS" or "Welcome to Gold" in line.what


def test_slurms_reason_is_found_within_a_banner(site, cluster, program):
    said = "sbatch: error: Invalid account\\n-----\\nAsk help@gold"
    program("sbatch", f"import sys; sys.exit('{said}')")
    line = {line.check: line for line in slurm.check_slurm(site(PROFILE))}["job"]
    assert line.what.endswith(": Invalid account")


def test_a_job_that_slurm_would_refuse_fails_with_its_reason(site, cluster):
    cluster("sbatch", "allocation failure: Invalid account", status=1)
    line = {line.check: line for line in slurm.check_slurm(site(PROFILE))}["job"]
    assert line.level == "FAIL"
    assert "SLURM would refuse 16 ranks" in line.what
    assert "Invalid account" in line.what
