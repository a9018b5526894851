"""SKA-Low: where its stations stand, how noisy they are, and which baselines they have."""

import csv
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ..base.errors import UserError

Array = NDArray[np.float64]

LATITUDE = -26.824722  # degrees
LAYOUTS = ("AA*", "AA4")
SECONDS_OF_DAY = 86164.1  # sidereal
STEP = 60.0  # seconds of a track between baselines that are counted: 3 km turn by 13 m
BIN = 5.0  # m, of a histogram of baselines
EDGE = 500.0  # m that it has beyond the longest, for Fourier modes that end there


@cache
def _table(name: str) -> list[dict[str, str]]:
    text = (files(__package__) / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def stations(layout: str, without: Collection[int] = ()) -> Array:
    """East, north and up of each station in metres, shape (stations, 3).

    Args:
        layout: AA4 (512 stations) or AA* (307).
        without: numbers of stations to leave out, from 0 in the layout's order.

    Raises:
        UserError: for another layout, or a station that it does not have.
    """
    if layout not in LAYOUTS:
        raise UserError(f"layout {layout!r}: SKA-Low's are {' and '.join(LAYOUTS)}")
    rows = [row for row in _table("ska_low_stations") if layout == "AA4" or row["aa_star"] == "1"]
    if absent := sorted(number for number in without if not 0 <= number < len(rows)):
        raise UserError(f"station {absent[0]}: {layout} has 0 to {len(rows) - 1}")
    place = np.array(
        [[float(row[f"{axis}_m"]) for axis in ("east", "north", "up")] for row in rows]
    )
    kept: Array = np.delete(place, sorted(without), axis=0)
    return kept


def digest(place: Array) -> str:
    """SHA-256 of where stations stand."""
    return hashlib.sha256(np.ascontiguousarray(place, "<f8").tobytes()).hexdigest()


def sefd(table: str, frequency: Array) -> Array:
    """System equivalent flux density of one station in Jy, interpolated in its logarithm.

    Args:
        table: aavs2 or skao; see ``data/README.md``.
        frequency: in MHz.

    Raises:
        UserError: for another table, or a frequency outside of it.
    """
    rows = [row for row in _table("ska_low_sefd") if row["table"] == table]
    if not rows:
        names = sorted({row["table"] for row in _table("ska_low_sefd")})
        raise UserError(f"SEFD {table!r}: the tables are {' and '.join(names)}")
    at, flux = (np.array([float(row[key]) for row in rows]) for key in ("frequency_mhz", "sefd_jy"))
    low, high = frequency.min(), frequency.max()
    if low < at[0] or high > at[-1]:
        raise UserError(
            f"{low:.1f} to {high:.1f} MHz: the SEFD table {table} has {at[0]:.1f} to {at[-1]:.1f}"
        )
    return np.asarray(np.exp(np.interp(frequency, at, np.log(flux))), np.float64)


@dataclass(frozen=True)
class Baselines:
    """How long each baseline was seen in one track.

    Attributes:
        seconds: shape (n, n), by u and v in bins of BIN metres about 0; a pair of stations counts
            for its baseline and for the opposite one.
        longest: that was asked for, in metres; a little more is counted.
    """

    seconds: Array
    longest: float

    @property
    def at(self) -> Array:
        """Middles of the bins in metres, shape (n,)."""
        n = len(self.seconds)
        return np.asarray((np.arange(n) + 0.5 - n / 2) * BIN, np.float64)


def baselines(place: Array, hours: float, declination: float, longest: float) -> Baselines:
    """Histogram of the projected baselines of a track about the meridian.

    Thompson, Moran & Swenson, Interferometry and Synthesis in Radio Astronomy, equation 4.1.

    Args:
        place: of stations, as :func:`stations` gives it.
        hours: of one track.
        declination: of the field, in degrees.
        longest: baseline that is asked for, in metres.
    """
    east, north, up = place.T
    latitude, delta = np.deg2rad([LATITUDE, declination])
    x = -np.sin(latitude) * north + np.cos(latitude) * up
    z = np.cos(latitude) * north + np.sin(latitude) * up
    one, other = np.triu_indices(len(place), 1)
    x, y, z = (axis[one] - axis[other] for axis in (x, east, z))
    n = 2 * int(np.ceil((longest + EDGE) / BIN))
    counts = np.zeros(n * n, np.int64)
    steps = max(1, round(hours * 3600 / STEP))
    for step in range(steps):
        angle = (step + 0.5 - steps / 2) * STEP * 2 * np.pi / SECONDS_OF_DAY
        u = np.sin(angle) * x + np.cos(angle) * y
        v = np.sin(delta) * (np.sin(angle) * y - np.cos(angle) * x) + np.cos(delta) * z
        i, j = (np.floor(axis / BIN + n / 2).astype(np.int64) for axis in (u, v))
        seen = (i >= 0) & (i < n) & (j >= 0) & (j < n)
        counts += np.bincount(i[seen] * n + j[seen], minlength=n * n)
    square = counts.reshape(n, n)
    seconds = (square + square[::-1, ::-1]) * (hours * 3600 / steps)
    return Baselines(np.asarray(seconds, np.float64), longest)
