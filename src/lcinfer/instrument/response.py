"""What an instrument makes of light-cones: modes that it does not see are gone, noise is added."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..base.counting import counted
from ..base.errors import UserError
from ..base.fingerprint import canonical
from ..config.instruments import Instrument, Wedge
from ..config.sections import Simulation
from . import array, noise
from .noise import Channels
from .wedge import avoid, edge, kept

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Response:
    """An instrument, looking at light-cones of one geometry."""

    channels: Channels
    """The light-cones' planes."""
    power: Image
    """(channels, cells, cells // 2 + 1) variance of the noise of each Fourier mode of a plane in
    mK^2, as :func:`lcinfer.instrument.noise.power` has it; 0 where no baseline is."""
    wedge: Wedge
    """What is left out beside these."""

    @classmethod
    def of(cls, instrument: Instrument, channels: Channels) -> Self:
        """From the stations up; it takes seconds.

        Raises:
            UserError: if the instrument sees nothing of a channel, or its stations or its SEFD are
                not known.
        """
        seconds = _seen(instrument, channels)
        flux = station_flux(instrument, channels)
        power = noise.power(seconds, channels, flux, instrument.hours, instrument.track)
        return cls(channels, power.astype(np.float32), instrument.wedge)

    @property
    def rms(self) -> NDArray[np.float64]:
        """Of the noise in mK, (channels,)."""
        return noise.rms(self.power * self._kept)

    @property
    def modes(self) -> NDArray[np.float64]:
        """The share of a plane's Fourier modes that are seen and kept, (channels,)."""
        return noise.rms((self.power > 0) * self._kept) ** 2 * self.channels.cells**2

    @cached_property
    def _kept(self) -> NDArray[np.float64]:
        return kept(self.channels, self.wedge)

    def filtered(self, brightness: Image) -> Image:
        """A light-cone in mK, (cells, cells, channels), of the modes that are seen and kept."""
        return avoid(noise.resolved(brightness, self.power), self.channels, self.wedge)

    def noise(self, generator: np.random.Generator) -> Image:
        """Noise of one light-cone in mK, (cells, cells, channels), filtered like the signal."""
        return avoid(noise.draw(self.power, generator), self.channels, self.wedge)


def station_flux(instrument: Instrument, channels: Channels) -> NDArray[np.float64]:
    """SEFD of one station in Jy, (channels,)."""
    if isinstance(instrument.sefd, str):
        return array.sefd(instrument.sefd, channels.frequency)
    return np.full(len(channels.redshift), float(instrument.sefd))


def described(instrument: Instrument) -> dict[str, Any]:
    """What decides its response: its settings, and where its stations stand."""
    place = array.stations(instrument.layout, instrument.without)
    return {**canonical(instrument), "stations": array.digest(place)}


def refusals(instrument: Instrument, simulation: Simulation, cells: int) -> Iterator[str]:
    """What an instrument cannot do with the nearest ``cells`` planes of light-cones."""
    channels = Channels.of(simulation, cells)
    try:
        station_flux(instrument, channels)
    except UserError as error:
        yield f"sefd: {error}; images.line_of_sight_cells can leave out what is beyond"
    metres, redshift = channels.metres, channels.redshift
    if metres.max() > 1000 * instrument.longest_baseline:
        yield (
            f"longest_baseline {instrument.longest_baseline:g} km leaves no mode of the box at "
            f"z = {redshift[metres.argmax()]:.2f}: the longest wave in it is seen by "
            f"{metres.max() / 1000:.2g} km"
        )
    elif instrument.without:  # a second of work; all stations of a layout do see such a mode
        try:
            _seen(instrument, channels)
        except UserError as error:
            yield f"without: {error}"
    longest = np.array(2 * np.pi / (channels.cells * channels.cell))
    lowest = edge(channels, instrument.wedge, longest)
    if lowest.max() >= np.pi / channels.cell:
        yield (
            f"wedge {instrument.wedge} leaves no mode of the box at "
            f"z = {redshift[lowest.argmax()]:.2f}: it needs smaller cells, or a larger box"
        )


def _seen(instrument: Instrument, channels: Channels) -> NDArray[np.float64]:
    """Seconds of a track in which each mode was seen, as :func:`lcinfer.instrument.noise.seen`."""
    place = array.stations(instrument.layout, instrument.without)
    longest = 1000 * instrument.longest_baseline
    track = array.baselines(place, instrument.track, instrument.declination, longest)
    seconds = noise.seen(track, channels)
    blind = np.flatnonzero(~seconds.any(axis=(1, 2)))
    if blind.size:
        raise UserError(
            f"no baseline of {counted(len(place), 'station')} up to {longest:g} m sees a mode of "
            f"the box at z = {channels.redshift[blind[0]]:.2f}: allow longer ones, or more stations"
        )
    return seconds
