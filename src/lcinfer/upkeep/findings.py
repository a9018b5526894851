"""What is wrong with a database, one thing each, in a user's words."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..base.counting import counted

# What a repair does about it.
Kind = Literal[
    "light-cone",  # withdraws it: the next campaign makes it again
    "journal line",  # withdraws the line, which speaks of no light-cone
    "marker",  # removes it: the workflow writes it again
    "partial file",  # removes it
    "description",  # writes it anew from the configuration
    "unreadable",  # nothing: what cannot be read may still be whole
]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    path: Path
    what: str
    index: int | None = None  # the light-cone that it is about, if it is about one
    lines: tuple[str, ...] = ()  # identities of the journal's lines that do not hold

    def __str__(self) -> str:
        who = "" if self.index is None else f"light-cone {self.index}: "
        return f"{who}{self.path}: {self.what}"

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {
            "kind": self.kind,
            "light_cone": self.index,
            "path": str(self.path),
            "what": self.what,
        }


@dataclass(frozen=True)
class Report:
    """What a database was found to be."""

    name: str
    directory: Path
    checked: int  # light-cones that the journal says are finished
    decoded: int  # of these; the others' files are those that were written
    findings: list[Finding]
    unclaimed: list[int]  # there, but not in the journal: no fault, made again
    remarks: list[str] = field(default_factory=list)  # what to know of them: no fault

    @property
    def bad(self) -> list[int]:
        """The light-cones that must be made again."""
        found = (finding for finding in self.findings if finding.kind == "light-cone")
        return sorted({finding.index for finding in found if finding.index is not None})

    def __str__(self) -> str:
        """A line for each finding, and one to close with."""
        lines = [str(finding) for finding in self.findings]
        lines += [f"{self.name}: {remark}" for remark in self.remarks]
        lines += [
            f"light-cone {index}: its data are there, but no line of the journal: "
            "it will be made again"
            for index in self.unclaimed
        ]
        verdict = f"{counted(self.checked, 'light-cone')} checked, "
        if not self.findings:
            verdict += "all hold"
        else:
            bad, verb = len(self.bad), "does" if len(self.bad) == 1 else "do"
            verdict += f"{counted(len(self.findings), 'fault')}, "
            verdict += f"{counted(bad, 'light-cone')} {verb} not hold"
        return "\n".join([*lines, f"{self.name}: {verdict}"])

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {
            "name": self.name,
            "directory": str(self.directory),
            "checked": self.checked,
            "decoded": self.decoded,
            "findings": [finding.as_json() for finding in self.findings],
            "will_be_made_again": self.unclaimed,
            "remarks": self.remarks,
        }
