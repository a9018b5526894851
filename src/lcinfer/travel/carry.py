"""Light-cones from one database to another of the same fingerprint, with what is said of them."""

import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from ..base import durable
from ..base.errors import UserError
from ..lightcones import journal, store
from ..lightcones.journal import Line
from ..lightcones.stored import opened
from ..products.databases import LightCones

Brought = tuple[Line, store.DamagedStore | None]


class Carrier:
    """Brings light-cones, each with its digest checked, then its line of the journal.

    Lines are written to a file of their own. They keep hosts and times, and say where they
    came from; so they are other lines than those that were perhaps withdrawn here.
    """

    def __init__(
        self, source: LightCones, target: LightCones, link: bool = False, threads: int = 1
    ) -> None:
        """With ``link`` a shard is not copied but gets a second name, on the same disk.

        Raises:
            UserError: if shards are to be linked whose encodings differ.
        """
        self._source, self._target, self._link, self._threads = source, target, link, threads
        self._same = store.encoding(source.store) == store.encoding(target.store)
        if link and not self._same:
            raise UserError(f"{target.store}: it has other chunks or codecs: leave out --link")
        self._journal = journal.Journal(target.journal, durable.unique("carried-"))
        self._known = {_origin(line) for line in journal.lines(target.journal, histories=False)}

    def light_cones(self, lines: list[Line]) -> Generator[Brought]:
        """Bring those of which these lines of the source's journal speak.

        Close it where not all are taken: its threads end then, and nothing more is brought.

        Yields:
            The line, and why its light-cone was not brought, if it does not hold.
        """
        pool = ThreadPoolExecutor(max(1, self._threads))
        try:
            for line, brought in zip(lines, pool.map(self._bring, lines), strict=True):
                if isinstance(brought, store.DamagedStore):
                    yield line, brought
                else:
                    self._append(line, brought)
                    yield line, None
        finally:
            pool.shutdown(cancel_futures=True)

    def failures(self, lines: Iterator[Line]) -> None:
        """Bring lines of failed attempts; one that has been brought before is not again."""
        for line in lines:
            if _origin(line) not in self._known:
                self._append(line)

    def __enter__(self) -> "Carrier":
        return self

    def __exit__(self, *raised: object) -> None:
        self._journal.close()

    def _bring(self, line: Line) -> str | store.DamagedStore:
        """The digest of the file that was written, or why none was."""
        record = line.said
        index, digest = record["index"], record["digest"]
        source = store.shard_path(self._source.store, index)
        try:
            with opened(self._source.store, index) as stored:
                if stored.voxels_digest([record]) != digest:
                    what = f"its voxels are not those of the journal's digest {digest[:10]}..."
                    return store.DamagedStore(f"light-cone {index}: {source}: {what}")
                if not self._same:
                    cube, simulation = stored.values, self._target.simulation
                    written = store.write(self._target.store, index, cube, simulation)
                    if written.digest != digest:
                        raise AssertionError(f"light-cone {index} changed where its storage did")
                    return written.stored
                if self._link:
                    self._linked(index)
                else:
                    store.put(self._target.store, index, stored.content)
                return stored.digest(digest)
        except store.DamagedStore as error:
            return store.DamagedStore(f"light-cone {index}: {source}: it is {error}")

    def _linked(self, index: int) -> None:
        shard = store.shard_path(self._source.store, index)
        target = store.shard_path(self._target.store, index)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(shard):
            return
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(shard)
        except OSError as error:
            raise UserError(
                f"{target}: cannot be a link ({error.strerror}): leave out --link"
            ) from None
        durable.sync_up(target.parent, self._target.store)

    def _append(self, line: Line, stored: str | None = None) -> None:
        came = {"from": str(self._source.directory), "line": _origin(line), "at": time.time()}
        of_file = {} if stored is None else {"stored": stored}
        self._journal.append({**line.said, **of_file, "carried": came})


def _origin(line: Line) -> str:
    """A line's identity where it was first written, however often it was carried since."""
    carried = (line.record or {}).get("carried")
    return str(carried["line"]) if isinstance(carried, dict) else line.identity


def finished(cones: LightCones) -> dict[int, Line]:
    """Index -> the line that says that it is finished."""
    return {index: lines[-1] for index, lines in journal.standing(cones.journal).items()}


def failed(cones: LightCones, indices: set[int]) -> Iterator[Line]:
    """Lines of the failed attempts at some light-cones."""
    for line in journal.lines(cones.journal):
        if line.record is not None and "error" in line.record and line.record["index"] in indices:
            yield line
