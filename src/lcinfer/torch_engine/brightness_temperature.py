"""The 21-cm line against the CMB.

T_b = (1 - exp(-tau)) (T_s - T_CMB) / (1 + z), with tau of the Hubble flow; Furlanetto, Oh & Briggs
2006 (Phys. Rep. 433, 181).
"""

import math

import torch
from torch import Tensor

from .constants import CMB_TEMPERATURE
from .cosmology import Background


def optical_depth(
    redshift: float, density: Tensor, neutral: Tensor, spin: Tensor, background: Background
) -> Tensor:
    """Of the 21-cm line, without peculiar velocities; float32 tensors of one shape.

    Args:
        redshift: of the box.
        density: overdensity.
        neutral: share of hydrogen.
        spin: T_s in K.
        background: the universe.
    """
    h = background.h
    size = 27 * background.baryons * h**2 / 0.023
    size *= math.sqrt(0.15 / (background.matter * h**2) * (1 + redshift) / 10)  # in mK
    size *= (1 + redshift) / 1000
    return (1 + density).mul_(neutral).mul_(size).div_(spin)


def brightness(redshift: float, tau: Tensor, spin: Tensor) -> Tensor:
    """T_b in mK."""
    cmb = CMB_TEMPERATURE * (1 + redshift)
    return torch.expm1(-tau).mul_(spin - cmb).mul_(-1000 / (1 + redshift))
