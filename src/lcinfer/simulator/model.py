"""The model that light-cones of 21cmFAST are of, as far as no configuration changes it.

It needs no 21cmFAST: what a finished run was is told without it.
"""

from collections.abc import Iterator

from ..config.sections import Simulation

# What GM18's code had that py21cmfast's template `const-zeta` has otherwise.
GM18 = {
    "USE_TS_FLUCT": True,
    "M_MIN_in_Mass": False,  # the smallest halo follows from the virial temperature
    "USE_CMB_HEATING": False,  # came after 2018
    "USE_LYA_HEATING": False,  # came after 2018
    "POP2_ION": 4361.0,  # ionising photons per stellar baryon
    "Y_He": 0.245,
    "R_BUBBLE_MAX": 15.0,  # Mpc: the paper's R_MFP
    "X_RAY_SPEC_INDEX": 1.0,  # the paper's alpha_X
}
BUBBLES = 3  # a box must be as long as so many of the largest ionised regions


def refused_box(simulation: Simulation) -> Iterator[str]:
    """Why the box is too small, or that this cannot be told; nothing if it is not."""
    bubble = simulation.simulator.options.get("R_BUBBLE_MAX", GM18["R_BUBBLE_MAX"])
    if isinstance(bubble, str | bool):
        yield f"database.simulator.options.R_BUBBLE_MAX should be a number, not {bubble!r}"
    elif bubble > simulation.box.length / BUBBLES:
        yield (
            f"database.box.length {simulation.box.length:g} Mpc is too small: with R_BUBBLE_MAX = "
            f"{bubble:g} Mpc it must be at least {BUBBLES * bubble:g} Mpc"
        )
