"""What the spin temperature of hydrogen is coupled to: the CMB, collisions, Lyman-alpha.

T_s^-1 = (x_CMB T_CMB^-1 + x_alpha T_c^-1 + x_c T_k^-1) / (x_CMB + x_alpha + x_c) (Field 1958),
with the Wouthuysen-Field effect of Hirata 2006 (MNRAS 367, 259), which depends on T_s itself.
"""

import math

import torch
from torch import Tensor

from .constants import (
    BOLTZMANN,
    CMB_TEMPERATURE,
    ELECTRON_CHARGE,
    ELECTRON_MASS,
    LIGHT_SPEED,
    LINE_A10,
    LINE_TEMPERATURE,
    LINE_WAVELENGTH,
    LYMAN_ALPHA,
    LYMAN_ALPHA_STRENGTH,
    LYMAN_ALPHA_WAVELENGTH,
    PLANCK,
    VACUUM_PERMITTIVITY,
)
from .cosmology import Background
from .tables import table

DARK = 1e-20  # flux of Lyman-alpha below which there is none, 1 / (cm^2 s Hz sr)
CONVERGED = 1e-3  # relative change of T_s at which its iteration ends
BEYOND_HYDROGEN = 0.381  # power law of its rate above the table's 10^4 K


def lyman_alpha_coupling(redshift: float) -> float:
    """x_alpha of a unit flux of Lyman-alpha, but for the shape of the spectrum near the line.

    8 pi lambda^2 gamma T_21 / (9 A_10 T_CMB), gamma the line's half width (Hirata 2006, eq. 38).
    """
    # In SI units.
    charge = LYMAN_ALPHA * ELECTRON_CHARGE / (LIGHT_SPEED / 10)
    width = LYMAN_ALPHA_STRENGTH * charge**2
    width /= 6 * (ELECTRON_MASS / 1000) * (LIGHT_SPEED / 100) ** 3 * VACUUM_PERMITTIVITY
    cmb = CMB_TEMPERATURE * (1 + redshift)
    size = 8 * math.pi * LYMAN_ALPHA_WAVELENGTH**2 * width * LINE_TEMPERATURE
    return size / (9 * LINE_A10 * cmb)


def _rates(log_temperature: Tensor, species: str, steepness: float | None = None) -> Tensor:
    """ln of the rate of spin exchange in cm^3/s, linear in ln T; constant below 1 K."""
    columns = table("spin_exchange")
    temperature = columns[f"log_temperature_{species}"]
    logs = torch.from_numpy(columns[f"log_rate_{species}"])
    step = float(temperature[1])
    last = len(logs) - 1
    rise = torch.diff(logs, append=logs[-1:])
    # Beyond the table, its last slope or a power law.
    rise[-1] = rise[-2] if steepness is None else steepness * step
    logs, rise = (x.to(log_temperature) for x in (logs, rise))
    place = (log_temperature / step).clamp_(min=0.0)
    low = place.int().clamp_(max=last)
    begin, more = (x.index_select(0, low.view(-1)).view_as(place) for x in (logs, rise))
    return begin.addcmul_(place.sub_(low.float()), more)


def collisional_coupling(
    temperature: Tensor, electrons: Tensor, density: Tensor, redshift: float, background: Background
) -> Tensor:
    """x_c by collisions with hydrogen, electrons and protons.

    Args:
        temperature: of the gas, in K.
        electrons: free electrons per hydrogen nucleus; helium is ionised as hydrogen is.
        density: 1 + delta.
        redshift: of the box.
        background: the universe.
    """
    log = temperature.log()
    rate = (1 - electrons) * _rates(log, "hydrogen", BEYOND_HYDROGEN).exp()
    ratio = background.nuclei / background.hydrogen
    rate.addcmul_(electrons, _rates(log, "electrons").exp(), value=ratio)
    rate.addcmul_(electrons, _rates(log, "protons").exp())
    cmb = CMB_TEMPERATURE * (1 + redshift)
    size = (1 + redshift) ** 3 * LINE_TEMPERATURE / (cmb * LINE_A10) * background.hydrogen
    return rate.mul_(density).mul_(size)


def cmb_coupling(
    electrons: Tensor, spin_temperature: Tensor, redshift: float, background: Background
) -> Tensor:
    """x_CMB = (1 - exp(-tau)) / tau (Venumadhav et al. 2018, PRD 98, 103513), at mean density."""
    size = 3 * PLANCK * LINE_A10 * LIGHT_SPEED * LINE_WAVELENGTH**2 / (32 * math.pi * BOLTZMANN)
    size *= background.hydrogen * (1 + redshift) ** 3 / background.hubble(redshift)
    tau = (1 - electrons).mul_(size).div_(spin_temperature)
    return torch.expm1(-tau).neg_().div_(tau)


def spin_temperature(
    temperature: Tensor,
    electrons: Tensor,
    density: Tensor,
    cmb: Tensor,
    lyman_alpha: Tensor,
    redshift: float,
    background: Background,
) -> Tensor:
    """T_s in K.

    Args:
        temperature: of the gas, in K, float32, any shape; so are the others.
        electrons: free electrons per hydrogen nucleus.
        density: 1 + delta.
        cmb: x_CMB.
        lyman_alpha: x_alpha before the correction of the spectrum's shape.
        redshift: of the box.
        background: the universe.
    """
    collisions = collisional_coupling(temperature, electrons, density, redshift, background)
    # Gunn-Peterson optical depth in 1e7, over T_k^2, to the third (Hirata 2006, eq. 35).
    depth = 1.342881e-7 / background.hubble(redshift) * background.hydrogen * (1 + redshift) ** 3
    inverse = temperature.reciprocal()
    xi = ((1e-7 * depth) ** (1 / 3)) * (density * (1 - electrons)).pow_(1 / 3)
    xi.mul_(inverse.pow(2 / 3))
    shape = ((3.85289 * xi + 1.53583) * xi + 2.98394) * xi + 1
    coupling = lyman_alpha / shape
    # S_alpha = (here + there / T_s) / shape, and 1 / T_c = (colour + colour_s / T_s).
    here = ((0.115995 * inverse - 0.0631789) * inverse + 1).mul_(coupling)
    there = ((0.336463 * inverse - 0.401403) * inverse).mul_(coupling)
    colour = (1 - 0.405535 * inverse).mul_(inverse)
    colour_s = 0.405535 * inverse
    total = cmb + collisions
    cool = collisions.mul_(inverse).add_(cmb, alpha=1 / (CMB_TEMPERATURE * (1 + redshift)))
    dark = lyman_alpha <= DARK * lyman_alpha_coupling(redshift)
    alone = total / cool
    found = torch.where(dark, alone, CMB_TEMPERATURE * (1 + redshift))
    going = ~dark
    # A negative one, of very cold gas, ends the search; its absolute value is taken.
    while going.any():
        back = found.reciprocal()
        strength = torch.addcmul(here, there, back)
        target = torch.addcmul(colour, colour_s, back)
        new = (total + strength).div_(torch.addcmul(cool, strength, target))
        changed = (new - found).abs_().div_(new) > CONVERGED
        found = torch.where(going, new, found)
        going &= changed
    return found.abs_()
