"""Files of light-cones are digested while they are read ahead."""

import hashlib
import os
import threading

import pytest

from lcinfer.lightcones.stored import READ_BYTES, sha256


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, 3 * READ_BYTES + 5])
def test_a_file_read_ahead_has_the_digest_of_its_bytes(tmp_path, size) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb", buffering=0) as file:
        assert sha256(file).digest() == hashlib.sha256(content).digest()


class Disk:
    """A file that notes how far it was read when, and breaks at its end."""

    def __init__(self) -> None:
        self.parts, self.read = [b"one", b"two"], 0
        self.second = threading.Event()

    def readinto(self, buffer) -> int:
        if self.read == len(self.parts):
            raise OSError(5, "Input/output error")
        part = self.parts[self.read]
        buffer[: len(part)] = part
        self.read += 1
        if self.read == 2:
            self.second.set()
        return len(part)


def test_the_next_part_is_read_while_one_is_digested_and_errors_come_through(monkeypatch) -> None:
    disk, digested = Disk(), []

    class Digest:
        def update(self, part) -> None:
            assert disk.second.wait(10), "it is not read ahead"
            digested.append(bytes(part))

    monkeypatch.setattr("lcinfer.lightcones.stored.hashlib.sha256", Digest)
    with pytest.raises(OSError, match="Input/output error"):
        sha256(disk)
    assert digested == [b"one", b"two"]
