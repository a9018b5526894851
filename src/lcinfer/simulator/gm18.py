"""Parameters and a seed -> one light-cone, with 21cmFAST.

The model is that of Greig & Mesinger 2018 (GM18, arXiv:1801.01592), which Gillet et al. 2019
reuse, written in py21cmfast 4's inputs.
"""

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import py21cmfast
from astropy import units
from py21cmfast import Coeval, InputParameters, RectilinearLightconer
from py21cmfast.wrapper.classy_interface import run_classy
from py21cmfast.wrapper.inputs import AstroOptions, get_logspaced_redshifts

from ..base.errors import UserError, reason
from ..config.sections import Cosmology, Simulation
from .coeval import coeval_boxes
from .lightcone import BadLightCone, LightCone, coordinates
from .model import GM18
from .velocities import (
    BEYOND_THE_ENDS,
    SUBCELLS_OF_BOX,
    include_gradient,
    move_to_redshift_space,
    nodes_below,
    reach,
)

# What py21cmfast raises where it refuses an input.
REFUSALS = (TypeError, ValueError, KeyError, AttributeError, FileNotFoundError)


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
    try:
        return built(simulation, parameters, seed, node_redshifts(simulation))
    except REFUSALS as error:
        what = f"database.simulator: py21cmfast refuses these inputs: {reason(error)}"
        raise UserError(what) from None


def built(
    simulation: Simulation, parameters: dict[str, float], seed: int, nodes: tuple[float, ...]
) -> InputParameters:
    """The same with nodes that are known, which takes a tenth of the time.

    Raises:
        one of :data:`REFUSALS`: in py21cmfast's words.
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on options that GM18 fixes
        return InputParameters.from_template(
            simulator.template, random_seed=seed, node_redshifts=nodes, **settings
        )


def node_redshifts(simulation: Simulation) -> tuple[float, ...]:
    """Redshifts of the evolution, highest first: from the light-cone's nearest cell to just
    above both its farthest cell and the start of the heating.

    Where cells of the light-cone are moved to redshift space, nodes follow below the nearest
    cell too, so that something can move in there; the others stay where they are.
    """
    near, far = reach(simulation, *coordinates(simulation))
    nodes: tuple[float, ...] = get_logspaced_redshifts(
        min_redshift=simulation.lightcone.z_min,
        z_step_factor=simulation.simulator.z_step_factor,
        max_redshift=max(simulation.simulator.z_heat_max, far),
    )
    return (*nodes, *nodes_below(simulation, near))


def simulate(simulation: Simulation, parameters: dict[str, float], seed: int) -> LightCone:
    """One light-cone, voxel by voxel what ``py21cmfast.run_lightcone`` makes, in less memory.

    Of the treatments of peculiar velocities, ``subcell`` alone is none of run_lightcone's.
    Args are those of :func:`inputs_for`.

    Raises:
        UserError: as there.
        BadLightCone: if the nodes do not enclose every plane along the line of sight.
    """
    treatment = simulation.simulator.treatment
    inputs = inputs_for(simulation, parameters, seed)
    _, distance = coordinates(simulation)
    lightconer = _lightconer(simulation, inputs)
    planes = Planes(lightconer, inputs)
    shape = lightconer.get_shape(inputs.simulation_options)
    fields = ["brightness_temp"]
    if treatment in ("gradient", "shift", "both"):
        fields.append("velocity_z")
    if treatment in ("gradient", "both") and inputs.astro_options.USE_TS_FLUCT:
        fields.append("tau_21")
    cubes = {field: np.zeros(shape, np.float32) for field in fields}
    neutral_fraction, brightness = [], []
    previous = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for coeval in coeval_boxes(inputs, scaled_from(simulation)):
            if treatment == "subcell":
                treat_as_version_3(coeval, inputs)
            neutral_fraction.append(np.mean(coeval.neutral_fraction))
            brightness.append(np.mean(coeval.brightness_temp))
            if previous is not None:
                planes.interpolate(coeval, previous, cubes)
            previous = coeval
    planes.check_all_reached()
    cube, tau = cubes["brightness_temp"], cubes.pop("tau_21", None)
    scales = scales_of(inputs, lightconer.lc_redshifts)
    if treatment in ("gradient", "both"):
        largest = inputs.astro_params.MAX_DVDR
        include_gradient(cube, cubes["velocity_z"], tau, *scales, largest=largest)
    if treatment in BEYOND_THE_ENDS:
        del tau  # before the copy
        move_to_redshift_space(cube, cubes.pop("velocity_z"), *scales)
        first = int(np.abs(lightconer.lc_distances.value - distance[0]).argmin())
        cube = np.ascontiguousarray(cube[..., first : first + len(distance)])
    return LightCone(
        brightness_temp=cube,
        node_redshift=np.array(inputs.node_redshifts),
        neutral_fraction=np.array(neutral_fraction, np.float64),
        global_brightness_temp=np.array(brightness, np.float64),
    )


def _lightconer(simulation: Simulation, inputs: InputParameters) -> RectilinearLightconer:
    """py21cmfast's light-cone, longer by the rms displacement at both ends where cells move."""
    _, distance = coordinates(simulation)
    lightconer = RectilinearLightconer(
        lc_distances=distance * units.Mpc,
        cosmo=inputs.cosmo_params.cosmo,  # its default is another cosmology
    )
    if simulation.simulator.treatment not in BEYOND_THE_ENDS:
        return lightconer
    return lightconer.validate_options(
        inputs=inputs,
        include_dvdr_in_tau21=False,
        apply_rsds=True,
        classy_output=_linear_theory(simulation.cosmology),
    )


