"""Thermal noise of an interferometer on the planes of a light-cone, and which modes it sees."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..config.sections import Simulation
from ..simulator.lightcone import coordinates, cosmology
from .array import Baselines

Array = NDArray[np.float64]
Image = NDArray[np.float32]

BOLTZMANN = 1.380649e-23  # J/K
JANSKY = 1e-26  # W/m^2/Hz
LIGHT_SPEED = 299792.458  # km/s
LINE = 1420.40575  # MHz
WAVELENGTH = 0.211061140  # m, of the line at rest


@dataclass(frozen=True)
class Channels:
    """The planes of a light-cone as an interferometer sees them; a channel each.

    Attributes:
        redshift: shape (channels,).
        distance: comoving, in Mpc, shape (channels,).
        hubble: H(z) in km/s/Mpc, shape (channels,).
        cells: of a plane's side.
        cell: comoving size of a cell in Mpc, along the line of sight too.
        hlittle: Hubble constant in 100 km/s/Mpc.
    """

    redshift: Array
    distance: Array
    hubble: Array
    cells: int
    cell: float
    hlittle: float

    @classmethod
    def of(cls, simulation: Simulation, count: int) -> Self:
        """The nearest ``count`` planes of a simulation's light-cones."""
        redshift, distance = (each[:count] for each in coordinates(simulation))
        return cls(
            redshift=redshift,
            distance=distance,
            hubble=cosmology(simulation.cosmology).H(redshift).value,
            cells=simulation.box.cells,
            cell=simulation.box.cell_size,
            hlittle=simulation.cosmology.hlittle,
        )

    @property
    def frequency(self) -> Array:
        """In MHz."""
        return LINE / (1 + self.redshift)

    @property
    def bandwidth(self) -> Array:
        """Of a cell, in MHz."""
        return LINE * self.hubble * self.cell / (LIGHT_SPEED * (1 + self.redshift) ** 2)

    @property
    def wavelength(self) -> Array:
        """In m."""
        return WAVELENGTH * (1 + self.redshift)

    @property
    def metres(self) -> Array:
        """Baseline of a plane's fundamental mode."""
        return self.wavelength * self.distance / (self.cells * self.cell)


def seen(baselines: Baselines, channels: Channels) -> Array:
    """Seconds of a track in which each Fourier mode was seen, (channels, cells, cells // 2 + 1).

    Modes in the order of ``numpy.fft.rfft2``. Zero where no baseline is, beyond the longest
    baseline that was asked for, for the mean, which no interferometer sees, and for the highest
    frequency of an even number of cells, whose two signs are one mode.
    """
    u, v = _modes(channels.cells)
    length = np.hypot(u[:, None], v)
    alias = channels.cells / 2
    held = (length > 0) & (np.abs(u) < alias)[:, None] & (v < alias)
    # Sums over rectangles of bins are differences of sums from the corner.
    bins, half = len(baselines.at), channels.cells // 2
    summed = np.zeros((bins + 1, bins + 1))
    summed[1:, 1:] = baselines.seconds.cumsum(0).cumsum(1)
    between = np.arange(channels.cells + 1) - half - 0.5
    every = np.empty((len(channels.redshift), *length.shape))
    for one, metres in zip(every, channels.metres, strict=True):
        ends = np.searchsorted(baselines.at, between * metres)
        cells = np.diff(np.diff(summed[np.ix_(ends, ends)], axis=0), axis=1)
        one[...] = np.fft.ifftshift(cells)[:, : half + 1]
        one[(length * metres > baselines.longest) | ~held] = 0
    return every


def power(seconds: Array, channels: Channels, sefd: Array, hours: float, track: float) -> Array:
    """Variance of the modes' noise in mK^2, of the shape of ``seconds``; 0 where none is seen.

    Of the sum of a plane's T_b times exp(-2 pi i k x), with natural weights: a visibility's real
    and imaginary parts have sigma = SEFD / sqrt(2 bandwidth time).

    Args:
        seconds: of one track, of :func:`seen`.
        channels: of the light-cone.
        sefd: of a station in Jy, shape (channels,).
        hours: of all tracks.
        track: hours of one.
    """
    solid_angle = (channels.cell / channels.distance) ** 2
    kelvin = channels.wavelength**2 * sefd * JANSKY / (2 * BOLTZMANN * solid_angle)
    one_second = 1e6 * kelvin**2 / (channels.bandwidth * 1e6)  # mK^2 s, both parts
    time = seconds * hours / track
    with np.errstate(divide="ignore"):
        return np.where(time > 0, one_second[:, None, None] / time, 0.0)


def rms(power: Array | Image) -> Array:
    """Of the noise of each plane in mK, shape (channels,)."""
    cells = power.shape[-2]
    # Each mode beside the first column stands for its mirrored one too.
    whole = 2 * power.sum(axis=(-2, -1), dtype=float) - power[..., 0].sum(axis=-1, dtype=float)
    return np.asarray(np.sqrt(whole) / cells**2)


def draw(power: Array | Image, generator: np.random.Generator) -> Image:
    """Noise of one light-cone in mK, shape (cells, cells, channels).

    White noise on the sky, filtered: real, so its modes are Hermitian, and of no other symmetry.
    """
    channels, cells, _ = power.shape
    white = generator.standard_normal((channels, cells, cells), np.float32)
    return _filtered(white, np.sqrt(power, dtype=np.float32) / np.float32(cells))


def resolved(brightness: Image, seconds: Array | Image) -> Image:
    """A light-cone of shape (cells, cells, channels) without the modes that are not seen.

    ``seconds``, or the noise power of the modes, is above zero where they are.
    """
    return _filtered(np.moveaxis(brightness, -1, 0), seconds > 0)


def _filtered(planes: Image, gain: NDArray) -> Image:
    from scipy import fft  # twice as fast as NumPy's, and most verbs do without it

    modes = fft.rfft2(planes)
    modes *= gain
    return np.ascontiguousarray(np.moveaxis(fft.irfft2(modes, s=planes.shape[1:]), 0, -1))


def _modes(cells: int) -> tuple[Array, Array]:
    """Wave numbers of ``numpy.fft.rfft2`` in units of the fundamental mode's."""
    u = np.asarray(np.fft.fftfreq(cells, 1 / cells), np.float64)
    return u, np.asarray(np.fft.rfftfreq(cells, 1 / cells), np.float64)
