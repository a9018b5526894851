"""Whether images are those that their light-cones give."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import zarr

from .. import images as cutting
from .. import store
from ..products import ImageSet


class Recut:
    """Compares images with those cut anew, each time a light-cone is read for its digest."""

    def __init__(self, image_set: ImageSet) -> None:
        """Nothing is read yet."""
        self.image_set = image_set
        self._cut: set[int] = set()
        self._wrong: dict[int, str] = {}

    @cached_property
    def _images(self) -> zarr.Array[Any]:
        return store.array(cutting.open_store(self.image_set), cutting.IMAGES)

    @cached_property
    def _markers(self) -> dict[str, cutting.Digests]:
        return cutting.digests(self.image_set)

    def __call__(self, index: int, cube: np.ndarray, digest: str) -> None:
        """Look at the images of a light-cone, which has this digest."""
        if index >= self.image_set.realizations:
            return
        self._cut.add(index)
        try:
            found = np.asarray(self._images[index])
            source, own = self._markers.get(str(index), ("", ""))
        except PermissionError:
            raise
        except Exception as error:  # zarr lets through whatever its codecs raise
            self._wrong[index] = f"cannot be read: {_reason(error)}"
            return
        box = self.image_set.lightcones.simulation.box
        if not np.array_equal(found, cutting.cut(cube, box, self.image_set.images)):
            self._wrong[index] = "are not those that its light-cone gives"
        elif own != store.digest(index, found):
            self._wrong[index] = "are not those of the digest in their block's marker"
        elif source != digest:
            self._wrong[index] = "are marked as cut from another light-cone"

    def problems(self) -> Iterator[str]:
        """What was found, when every light-cone was read."""
        for index in range(self.image_set.realizations):
            if index in self._wrong:
                yield f"light-cone {index}: its images {self._wrong[index]}"
            elif index not in self._cut:
                yield f"light-cone {index}: its images cannot be compared, it cannot be read"


def labels(image_set: ImageSet) -> Iterator[str]:
    """Parameters, seeds and coordinates of images that are not their light-cones'."""
    cones = image_set.lightcones
    expected = store.design_columns(cones)
    along = image_set.images.line_of_sight_cells or cones.simulation.lightcone.cells
    for name in (*expected, "redshift", "distance"):
        try:
            if name not in expected:
                source = zarr.open_group(cones.store, mode="r")
                expected[name] = store.values(source, name, along)
            found = store.values(cutting.open_store(image_set), name, len(expected[name]))
        except PermissionError:
            raise
        except Exception as error:  # zarr lets through whatever its codecs raise
            yield f"{image_set.store / name}: it cannot be read: {_reason(error)}"
            continue
        if not np.array_equal(found, expected[name]):
            yield f"{image_set.store / name}: it is not that of the light-cones"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
