"""The configuration's section of an instrument: what is between the sky and images of it."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from .base import PositiveFloat, Section

Layout = Literal["AA*", "AA4"]
Wedge = Literal["none", "moderate", "horizon"]


class Instrument(Section):
    """What SKA-Low makes of a light-cone: thermal noise, and modes that it does not see."""

    layout: Layout = "AA4"
    """Its stations: `AA4` has all 512, `AA*` the 307 that are built first."""
    without: tuple[int, ...] = ()
    """Numbers of stations to leave out, from 0 in the layout's order (`src/lcinfer/instrument/
    data/ska_low_stations.csv`)."""
    hours: PositiveFloat = 1000.0
    """Hours of observation in all."""
    track: Annotated[float, Field(gt=0, le=24)] = 6.0
    """Hours of a night's track, about the field's culmination."""
    declination: Annotated[float, Field(ge=-90, le=60)] = -30.0
    """Of the field, in degrees."""
    sefd: Literal["aavs2", "skao"] | PositiveFloat = "aavs2"
    """System equivalent flux density of one station: a table's name, or a number of Jy for all
    frequencies."""
    longest_baseline: PositiveFloat = 2.0
    """In km: longer ones are not used. It decides the resolution, and with it the noise."""
    wedge: Wedge = "none"
    """Modes that are left out, since foregrounds leak into them: those below the `horizon`;
    `moderate`: and up to 0.1 h/Mpc above it; `none`."""

    @field_validator("without")
    @classmethod
    def _in_order(cls, without: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(without)))
