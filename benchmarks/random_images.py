"""Random images of the paper's size, and parameters for them."""

from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from lcinfer.dataset import Normalisation

IMAGE, OUTPUTS = (100, 2200), 4
NORMALISATION = Normalisation(-30.0, 40.0, (0.0,) * OUTPUTS, (1.0,) * OUTPUTS)


def write_images(store: Path, count: int) -> None:
    """One image per light-cone, a chunk each: what a loader of single images reads best."""
    random = np.random.default_rng(1)
    array = zarr.create_array(
        store,
        shape=(count, 1, *IMAGE),
        chunks=(1, 1, *IMAGE),
        dtype="float16",
        compressors=[ZstdCodec(level=1)],
    )
    some = random.normal(-30, 40, (min(count, 256), 1, *IMAGE)).astype(np.float16)
    for index in range(count):
        array[index] = some[index % len(some)]


def targets(count: int) -> np.ndarray:
    """(image, parameter) for the images of a store."""
    return np.random.default_rng(2).normal(size=(count, OUTPUTS))
