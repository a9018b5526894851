"""Parameters and a seed -> one light-cone, with 21cmFAST.

The model is that of Greig & Mesinger 2018 (GM18, arXiv:1801.01592), which Gillet et al. 2019
reuse, written in py21cmfast 4's inputs.
"""

import warnings

import numpy as np
import py21cmfast
from astropy import units
from py21cmfast import Coeval, InputParameters, RectilinearLightconer
from py21cmfast.rsds import include_dvdr_in_tau21
from py21cmfast.wrapper.inputs import AstroOptions, get_logspaced_redshifts

from .coeval import coeval_boxes
from .errors import UserError
from .lightcone import LightCone, coordinates
from .sections import Simulation

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


def inputs_for(simulation: Simulation, parameters: dict[str, float], seed: int) -> InputParameters:
    """py21cmfast inputs of one realisation.

    Args:
        simulation: box, cosmology, light-cone and options.
        parameters: by py21cmfast's names and in its units (ION_Tvir_MIN and L_X are log10,
            NU_X_THRESH is in eV).
        seed: in [1, 2^32).

    Raises:
        UserError: if py21cmfast refuses an option or a value.
    """
    box, simulator = simulation.box, simulation.simulator
    settings = {
        **GM18,
        **simulation.cosmology.model_dump(),
        "BOX_LEN": box.length,
        "HII_DIM": box.cells,
        "HIRES_TO_LOWRES_FACTOR": box.hires_factor,
        "N_THREADS": simulator.threads,
        "ZPRIME_STEP_FACTOR": simulator.z_step_factor,
        "Z_HEAT_MAX": simulator.z_heat_max,
        **simulator.options,
        **parameters,
    }
    if hasattr(AstroOptions, "USE_ADIABATIC_FLUCTUATIONS"):  # came with 4.2
        settings.setdefault("USE_ADIABATIC_FLUCTUATIONS", False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on options that GM18 fixes
            return InputParameters.from_template(
                simulator.template,
                random_seed=seed,
                node_redshifts=node_redshifts(simulation),
                **settings,
            )
    except (TypeError, ValueError, KeyError, AttributeError, FileNotFoundError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"database.simulator: py21cmfast refuses these inputs: {reason}") from None


def node_redshifts(simulation: Simulation) -> tuple[float, ...]:
    """Redshifts of the evolution, highest first: from the light-cone's nearest cell to just
    above both its farthest cell and the start of the heating."""
    redshift, _ = coordinates(simulation)
    nodes: tuple[float, ...] = get_logspaced_redshifts(
        min_redshift=simulation.lightcone.z_min,
        z_step_factor=simulation.simulator.z_step_factor,
        max_redshift=max(simulation.simulator.z_heat_max, float(redshift[-1])),
    )
    return nodes


def simulate(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """One light-cone, voxel by voxel what ``py21cmfast.run_lightcone`` makes, in less memory.

    Args and errors are those of :func:`inputs_for`.
    """
    inputs = inputs_for(simulation, parameters, seed)
    _, distance = coordinates(simulation)
    lightconer = RectilinearLightconer(
        lc_distances=distance * units.Mpc,
        cosmo=inputs.cosmo_params.cosmo,  # its default is another cosmology
    )
    planes = _Planes(lightconer, inputs)
    shape = lightconer.get_shape(inputs.simulation_options)
    fields = ["brightness_temp"]
    if simulation.simulator.velocity_gradients:
        fields += ["velocity_z", *(["tau_21"] if inputs.astro_options.USE_TS_FLUCT else [])]
    cubes = {field: np.zeros(shape, np.float32) for field in fields}
    neutral_fraction, brightness = [], []
    previous = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for coeval in coeval_boxes(inputs):
            neutral_fraction.append(np.mean(coeval.neutral_fraction))
            brightness.append(np.mean(coeval.brightness_temp))
            if previous is not None:
                planes.interpolate(coeval, previous, cubes)
            previous = coeval
    if simulation.simulator.velocity_gradients:
        _include_velocity_gradients(cubes, lightconer.lc_redshifts, inputs)
    return LightCone(
        brightness_temp=cubes["brightness_temp"],
        node_redshift=np.array(inputs.node_redshifts),
        neutral_fraction=np.array(neutral_fraction, np.float64),
        global_brightness_temp=np.array(brightness, np.float64),
    )


class _Planes:
    """The planes of the light-cone between two nodes, all at once.

    What ``RectilinearLightconer.make_lightcone_slices`` does plane by plane with units, which
    takes a fifth of a small light-cone's time. The arithmetic is the same, down to the last bit.
    """

    def __init__(self, lightconer: RectilinearLightconer, inputs: InputParameters) -> None:
        cell = inputs.simulation_options.cell_size
        self._cell_size = cell.to_value(units.Mpc)
        self._distance_to = inputs.cosmo_params.cosmo.comoving_distance
        self._distance = lightconer.get_lc_distances_in_pixels(cell).value  # in cells
        # The far end of the light-cone lines up with the far side of the box.
        behind = (self._distance.max() - self._distance + 1).astype(int)
        self._plane = lightconer.index_offset - behind

    def interpolate(self, near: Coeval, far: Coeval, cubes: dict[str, np.ndarray]) -> None:
        """Fill the cells of ``cubes`` between two coeval boxes, linearly in distance."""
        ends = [self._distance_to(box.redshift).value / self._cell_size for box in (near, far)]
        # py21cmfast's tolerance: the nearest cell may be the nearest node itself.
        inside = (self._distance >= min(ends) * (1 - 1e-6)) & (self._distance < max(ends))
        cells = np.nonzero(inside)[0]
        to_near, to_far = (np.abs(end - self._distance[cells]) for end in ends)
        for field, cube in cubes.items():
            one, other = (
                getattr(box, field).take(self._plane[cells], axis=2, mode="wrap")
                for box in (near, far)
            )
            cube[..., cells] = (to_far * one + to_near * other) / np.abs(ends[0] - ends[1])


def _include_velocity_gradients(
    cubes: dict[str, np.ndarray], redshifts: np.ndarray, inputs: InputParameters
) -> None:
    """Mao et al. 2012, in place; row by row, since py21cmfast works in many float64 copies."""
    brightness = cubes["brightness_temp"]
    for row in range(len(brightness)):
        rows = slice(row, row + 1)
        brightness[rows] = include_dvdr_in_tau21(
            brightness_temp=brightness[rows],
            los_velocity=cubes["velocity_z"][rows],
            tau_21=cubes["tau_21"][rows] if "tau_21" in cubes else None,
            redshifts=redshifts,
            inputs=inputs,
            periodic=False,
        )


def version() -> str:
    """The installed py21cmfast's version."""
    return str(py21cmfast.__version__)
