"""The model that light-cones of 21cmFAST are of, as far as no configuration changes it.

It needs no 21cmFAST: what a finished run was is told without it.
"""

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
