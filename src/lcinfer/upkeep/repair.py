"""Takes what does not hold out of a database's state of record.

What is made again is made by the ordinary campaign, which is what makes the same bytes.
Nothing that a simulation made is deleted: bad shards are moved to ``quarantine/``, and lines
of the journal stay, beside others that say that they no longer count.
"""

import shlex
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from ..base import durable, groups
from ..base.counting import counted
from ..base.errors import UserError
from ..engines import engine_of
from ..lightcones import journal, store
from ..products.databases import LightCones
from ..products.found import Seal
from ..products.product import QUARANTINE, Span
from ..stages import lightcones
from ..stages.simulate import simulate
from .findings import Finding, Kind
from .judge import Judge
from .markers import span_of

# More at once are rather a disk that is not mounted, or a journal that was moved.
MOST = 100


@dataclass
class Repairs:
    """What a repair did, and what is left to do."""

    again: list[int]  # light-cones that must be made again
    left: list[Finding]  # what it could not mend
    said: list[str] = field(default_factory=list)  # a line for each deed
    blocks: list[Span] = field(default_factory=list)  # whose markers were removed
    sealed: list[int] = field(default_factory=list)  # realisations of seals that were removed


def repair(cones: LightCones, findings: list[Finding], most: int = MOST) -> Repairs:
    """Mend what :func:`lcinfer.upkeep.verify.verify` found, or have it made again.

    A light-cone is looked at once more before it is withdrawn: one that holds is not. Killed
    at any time, it can be run again.

    Raises:
        UserError: if more than ``most`` light-cones would be made again, or the engine that made
            them is not installed; nothing is done then.
    """
    found = {kind: [it for it in findings if it.kind == kind] for kind in get_args(Kind)}
    judge = Judge(cones, decode=True)
    suspects = sorted({it.index for it in found["light-cone"] if it.index is not None})
    judged = [it for index in suspects if (it := judge(index)) is not None]
    bad = {it.index: it for it in judged if it.index is not None and it.kind == "light-cone"}
    # One of which another line of the journal holds needs no simulation.
    again = [index for index, it in bad.items() if len(it.lines) == judge.lines_of(index)]
    if len(again) > most:
        raise UserError(
            f"{cones.directory}: {counted(len(again), 'light-cone')} would be made again; is all "
            f"of it there, the journal too? If so, and this is meant: --most {len(again)}"
        )
    if again:  # before anything is withdrawn
        engine = engine_of(cones.simulation)
        engine.check_version(cones.simulation.simulator)
        engine.ask(cones.simulation, {})
    done = Repairs(again, left=found["unreadable"])
    claiming = [it.path for it in judge.markers if not bad.keys().isdisjoint(it.claimed)]
    _remove_markers(cones, {*claiming, *(it.path for it in found["marker"])}, done)
    withdrawn = [*bad.values(), *found["journal line"]]
    journal.withdraw(cones.journal, ((line, str(it)) for it in withdrawn for line in it.lines))
    for index, it in bad.items():
        whose = "" if index in again else "; another line holds"
        done.said.append(f"light-cone {index}: withdrawn{whose}: {it.what}")
        if it.path == store.shard_path(cones.store, index) and it.path.exists():
            done.said.append(f"light-cone {index}: shard moved to {_moved(cones, index, it.path)}")
    done.said += [f"{it.path}: no longer counts" for it in found["journal line"]]
    for it in found["partial file"]:
        it.path.unlink(missing_ok=True)
        done.said.append(f"{it.path}: removed")
    if found["description"]:
        lightcones.write_spec(cones)
        with groups.changing(cones.store) as group:
            store.describe(group, replace(cones, realizations=judge.room))
        done.said.append(f"{cones.directory}: spec.json, coordinates and design written anew")
    return done


def _remove_markers(cones: LightCones, paths: set[Path], done: Repairs) -> None:
    """The seals first: a killed repair then leaves no claim to more than there is."""
    for path in sorted(paths, key=lambda path: (path.parent.name == "blocks", path)):
        path.unlink(missing_ok=True)
        durable.sync(path.parent)
        done.said.append(f"{path}: removed")
        if (span := span_of(path)) is not None:
            done.blocks += [span] if span not in done.blocks else []
        elif seal := Seal.of(path.name):
            same = replace(cones, realizations=seal.realizations)
            # Not those that leave out more, or less, than this configuration's.
            done.sealed += [seal.realizations] if path == same.sealed else []


def _moved(cones: LightCones, index: int, shard: Path) -> Path:
    aside = cones.directory / QUARANTINE / f"light-cone-{index:06d}-{time.time_ns()}"
    aside.parent.mkdir(exist_ok=True)
    shard.rename(aside)
    durable.sync(shard.parent)
    durable.sync_up(aside.parent, cones.directory)
    return aside


def make_again(cones: LightCones, done: Repairs) -> None:
    """Run the blocks whose markers a repair removed, in this process, and seal again.

    Raises:
        UserError: if a simulation fails.
    """
    if not cones.prepared.exists():
        lightcones.prepare(cones)
    for span in done.blocks:
        simulate(cones, span)
    for realizations in done.sealed:
        lightcones.seal(replace(cones, realizations=realizations))


def what_next(cones: LightCones, done: Repairs, config: Path) -> str:
    """What is left to do after a repair, for a user."""
    if not (done.again or done.blocks or done.sealed):
        return "repaired, nothing has to be made again" if done.said else "nothing to repair"
    # Snakemake does not miss it unasked, where all that was made from it is there; it would
    # take what follows --configfile for another one.
    asked = shlex.join([str(cones.sealed), "--configfile", str(config)])
    what = f"{counted(len(done.again), 'light-cone')} to be made again"
    return f"{what}: snakemake --profile PROFILE {asked}"
