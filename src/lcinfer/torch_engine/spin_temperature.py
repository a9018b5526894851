"""The gas outside ionised regions, from redshift to redshift: T_k, electrons, and T_s.

Mesinger, Furlanetto & Cen 2011 (MNRAS 411, 955), eqs. 8 to 11, by Euler's method between nodes.
"""

import math
from dataclasses import dataclass

import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from .constants import CMB_TEMPERATURE
from .cosmology import Background, single
from .coupling import cmb_coupling, collisional_coupling, spin_temperature
from .fourier import at_once
from .heating import Rates, Sky
from .options import Options
from .tables import table
from .xrays import FRACTIONS

HOTTEST = 5e4  # K; hotter gas is not heated on
MOST_ELECTRONS = 1 - 1e-7
# Abel et al. 1997 (New Astronomy 2, 181): powers of ln(T / eV) in ln of the recombination rate.
RECOMBINATION = (
    -28.6130338,
    -0.72411256,
    -2.02604473e-2,
    -2.38086188e-3,
    -3.21260521e-4,
    -1.42150291e-5,
    4.98910892e-6,
    5.75561414e-7,
    -1.85676704e-8,
    -3.07113524e-9,
)
KELVIN_PER_EV = 1.1604505e4


@dataclass(frozen=True)
class Gas:
    """Gas outside ionised regions at a redshift; float32, shape (realisations, N^3).

    Attributes:
        redshift: of the box.
        temperature: T_k in K.
        electrons: free electrons per hydrogen nucleus, x_e.
        spin: T_s in K.
    """

    redshift: float
    temperature: Tensor
    electrons: Tensor
    spin: Tensor

    @property
    def fields(self) -> tuple[Tensor, Tensor, Tensor]:
        """T_k, x_e and T_s."""
        return self.temperature, self.electrons, self.spin


def first_gas(redshift: float, density: Tensor, background: Background, options: Options) -> Gas:
    """Gas before there are sources, as recombination left it.

    Args:
        redshift: of the box.
        density: overdensity, float32, shape (realisations, N^3).
        background: the universe.
        options: whether T_k follows the density.
    """
    history = table("recombination")
    at = (
        float(CubicSpline(history["redshift"], history[name], bc_type="natural")(redshift))
        for name in ("electron_fraction", "gas_temperature_K")
    )
    electrons, warmth = (torch.full_like(density, value) for value in at)
    temperature = warmth
    if options.USE_ADIABATIC_FLUCTUATIONS:
        temperature = warmth * (1 + (0.58 - 0.006 * (redshift - 10)) * density)
    coupling = collisional_coupling(warmth, electrons, 1 + density, redshift, background)
    cmb = CMB_TEMPERATURE * (1 + redshift)
    spin = (1 + coupling) / (coupling / warmth + 1 / cmb)
    return Gas(redshift, temperature, electrons, spin)


def mean_electrons(gas: Gas) -> Tensor:
    """Mean x_e, float64, shape (realisations,)."""
    return gas.electrons.sum(-1, dtype=torch.float64) / gas.electrons.shape[-1]


def evolve(
    gas: Gas, redshift: float, density: Tensor, sky: Sky, background: Background, options: Options
) -> Gas:
    """The gas at the next redshift.

    Args:
        gas: at the last.
        redshift: the next.
        density: overdensity there, float32, shape (realisations, N^3).
        sky: radiation there.
        background: the universe.
        options: numbers of the model.
    """
    count, cells = density.shape
    next_ = Gas(redshift, *(torch.empty_like(density) for _ in range(3)))
    for some in at_once(cells, count * sky.slope.shape[1], density.device):
        part = Gas(gas.redshift, *(field[:, some] for field in gas.fields))
        made = _evolved(part, redshift, density[:, some], sky.rates(some), background, options)
        for field, new in zip(next_.fields, made.fields, strict=True):
            field[:, some] = new
    return next_


def _evolved(
    gas: Gas,
    redshift: float,
    density: Tensor,
    rates: Rates,
    background: Background,
    options: Options,
) -> Gas:
    """The gas of some cells at the next redshift: see :func:`evolve`."""
    step = single(redshift - gas.redshift)
    electrons, temperature = gas.electrons, gas.temperature
    heat, ionised, lyman_alpha = _at_fraction(rates.by_fraction, electrons)
    dense = (1 + density).clamp_(min=1e-7)
    dt_dz, hubble = background.dt_dz(redshift), background.hubble(redshift)
    cmb = CMB_TEMPERATURE * (1 + redshift)

    recombined = _recombination(temperature).mul_(electrons).mul_(electrons).mul_(dense)
    nuclei = background.nuclei * (1 + redshift) ** 3
    clumping = single(options.CLUMPING_FACTOR)
    size = dt_dz * clumping * background.hydrogen_share * nuclei
    more = ionised.sub_(recombined, alpha=size)  # dx_e / dz

    per_particle = (1 + electrons).reciprocal_()
    change = heat.mul_(per_particle)
    helium = 1 - background.hydrogen_share
    compton = -1.51e-4 / (hubble / background.hubble_0) / background.h * cmb**4 / (1 + redshift)
    change.addcmul_(electrons / (1 + helium + electrons), cmb - temperature, value=compton)
    # Adiabatic: 2/3 T_k of the density's change, by expansion and by structure.
    growth = background.growth_slope(redshift) / background.growth(redshift)
    thinner = (density / dense).mul_(growth).add_(3 / (1 + redshift)).mul_(2 / 3)
    change.addcmul_(thinner.sub_(more * per_particle), temperature)

    warmer = torch.where(temperature < HOTTEST, temperature + step * change, temperature)
    warmer.masked_fill_(warmer < 0, cmb)
    freer = more.mul_(step).add_(electrons).clamp_(0.0, MOST_ELECTRONS)
    spin = spin_temperature(
        warmer,
        freer,
        dense,
        cmb_coupling(electrons, gas.spin, redshift, background),
        lyman_alpha.mul_(dense).add_(rates.lyman_alpha),
        redshift,
        background,
    )
    return Gas(redshift, warmer, freer, spin)


def _at_fraction(by_fraction: Tensor, electrons: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What X-rays become, linear in x_e between 14 of them: three of shape (realisations, N^3)."""
    known = FRACTIONS.to(electrons)
    first, last = FRACTIONS[0].item(), FRACTIONS[-1].item()
    held = electrons.clamp(max=single(0.999 * last))
    held.masked_fill_(held < first, single(1.001 * first))
    low = torch.bucketize(held, known, right=True).sub_(1)
    at = low.view(-1)
    share = held.sub_(known.index_select(0, at).view_as(held))
    share.mul_((1 / torch.diff(known)).index_select(0, at).view_as(held))
    low = low[:, None].expand(-1, len(by_fraction[0]), -1)[:, :, None]
    begin, end = (by_fraction.gather(2, at)[:, :, 0] for at in (low, low + 1))
    heat, ionised, lyman_alpha = torch.lerp(begin, end, share[:, None]).unbind(1)
    return heat, ionised, lyman_alpha


def _recombination(temperature: Tensor) -> Tensor:
    """Case A rate of hydrogen in cm^3/s."""
    log = temperature.log().sub_(math.log(KELVIN_PER_EV))
    total = torch.full_like(log, RECOMBINATION[-1])
    for coefficient in RECOMBINATION[-2::-1]:
        total.mul_(log).add_(coefficient)
    # Below a hundredth of a kelvin, which nodes far apart can make of cold gas, the fit explodes.
    return total.clamp_(max=30.0).exp_()
