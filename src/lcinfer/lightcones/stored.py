"""One realisation's file, open: compared by its bytes first, and decoded where it has to be."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from ..base import groups
from . import store

READ_BYTES = 2 * 2**20  # at a time: two of them stay in a processor's cache


def sha256(file: FileIO) -> "hashlib._Hash":
    """SHA-256 of the rest of a file, of which a thread reads the next part meanwhile.

    Raises:
        OSError: if it cannot be read.
    """
    found = hashlib.sha256()
    with ThreadPoolExecutor(1) as reader:
        parts = [memoryview(bytearray(READ_BYTES)) for _ in range(2)]
        ahead = reader.submit(file.readinto, parts[0])
        while count := ahead.result():
            part = parts[0][:count]
            parts.reverse()
            ahead = reader.submit(file.readinto, parts[0])
            found.update(part)
    return found


class Stored:
    """A realisation's file, open: all that is learnt is of the same bytes, even if another file
    takes its name meanwhile."""

    def __init__(self, path: Path, index: int, file: FileIO, array: str) -> None:
        """Reads it once; the voxels are decoded if they are asked for."""
        self._path, self._index, self._file, self._array = path, index, file, array
        self._read = sha256(file)
        self._metadata = groups.described(path, array)

    def digest(self, *said: str) -> str:
        """The file's digest if its voxels have the last of these: :func:`store.file_digest`."""
        return store.file_digest(self._read, self._metadata, self._index, *said)

    @property
    def content(self) -> bytes:
        """The bytes themselves."""
        self._file.seek(0)
        return self._file.read()

    @cached_property
    def values(self) -> np.ndarray:
        """The voxels.

        Raises:
            store.DamagedStore: saying why, if the file is not whole.
        """
        return store.decoded(self._path, self._index, self.content, self._array)

    @property
    def is_decoded(self) -> bool:
        """Whether anyone has asked for the voxels."""
        return "values" in vars(self)

    def voxels_digest(self, records: Iterable[Mapping[str, Any]], decode: bool = False) -> str:
        """The digest of the voxels: that of a record that knows this file, else it is computed.

        Records of before files had digests know none, and of the same voxels another version
        of a codec makes another file. With ``decode`` it is computed in any case.

        Raises:
            store.DamagedStore: as :attr:`values`.
        """
        for record in () if decode else records:
            if record.get("stored") == self.digest(record["digest"]):
                return str(record["digest"])
        return store.digest(self._index, self.values)


@contextmanager
def opened(path: Path, index: int, array: str = store.CUBES) -> Iterator[Stored]:
    """The file that a store has of a realisation, or that another of its arrays has.

    Raises:
        store.DamagedStore: if it is missing.
        OSError: if it cannot be read.
    """
    try:
        file = store.shard_path(path, index, array).open("rb", buffering=0)
    except FileNotFoundError:
        raise store.DamagedStore("missing") from None
    with file:
        yield Stored(path, index, file, array)
