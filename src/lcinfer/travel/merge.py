"""Parts of one database, made at different sites, brought together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base.errors import UserError
from ..base.lease import Lease
from ..base.progress import with_progress
from ..lightcones.journal import Line
from ..products.databases import LightCones
from ..stages import lightcones
from .carry import Carrier, failed, finished
from .place import Placed, at, take_table
from .subset import mark


@dataclass
class Merged:
    """What a part had to give."""

    part: Path
    brought: int = 0
    same: int = 0  # there already, voxel by voxel
    other: list[int] = field(default_factory=list)  # there already, with another digest
    damaged: list[str] = field(default_factory=list)  # a line each
    beyond: int = 0  # beyond the configuration's realisations

    def __str__(self) -> str:
        """A line for each damaged light-cone, and one with the counts."""
        counts = [f"{self.brought} light-cones brought", f"{self.same} were there already"]
        if self.other:
            counts.append(
                f"{len(self.other)} were there with other voxels, as another build makes them, "
                f"and stay as they were (the first is {self.other[0]})"
            )
        if self.damaged:
            counts.append(f"{len(self.damaged)} do not hold and were left")
        if self.beyond:
            counts.append(f"{self.beyond} are beyond the configuration's realizations")
        return "\n".join([*self.damaged, f"{self.part}: {', '.join(counts)}"])


def merge(into: LightCones, places: Sequence[Path], threads: int = 1) -> list[Merged]:
    """Bring the light-cones of parts into a database, which is made if it is not there.

    What is there stays as it is. Killed at any time, it can be run again. Blocks that become
    complete get their markers, and a complete database is sealed.

    Args:
        into: the database, as far as its realisations go.
        places: directories of parts, or roots of databases that hold them; only read.
        threads: light-cones in memory at a time.

    Raises:
        UserError: if a part is of another fingerprint, or a job is at work on a block.
    """
    parts = [at(into, place) for place in places]  # all of them, before anything is written
    for part in parts:
        if into.directory.exists() and part.place.samefile(into.directory):
            raise UserError(f"{part.place}: this is the database itself, not another part of it")
    for part in parts:
        take_table(into, part)
    lightcones.prepare(into)
    found = [_merge(into, part, threads) for part in parts]
    mark(into)
    return found


def _merge(into: LightCones, part: Placed, threads: int) -> Merged:
    found = Merged(part.place)
    theirs, ours = finished(part), finished(into)
    new: dict[int, Line] = {}
    for index, line in sorted(theirs.items()):
        if index >= into.realizations:
            found.beyond += 1
        elif index not in ours:
            new[index] = line
        elif ours[index].said["digest"] == line.said["digest"]:
            found.same += 1
        else:
            found.other.append(index)
    # Failures of what is not finished count as attempts here too.
    tried = set(range(into.realizations)) - ours.keys()
    with Carrier(part, into, threads=threads) as carrier:
        carrier.failures(failed(part, tried))
        for span in into.spans:
            lines = [new[index] for index in range(*span) if index in new]
            if not lines:
                continue
            with Lease(into.lease(span)).held():
                brought = carrier.light_cones(lines)
                for _, damage in with_progress(brought, len(lines), str(part.place)):
                    if damage is None:
                        found.brought += 1
                    else:
                        found.damaged.append(str(damage))
    return found
