"""The sources of light by the parameters that a prior varies.

Greig & Mesinger 2017 (MNRAS 472, 2651), section 2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .cosmology import single


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
    """The sources by py21cmfast's parameters, rounded as 21cmFAST rounds them."""

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=device)

    return Galaxies(
        zeta=column([single(p["HII_EFF_FACTOR"]) for p in parameters]),
        virial_temperature=column([single(10 ** p["ION_Tvir_MIN"]) for p in parameters]),
        luminosity=column([10 ** p["L_X"] for p in parameters]),
        threshold=column([single(p["NU_X_THRESH"]) for p in parameters]),
    )
