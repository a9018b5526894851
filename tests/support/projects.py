"""A folder as a user has it after the set-up, in which `snakemake --profile slurm` is run."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from lcinfer import config
from lcinfer.products.databases import LightCones
from lcinfer.products.run import Run

PROJECT = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "profiles", "slurm", "config", "envs")
SOONER = [
    *("--slurm-init-seconds-before-status-checks", "1"),
    *("--seconds-between-status-checks", "1", "--latency-wait", "5"),
]


class Project:
    """A folder as a user has it after the set-up, with a configuration."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        """``path`` must not exist yet."""
        self.path = path
        path.mkdir()
        for part in PARTS:
            source = PROJECT / part
            if source.is_dir() and not source.is_symlink():
                shutil.copytree(source, path / part)
            else:
                shutil.copy(source, path / part, follow_symlinks=False)
        self._started: list[subprocess.Popen] = []
        (path / "home").mkdir()
        self.write(settings)

    def write(self, settings: dict[str, Any]) -> None:
        """Another configuration."""
        (self.path / "run.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    @property
    def run(self) -> Run:
        """What the configuration makes."""
        return Run(config.load(self.path / "run.yaml"), self.path / "results")

    @property
    def cones(self) -> LightCones:
        """The database."""
        return self.run.database

    @property
    def target(self) -> str:
        """The marker that the whole database is there, as Snakemake knows it."""
        return str(self.cones.sealed.relative_to(self.path))

    def environment(self, **more: str) -> dict[str, str]:
        """A user's environment: the virtual environment first, a home without any profile."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        home = {"HOME": str(self.path / "home"), "XDG_CONFIG_HOME": str(self.path / "home")}
        # Ranks of MPICH speak over the loopback interface too, and not through shared memory: the
        # segments of two nodes, and of jobs that the last cluster numbered alike, share names here.
        mpich = {"FI_TCP_IFACE": "lo", "MPIR_CVAR_NOLOCAL": "1"}
        return os.environ | {"PATH": path, **mpich, **home, **more}

    def snakemake(self, *more: str, **environment: str) -> subprocess.CompletedProcess:
        """``snakemake --profile slurm``, literally."""
        return subprocess.run(
            ["snakemake", "--profile", "slurm", "--configfile", "run.yaml", *SOONER, *more],
            cwd=self.path,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=400,
        )

    def start(
        self, *more: str, ranks: int = 4, whole: bool = False, **environment: str
    ) -> subprocess.Popen:
        """The database alone, or all, on few ranks, without the executor's long silences."""
        impatient = str(Path(__file__).with_name("impatient.py"))
        process = subprocess.Popen(
            [
                *(sys.executable, impatient, "--profile", "slurm", "--configfile", "run.yaml"),
                *(*SOONER, *more, "--set-resources", *on_both_nodes(ranks)),
                *(["--", "all" if whole else self.target]),
            ],
            cwd=self.path,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def stop(self) -> None:
        """End what a failed test left running, and its jobs."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=30)
        subprocess.run(["scancel", "--user=root"], check=False, timeout=30)

    def end_leftovers(self) -> None:
        """End what still runs in the folder after its jobs have ended.

        SLURM's proctrack/linuxproc knows a job's processes by their parents: it loses the Snakemake
        of a job whose shell ends first. On a cluster with cgroups none can get away.
        """
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # gone, or of another user
                if self.path in (Path(process.cwd()), *Path(process.cwd()).parents):
                    process.kill()


def on_both_nodes(ranks: int) -> list[str]:
    """The profile's own resources of `simulate` (its launcher above all), for fewer ranks.

    An option of the command line replaces the whole entry of a profile.
    """
    profile = yaml.safe_load((PROJECT / "profiles/slurm/config.yaml").read_text(encoding="utf-8"))
    resources = profile["set-resources"]["simulate"] | {"tasks": ranks, "nodes": 2}
    return [f"simulate:{name}={value}" for name, value in resources.items()]
