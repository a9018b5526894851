"""Foreground avoidance: modes that smooth foregrounds leak into are left out.

An interferometer's response spreads spectrally smooth emission over k_par <= slope k_perp, the
wedge; its edge is the horizon (Liu, Parsons & Trott 2014, Phys. Rev. D 90, 023018, equation 166).
"""

import numpy as np
from numpy.typing import NDArray

from ..config.instruments import Wedge
from .noise import LIGHT_SPEED, Channels

Array = NDArray[np.float64]
Image = NDArray[np.float32]

BUFFER = 0.1  # h/Mpc beyond the horizon: "moderate" of Pober et al. 2014, ApJ 782, 66
CHUNK = 64  # channels that are filtered at once, with the slope of their middle


def slope(channels: Channels) -> Array:
    """k_par / k_perp of the horizon, shape (channels,): H(z) D(z) / (c (1 + z))."""
    return channels.hubble * channels.distance / (LIGHT_SPEED * (1 + channels.redshift))


def edge(channels: Channels, wedge: Wedge, across: Array) -> Array:
    """Lowest k_par in 1/Mpc that is kept, shape (channels, *across.shape); nothing, for ``none``.

    Args:
        channels: of the light-cone.
        wedge: what is left out.
        across: k_perp in 1/Mpc.
    """
    if wedge == "none":
        return np.full((len(channels.redshift), *across.shape), -1.0)
    buffer = BUFFER * channels.hlittle if wedge == "moderate" else 0.0
    return np.multiply.outer(slope(channels), across) + buffer


def kept(channels: Channels, wedge: Wedge) -> Array:
    """The share of k_par that is kept for each Fourier mode of a plane, in the shape of
    :func:`lcinfer.instrument.noise.seen`."""
    edges = edge(channels, wedge, _across(channels))
    below = np.searchsorted(np.sort(_along(channels)), edges.ravel(), side="right")
    return np.asarray(1 - below.reshape(edges.shape) / CHUNK)


def _across(channels: Channels) -> Array:
    """k_perp in 1/Mpc of the modes of ``numpy.fft.rfft2``."""
    k = np.fft.fftfreq(channels.cells, channels.cell / (2 * np.pi))
    return np.asarray(np.hypot(k[:, None], k[: channels.cells // 2 + 1]))


def _along(channels: Channels) -> Array:
    """k_par in 1/Mpc of a chunk's modes."""
    return np.asarray(np.abs(np.fft.fftfreq(CHUNK, channels.cell / (2 * np.pi))))


def avoid(brightness: Image, channels: Channels, wedge: Wedge) -> Image:
    """A light-cone of shape (cells, cells, channels) without the modes in the wedge.

    Chunks of CHUNK channels overlap by half, under windows whose squares add up to one.
    """
    if wedge == "none":
        return brightness
    from scipy import fft  # see noise.py

    length = brightness.shape[-1]
    half = CHUNK // 2
    window = np.sin(np.pi * (np.arange(CHUNK) + 0.5) / CHUNK).astype(np.float32)
    chunks = -(-length // half) + 1
    padded = np.zeros((*brightness.shape[:2], (chunks + 1) * half), np.float32)
    padded[..., half : half + length] = brightness
    modes = fft.rfft2(padded, axes=(0, 1))
    along, edges = _along(channels), edge(channels, wedge, _across(channels))
    left = np.zeros_like(modes)
    for chunk in range(chunks):
        part = slice(chunk * half, chunk * half + CHUNK)
        middle = min(max(chunk * half, 0), length - 1)  # of the chunk, in the light-cone
        outside = along > edges[middle][..., None]
        there = fft.fft(modes[..., part] * window) * outside
        left[..., part] += fft.ifft(there) * window
    filtered: Image = fft.irfft2(left, s=brightness.shape[:2], axes=(0, 1))
    return np.ascontiguousarray(filtered[..., half : half + length])