def line_beyond_the_ends(simulation: Simulation) -> tuple[np.ndarray, np.ndarray]:
    """Redshift and comoving distance in Mpc of a light-cone's cells, those included from which
    something may be moved into it.
    """
    lightconer = _lightconer(simulation, inputs_for(simulation, {}, 1))
    return np.asarray(lightconer.lc_redshifts), np.asarray(lightconer.lc_distances.value)


def scaled_from(simulation: Simulation) -> float | None:
    """Where the density that spin temperatures follow is taken from; None: from each node."""
    scaled = simulation.simulator.thermal_density == "scaled"
    return simulation.lightcone.z_min if scaled else None


@lru_cache(maxsize=1)
def _linear_theory(cosmology: Cosmology) -> Any:
    """CLASS as run_lightcone runs it, for the rms displacement; once a process, as it takes 5 s."""
    return run_classy(
        h=cosmology.hlittle,
        Omega_cdm=cosmology.OMm - cosmology.OMb,
        Omega_b=cosmology.OMb,
        n_s=cosmology.POWER_INDEX,
        sigma8=cosmology.SIGMA_8,
        output="vTk",
    )


def scales_of(inputs: InputParameters, redshift: np.ndarray | float) -> tuple[np.ndarray, float]:
    """H in km/s/Mpc, and a cell in Mpc."""
    hubble = inputs.cosmo_params.cosmo.H(redshift).to_value("km / (s Mpc)")
    return np.asarray(hubble), float(inputs.simulation_options.cell_size.to_value(units.Mpc))


def treat_as_version_3(coeval: Coeval, inputs: InputParameters) -> None:
    """SUBCELL_RSD of 21cmFAST 3 and of GM18's code, in place in a coeval box."""
    brightness, velocity = coeval.brightness_temp, coeval.velocity_z
    tau = coeval.tau_21 if inputs.astro_options.USE_TS_FLUCT else None
    scales = scales_of(inputs, coeval.redshift)
    largest = inputs.astro_params.MAX_DVDR
    include_gradient(brightness, velocity, tau, *scales, periodic=True, largest=largest)
    move_to_redshift_space(brightness, velocity, *scales, periodic=True, subcells=SUBCELLS_OF_BOX)


class Planes:
    """The planes of the light-cone between two nodes, all at once.

    What ``RectilinearLightconer.make_lightcone_slices`` does plane by plane with units, which
    takes a fifth of a small light-cone's time. The arithmetic is the same, down to the last bit.
    """

    def __init__(self, lightconer: RectilinearLightconer, inputs: InputParameters) -> None:
        """Where the planes of ``lightconer`` lie in the boxes of ``inputs``."""
        cell = inputs.simulation_options.cell_size
        self._cell_size = cell.to_value(units.Mpc)
        self._distance_to = inputs.cosmo_params.cosmo.comoving_distance
        self._distance = lightconer.get_lc_distances_in_pixels(cell).value  # in cells
        # The far end of the light-cone lines up with the far side of the box.
        behind = (self._distance.max() - self._distance + 1).astype(int)
        self._plane = lightconer.index_offset - behind
        self._reached = np.zeros(len(self._distance), bool)

    def interpolate(self, near: Coeval, far: Coeval, cubes: dict[str, np.ndarray]) -> None:
        """Fill the cells of ``cubes`` between two coeval boxes, linearly in distance."""
        ends = [self._distance_to(box.redshift).value / self._cell_size for box in (near, far)]
        # py21cmfast's tolerance: the nearest cell may be the nearest node itself.
        inside = (self._distance >= min(ends) * (1 - 1e-6)) & (self._distance < max(ends))
        self._reached |= inside
        cells = np.nonzero(inside)[0]
        to_near, to_far = (np.abs(end - self._distance[cells]) for end in ends)
        for field, cube in cubes.items():
            one, other = (
                getattr(box, field).take(self._plane[cells], axis=2, mode="wrap")
                for box in (near, far)
            )
            cube[..., cells] = (to_far * one + to_near * other) / np.abs(ends[0] - ends[1])

    def check_all_reached(self) -> None:
        """Refuse planes that lie between no two nodes, which would be left at zero.

        Raises:
            BadLightCone: saying how many there are.
        """
        if missed := np.count_nonzero(~self._reached):
            raise BadLightCone(
                f"{missed} of {len(self._reached)} planes along the line of sight lie between no "
                "two nodes of the evolution: do distances and nodes follow from one cosmology?"
            )


def version() -> str:
    """The installed py21cmfast's version."""
    return str(py21cmfast.__version__)
