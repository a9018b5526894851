"""Memory, CPUs and GPU of this machine, against what the profile would run on it."""

import os
from collections.abc import Iterator

from ..base.counting import counted
from ..base.memory import limits, meminfo
from ..engines import engine_of
from ..training.launch import GPUS as RESOURCES
from .site import Line, Site, failed, passed, warned

GPUS = f"what asks for a GPU ({', '.join(RESOURCES)})"


def check_machine(site: Site) -> Iterator[Line]:
    """What simulations need here; under SLURM the jobs run elsewhere and nothing is compared."""
    if site.profile.uses_slurm:
        return
    yield _memory(site)
    yield _cpus(site)


def check_gpu(site: Site) -> Iterator[Line]:
    """The GPU that simulations and trainings would use, if the profile asks for one or there is
    one."""
    import torch

    engine, simulates = engine_of(site.config.database), site.profile.gpus("simulate") > 0
    if simulates and not engine.on_gpus:
        what = f"the profile gives `simulate` GPUs, and the engine {engine.name} has CPUs alone"
        yield failed("gpu", what, f"take {GPUS} of `simulate` out of the profile")
    asks = simulates or site.profile.gpus("train") > 0
    if asks and torch.version.cuda is None and torch.version.hip is None:
        what = f"the profile asks for a GPU, and PyTorch {torch.__version__} is built for CPUs"
        do = f"install PyTorch for your GPUs, or take {GPUS} out of the profile"
        yield failed("gpu", what, do)
    elif torch.cuda.is_available():
        float(torch.ones(8, device="cuda").sum())  # a build for other GPUs fails here
        memory = torch.cuda.get_device_properties(0).total_memory
        what = f"{torch.cuda.get_device_name(0)}, {memory / 1e9:.0f} GB, PyTorch computes on it"
        yield passed("gpu", what)
    elif asks and not site.profile.uses_slurm:
        what = "the profile asks for a GPU, and PyTorch finds none"
        yield failed("gpu", what, "see nvidia-smi; or take it out of the profile")
    elif asks:
        yield warned("gpu", "none on this machine: not tried", "run this on a GPU node (salloc)")
    else:
        yield passed("gpu", "none: all runs on the CPU")


def ranks_at_a_time(site: Site) -> int:
    """Ranks that Snakemake's local executor runs at once: jobs that fit its cores, all their
    ranks."""
    profile = site.profile
    cores = profile.settings.get("cores")
    threads = profile.threads("simulate", site.config.database.simulator.threads)
    jobs = max(1, cores // threads) if isinstance(cores, int) else 1
    return jobs * profile.tasks


def memory_limit() -> int:
    """Bytes that processes here may use together: the machine's, or a smaller limit of a
    control group or of a SLURM job."""
    asked = os.environ.get("SLURM_MEM_PER_NODE", "")
    of_job = [int(asked) * 2**20] if asked.isdigit() and int(asked) else []
    return min([meminfo("MemTotal"), *limits(), *of_job])


def _memory(site: Site) -> Line:
    database = site.config.database
    ranks, each = ranks_at_a_time(site), engine_of(database).memory_mb(database) * 1e6
    limit, free = memory_limit(), meminfo("MemAvailable")
    what = f"{ranks} ranks at a time need {ranks * each / 1e9:.1f} GB"
    do = f"fewer tasks or cores in {site.profile.path}, or a smaller box"
    if ranks * each > limit:
        return failed("memory", f"{what}; {limit / 1e9:.1f} GB may be used here", do)
    if ranks * each > free:
        return warned("memory", f"{what}; {free / 1e9:.1f} GB of {limit / 1e9:.1f} are free", do)
    return passed("memory", f"{what}; {limit / 1e9:.1f} GB may be used here")


def _cpus(site: Site) -> Line:
    threads = site.config.database.simulator.threads
    ranks, cpus = ranks_at_a_time(site), len(os.sched_getaffinity(0))
    what = f"{ranks} ranks at a time of {counted(threads, 'thread')}; "
    what += f"{counted(cpus, 'CPU')} may be used here"
    if ranks * threads > cpus:
        do = f"slower than it could be: fewer tasks, or cores, in {site.profile.path}"
        return warned("cpus", what, do)
    return passed("cpus", what)
