"""Whether one light-cone holds: its voxels, the journal's lines, the design, the histories."""

import math
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import numpy as np

from ..base import groups
from ..lightcones import journal, store
from ..lightcones.journal import Line
from ..lightcones.stored import Stored, opened
from ..products.databases import LightCones
from . import markers
from .findings import Finding

Look = Callable[[int, str, Stored], None]


class Judge:
    """Index -> what is wrong with that light-cone, or None: its data, its journal's lines."""

    def __init__(self, cones: LightCones, look: Look | None = None, decode: bool = False) -> None:
        """Reads markers and journal of a database, whose store must be there.

        ``look`` is shown every light-cone that can be read, with its digest: so it is read once.
        With ``decode`` every one is decoded; else only those whose file is not as it was recorded.
        """
        self.cones, self._look, self._decode = cones, look, decode
        self.decoded: set[int] = set()
        # In the order opposite to a campaign's, which may be going on: it writes markers last.
        self.markers, self.strange_markers = markers.read(cones)
        claims = journal.standing(cones.journal)
        self.room = store.open_cubes(cones.store).shape[0]
        self.claims = {index: lines for index, lines in claims.items() if index < self.room}
        # By the markers of blocks, whose digests count, and by the others, which have none.
        self._listed = {
            index: (marker.path, marker.digests.get(index))
            for marker in reversed(self.markers)
            for index in marker.claimed
        }
        self._parameters = cones.design.parameters(0, self.room)
        self._seeds = cones.design.seeds(0, self.room)
        sealed = [marker for marker in self.markers if marker.root_digest is not None]
        # What a seal leaves out, and was made since, has no histories before the next seal.
        self._sealed = {index for marker in sealed for index in marker.claimed}
        self.unsealed: list[Finding] = []
        self._histories = self._sealed_histories()

    @property
    def indices(self) -> list[int]:
        """All that anything says is finished."""
        return sorted(self.claims.keys() | set(self._listed))

    def lines_of(self, index: int) -> int:
        """How many lines of the journal say that a light-cone is finished."""
        return len(self.claims.get(index, []))

    @property
    def digests(self) -> dict[int, str]:
        """Index -> digest by the journal."""
        return {index: lines[-1].said["digest"] for index, lines in self.claims.items()}

    def __call__(self, index: int) -> Finding | None:
        """Read a light-cone and all that is said of it."""
        lines = self.claims.get(index, [])
        if not lines:
            what = "it is said to be finished, but no line of the journal says so"
            return Finding("light-cone", self._listed[index][0], what, index)
        shard = store.shard_path(self.cones.store, index)
        with ExitStack() as open_files:
            try:
                stored = open_files.enter_context(opened(self.cones.store, index))
                digest = stored.voxels_digest((line.said for line in lines), self._decode)
            except OSError as error:
                what = f"it cannot be read: {error.strerror}"
                return Finding("unreadable", shard, what, index)
            except store.DamagedStore as error:
                return _bad(index, shard, f"it is {error}", lines)
            if self._look is not None:
                self._look(index, digest, stored)
            if stored.is_decoded:
                self.decoded.add(index)
        wrong = {line.identity: self._mistake(index, line) for line in lines}
        where, what = shard, ""
        if (last := lines[-1].said)["digest"] != digest:
            marker, listed = self._listed.get(index, (shard, None))
            what = f"its voxels are not those of the journal's digest {last['digest'][:10]}..."
            if listed == digest:
                where = place(lines[-1])
                what = f"its digest is not that of the voxels, which {marker.name} confirms"
        elif mistaken := [line for line in lines if wrong[line.identity]]:
            where, what = place(mistaken[0]), wrong[mistaken[0].identity]
        elif not self._is_sealed_history(index, last):  # which is right, nobody can tell
            where, what = place(lines[-1]), "its histories are not those that were sealed"
            return _bad(index, where, what, lines)
        if not what:
            return None
        # Once any is withdrawn, no line may be left that speaks of other voxels.
        false = [it for it in lines if wrong[it.identity] or it.said["digest"] != digest]
        return _bad(index, where, what, false)

    def _mistake(self, index: int, line: Line) -> str:
        """What a journal's line says that the design does not; empty if it is right."""
        record = line.said
        values = self._parameters[index].tolist()
        design = dict(zip(self.cones.design.names, values, strict=True))
        if record.get("seed") != self._seeds[index]:
            return f"its seed is {record.get('seed')}, the design's is {self._seeds[index]}"
        if (said := record.get("parameters")) != design:
            return f"its parameters are not the design's: {said}, not {design}"
        return "" if _complete(record) or _has_none(record) else "its histories are incomplete"

    def _sealed_histories(self) -> list[np.ndarray]:
        """The store's histories as far as they were sealed; none if they are lost."""
        sealed = [marker for marker in self.markers if marker.root_digest is not None]
        count = max((marker.realizations for marker in sealed), default=0)
        group = groups.open_group(self.cones.store)
        try:
            nodes = store.values(group, "node_redshift")
            histories = [store.values(group, name, count) for name in store.HISTORIES]
        except PermissionError:
            raise
        except Exception:  # zarr lets through whatever its codecs raise
            histories = []
        rows = sorted(self._sealed)
        lost = not histories or any(
            len(history) < count or np.isnan(history[rows]).any() for history in histories
        )
        last = [lines[-1].said for lines in self.claims.values()]
        if last and all(_has_none(record) for record in last):
            return []
        if lost or not any(record.get("node_redshift") == nodes.tolist() for record in last):
            what = "the store lacks the histories"
            self.unsealed = [Finding("marker", marker.path, what) for marker in sealed]
            return []
        return [np.broadcast_to(nodes, histories[0].shape), *histories]

    def _is_sealed_history(self, index: int, record: journal.Record) -> bool:
        names = ("node_redshift", *store.HISTORIES)
        return index not in self._sealed or all(
            history[index].tolist() == record[name]
            for name, history in zip(names, self._histories, strict=False)
        )


def _bad(index: int, path: Path, what: str, lines: list[Line]) -> Finding:
    return Finding("light-cone", path, what, index, tuple(line.identity for line in lines))


def place(line: Line) -> Path:
    """File and number of a journal's line, as editors and compilers write them."""
    return line.path.with_name(f"{line.path.name}:{line.number}")


def _has_none(record: journal.Record) -> bool:
    """Whether a light-cone was adopted whose file has no histories."""
    return "adopted" in record and "node_redshift" not in record


def _complete(record: journal.Record) -> bool:
    nodes = record.get("node_redshift")
    histories = [nodes, *(record.get(name) for name in store.HISTORIES)]
    if not isinstance(nodes, list) or not all(isinstance(them, list) for them in histories):
        return False
    each = chain.from_iterable(them or [] for them in histories)
    if not all(type(value) in (int, float) and math.isfinite(value) for value in each):
        return False
    return all(len(them or []) == len(nodes) for them in histories)
