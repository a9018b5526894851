"""The numbers from other codes that the engine reads: ``data``, whose README has their sources."""

from functools import cache
from importlib.resources import files

import numpy as np


@cache
def table(name: str) -> dict[str, np.ndarray]:
    """The columns of ``data/NAME.csv``, float64, by their headings."""
    text = (files(__package__) / "data" / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    values = np.array([line.split(",") for line in text[1:]], np.float64)
    return dict(zip(text[0].split(","), values.T, strict=True))
