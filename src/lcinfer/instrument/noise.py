"""Thermal noise of an interferometer on the planes of a light-cone, and which modes it sees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """

    redshift: Array
    distance: Array
    hubble: Array
    cells: int
    cell: float

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
    """Seconds of a track in which each Fourier mode was seen, shape (channels, cells, cells).

    Modes in the order of ``numpy.fft``. Zero where no baseline is, beyond the longest baseline that
    was asked for, for the mean, which no interferometer sees, and for the highest frequency of an
    even number of cells, whose two signs are one mode.
    """
    mode = np.fft.fftfreq(channels.cells, 1 / channels.cells)
    length = np.hypot(mode[:, None], mode)
    alias = np.abs(mode) == channels.cells / 2
    held = (length > 0) & ~alias[:, None] & ~alias
    every = np.empty((len(channels.redshift), *length.shape))
    for one, metres in zip(every, channels.metres, strict=True):
        nearest = (np.rint(baselines.at / metres)[None] == mode[:, None]).astype(float)
        one[...] = nearest @ baselines.seconds @ nearest.T
        one[(length * metres > baselines.longest) | ~held] = 0
    return every


def power(seconds: Array, channels: Channels, sefd: Array, hours: float, track: float) -> Array:
    """Variance of the modes' noise in mK^2, shape (channels, cells, cells); 0 where none is seen.

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


def rms(power: Array) -> Array:
    """Of the noise of each plane in mK, shape (channels,)."""
    modes = power.shape[-1] * power.shape[-2]
    return np.asarray(np.sqrt(power.sum(axis=(-2, -1))) / modes)


def draw(power: Array, generator: np.random.Generator) -> Image:
    """Noise of one light-cone in mK, shape (cells, cells, channels).

    White noise on the sky, filtered: real, so its modes are Hermitian, and of no other symmetry.
    """
    channels, cells, _ = power.shape
    white = generator.standard_normal((channels, cells, cells), np.float32)
    modes = np.fft.rfft2(white) * np.sqrt(power[..., : cells // 2 + 1]) / cells
    return np.moveaxis(np.fft.irfft2(modes, s=(cells, cells)), 0, -1).astype(np.float32)


def resolved(brightness: Image, seconds: Array) -> Image:
    """A light-cone of shape (cells, cells, channels) without the modes that are not seen."""
    modes = np.fft.rfft2(np.moveaxis(brightness, -1, 0))
    modes *= seconds[..., : seconds.shape[-1] // 2 + 1] > 0
    planes = np.fft.irfft2(modes, s=seconds.shape[1:])
    return np.moveaxis(planes, 0, -1).astype(np.float32)
