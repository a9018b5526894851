"""What an audit found: for each product its links, each of which holds or does not."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base.counting import counted
from ..records.record import Record, distinct

SHOWN = 5  # of many things that are wrong with one link
LIMITS = (
    "An audit detects accidents and inconsistent edits, not a forgery that was recomputed "
    "from end to end."
)


Check = tuple[str, Iterable[str], str]
"""A link by its name, all that is wrong with it, and what it means that nothing is."""


@dataclass(frozen=True)
class Link:
    """One thing that was checked."""

    what: str
    holds: bool
    said: tuple[str, ...]
    """What was found; of a link that does not hold, everything that is wrong."""

    @property
    def verdict(self) -> str:
        """PASS or FAIL."""
        return "PASS" if self.holds else "FAIL"


@dataclass
class Step:
    """A product on the way back from a result, and what was found of it."""

    product: str
    directory: Path
    settings: dict[str, Any]
    """What decides its content: its own settings, and fingerprints of what it is made from."""
    links: list[Link] = field(default_factory=list)
    made: dict[str, Any] = field(default_factory=dict)
    """Code, versions, hosts, jobs, commands, wall and CPU seconds."""

    def note(self, what: str, wrong: Iterable[str], holds: str) -> bool:
        """Note a link: it holds if nothing is wrong, and ``holds`` says what that means."""
        problems: list[str] = []
        try:
            problems.extend(wrong)
        except FileNotFoundError as error:  # of those that a check reads
            problems.append(f"{error.filename} is missing")
        self.links.append(Link(what, not problems, tuple(problems) or (holds,)))
        return not problems

    def text(self, everything: bool) -> str:
        """The product and a line or more for each link, and who made it; or just for those links
        that do not hold, and nothing where all do."""
        links = [link for link in self.links if everything or not link.holds]
        if not links:
            return ""
        wide = max(len(link.what) for link in links)
        lines = [self.product]
        for link in links:
            shown = list(link.said[:SHOWN])
            if len(link.said) > SHOWN:
                shown.append(f"and {len(link.said) - SHOWN} more: --json lists them")
            for number, said in enumerate(shown):
                head = f"{link.verdict}  {link.what}" if number == 0 else ""
                lines.append(f"  {head:<{wide + 6}}  {said}")
        if everything:
            made = self.made.items()
            lines += [f"        {name}: {_shown(value)}" for name, value in made if value]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {
            "product": self.product,
            "directory": str(self.directory),
            "settings": self.settings,
            "links": [
                {"link": link.what, "verdict": link.verdict, "said": list(link.said)}
                for link in self.links
            ],
            "made": self.made,
        }


@dataclass(frozen=True)
class Report:
    """An audit of one result."""

    result: str
    steps: Sequence[Step]

    @property
    def holds(self) -> bool:
        """Whether every link does."""
        return all(link.holds for step in self.steps for link in step.links)

    def text(self, everything: bool = False) -> str:
        """For people: what does not hold and a summary; or ``everything`` that was checked."""
        links = [link for step in self.steps for link in step.links]
        failed = sum(not link.holds for link in links)
        products = counted(len(self.steps), "product")
        verdict = f"FAIL: {failed} of {counted(len(links), 'link')} of {products} do not hold"
        if not failed:
            verdict = f"PASS: all {counted(len(links), 'link')} of {products} hold"
        told = [text for step in self.steps if (text := step.text(everything))]
        return "\n".join([*told, LIMITS, f"{self.result}: {verdict}"])

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {
            "result": self.result,
            "verdict": "PASS" if self.holds else "FAIL",
            "limits": LIMITS,
            "products": [step.as_json() for step in self.steps],
        }


def made_by(records: Iterable[Record]) -> dict[str, Any]:
    """Who made something, when several runs did: each distinct answer with its count if
    they differ, and sums of times."""
    runs = list(records)
    if not runs:
        return {}
    packages = ("lcinfer", "21cmfast", "numpy", "torch", "zarr", "matplotlib")
    versions = Counter(
        f"{name} {version}"
        for run in runs
        for name, version in run.get("versions", {}).items()
        if name in packages and version != "not installed"
    )
    commands = dict.fromkeys(shlex.join(run["command"]) for run in runs if "command" in run)
    return {
        "code": distinct(runs, "code"),
        "versions": sorted(versions),
        "python": distinct(runs, "python"),
        "hosts": distinct(runs, "host"),
        "processors": distinct(runs, "cpu"),
        "jobs": distinct(runs, "job"),
        "commands": list(commands),
        "wall_seconds": round(sum(run.get("seconds", 0.0) for run in runs), 3),
        "cpu_seconds": round(sum(run.get("cpu_seconds", 0.0) for run in runs), 3),
    }


def _shown(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    more = [f"and {len(value) - SHOWN} more"] if len(value) > SHOWN + 1 else []
    return "; ".join([*value[: None if not more else SHOWN], *more])
