"""What is examined, and what a check says of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..config import Config
from ..products.run import Run
from .profile import Profile

Level = Literal["PASS", "WARN", "FAIL"]
ALL_THERE = "not needed: every light-cone is there"


@dataclass(frozen=True)
class Line:
    """What a check found, and what to do about it if it is not as it should be."""

    level: Level
    check: str
    what: str
    do: str = ""

    def __str__(self) -> str:
        do = f" -> {self.do}" if self.do else ""
        return f"{self.level}  {self.check:12}{self.what}{do}"


@dataclass(frozen=True)
class Site:
    """A place to run a configuration, and how much the checks may ask of it."""

    config: Config
    file: Path  # where the configuration stands
    profile: Profile
    results: Path
    ranks: int  # that the launcher is asked for
    nodes: int  # that SLURM is asked for
    limit: float  # seconds that a launcher, or the simulation, may take
    scratch: Path  # the one directory that is written to

    @property
    def run(self) -> Run:
        """What the configuration makes in the results."""
        return Run(self.config, self.results)


def scratch_for(results: Path, token: str) -> Path:
    """A directory of its own, under the results or where they would be made."""
    place = results.absolute()
    while not place.exists():
        place = place.parent
    return place / f"doctor-{token}"


def passed(check: str, what: str) -> Line:
    """All is well."""
    return Line("PASS", check, what)


def warned(check: str, what: str, do: str) -> Line:
    """It will work, but."""
    return Line("WARN", check, what, do)


def failed(check: str, what: str, do: str) -> Line:
    """It will not work."""
    return Line("FAIL", check, what, do)
