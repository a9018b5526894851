"""What the installed 21cmFAST computes: numbers that its faults change, asked of its library.

python -m lcinfer.simulator.probe
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache

# Where the collapsed fraction and its derivative are asked for.
REDSHIFT = 12.0
HALF_STEP = 0.01  # in redshift, of the finite difference
RADIUS, OVERDENSITY = 5.0, 0.8  # a shell of this radius in Mpc
LOG_MASS = 8.7  # the smallest halo in log10 solar masses
DARK_RADIUS, DARK_LOG_MASS = 0.3, 10.0  # a shell that holds less than the smallest halo
DARK_FRACTION = 1e-6  # as 21cmFAST 3.4.0


@dataclass(frozen=True)
class Probed:
    """What the installed library computes."""

    growth: float
    """d f_coll / dz in a dense region, relative to the finite difference of the same library's
    f_coll in a region that follows linear growth, and to the ratio in one of mean density: 1, or
    1 - delta / delta_c (0.53) where the overdensity is held fixed."""
    dark_shell: float
    """Collapsed fraction of a shell that holds less mass than the smallest halo; 0: it has none."""
    homogeneous: bool
    """Whether the first temperature box can be homogeneous."""

    @property
    def is_gm18(self) -> bool:
        """Whether this is the model of Greig & Mesinger 2018."""
        return self.grows and self.dark_shell > 0 and self.homogeneous

    @property
    def grows(self) -> bool:
        """Whether star formation follows the growth of its region."""
        return abs(self.growth - 1) < 0.02

    def __str__(self) -> str:
        dark = f"{self.dark_shell:.0e}" if self.dark_shell else "refused"
        return (
            f"star formation in dense regions {self.growth:.2f} of what linear growth gives, "
            f"shells below the smallest halo {dark}, first temperature box "
            f"{'may be' if self.homogeneous else 'cannot be'} homogeneous"
        )


@cache
def probe() -> Probed:
    """Ask the library, which is loaded into this process for it: a few tenths of a second."""
    from py21cmfast.wrapper.inputs import AstroOptions

    growth = _growth()
    dark = 0.0
    if abs(growth - 1) < 0.02:  # others may throw, and end the process
        fraction, _ = _collapsed(DARK_LOG_MASS, REDSHIFT, DARK_RADIUS, [0.0, OVERDENSITY])
        dark = fraction[0] if abs(fraction[0] / DARK_FRACTION - 1) < 1e-3 else 0.0
    return Probed(growth, dark, hasattr(AstroOptions, "USE_ADIABATIC_FLUCTUATIONS"))


def _growth() -> float:
    densities = [0.0, OVERDENSITY]

    def fraction(redshift: float) -> list[float]:
        growth = (1 + REDSHIFT) / (1 + redshift)  # of a region, while matter dominates
        return _collapsed(LOG_MASS, redshift, RADIUS, [growth * delta for delta in densities])[0]

    ends = zip(fraction(REDSHIFT + HALF_STEP), fraction(REDSHIFT - HALF_STEP), strict=True)
    _, derivative = _collapsed(LOG_MASS, REDSHIFT, RADIUS, densities)
    mean, dense = (
        its / ((early - late) / (2 * HALF_STEP))
        for its, (early, late) in zip(derivative, ends, strict=True)
    )
    return dense / mean


def _collapsed(
    log_mass: float, redshift: float, radius: float, densities: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Collapsed fraction in shells of these overdensities, and its derivative in redshift."""
    import numpy as np
    from py21cmfast import InputParameters
    from py21cmfast.wrapper.cfuncs import evaluate_FgtrM_cond

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on options that GM18 fixes
        inputs = InputParameters.from_template(
            "const-zeta",
            random_seed=1,
            M_MIN_in_Mass=True,
            M_TURN=log_mass,
            HII_DIM=32,
            BOX_LEN=96.0,
        )
    fraction, derivative = evaluate_FgtrM_cond(
        inputs=inputs, densities=np.array(densities), redshift=redshift, R=radius
    )
    return fraction.tolist(), derivative.tolist()


if __name__ == "__main__":
    print(json.dumps(asdict(probe())))
