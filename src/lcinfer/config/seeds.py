"""Who has which of 21cmFAST's random seeds.

They are 32-bit and 0 is remapped: 5 and 2^32 + 5 give the same box. A database has the lower
half of [1, 2^32); a mock has a block of 2^16 in the upper half, by its name alone.
"""

import zlib

import numpy as np

DATABASE_SEEDS = 2**31 - 1
MOCK_SEEDS = 2**16


def database_seeds(seed: int, start: int, stop: int) -> np.ndarray:
    """Random seeds of realisations [start, stop), all different, in [1, 2^31), int64.

    They follow each other, from a place that the database's ``seed`` decides.
    """
    base = int(np.random.SeedSequence(seed).generate_state(1)[0])
    return 1 + (base + np.arange(start, stop, dtype=np.int64)) % DATABASE_SEEDS


def mock_seeds(name: str, start: int, stop: int) -> np.ndarray:
    """Random seeds of a mock's realisations [start, stop), in [2^31, 2^32), int64."""
    first = 2**31 + mock_block(name) * MOCK_SEEDS
    return first + np.arange(start, stop, dtype=np.int64)


def mock_block(name: str) -> int:
    """Which block of seeds a mock of this name has; two names rarely have the same."""
    return zlib.crc32(name.encode()) % (2**31 // MOCK_SEEDS)
