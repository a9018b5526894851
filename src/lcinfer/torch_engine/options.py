"""What a simulation asks for, in the engine's terms: refused where the engine does not have it.

Nothing here loads PyTorch: it is asked whenever a configuration is read.
"""

from collections.abc import Collection, Iterator
from dataclasses import fields
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ..config.base import PositiveFloat, PositiveInt
from ..config.sections import Simulation
from ..simulator.model import refused_box
from ..simulator.values import LARGEST_LOGARITHM, LOWEST_EV

NAME = "the torch engine"
TEMPLATE = "const-zeta"
FINITE = ConfigDict(allow_inf_nan=False)
# Bounds are those of py21cmfast 4.1.1 (wrapper/inputs.py), and closer where the engine's
# arithmetic would break.


@dataclass(frozen=True, config=FINITE)
class Parameters:
    """What light-cones differ in, by py21cmfast's names."""

    HII_EFF_FACTOR: PositiveFloat
    """Ionising efficiency."""
    ION_Tvir_MIN: Annotated[float, Field(gt=0, le=38)]  # a float's largest power of ten
    """log10 of the virial temperature in K of the smallest halo with stars."""
    L_X: Annotated[float, Field(gt=0, le=LARGEST_LOGARITHM)]
    """log10 of the X-ray luminosity in erg/s per solar mass a year of star formation."""
    NU_X_THRESH: Annotated[float, Field(ge=LOWEST_EV)]
    """Least energy of X-rays that leave a galaxy, eV."""


VARIED = tuple(field.name for field in fields(Parameters))


@dataclass(frozen=True, config=FINITE)
class Options:
    """Numbers of the model that a simulation may set, by py21cmfast's names, with GM18's values."""

    R_BUBBLE_MAX: PositiveFloat = 15.0
    """Largest ionised region around a source, comoving Mpc."""
    R_BUBBLE_MIN: PositiveFloat = 0.620350491
    """Smallest, unless a cell is larger."""
    DELTA_R_HII_FACTOR: Annotated[float, Field(gt=1)] = 1.1
    """Ratio of the radii of ionised regions that are tried."""
    R_MAX_TS: Annotated[float, Field(gt=0, le=1000)] = 500.0
    """Radius of the outermost shell of sources that a cell sees, comoving Mpc; tables end beyond
    the largest."""
    N_STEP_TS: PositiveInt = 40
    """Shells of sources."""
    X_RAY_SPEC_INDEX: float = 1.0
    """Energy index of the X-ray spectrum."""
    NU_X_BAND_MAX: PositiveFloat = 2000.0
    """Upper end of the band that L_X is the luminosity of, eV."""
    NU_X_MAX: PositiveFloat = 10000.0
    """Upper end of the X-ray spectrum, eV."""
    POP2_ION: PositiveFloat = 4361.0
    """Ionising photons per stellar baryon, which the ultraviolet spectrum is normalised by."""
    F_STAR10: Annotated[float, Field(ge=-3, le=0)] = -1.3
    """log10 of the share of a halo's baryons in stars."""
    CLUMPING_FACTOR: PositiveFloat = 2.0
    """Of recombinations outside ionised regions."""
    Y_He: Annotated[float, Field(ge=0, lt=1)] = 0.245
    """Mass fraction of helium."""
    MAX_DVDR: Annotated[float, Field(ge=0)] = 0.2
    """Not used with spin temperatures."""
    USE_ADIABATIC_FLUCTUATIONS: bool = False
    """Whether the first gas temperature follows the density (Munoz 2023, MNRAS 523, 2587)."""


ONLY = {  # options of 21cmFAST of which the engine has one value
    "USE_TS_FLUCT": True,
    "USE_X_RAY_HEATING": True,
    "USE_CMB_HEATING": False,
    "USE_LYA_HEATING": False,
    "USE_MINI_HALOS": False,
    "INHOMO_RECO": False,
    "M_MIN_in_Mass": False,
    "IONISE_ENTIRE_SPHERE": False,
    "PERTURB_ON_HIGH_RES": False,
    "SMOOTH_EVOLVED_DENSITY_FIELD": False,
    "USE_RELATIVE_VELOCITIES": False,
    "PHOTON_CONS_TYPE": "no-photoncons",
    "HII_FILTER": "sharp-k",
    "HEAT_FILTER": "spherical-tophat",
    "HMF": "ST",
    "POWER_SPECTRUM": "EH",
    "PERTURB_ALGORITHM": "2LPT",
    "SOURCE_MODEL": "CONST-ION-EFF",
    "INITIAL_REDSHIFT": 300.0,
    "NON_CUBIC_FACTOR": 1.0,
}
NOT_FLAT = ("OMn", "OMk", "OMr", "OMtot", "wl", "OMl")


def refusals(simulation: Simulation, varied: Collection[str]) -> Iterator[str]:
    """What the engine does not have of what a simulation asks for, a line each.

    Args:
        simulation: the settings.
        varied: names of the parameters.
    """
    simulator = simulation.simulator
    if simulator.threads != 1:
        yield (
            f"database.simulator.threads {simulator.threads}: {NAME} has 21cmFAST's random "
            "numbers of one thread alone; write 1"
        )
    if simulator.template != TEMPLATE:
        yield f"database.simulator.template {simulator.template}: {NAME} has {TEMPLATE} alone"
    for name, value in simulator.options.items():
        if name != "R_BUBBLE_MAX" and (why := _refused(name, value)):
            yield f"database.simulator.options.{name}{why}"
    yield from refused_box(simulation)
    for name in sorted(set(varied) ^ set(VARIED)):
        problem = "is missing" if name in VARIED else f"is none that {NAME} varies"
        yield f"database.prior: {name} {problem}: it varies {', '.join(VARIED)}"


def _refused(name: str, value: bool | float | str) -> str:
    """Why the engine does not take an option's value; empty: it does."""
    if name in ONLY:
        return "" if value == ONLY[name] else f" {value}: {NAME} has {ONLY[name]} alone"
    if name in NOT_FLAT:
        return f": {NAME} has flat LambdaCDM alone"
    kinds = {field.name: field.type for field in fields(Options)}
    if name not in kinds:
        return f": {NAME} does not have this option of 21cmFAST"
    if kinds[name] is bool:
        return "" if isinstance(value, bool) else f" should be true or false, not {value}"
    return f" should be a number, not {value}" if isinstance(value, bool | str) else ""


def options_in(simulation: Simulation) -> dict[str, Any]:
    """Those that a simulation sets, of :class:`Options`."""
    chosen = simulation.simulator.options
    return {name: value for name, value in chosen.items() if name not in ONLY}
