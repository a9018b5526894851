"""A part of a database, as a database of its own.

A realisation follows from its index alone, so the first N of a database are what a smaller
run of the same configuration makes: they are sealed. Other parts are not; they are to be
merged, see :mod:`lcinfer.travel.merge`.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ..base.errors import UserError
from ..base.progress import with_progress
from ..lightcones import store
from ..products.databases import LightCones
from ..stages import lightcones
from .carry import Carrier, failed, finished
from .place import Placed, at, check_room, placed, take_table


def subset(
    cones: LightCones, indices: Sequence[int], root: Path, link: bool = False, threads: int = 1
) -> Placed:
    """Make a database of some light-cones of another one, in a root of databases.

    Killed at any time, it can be run again, also for more of them.

    Args:
        cones: the database; it is only read.
        indices: the light-cones, not empty; they keep their indices.
        root: where the new one's directory, of the same name, will lie.
        link: give shards a second name instead of copying them.
        threads: light-cones in memory at a time.

    Raises:
        UserError: if one of them is not finished, or there is no room; nothing is written then.
        store.DamagedStore: naming the light-cone that does not hold.
    """
    source = at(cones, cones.directory)
    target = replace(
        placed(source, root / cones.directory.name), realizations=max(indices, default=-1) + 1
    )
    lines = finished(source)
    missing = [index for index in indices if index not in lines]
    if missing:
        raise UserError(
            f"{source.directory}: {len(missing)} of these light-cones are not finished, the first "
            f"is {missing[0]}"
        )
    if target.spec.exists():
        at(cones, target.directory)
        if target.directory.samefile(source.directory):
            raise UserError(f"{target.directory}: this is the database itself: give another root")
    have = finished(target)
    wanted = sorted(set(indices) - have.keys())
    target.directory.mkdir(parents=True, exist_ok=True)
    if not link:
        shards = (store.shard_path(source.store, index) for index in wanted)
        needed = sum(shard.stat().st_size for shard in shards if shard.exists())
        check_room(target.directory, needed)
    take_table(target, source)
    lightcones.prepare(target)
    if not have:
        store.take_encoding(target.store, source.store)
    with Carrier(source, target, link, threads) as carrier:
        with closing(carrier.light_cones([lines[index] for index in wanted])) as brought:
            for _, damage in with_progress(brought, len(wanted), cones.name):
                if damage is not None:
                    raise damage
        carrier.failures(failed(source, set(indices)))
    mark(target)
    return target


def mark(cones: LightCones) -> None:
    """Write the markers of the blocks that are complete, and seal if all are."""
    have = finished(cones).keys()
    for span in cones.spans:
        if have >= set(range(*span)) and not cones.done(span).exists():
            lightcones.finish_block(cones, span)
    if have >= set(range(cones.realizations)) and not cones.sealed.exists():
        lightcones.seal(cones)
