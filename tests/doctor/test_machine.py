"""Memory, CPUs and GPU against what the profile would run here."""

import torch

from lcinfer.base import memory
from lcinfer.doctor import machine
from lcinfer.engines import REGISTERED, engine_of

LOCAL = {"cores": 8, "set-threads": {"simulate": 2}, "set-resources": {"simulate": {"tasks": 3}}}


def test_ranks_at_a_time_are_those_of_all_jobs_that_fit_the_profiles_cores(site):
    assert machine.ranks_at_a_time(site(LOCAL)) == 12
    assert machine.ranks_at_a_time(site({"cores": "all"})) == 2


def test_memory_that_does_not_suffice_fails_and_memory_in_use_warns(site, monkeypatch):
    database = site().config.database
    need = 12 * engine_of(database).memory_mb(database) * 10**6
    free = {"MemTotal": 2 * need, "MemAvailable": 2 * need}
    monkeypatch.setattr(machine, "meminfo", free.get)
    monkeypatch.setattr(machine, "memory_limit", lambda: free["MemTotal"])
    assert machine._memory(site(LOCAL)).level == "PASS"
    free["MemAvailable"] = need // 2
    assert machine._memory(site(LOCAL)).level == "WARN"
    free["MemTotal"] = need // 2
    assert machine._memory(site(LOCAL)).level == "FAIL"


def test_the_limit_is_the_smallest_of_machine_control_groups_and_slurm(tmp_path, monkeypatch):
    whole = machine.memory_limit()
    assert whole > 0
    (tmp_path / "own").write_text("9:pids:/\n0::/a/job\n")
    group = tmp_path / "a"
    (group / "job").mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    monkeypatch.setattr(memory, "GROUPS_OF_THIS_PROCESS", tmp_path / "own")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    unlimited = machine.memory_limit()
    (group / "memory.max").write_text("12345678\n")
    assert unlimited > machine.memory_limit() == 12345678
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "3")
    assert machine.memory_limit() == 3 * 2**20


def test_more_threads_than_cpus_are_warned_of(site, monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(12)))
    assert machine._cpus(site(LOCAL)).level == "PASS"
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(11)))
    assert machine._cpus(site(LOCAL)).level == "WARN"


def test_a_login_node_is_not_measured_against_the_jobs(site):
    assert list(machine.check_machine(site({"executor": "slurm"}))) == []


def test_no_gpu_is_fine_unless_the_profile_asks_for_one(site, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (none,) = machine.check_gpu(site())
    assert (none.level, none.what) == ("PASS", "none: all runs on the CPU")
    asks = {"set-resources": {"train": {"gres": "gpu:1"}}}
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    (cpu_build,) = machine.check_gpu(site(asks))
    assert (cpu_build.level, "built for CPUs" in cpu_build.what) == ("FAIL", True)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert cpu_build.do.endswith("take what asks for a GPU (gpus, gpu, gres) out of the profile")
    (absent,) = machine.check_gpu(site(asks))
    assert (absent.level, "finds none" in absent.what) == ("FAIL", True)
    (elsewhere,) = machine.check_gpu(site({"executor": "slurm", **asks}))
    assert elsewhere.level == "WARN"


def test_a_gpu_is_named_when_pytorch_computes_on_it(site, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    on_cpu = torch.ones(8)
    monkeypatch.setattr(torch, "ones", lambda *_, device: on_cpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some GPU")
    memory = type("Properties", (), {"total_memory": 80e9})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: memory)
    (line,) = machine.check_gpu(site())
    assert (line.level, line.what) == ("PASS", "Some GPU, 80 GB, PyTorch computes on it")


def test_gpus_for_simulations_need_an_engine_that_computes_on_them(site, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    asks = {"executor": "slurm", "set-resources": {"simulate": {"gpu": 2}}}
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    elsewhere = list(machine.check_gpu(site(asks)))[-1]
    assert (elsewhere.level, elsewhere.what) == ("WARN", "none on this machine: not tried")
    monkeypatch.setattr(machine, "engine_of", lambda _: REGISTERED["lcinfer.simulate:simulate"])
    refused = next(machine.check_gpu(site(asks)))
    assert refused.level == "FAIL" and "the engine 21cmfast has CPUs alone" in refused.what
