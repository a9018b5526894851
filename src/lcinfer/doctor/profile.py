"""What a Snakemake profile says of the rules that simulate and train."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import yamlfile
from ..base.errors import UserError
from ..training import launch


@dataclass(frozen=True)
class Profile:
    """A profile's file and its settings."""

    path: Path
    settings: dict[str, Any]

    def resource(self, name: str, rule: str = "simulate", otherwise: Any = None) -> Any:
        """A resource of a rule: its own, or the profile's default, or ``otherwise``."""
        own = (self.settings.get("set-resources") or {}).get(rule) or {}
        return own.get(name, (self.settings.get("default-resources") or {}).get(name, otherwise))

    def threads(self, rule: str, otherwise: int) -> int:
        """Threads of a rule."""
        return int((self.settings.get("set-threads") or {}).get(rule, otherwise))

    def gpus(self, rule: str) -> int:
        """GPUs of a job of a rule."""
        return launch.gpus({name: self.resource(name, rule) or "" for name in launch.GPUS})

    @property
    def launcher(self) -> str:
        """What starts MPI ranks; a shell's words, as in the rule."""
        return str(self.resource("mpi", otherwise="mpiexec -launcher fork"))

    @property
    def launches_by_srun(self) -> bool:
        """Whether SLURM's own launcher starts the ranks."""
        return "srun" in (Path(word).name for word in shlex.split(self.launcher))

    @property
    def tasks(self) -> int:
        """Ranks of a job."""
        return int(self.resource("tasks", otherwise=2))

    @property
    def uses_slurm(self) -> bool:
        """Whether jobs go to SLURM."""
        return self.settings.get("executor") == "slurm"

    def site_options(self) -> list[str]:
        """What the site wants of every job, as options of ``srun`` and ``sbatch``."""
        names = {"slurm_partition": "partition", "slurm_account": "account"}
        names |= {name: name for name in ("constraint", "qos", "clusters")}
        asked = {option: self.resource(name) for name, option in names.items()}
        return [f"--{option}={value}" for option, value in asked.items() if value is not None]


def load(name: str) -> Profile:
    """The profile that ``snakemake --profile name`` would use.

    Raises:
        UserError: if there is none, or it cannot be read.
    """
    try:
        from snakemake.cli import get_profile_dir
    except ImportError as error:
        raise UserError(f"snakemake cannot be imported ({error}): run `make env`") from None
    found = get_profile_dir(name)
    if found is None:
        raise UserError(
            f"--profile {name}: there is no such profile; profiles/local and profiles/slurm "
            "are in the project's folder"
        )
    path = found[1]
    return Profile(path, _checked(path, yamlfile.read(path)))


def _checked(path: Path, settings: Any) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise UserError(f"{path}: not a profile: it holds no keys")
    for section in ("set-resources", "default-resources", "set-threads"):
        if not isinstance(settings.get(section) or {}, dict):
            raise UserError(f"{path}: {section} should be a table of keys and values")
    return settings
