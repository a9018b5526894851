"""An instrument's noise in images: each light-cone has its own, wherever it is read."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..instrument.response import Response


@dataclass(frozen=True)
class Noise:
    """What an instrument adds to images of light-cones."""

    response: Response
    """Of the instrument."""
    seeds: np.ndarray
    """(light_cone,) random seeds of the light-cones."""
    cells: np.ndarray
    """(image, transverse) cells of the light-cone's face that an image's rows are of; (x, y) is
    cell x * cells + y."""
    instrument: dict[str, Any]
    """Its name and all that decides it, as JSON types."""

    def fixed(self, light_cone: int) -> np.ndarray:
        """A light-cone's own noise in mK, (image, transverse, line_of_sight): always the same,
        as that of an observation."""
        return self.cut(self.drawn(int(self.seeds[light_cone]), light_cone))

    def drawn(self, *key: int) -> np.ndarray:
        """Noise of one light-cone in mK, (cells, cells, line_of_sight), by two whole numbers."""
        philox = np.random.Philox(key=np.array(key, np.uint64))
        return self.response.noise(np.random.Generator(philox))

    def cut(self, field: np.ndarray) -> np.ndarray:
        """Images of a light-cone's noise, cut as its signal."""
        images: np.ndarray = field.reshape(-1, field.shape[-1])[self.cells]
        return images
