"""Named mocks, such as FAINT and BRIGHT, as points in Figure 5."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from .panels import Panels

FloatArray = NDArray[np.float64]
# Each smaller than the one before, which it may have to leave visible below it.
MARKERS = (
    ("^", "#ff6a00", 9.0),
    ("s", "#d6007a", 4.5),
    ("D", "#009e73", 3.5),
    ("v", "#b8860b", 2.5),
)


@dataclass(frozen=True, slots=True)
class Point:
    """A mock in the central panels."""

    x: FloatArray
    """(parameters,) true values."""
    y: FloatArray
    """(parameters,) mean of the recovered values, or the true ones."""
    spread: FloatArray | None
    """(parameters,) standard deviation of the recovered values."""
    label: str
    """What the point is, in full."""
    look: tuple[str, str, float]
    """Marker, colour and size in points."""

    @classmethod
    def of(cls, name: str, known: ArrayLike, found: ArrayLike | None, number: int) -> "Point":
        """The point of a mock.

        Args:
            name: of the mock.
            known: (parameters,) true values.
            found: (k, parameters) values recovered from k independent initial conditions.
            number: of the mock among those drawn: decides its marker.
        """
        look = MARKERS[number % len(MARKERS)]
        true = np.asarray(known, dtype=float)
        if found is None:
            return cls(true, true, None, f"{name}: true values", look)
        values = np.asarray(found, dtype=float).reshape(-1, len(true))
        mean, cones = values.mean(axis=0), len(values)
        if cones == 1:
            return cls(true, mean, None, f"{name}: recovered, one light-cone", look)
        label = f"{name}: recovered, mean and s.d. of {cones} light-cones"
        return cls(true, mean, values.std(axis=0, ddof=1), label, look)

    def draw(self, panels: Panels, number: int, scale: float) -> None:
        """Mark parameter ``number`` of the mock in its central panel."""
        spread = None if self.spread is None else self.spread[number] * scale
        panels.centre.errorbar(
            self.x[number] * scale,
            self.y[number] * scale,
            yerr=spread,
            ecolor=self.look[1],
            capsize=2.0,
            zorder=5,
            label=self.label,
            **self._style(),
        )

    def entry(self) -> Artist:
        """The mock in the legend."""
        return Line2D([], [], linestyle="none", label=self.label, **self._style())

    def _style(self) -> dict[str, Any]:
        # Open, because two mocks may share a value; cased in white, to show on any density.
        return {
            "marker": self.look[0],
            "markersize": self.look[2],
            "markerfacecolor": "none",
            "markeredgecolor": self.look[1],
            "markeredgewidth": 1.1,
            "path_effects": [withStroke(linewidth=1.8, foreground="white")],
        }
