"""Random images of the paper's size, and parameters for them."""

from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from lcinfer.images.dataset import Normalisation

IMAGE, OUTPUTS = (100, 2200), 4
NORMALISATION = Normalisation(-30.0, 40.0, (0.0,) * OUTPUTS, (1.0,) * OUTPUTS)


def write_images(store: Path, lightcones: int, images: int) -> None:
    """A chunk per light-cone, as lcinfer has it; a few hundred images in turn."""
    random = np.random.default_rng(1)
    array = zarr.create_array(
        store,
        shape=(lightcones, images, *IMAGE),
        chunks=(1, images, *IMAGE),
        dtype="float16",
        compressors=[ZstdCodec(level=1)],
    )
    several = min(lightcones, max(1, 256 // images))
    some = random.normal(-30, 40, (several, images, *IMAGE)).astype(np.float16)
    for index in range(lightcones):
        array[index] = some[index % len(some)]


def targets(count: int) -> np.ndarray:
    """(image, parameter) for the images of a store."""
    return np.random.default_rng(2).normal(size=(count, OUTPUTS))
