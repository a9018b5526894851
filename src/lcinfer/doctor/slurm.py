"""The SLURM that the profile's jobs go to: whether it answers, and takes such jobs."""

import re
from collections.abc import Iterator
from shutil import which

from ..engines import engine_of
from .bounded import Answer, ask
from .site import Line, Site, failed, passed

PROGRAMS = ("sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol")
SECONDS = 30.0  # of one command
COLUMNS = 6  # that sinfo is asked for
REMEMBERED = 120  # seconds that squeue must know an ended job: see docs/clusters.md
UNITS = {"": 1, "sec": 1, "s": 1, "min": 60, "m": 60, "h": 3600}


def check_slurm(site: Site) -> Iterator[Line]:
    """Programs, controller, partition, status command, MPI flavour, a job of the real size."""
    if not site.profile.uses_slurm:
        return
    missing = [program for program in PROGRAMS if which(program) is None]
    if missing:
        do = "run this on a login node, with the site's module for SLURM"
        yield failed("slurm", f"no {', '.join(missing)} here", do)
        return
    nodes = ask(["sinfo", "--noheader", "--format=%R|%D|%c|%m|%G|%a"], SECONDS)
    if nodes.status != 0:
        how = f"no answer within {SECONDS:g} s" if nodes.status is None else nodes.said
        yield failed("slurm", f"sinfo: {how}", "run this on a login node; ask your site")
        return
    rows = [line.split("|") for line in nodes.out.splitlines()]
    yield _partition(site, [row for row in rows if len(row) == COLUMNS])  # banners have fewer
    settings = ask(["scontrol", "show", "config"], SECONDS).out
    yield _status_command(site, settings)
    if site.profile.launches_by_srun:
        yield _flavour(site, settings)
    yield _job(site)


def _partition(site: Site, rows: list[list[str]]) -> Line:
    wanted = site.profile.resource("slurm_partition")
    names = sorted({row[0] for row in rows})
    unknown = set(str(wanted).split(",")) - set(names) if wanted is not None else set()
    if unknown:
        what = f"there is no partition {', '.join(sorted(unknown))}; there are {', '.join(names)}"
        return failed("partition", what, f"write one of them into {site.profile.path}")
    chosen = [row for row in rows if wanted is None or row[0] in str(wanted).split(",")]
    kinds = [f"{count} nodes of {cpus} CPUs and {mb} MB" for _, count, cpus, mb, *_ in chosen]
    of = wanted if wanted is not None else f"the default of {', '.join(names)}"
    return passed("partition", f"{of}: {'; '.join(kinds)}")


def _status_command(site: Site, settings: str) -> Line:
    command = site.profile.settings.get("slurm-status-command", "chosen by Snakemake")
    accounting = "accounting_storage/none" not in settings
    age = _min_job_age(settings)
    what = f"{command}; MinJobAge {age} s, accounting {'on' if accounting else 'off'}"
    if command == "squeue" and age is not None and age < REMEMBERED:
        do = "slurm-status-command: sacct" if accounting else "ask your site for 300 s"
        return failed("status", f"{what}: ended jobs are forgotten before they are seen", do)
    if command == "sacct" and not accounting:
        return failed("status", f"{what}: every job would be lost", "slurm-status-command: squeue")
    return passed("status", what)


def _min_job_age(settings: str) -> int | None:
    found = re.search(r"^\s*MinJobAge\s*=\s*(\d+)\s*([a-z]*)", settings, re.MULTILINE)
    return int(found[1]) * UNITS.get(found[2], 1) if found else None


def _flavour(site: Site, settings: str) -> Line:
    asked = re.search(r"--mpi[= ](\w+)", site.profile.launcher)
    default = re.search(r"^\s*MpiDefault\s*=\s*(\w+)", settings, re.MULTILINE)
    said = ask(["srun", "--mpi=list"], SECONDS)
    listed = f"{said.out}\n{said.err}"
    there = sorted(set(re.findall(r"\b(pmi2|pmix\w*|cray_shasta|openmpi|none)\b", listed)))
    name = asked[1] if asked else default[1] if default else "none"
    if name not in re.findall(r"\w+", listed):
        do = f"set mpi in {site.profile.path}; docs/clusters.md, 'A cluster's own MPI'"
        return failed("flavour", f"srun has no --mpi={name}; it has {', '.join(there)}", do)
    which_one = f"--mpi={name}" if asked else f"SLURM's default, {name}"
    return passed("flavour", f"{which_one}, of {', '.join(there)}")


def _job(site: Site) -> Line:
    """Whether SLURM would take a job of the campaign's; none is made."""
    profile, simulation = site.profile, site.config.database
    threads = simulation.simulator.threads
    each = engine_of(simulation).memory_mb(simulation) // threads
    command = ["sbatch", "--test-only", *profile.site_options(), f"--ntasks={profile.tasks}"]
    command += [f"--cpus-per-task={threads}", f"--mem-per-cpu={each}"]
    command += [f"--time={profile.resource('runtime', otherwise=60)}"]
    nodes = profile.resource("nodes")
    command += [f"--nodes={nodes}"] if nodes is not None else []
    for resource, option in (("gres", "gres"), ("gpu", "gpus")):
        if asked := profile.resource(resource):
            command.append(f"--{option}={asked}")
    said = ask([*command, "--wrap=true"], SECONDS)
    size = f"{profile.tasks} ranks of {threads} CPUs and {threads * each / 1e3:.1f} GB"
    if said.status != 0:
        why = "no answer" if said.status is None else _refusal(said)
        do = f"set partition, account, runtime and tasks in {profile.path} as your site wants"
        return failed("job", f"SLURM would refuse {size}: {why}", do)
    banner = [line for line in said.out.splitlines() if re.search(r"[^\W\d]", line)]
    if banner and not _is_told("\n".join(banner)):
        what = f"sbatch says more than a job's number, with numbers in it: {banner[0]}"
        do = "Snakemake cannot tell which is the job's: ask your site for a quiet sbatch"
        return failed("job", what, do)
    return passed("job", f"SLURM would take {size}")


def _refusal(said: Answer) -> str:
    """What SLURM itself says, whatever a site's banner says around it."""
    errors = re.findall(r"^sbatch: error: (.*)$", said.err, re.MULTILINE)
    return errors[-1] if errors else said.said


def _is_told(banner: str) -> bool:
    """Whether Snakemake finds a job's number below what a site's ``sbatch`` prints of its own."""
    from snakemake_executor_plugin_slurm.validation import validate_or_get_slurm_job_id

    number = "4242"
    try:
        return bool(validate_or_get_slurm_job_id("", f"{banner}\n{number}") == number)
    except Exception:  # WorkflowError of Snakemake's interface
        return False
