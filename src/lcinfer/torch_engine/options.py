"""What a simulation asks for, in the engine's terms: refused where the engine does not have it."""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from ..base.errors import UserError
from ..config.sections import Simulation
from .cosmology import Background, single

NAME = "the torch engine"
TEMPLATE = "const-zeta"
VARIED = ("HII_EFF_FACTOR", "ION_Tvir_MIN", "L_X", "NU_X_THRESH")


@dataclass(frozen=True)
class Options:
    """Numbers of the model that a simulation may set, by py21cmfast's names, with GM18's values."""

    R_BUBBLE_MAX: float = 15.0
    """Largest ionised region around a source, comoving Mpc."""
    R_BUBBLE_MIN: float = 0.620350491
    """Smallest, unless a cell is larger."""
    DELTA_R_HII_FACTOR: float = 1.1
    """Ratio of the radii of ionised regions that are tried."""
    R_MAX_TS: float = 500.0
    """Radius of the outermost shell of sources that a cell sees, comoving Mpc."""
    N_STEP_TS: int = 40
    """Shells of sources."""
    X_RAY_SPEC_INDEX: float = 1.0
    """Energy index of the X-ray spectrum."""
    NU_X_BAND_MAX: float = 2000.0
    """Upper end of the band that L_X is the luminosity of, eV."""
    NU_X_MAX: float = 10000.0
    """Upper end of the X-ray spectrum, eV."""
    POP2_ION: float = 4361.0
    """Ionising photons per stellar baryon, which the ultraviolet spectrum is normalised by."""
    F_STAR10: float = -1.3
    """log10 of the share of a halo's baryons in stars."""
    CLUMPING_FACTOR: float = 2.0
    """Of recombinations outside ionised regions."""
    Y_He: float = 0.245
    """Mass fraction of helium."""
    MAX_DVDR: float = 0.2
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


def options_of(simulation: Simulation) -> Options:
    """The options of a simulation.

    Raises:
        UserError: if it asks for what the engine does not have.
    """
    simulator = simulation.simulator
    if simulator.threads != 1:
        raise UserError(
            f"database.simulator.threads {simulator.threads}: {NAME} has 21cmFAST's random "
            "numbers of one thread alone; write 1"
        )
    if simulator.template != TEMPLATE:
        raise UserError(
            f"database.simulator.template {simulator.template}: {NAME} has {TEMPLATE} alone"
        )
    known = {field.name: field.type for field in fields(Options)}
    chosen: dict[str, Any] = {}
    for name, value in simulator.options.items():
        where = f"database.simulator.options.{name}"
        if name in ONLY:
            if value != ONLY[name]:
                raise UserError(f"{where} {value}: {NAME} has {ONLY[name]} alone")
            continue
        if name in ("OMn", "OMk", "OMr", "OMtot", "wl", "OMl"):
            raise UserError(f"{where}: {NAME} has flat LambdaCDM alone")
        if name not in known:
            raise UserError(f"{where}: {NAME} does not have this option of 21cmFAST")
        number = not isinstance(value, str | bool)
        if number == (known[name] is bool):
            wanted = "true or false" if known[name] is bool else "a number"
            raise UserError(f"{where} should be {wanted}, not {value}")
        chosen[name] = value
    options = Options(**chosen)
    if simulation.box.length / 3 < options.R_BUBBLE_MAX:
        raise UserError(
            f"database.box.length {simulation.box.length:g} Mpc is too small: with R_BUBBLE_MAX = "
            f"{options.R_BUBBLE_MAX:g} Mpc it must be at least {3 * options.R_BUBBLE_MAX:g} Mpc"
        )
    return options


def background_of(simulation: Simulation, options: Options) -> Background:
    """The universe of a simulation."""
    return Background(simulation.cosmology, options.Y_He)


@dataclass(frozen=True)
class Galaxies:
    """The sources of realisations side by side: float64, shape (realisations,).

    Attributes:
        zeta: ionising efficiency; mean zeta f_coll is the ionised share.
        virial_temperature: of the smallest halo with stars, in K.
        luminosity: of X-rays below 2 keV, erg/s per solar mass a year of star formation.
        threshold: least energy of X-rays that leave a galaxy, in eV.
    """

    zeta: Tensor
    virial_temperature: Tensor
    luminosity: Tensor
    threshold: Tensor


def galaxies_of(parameters: list[dict[str, float]], device: torch.device) -> Galaxies:
    """The sources by py21cmfast's parameters, rounded as 21cmFAST rounds them.

    Raises:
        UserError: if there are others than those that the engine varies, or fewer.
    """
    for given in parameters:
        for name in sorted(set(given) ^ set(VARIED)):
            problem = "is missing" if name in VARIED else f"is none that {NAME} varies"
            raise UserError(f"database.prior: {name} {problem}: it varies {', '.join(VARIED)}")

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=device)

    return Galaxies(
        zeta=column([single(p["HII_EFF_FACTOR"]) for p in parameters]),
        virial_temperature=column([single(10 ** p["ION_Tvir_MIN"]) for p in parameters]),
        luminosity=column([10 ** p["L_X"] for p in parameters]),
        threshold=column([single(p["NU_X_THRESH"]) for p in parameters]),
    )
